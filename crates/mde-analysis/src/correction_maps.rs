//! Depth maps of a few images before and after correction.

use mde_datasets::ExampleBatch;
use mde_results::CorrectedExample;

use crate::examples::Spread;
use crate::predictions::PredictedImage;

/// Collects maps of images spread evenly over a data set.
pub(crate) struct CorrectionMaps {
    spread: Spread,
    kept: Vec<CorrectedExample>,
}

/// The kept images of the current batch: index in the batch, index in [`CorrectionMaps`].
pub(crate) type Kept = Vec<(usize, usize)>;

impl CorrectionMaps {
    /// Keeps `wanted` of `images`.
    pub(crate) fn new(images: usize, wanted: usize) -> Self {
        Self {
            spread: Spread::new(images, wanted),
            kept: Vec::new(),
        }
    }

    /// Keeps the images of a batch that are chosen, with the predictions `[B, h, w]` before
    /// correction.
    pub(crate) fn begin(&mut self, batch: &ExampleBatch, pred: &[f32]) -> Kept {
        let mut kept = Kept::new();
        for index in 0..batch.len() {
            let image = PredictedImage::from_batch(batch, index, pred);
            let Some(rgb) = self.spread.take(image.rgb) else {
                continue;
            };
            kept.push((index, self.kept.len()));
            self.kept.push(CorrectedExample {
                example: image.example(rgb.clone()),
                corrected: image.pred.to_vec(),
                gain: vec![0.0; image.pred.len()],
                unit: vec![None; image.pred.len()],
            });
        }
        kept
    }

    /// Adds the predictions with all units corrected.
    pub(crate) fn add_all_units(&mut self, kept: &Kept, pred: &[f32]) {
        for &(index, at) in kept {
            let maps = &mut self.kept[at];
            let pixels = maps.corrected.len();
            maps.corrected
                .copy_from_slice(&pred[index * pixels..][..pixels]);
        }
    }

    /// Adds the predictions with one unit corrected.
    pub(crate) fn add_single_unit(&mut self, kept: &Kept, unit: usize, pred: &[f32]) {
        for &(index, at) in kept {
            let maps = &mut self.kept[at];
            let pixels = maps.gain.len();
            for (pixel, after) in pred[index * pixels..][..pixels].iter().enumerate() {
                let (gt, before) = (maps.example.gt[pixel], maps.example.pred[pixel]);
                let gain = (before - gt).abs() - (after - gt).abs();
                if gt > 0.0 && gain > maps.gain[pixel] {
                    maps.gain[pixel] = gain;
                    maps.unit[pixel] = Some(unit);
                }
            }
        }
    }

    /// The images kept.
    pub(crate) fn kept(&self) -> &[CorrectedExample] {
        &self.kept
    }
}
