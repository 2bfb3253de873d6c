//! Maps of a few images before and after correction, kept to be looked at.

use mde_datasets::ExampleBatch;
use mde_results::{CorrectedExample, Example, Photograph};

use crate::examples::Spread;

/// Maps of images spread evenly over a data set.
pub(crate) struct CorrectionMaps {
    spread: Spread,
    kept: Vec<CorrectedExample>,
}

/// The kept images of the current batch: index in the batch, index in [`CorrectionMaps`].
pub(crate) type Kept = Vec<(usize, usize)>;

impl CorrectionMaps {
    /// Will keep `wanted` of `images`.
    pub(crate) fn new(images: usize, wanted: usize) -> Self {
        Self {
            spread: Spread::new(images, wanted),
            kept: Vec::new(),
        }
    }

    /// Keeps the images of a batch whose turn has come, with the predictions `[B, h, w]` before
    /// correction.
    pub(crate) fn begin(&mut self, batch: &ExampleBatch, pred: &[f32]) -> Kept {
        let (height, width) = batch.depth_size;
        let pixels = height * width;
        let mut kept = Kept::new();
        for (index, id) in batch.ids.iter().enumerate() {
            let Some(rgb) = self.spread.take(batch.rgb.get(index)) else {
                continue;
            };
            let pred = &pred[index * pixels..][..pixels];
            kept.push((index, self.kept.len()));
            self.kept.push(CorrectedExample {
                example: Example {
                    image: Photograph {
                        id: id.clone(),
                        height,
                        width,
                        rgb: rgb.clone(),
                    },
                    gt: batch.depths[index * pixels..][..pixels].to_vec(),
                    pred: pred.to_vec(),
                },
                corrected: pred.to_vec(),
                gain: vec![0.0; pixels],
                unit: vec![None; pixels],
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
