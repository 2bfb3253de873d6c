//! Predictions of a network for each image of a data set.

use candle_core::Device;
use mde_datasets::ExampleBatch;
use mde_metrics::{DepthPair, ImageSize, MetricsError};
use mde_models::{DepthInput, DepthNet, Mode, NoProbe, Probe};
use mde_results::{Example, Photograph};

use crate::AnalysisError;
use crate::error::{BoxError, data_error};

/// The images of a batch on the device, with the cameras' focal lengths if the data set has them.
pub(crate) fn network_input(
    batch: &ExampleBatch,
    device: &Device,
) -> candle_core::Result<DepthInput> {
    Ok(DepthInput {
        image: batch.image_tensor(device)?,
        focal: batch.focal_tensor(device)?,
    })
}

/// A prediction with its ground truth.
#[derive(Debug, Clone, Copy)]
pub struct PredictedImage<'a> {
    /// The sample's id.
    pub id: &'a str,
    /// The size of both maps.
    pub size: ImageSize,
    /// The image at that size, `[h, w, 3]` 8-bit RGB, if there is one.
    pub rgb: Option<&'a Vec<u8>>,
    /// Prediction, `[h, w]`.
    pub pred: &'a [f32],
    /// Ground truth, `[h, w]`, metres; 0 where depth is invalid.
    pub gt: &'a [f32],
}

impl<'a> PredictedImage<'a> {
    /// Image `index` of a batch, whose predictions are `pred` [B, h, w].
    pub(crate) fn from_batch(batch: &'a ExampleBatch, index: usize, pred: &'a [f32]) -> Self {
        let (height, width) = batch.depth_size;
        let size = ImageSize { height, width };
        let map = index * size.pixels()..(index + 1) * size.pixels();
        Self {
            id: &batch.ids[index],
            size,
            rgb: batch.rgb.get(index),
            pred: &pred[map.clone()],
            gt: &batch.depths[map],
        }
    }

    /// The pair as the metrics take it.
    pub fn pair(&self) -> DepthPair<'a> {
        DepthPair {
            pred: self.pred,
            gt: self.gt,
            size: self.size,
        }
    }

    /// A copy of the maps, with the image.
    pub(crate) fn example(&self, rgb: Vec<u8>) -> Example {
        Example {
            image: Photograph {
                id: self.id.to_owned(),
                height: self.size.height,
                width: self.size.width,
                rgb,
            },
            gt: self.gt.to_vec(),
            pred: self.pred.to_vec(),
        }
    }

    /// An error of a metric, with the image's id.
    pub fn error(&self, source: MetricsError) -> AnalysisError {
        AnalysisError::Image {
            id: self.id.to_owned(),
            source,
        }
    }
}

/// Runs the network over the batches and passes the depth of every image to `visit`, in metres,
/// resized bilinearly to the size of the ground truth.
///
/// # Errors
/// If a sample cannot be loaded or the network fails, and errors of `visit`.
pub fn predict_each<E: From<AnalysisError>>(
    network: &dyn DepthNet,
    batches: impl Iterator<Item = Result<ExampleBatch, impl Into<BoxError>>>,
    device: &Device,
    visit: &mut dyn FnMut(PredictedImage<'_>) -> Result<(), E>,
) -> Result<(), E> {
    for batch in batches {
        let batch = batch.map_err(data_error)?;
        let pred = network_input(&batch, device)
            .and_then(|input| predict_depths(network, &input, batch.depth_size, &mut NoProbe))
            .map_err(AnalysisError::from)?;
        for index in 0..batch.len() {
            visit(PredictedImage::from_batch(&batch, index, &pred))?;
        }
    }
    Ok(())
}

/// The network's depth at the ground truth's size, `[B, h, w]` row-major, metres.
pub(crate) fn predict_depths(
    network: &dyn DepthNet,
    input: &DepthInput,
    (height, width): (usize, usize),
    probe: &mut dyn Probe,
) -> candle_core::Result<Vec<f32>> {
    let pred = network.forward(input, Mode::Eval, probe)?;
    mde_ops::resize_bilinear(&pred, height, width)?
        .flatten_all()?
        .to_vec1()
}
