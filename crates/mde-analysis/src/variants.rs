//! Depth errors of many variants of a network.

use mde_datasets::ExampleBatch;
use mde_metrics::{
    CoreErrors, CoreSums, DepthBins, DepthPair, EvalProtocol, MetricsError, ScoredPixels,
};
use mde_models::DepthNet;
use mde_results::{LayerDissection, ResultsError, ids_metadata};
use rayon::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::AnalysisError;
use crate::predictions::PredictedImage;

/// Checks that the layers of a dissection fit the network, and that none is listed twice.
pub(crate) fn check_layers<'a>(
    network: &dyn DepthNet,
    layers: impl Iterator<Item = &'a LayerDissection>,
) -> Result<(), AnalysisError> {
    let mut seen: Vec<&str> = Vec::new();
    for layer in layers {
        let name = layer.layer.as_str();
        if seen.contains(&name) {
            return Err(AnalysisError::LayerTwice {
                name: name.to_owned(),
            });
        }
        seen.push(name);
        let (units, bins) = (network.layer(name)?.units, layer.bins.len());
        let valid = &layer.valid_bins.units;
        let whole = layer.units == units
            && valid.len() == units
            && layer.mean_response.len() == units
            && layer.mean_response.iter().all(|row| row.len() == bins)
            && (valid.iter().filter_map(|unit| unit.preferred_bin)).all(|bin| bin < bins);
        if !whole {
            return Err(AnalysisError::Dissection {
                layer: name.to_owned(),
                units,
                found: layer.units,
            });
        }
    }
    Ok(())
}

/// Computes the errors of predictions.
#[derive(Clone, Copy)]
pub(crate) struct Scorer<'a> {
    pub(crate) protocol: &'a EvalProtocol,
    /// The depth ranges of errors by depth.
    pub(crate) ranges: &'a DepthBins,
}

/// One image's errors.
pub(crate) struct Score {
    errors: CoreErrors,
    by_range: Vec<CoreSums>,
}

