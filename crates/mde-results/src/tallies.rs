//! The sufficient statistics of a dissected layer: per image, a count per bin and a sum per
//! (unit, bin).

use mde_files::path_below;
use mde_metrics::statistics::Bootstrap;
use mde_metrics::{
    BinWeights, DepthBins, Estimator, ImageTallies, MetricsError, ResponseTally,
    SelectivityIntervals, UnitAssignment,
};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::ResultsError;
use crate::depth_hash::DepthHash;
use crate::documents::{EstimatedSelectivity, LayerDissection};
use crate::folder::RunFolder;
use crate::maps::{ids_metadata, tensors_and_ids};
use crate::source::Source;

/// Random splits of the images for the held-out selectivity.
const SPLITS: usize = 10;

/// One layer's tallies, image by image. Its selectivity and all statistics of it are computed from
/// them, without another forward pass.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerTallies {
    bins: DepthBins,
    units: usize,
    ids: Vec<String>,
    /// The images' ground truth.
    ground_truth: Vec<DepthHash>,
    /// [images, units, K + 1]; the last slot is depth beyond the last edge.
    sums: Vec<f64>,
    /// [images, K + 1].
    counts: Vec<u64>,
}

/// One image's tally: sums [units, K + 1] and counts [K + 1].
pub struct ImageTally {
    ground_truth: DepthHash,
    sums: Vec<f64>,
    counts: Vec<u64>,
}

