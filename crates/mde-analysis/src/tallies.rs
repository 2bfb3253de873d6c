//! The sufficient statistics of a dissected layer: per image, a count per bin and a sum per (unit, bin).

use std::path::Path;

use mde_metrics::results::{EstimatedSelectivity, LayerDissection};
use mde_metrics::statistics::Bootstrap;
use mde_metrics::{
    BinWeights, DepthBins, Estimator, ImageTallies, MetricsError, ResponseTally,
    SelectivityIntervals, UnitAssignment,
};
use mde_models::LayerInfo;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::AnalysisError;
use crate::examples::ids_metadata;

/// Random splits of the images for the held-out selectivity.
const SPLITS: usize = 10;

/// One layer's tallies, image by image. Everything said about its selectivity is computed from them, without
/// another forward pass.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerTallies {
    bins: DepthBins,
    units: usize,
    ids: Vec<String>,
    /// [images, units, K + 1]; the last slot is depth beyond the last edge.
    sums: Vec<f64>,
    /// [images, K + 1].
    counts: Vec<u64>,
}

/// One image's tally: sums [units, K + 1] and counts [K + 1].
pub(crate) struct ImageTally {
    sums: Vec<f64>,
    counts: Vec<u64>,
}

impl ImageTally {
    /// Tallies one image by the weights of its ground truth: `features` [units, h, w].
    pub(crate) fn new(
        weights: &BinWeights,
        units: usize,
        features: &[f32],
    ) -> Result<Self, MetricsError> {
        let mut sums = vec![0.0; units * weights.counts().len()];
        weights.accumulate(features, &mut sums, false)?;
        Ok(Self {
            sums,
            counts: weights.counts().to_vec(),
        })
    }
}

impl LayerTallies {
    /// No image yet.
    pub fn new(units: usize, bins: DepthBins) -> Self {
        Self {
            bins,
            units,
            ids: Vec::new(),
            sums: Vec::new(),
            counts: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, id: String, mut image: ImageTally) {
        self.ids.push(id);
        self.sums.append(&mut image.sums);
        self.counts.append(&mut image.counts);
    }

    /// Images tallied.
    pub fn images(&self) -> usize {
        self.ids.len()
    }

    /// The images, in the order of the tallies.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// Number of units.
    pub fn units(&self) -> usize {
        self.units
    }

    /// The bins.
    pub fn bins(&self) -> &DepthBins {
        &self.bins
    }

    /// The same for statistics over images.
    ///
    /// # Errors
    /// If a sum is not finite.
    pub fn by_image(&self) -> Result<ImageTallies<'_>, MetricsError> {
        ImageTallies::new(&self.bins, self.units, &self.sums, &self.counts)
    }

    /// True if a pixel of any image lies in a bin.
    pub(crate) fn has_binned_depth(&self) -> bool {
        let (bins, slots) = (self.bins.len(), self.bins.len() + 1);
        let mut images = self.counts.chunks_exact(slots);
        images.any(|counts| counts[..bins].iter().any(|&count| count > 0))
    }

    /// All images together.
    ///
    /// # Errors
    /// If a sum is not finite.
    pub fn total(&self) -> Result<ResponseTally, MetricsError> {
        let slots = self.bins.len() + 1;
        let mut sums = vec![0.0; self.units * slots];
        let mut counts = vec![0; slots];
        for image in self.sums.chunks_exact(self.units * slots) {
            for (total, value) in sums.iter_mut().zip(image) {
                *total += value;
            }
        }
        for image in self.counts.chunks_exact(slots) {
            for (total, value) in counts.iter_mut().zip(image) {
                *total += value;
            }
        }
        ResponseTally::from_parts(&self.bins, sums, counts)
    }