impl Scorer<'_> {
    /// The scores of a batch's predictions `[B, h, w]`; `None` for images without a valid pixel.
    /// `variant` describes the variant in error messages.
    pub(crate) fn batch(
        &self,
        batch: &ExampleBatch,
        pred: &[f32],
        variant: impl Fn() -> String + Sync,
    ) -> Result<Vec<Option<Score>>, AnalysisError> {
        (0..batch.len())
            .into_par_iter()
            .map(|index| {
                let image = PredictedImage::from_batch(batch, index, pred);
                image
                    .whole()
                    .and_then(|maps| self.image(maps.pair()))
                    .map_err(|source| AnalysisError::Image {
                        id: format!("{}, {}", image.id, variant()),
                        source,
                    })
            })
            .collect()
    }

    fn image(&self, pair: DepthPair<'_>) -> Result<Option<Score>, MetricsError> {
        let pairs = match ScoredPixels::new(pair, self.protocol) {
            Ok(scored) => scored.pairs,
            Err(MetricsError::NoValidPixel { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut sums = CoreSums::default();
        let mut by_range = vec![CoreSums::default(); self.ranges.len()];
        for (pred, gt) in pairs {
            sums.push(pred, gt);
            if let Some(range) = self.ranges.bin(gt) {
                by_range[range].push(pred, gt);
            }
        }
        Ok(sums.errors().map(|errors| Score { errors, by_range }))
    }
}

/// The scores of all variants over all images. The first variant is the whole network.
///
/// Means over images are taken in the order of their ids, as by
/// [`Evaluator`](crate::Evaluator), so those of the whole network are its evaluation's to the bit.
pub(crate) struct VariantScores {
    pub(crate) ids: Vec<String>,
    pub(crate) skipped: Vec<String>,
    /// The images in the order of their ids; equal ids keep the order of the list.
    by_id: Vec<usize>,
    /// [images][variants].
    per_image: Vec<Vec<CoreErrors>>,
    /// The whole network's sums [images][ranges]. For all variants they would need too much memory.
    whole: Vec<Vec<CoreSums>>,
    /// [variants][ranges], pixels of all images, added in the order of the list.
    pooled: Vec<Vec<CoreSums>>,
}

impl VariantScores {
    pub(crate) fn new(variants: usize, ranges: usize) -> Self {
        Self {
            ids: Vec::new(),
            skipped: Vec::new(),
            by_id: Vec::new(),
            per_image: Vec::new(),
            whole: Vec::new(),
            pooled: vec![vec![CoreSums::default(); ranges]; variants],
        }
    }

    /// Adds a batch: the scores of every variant, and in each of every image.
    pub(crate) fn push(&mut self, ids: &[String], variants: &[Vec<Option<Score>>]) {
        for (image, id) in ids.iter().enumerate() {
            // Validity depends on the ground truth only, so an image has a score in all variants or
            // in none.
            let scores: Option<Vec<&Score>> = variants
                .iter()
                .map(|scores| scores[image].as_ref())
                .collect();
            let Some(scores) = scores else {
                self.skipped.push(id.clone());
                continue;
            };
            let place = self.by_id.partition_point(|&known| self.ids[known] <= *id);
            self.by_id.insert(place, self.ids.len());
            self.ids.push(id.clone());
            self.whole
                .extend(scores.first().map(|score| score.by_range.clone()));
            self.per_image
                .push(scores.iter().map(|score| score.errors).collect());
            for (pooled, score) in self.pooled.iter_mut().zip(scores) {
                for (sums, added) in pooled.iter_mut().zip(&score.by_range) {
                    sums.merge(added);
                }
            }
        }
    }

    /// The error if no image has a score.
    pub(crate) fn no_scores(&self, protocol: &EvalProtocol) -> AnalysisError {
        AnalysisError::NothingToEvaluate {
            images: self.skipped.len(),
            protocol: protocol.name.clone(),
        }
    }

    /// One image's errors in a variant.
    pub(crate) fn of_image(&self, image: usize, variant: usize) -> CoreErrors {
        self.per_image[image][variant]
    }

    /// A variant's mean over images.
    pub(crate) fn mean(&self, variant: usize) -> Option<CoreErrors> {
        let images = self.by_id.iter().map(|&image| &self.per_image[image]);
        CoreErrors::mean(images.map(|image| image[variant]))
    }

    /// A variant's errors by depth range.
    pub(crate) fn by_range(&self, variant: usize) -> Vec<Option<CoreErrors>> {
        if variant > 0 {
            return self.pooled[variant].iter().map(CoreSums::errors).collect();
        }
        let ranges = self.pooled[variant].len();
        let mut whole = vec![CoreSums::default(); ranges];
        for &image in &self.by_id {
            for (sums, added) in whole.iter_mut().zip(&self.whole[image]) {
                sums.merge(added);
            }
        }
        whole.iter().map(CoreSums::errors).collect()
    }

    /// Valid pixels by depth range.
    pub(crate) fn pixels(&self) -> Vec<u64> {
        let first = self.pooled.first();
        first.map_or(Vec::new(), |sums| {
            sums.iter().map(CoreSums::pixels).collect()
        })
    }

    /// One number for every image.
    pub(crate) fn per_image(&self, value: impl Fn(&[CoreErrors]) -> f64) -> Vec<f64> {
        self.per_image.iter().map(|image| value(image)).collect()
    }

    /// A safetensors file: `abs_rel`, `rmse` and `delta_1` F64 [images, variants], and `more`;
    /// metadata `ids`, a JSON list.
    ///
    /// The description of the variants belongs into `more`. In the metadata it would make the
    /// file's bytes vary: safetensors writes metadata in random order.
    pub(crate) fn to_safetensors(&self, more: Vec<Values>) -> Result<Vec<u8>, ResultsError> {
        let column = |name, value: fn(&CoreErrors) -> f64| {
            let shape = vec![self.ids.len(), self.pooled.len()];
            Values::floats(name, shape, self.per_image.iter().flatten().map(value))
        };
        let mut tensors = vec![
            column("abs_rel", |errors| errors.abs_rel),
            column("rmse", |errors| errors.rmse),
            column("delta_1", |errors| errors.delta_1),
        ];
        tensors.extend(more);
        let mut views = Vec::with_capacity(tensors.len());
        for tensor in &tensors {
            let view = TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes)?;
            views.push((tensor.name, view));
        }
        Ok(safetensors::serialize(
            views,
            Some(ids_metadata(&self.ids)),
        )?)
    }
}

/// A tensor of a file of values.
pub(crate) struct Values {
    name: &'static str,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Values {
    /// F64.
    pub(crate) fn floats(
        name: &'static str,
        shape: Vec<usize>,
        values: impl Iterator<Item = f64>,
    ) -> Self {
        Self {
            name,
            dtype: Dtype::F64,
            shape,
            bytes: values.flat_map(f64::to_le_bytes).collect(),
        }
    }

    /// U8.
    pub(crate) fn bytes(name: &'static str, shape: Vec<usize>, bytes: Vec<u8>) -> Self {
        Self {
            name,
            dtype: Dtype::U8,
            shape,
            bytes,
        }
    }

    /// `units` U8 [sets, count], 1 for the units in a set.
    pub(crate) fn sets<'a>(count: usize, sets: impl Iterator<Item = &'a Vec<usize>>) -> Self {
        let rows: Vec<Vec<u8>> = sets
            .map(|units| {
                let mut row = vec![0; count];
                units.iter().for_each(|&unit| row[unit] = 1);
                row
            })
            .collect();
        Self::bytes("units", vec![rows.len(), count], rows.concat())
    }
}
