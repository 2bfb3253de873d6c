//! Maps of a few images before and after correction, kept to be looked at.

use mde_datasets::ExampleBatch;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::AnalysisError;
use crate::examples::{Spread, ids_metadata, le_bytes};

/// Maps of images spread evenly over a data set.
pub(crate) struct CorrectionMaps {
    spread: Spread,
    kept: Vec<Maps>,
}

struct Maps {
    id: String,
    size: (usize, usize),
    rgb: Vec<u8>,
    gt: Vec<f32>,
    pred: Vec<f32>,
    corrected: Vec<f32>,
    /// The most by which a single unit brings a pixel nearer to the truth, metres.
    gain: Vec<f32>,
    /// That unit; -1 where none does.
    unit: Vec<i32>,
}

/// Images of the batch at hand that are kept: index in the batch, index in [`CorrectionMaps`].
pub(crate) type Kept = Vec<(usize, usize)>;

impl CorrectionMaps {
    /// Will keep `wanted` of `images`.
    pub(crate) fn new(images: usize, wanted: usize) -> Self {
        Self {
            spread: Spread::new(images, wanted),
            kept: Vec::new(),
        }
    }

    /// Keeps the images of a batch whose turn has come, with the predictions `[B, h, w]` before correction.
    pub(crate) fn begin(&mut self, batch: &ExampleBatch, pred: &[f32]) -> Kept {
        let pixels = batch.depth_size.0 * batch.depth_size.1;
        let mut kept = Kept::new();
        for (index, id) in batch.ids.iter().enumerate() {
            let Some(rgb) = self.spread.take(batch.rgb.get(index)) else {
                continue;
            };
            let pred = &pred[index * pixels..][..pixels];
            kept.push((index, self.kept.len()));
            self.kept.push(Maps {
                id: id.clone(),
                size: batch.depth_size,
                rgb: rgb.clone(),
                gt: batch.depths[index * pixels..][..pixels].to_vec(),
                pred: pred.to_vec(),
                corrected: pred.to_vec(),
                gain: vec![0.0; pixels],
                unit: vec![-1; pixels],
            });
        }
        kept
    }

    /// The predictions with all units corrected.
    pub(crate) fn all_units(&mut self, kept: &Kept, pred: &[f32]) {
        for &(index, at) in kept {
            let maps = &mut self.kept[at];
            let pixels = maps.gt.len();
            maps.corrected
                .copy_from_slice(&pred[index * pixels..][..pixels]);
        }
    }

    /// The predictions with one unit corrected.
    pub(crate) fn single_unit(&mut self, kept: &Kept, unit: usize, pred: &[f32]) {
        for &(index, at) in kept {
            let maps = &mut self.kept[at];
            let pixels = maps.gt.len();
            for (pixel, after) in pred[index * pixels..][..pixels].iter().enumerate() {
                let (gt, before) = (maps.gt[pixel], maps.pred[pixel]);
                let gain = (before - gt).abs() - (after - gt).abs();
                if gt > 0.0 && gain > maps.gain[pixel] {
                    maps.gain[pixel] = gain;
                    maps.unit[pixel] = unit as i32;
                }
            }
        }
    }

    /// The file that [`CorrectedLayers`](crate::CorrectedLayers) describes.
    pub(crate) fn to_safetensors(&self) -> Result<Vec<u8>, AnalysisError> {
        let mut tensors = Vec::with_capacity(6 * self.kept.len());
        for (index, maps) in self.kept.iter().enumerate() {
            let shape = vec![maps.size.0, maps.size.1];
            let picture = [shape.clone(), vec![3]].concat();
            tensors.push((format!("{index}/rgb"), Dtype::U8, picture, maps.rgb.clone()));
            for (name, map) in [
                ("gt", &maps.gt),
                ("pred", &maps.pred),
                ("corrected", &maps.corrected),
                ("gain", &maps.gain),
            ] {
                let name = format!("{index}/{name}");
                tensors.push((name, Dtype::F32, shape.clone(), le_bytes(map)));
            }
            let unit = maps.unit.iter().flat_map(|unit| unit.to_le_bytes());
            tensors.push((format!("{index}/unit"), Dtype::I32, shape, unit.collect()));
        }
        let views: Vec<_> = tensors
            .iter()
            .map(|(name, dtype, shape, bytes)| {
                Ok((
                    name.as_str(),
                    TensorView::new(*dtype, shape.clone(), bytes)?,
                ))
            })
            .collect::<Result<_, safetensors::SafeTensorError>>()?;
        let ids: Vec<&str> = self.kept.iter().map(|maps| maps.id.as_str()).collect();
        Ok(safetensors::serialize(views, Some(ids_metadata(&ids)))?)
    }
}
