//! A few images with ground truth and prediction, kept to be looked at.

use std::collections::HashMap;

use mde_metrics::ImageSize;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::AnalysisError;

/// Maps of images spread evenly over a data set.
#[derive(Debug, Clone)]
pub struct Examples {
    images: usize,
    wanted: usize,
    seen: usize,
    kept: Vec<Example>,
}

#[derive(Debug, Clone)]
struct Example {
    id: String,
    size: ImageSize,
    rgb: Vec<u8>,
    gt: Vec<f32>,
    pred: Vec<f32>,
}

impl Examples {
    /// Will keep `wanted` of `images`.
    pub(crate) fn new(images: usize, wanted: usize) -> Self {
        Self {
            images,
            wanted: wanted.min(images),
            seen: 0,
            kept: Vec::new(),
        }
    }

    /// Keeps the image if its turn has come. Images without a picture are passed over.
    pub(crate) fn offer(
        &mut self,
        id: &str,
        size: ImageSize,
        rgb: Option<&Vec<u8>>,
        gt: &[f32],
        pred: &[f32],
    ) {
        let index = self.seen;
        self.seen += 1;
        // The middle of each of `wanted` equal parts.
        let due = (2 * self.kept.len() + 1) * self.images / (2 * self.wanted).max(1);
        if self.kept.len() < self.wanted
            && index >= due
            && let Some(rgb) = rgb
        {
            self.kept.push(Example {
                id: id.to_owned(),
                size,
                rgb: rgb.clone(),
                gt: gt.to_vec(),
                pred: pred.to_vec(),
            });
        }
    }

    /// The safetensors file `examples.safetensors`: for image i `i/rgb` U8 [H, W, 3], `i/gt` and `i/pred` F32 [H, W] in
    /// metres (0 where nothing was measured); metadata `ids`, a JSON list.
    ///
    /// # Errors
    /// If a map has not the size it says.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, AnalysisError> {
        let bytes: Vec<_> = self
            .kept
            .iter()
            .map(|e| (le_bytes(&e.gt), le_bytes(&e.pred)))
            .collect();
        let mut views = Vec::with_capacity(3 * self.kept.len());
        for (index, (example, (gt, pred))) in self.kept.iter().zip(&bytes).enumerate() {
            let shape = vec![example.size.height, example.size.width];
            let picture = [shape.clone(), vec![3]].concat();
            views.push((
                format!("{index}/rgb"),
                TensorView::new(Dtype::U8, picture, &example.rgb)?,
            ));
            views.push((
                format!("{index}/gt"),
                TensorView::new(Dtype::F32, shape.clone(), gt)?,
            ));
            views.push((
                format!("{index}/pred"),
                TensorView::new(Dtype::F32, shape, pred)?,
            ));
        }
        let ids: Vec<&str> = self
            .kept
            .iter()
            .map(|example| example.id.as_str())
            .collect();
        Ok(safetensors::serialize(views, Some(ids_metadata(&ids)))?)
    }
}

/// The metadata entry `ids`.
pub(crate) fn ids_metadata(ids: &[impl AsRef<str>]) -> HashMap<String, String> {
    let ids: Vec<&str> = ids.iter().map(AsRef::as_ref).collect();
    HashMap::from([("ids".to_owned(), serde_json::json!(ids).to_string())])
}

fn le_bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}