    /// What `dissect.json` says of the layer as far as the tallies tell: not the null, other grids of bins and the images that
    /// units respond to most. `assignment` is the one it was trained with, if its bins are these; `tally` names the file of
    /// these tallies.
    ///
    /// # Errors
    /// If the assignment does not fit, or a sum is not finite.
    pub fn summary(
        &self,
        layer: &LayerInfo,
        assignment: Option<&UnitAssignment>,
        bootstrap: &Bootstrap,
        tally: String,
    ) -> Result<LayerDissection, MetricsError> {
        let total = self.total()?;
        let images = self.by_image()?;
        let estimated = |estimator, intervals: SelectivityIntervals| {
            let selectivity = total.selectivity(estimator);
            let assigned = assignment.map(|owner| total.assigned_selectivity(owner, estimator));
            let assigned = assigned.transpose()?;
            Ok::<_, MetricsError>(EstimatedSelectivity {
                estimator,
                mean: selectivity.mean,
                interval: intervals.mean,
                bins_used: selectivity.bins_used,
                units: selectivity.units,
                unit_intervals: intervals.units,
                held_out: images.held_out(estimator, SPLITS),
                assigned: assigned.map(|layer| {
                    let units = layer.units.iter();
                    units.map(|unit| unit.selectivity).collect()
                }),
            })
        };
        let estimators = [Estimator::Reference, Estimator::valid_bins()];
        let intervals = images.intervals(bootstrap, estimators, Estimator::valid_bins());
        let [reference, valid_bins] = intervals.selectivity;
        let (pixels, beyond) = total.counts().split_at(self.bins.len());
        Ok(LayerDissection {
            layer: layer.name.clone(),
            units: self.units,
            stride: layer.stride,
            bins: self.bins.clone(),
            pixels: pixels.to_vec(),
            pixels_beyond: beyond[0],
            reference: estimated(Estimator::Reference, reference)?,
            valid_bins: estimated(Estimator::valid_bins(), valid_bins)?,
            mean_response: total.mean_response(Estimator::valid_bins()),
            response_intervals: intervals.responses,
            flat_floor: total.flat_floor(),
            null: None,
            discretisations: Vec::new(),
            tally,
            top_images: None,
        })
    }

    /// The safetensors file `dissect/LAYER.safetensors`: `sums` F64 [images, units, K + 1], `counts` U64 [images, K + 1],
    /// `edges` F64 [K + 1]; metadata `ids`, a JSON list.
    ///
    /// # Errors
    /// If the tallies have not the sizes they say.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, AnalysisError> {
        let (images, slots) = (self.images(), self.bins.len() + 1);
        let sums: Vec<u8> = self
            .sums
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        let counts: Vec<u8> = self
            .counts
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        let edges: Vec<u8> = self
            .bins
            .edges()
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        let views = vec![
            (
                "sums",
                TensorView::new(Dtype::F64, vec![images, self.units, slots], &sums)?,
            ),
            (
                "counts",
                TensorView::new(Dtype::U64, vec![images, slots], &counts)?,
            ),
            ("edges", TensorView::new(Dtype::F64, vec![slots], &edges)?),
        ];
        Ok(safetensors::serialize(
            views,
            Some(ids_metadata(&self.ids)),
        )?)
    }

    /// Reads what [`LayerTallies::to_safetensors`] wrote; `path` is for messages. The file holds the bins' edges but not how
    /// they were chosen: the bins read are [`mde_metrics::BinKind::Custom`].
    ///
    /// # Errors
    /// If the file is cut short or its tensors do not fit together.
    pub fn from_safetensors(bytes: &[u8], path: &Path) -> Result<Self, AnalysisError> {
        let broken = |reason: String| AnalysisError::Tallies {
            path: path.to_owned(),
            reason,
        };
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| broken(error.to_string()))?;
        let tensor = |name: &str, dtype: Dtype, rank: usize| {
            let view = tensors
                .tensor(name)
                .map_err(|error| broken(error.to_string()))?;
            if view.dtype() != dtype || view.shape().len() != rank {
                return Err(broken(format!(
                    "{name} is {:?} {:?}",
                    view.dtype(),
                    view.shape()
                )));
            }
            Ok(view)
        };
        let sums = tensor("sums", Dtype::F64, 3)?;
        let counts = tensor("counts", Dtype::U64, 2)?;
        let edges: Vec<f64> = eights(tensor("edges", Dtype::F64, 1)?.data())
            .map(f64::from_le_bytes)
            .collect();
        let (_, header) =
            SafeTensors::read_metadata(bytes).map_err(|error| broken(error.to_string()))?;
        let ids = header
            .metadata()
            .as_ref()
            .and_then(|metadata| metadata.get("ids"));
        let ids: Vec<String> = serde_json::from_str(ids.map_or("", String::as_str))
            .map_err(|error| broken(format!("metadata `ids`: {error}")))?;
        let bins = DepthBins::from_edges(edges).map_err(|error| broken(error.to_string()))?;
        let (slots, units) = (bins.len() + 1, sums.shape()[1]);
        if units == 0
            || sums.shape() != [ids.len(), units, slots]
            || counts.shape() != [ids.len(), slots]
        {
            return Err(broken(format!(
                "sums {:?}, counts {:?} and {} ids do not fit {slots} slots",
                sums.shape(),
                counts.shape(),
                ids.len()
            )));
        }
        Ok(Self {
            units,
            ids,
            sums: eights(sums.data()).map(f64::from_le_bytes).collect(),
            counts: eights(counts.data()).map(u64::from_le_bytes).collect(),
            bins,
        })
    }
}

fn eights(bytes: &[u8]) -> impl Iterator<Item = [u8; 8]> + '_ {
    bytes.as_chunks::<8>().0.iter().copied()
}