impl ImageTally {
    /// Tallies one image: `features` [units, h, w], pooled by the weights of its ground truth,
    /// whose hash is `ground_truth`.
    ///
    /// # Errors
    /// If a feature is not finite, or the features have another size.
    pub fn new(
        ground_truth: DepthHash,
        weights: &BinWeights,
        units: usize,
        features: &[f32],
    ) -> Result<Self, MetricsError> {
        let mut sums = vec![0.0; units * weights.counts().len()];
        weights.accumulate(features, &mut sums, false)?;
        Ok(Self {
            ground_truth,
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
            ground_truth: Vec::new(),
            sums: Vec::new(),
            counts: Vec::new(),
        }
    }

    /// Adds an image.
    pub fn push(&mut self, id: String, mut image: ImageTally) {
        self.ids.push(id);
        self.ground_truth.push(image.ground_truth);
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

    /// The hashes of the images' ground truth as it was pooled.
    pub fn ground_truth(&self) -> &[DepthHash] {
        &self.ground_truth
    }

    /// Pixels of image `image` in the bins and beyond them.
    pub(crate) fn pixels(&self, image: usize) -> u64 {
        let slots = self.bins.len() + 1;
        self.counts[image * slots..(image + 1) * slots].iter().sum()
    }

    /// Number of units.
    pub fn units(&self) -> usize {
        self.units
    }

    /// The bins.
    pub fn bins(&self) -> &DepthBins {
        &self.bins
    }

    /// A view of the tallies for statistics over images.
    ///
    /// # Errors
    /// If a sum is not finite.
    pub fn by_image(&self) -> Result<ImageTallies<'_>, MetricsError> {
        ImageTallies::new(&self.bins, self.units, &self.sums, &self.counts)
    }

    /// True if a pixel of any image lies in a bin.
    pub fn has_binned_depth(&self) -> bool {
        let (bins, slots) = (self.bins.len(), self.bins.len() + 1);
        let mut images = self.counts.chunks_exact(slots);
        images.any(|counts| counts[..bins].iter().any(|&count| count > 0))
    }

    /// The tally of all images together.
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

    /// The layer's entry of `dissect.json`, as far as the tallies determine it: without the chance
    /// level, other grids of bins and top images.
    ///
    /// `stride` is the number of input pixels per feature pixel, `assignment` the one that the
    /// layer was trained with, if its bins are these, and `tally` names the file of these tallies.
    ///
    /// # Errors
    /// If the assignment does not fit, or a sum is not finite.
    pub fn summarise(
        &self,
        layer: &str,
        stride: usize,
        assignment: Option<&UnitAssignment>,
        bootstrap: &Bootstrap,
        tally: String,
    ) -> Result<LayerDissection, MetricsError> {
        let total = self.total()?;
        let images = self.by_image()?;
        let estimated = |estimator, intervals: SelectivityIntervals| {
            let selectivity = total.selectivity(estimator);
            let assigned =
                assignment.map(|assignment| total.assigned_selectivity(assignment, estimator));
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
            layer: layer.to_owned(),
            units: self.units,
            stride,
            bins: self.bins.clone(),
            trained_bins: None,
            features: None,
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

    /// The safetensors file `dissect/LAYER.safetensors`: `sums` F64 [images, units, K + 1],
    /// `counts` U64 [images, K + 1], `edges` F64 [K + 1], `ground_truth` U8 [images, 32], the
    /// [`DepthHash`] of each image; metadata `ids`, a JSON list.
    ///
    /// # Errors
    /// If the tallies do not have the sizes that they should.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, ResultsError> {
        let (images, slots) = (self.images(), self.bins.len() + 1);
        let floats = |values: &[f64]| -> Vec<u8> {
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        };
        let (sums, edges) = (floats(&self.sums), floats(self.bins.edges()));
        let counts = self.counts.iter().flat_map(|value| value.to_le_bytes());
        let counts: Vec<u8> = counts.collect();
        let ground_truth = self.ground_truth.iter().flat_map(|hash| hash.bytes());
        let ground_truth: Vec<u8> = ground_truth.collect();
        let shape = vec![images, self.units, slots];
        let views = vec![
            ("sums", TensorView::new(Dtype::F64, shape, &sums)?),
            (
                "counts",
                TensorView::new(Dtype::U64, vec![images, slots], &counts)?,
            ),
            ("edges", TensorView::new(Dtype::F64, vec![slots], &edges)?),
            (
                "ground_truth",
                TensorView::new(Dtype::U8, vec![images, DepthHash::BYTES], &ground_truth)?,
            ),
        ];
        Ok(safetensors::serialize(
            views,
            Some(ids_metadata(&self.ids)),
        )?)
    }

    /// Reads what [`LayerTallies::to_safetensors`] wrote. The file holds the edges of the bins but
    /// not how they were chosen: the bins are [`mde_metrics::BinKind::Custom`].
    ///
    /// # Errors
    /// What is wrong with the file: it is cut short, or its tensors do not fit together.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, String> {
        let (tensors, ids) = tensors_and_ids(bytes)?;
        let tensor = |name: &str, dtype: Dtype, rank: usize| {
            let view = tensors.tensor(name).map_err(|error| error.to_string())?;
            if view.dtype() != dtype || view.shape().len() != rank {
                return Err(format!("{name} is {:?} {:?}", view.dtype(), view.shape()));
            }
            Ok(view)
        };
        let sums = tensor("sums", Dtype::F64, 3)?;
        let counts = tensor("counts", Dtype::U64, 2)?;
        let ground_truth = tensor("ground_truth", Dtype::U8, 2)?;
        let edges: Vec<f64> = chunks_of_8(tensor("edges", Dtype::F64, 1)?.data())
            .map(f64::from_le_bytes)
            .collect();
        let bins = DepthBins::from_edges(edges).map_err(|error| error.to_string())?;
        let (slots, units) = (bins.len() + 1, sums.shape()[1]);
        if units == 0
            || sums.shape() != [ids.len(), units, slots]
            || counts.shape() != [ids.len(), slots]
            || ground_truth.shape() != [ids.len(), DepthHash::BYTES]
        {
            return Err(format!(
                "sums {:?}, counts {:?}, ground_truth {:?} and {} ids do not fit {slots} slots",
                sums.shape(),
                counts.shape(),
                ground_truth.shape(),
                ids.len()
            ));
        }
        let (hashes, _) = ground_truth.data().as_chunks::<{ DepthHash::BYTES }>();
        Ok(Self {
            units,
            ids,
            ground_truth: hashes.iter().copied().map(DepthHash::from_bytes).collect(),
            sums: chunks_of_8(sums.data()).map(f64::from_le_bytes).collect(),
            counts: chunks_of_8(counts.data()).map(u64::from_le_bytes).collect(),
            bins,
        })
    }
}

impl RunFolder {
    /// The tallies of a dissected layer and the blake3 of their file. `command` is the one that
    /// dissects.
    ///
    /// # Errors
    /// If the file is missing or damaged, or its name leads out of the folder.
    pub fn tallies(
        &self,
        layer: &LayerDissection,
        command: &str,
    ) -> Result<(LayerTallies, String), ResultsError> {
        let source = Source::new(path_below(self.path(), &layer.tally)?, command);
        let bytes = source.bytes()?;
        let tallies = LayerTallies::from_safetensors(&bytes);
        let tallies = tallies.map_err(|problem| source.malformed(problem))?;
        Ok((tallies, blake3::hash(&bytes).to_string()))
    }
}

fn chunks_of_8(bytes: &[u8]) -> impl Iterator<Item = [u8; 8]> + '_ {
    bytes.as_chunks::<8>().0.iter().copied()
}
