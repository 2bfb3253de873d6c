//! A few images with ground truth and prediction, kept to be looked at.

use std::collections::HashMap;

use mde_metrics::ImageSize;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::AnalysisError;

/// Maps of images spread evenly over a data set.
#[derive(Debug, Clone)]
pub struct Examples {
    spread: Spread,
    kept: Vec<Example>,
}

/// Chooses images spread evenly over a data set.
#[derive(Debug, Clone)]
pub(crate) struct Spread {
    images: usize,
    wanted: usize,
    seen: usize,
    taken: usize,
}

impl Spread {
    /// Will take `wanted` of `images`.
    pub(crate) fn new(images: usize, wanted: usize) -> Self {
        Self {
            images,
            wanted: wanted.min(images),
            seen: 0,
            taken: 0,
        }
    }

    /// Is offered the next image's picture, and gives it back if the image's turn has come. Images without a picture are
    /// passed over.
    pub(crate) fn take<'a>(&mut self, rgb: Option<&'a Vec<u8>>) -> Option<&'a Vec<u8>> {
        let index = self.seen;
        self.seen += 1;
        // The middle of each of `wanted` equal parts.
        let due = (2 * self.taken + 1) * self.images / (2 * self.wanted).max(1);
        let taken = rgb.filter(|_| self.taken < self.wanted && index >= due);
        self.taken += usize::from(taken.is_some());
        taken
    }
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
            spread: Spread::new(images, wanted),
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
        if let Some(rgb) = self.spread.take(rgb) {
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

pub(crate) fn le_bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}
