//! Predictions of a network for each image of a data set.

use std::borrow::Cow;

use candle_core::{Device, Tensor};
use mde_datasets::ExampleBatch;
use mde_metrics::{DepthPair, ImageSize, MetricsError, View};
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
    /// The frame that the maps are a part of; `None` if they are whole frames.
    pub frame: Option<Frame<'a>>,
}

/// The frame that an image shows a part of.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The part.
    pub view: View,
    /// Size of the frame.
    pub size: ImageSize,
    /// Ground truth of the whole frame, metres; 0 where depth is invalid.
    pub gt: &'a [f32],
}

/// The maps of a whole frame, as protocols score them.
#[derive(Debug, Clone)]
pub struct FrameMaps<'a> {
    /// Prediction, `[h, w]`; NaN where the network did not see the frame.
    pub pred: Cow<'a, [f32]>,
    /// Ground truth, `[h, w]`, metres; 0 where depth is invalid.
    pub gt: &'a [f32],
    /// The size of both maps.
    pub size: ImageSize,
}

impl FrameMaps<'_> {
    /// The pair as the metrics take it.
    pub fn pair(&self) -> DepthPair<'_> {
        DepthPair {
            pred: &self.pred,
            gt: self.gt,
            size: self.size,
        }
    }
}

impl<'a> PredictedImage<'a> {
    /// Image `index` of a batch, whose predictions are `pred` [B, h, w].
    pub(crate) fn from_batch(batch: &'a ExampleBatch, index: usize, pred: &'a [f32]) -> Self {
        let (height, width) = batch.depth_size;
        let size = ImageSize { height, width };
        let map = index * size.pixels()..(index + 1) * size.pixels();
        let frame = batch.frames.get(index).and_then(Option::as_ref);
        Self {
            id: &batch.ids[index],
            size,
            rgb: batch.rgb.get(index),
            pred: &pred[map.clone()],
            gt: &batch.depths[map],
            frame: frame.map(|frame| Frame {
                view: View {
                    top: frame.top,
                    left: frame.left,
                    size,
                },
                size: ImageSize::new(frame.depth.height, frame.depth.width),
                gt: &frame.depth.metres,
            }),
        }
    }

    /// The maps of the whole frame, with the prediction put back where it belongs.
    ///
    /// # Errors
    /// If the view does not lie inside its frame.
    pub fn whole(&self) -> Result<FrameMaps<'a>, MetricsError> {
        Ok(match self.frame {
            None => FrameMaps {
                pred: Cow::Borrowed(self.pred),
                gt: self.gt,
                size: self.size,
            },
            Some(Frame { view, size, gt }) => FrameMaps {
                pred: Cow::Owned(view.put_back(self.pred, size)?),
                gt,
                size,
            },
        })
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
/// resized bilinearly to the size of the ground truth. With `flip_average`, the depth is the mean
/// of the prediction and of the mirrored prediction for the mirrored image.
///
/// # Errors
/// If a sample cannot be loaded or the network fails, and errors of `visit`.
pub fn predict_each<E: From<AnalysisError>>(
    network: &dyn DepthNet,
    batches: impl Iterator<Item = Result<ExampleBatch, impl Into<BoxError>>>,
    device: &Device,
    flip_average: bool,
    visit: &mut dyn FnMut(PredictedImage<'_>) -> Result<(), E>,
) -> Result<(), E> {
    for batch in batches {
        let batch = batch.map_err(data_error)?;
        let predict = |input: DepthInput| {
            if flip_average {
                predict_flip_averaged(network, &input, batch.depth_size)
            } else {
                predict_depths(network, &input, batch.depth_size, &mut NoProbe)
            }
        };
        let pred = network_input(&batch, device)
            .and_then(predict)
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

/// As [`predict_depths`], averaged with the mirrored prediction for the mirrored image. The mean is
/// taken at the network's resolution, as by `evaluate.py` of AdaBins.
fn predict_flip_averaged(
    network: &dyn DepthNet,
    input: &DepthInput,
    (height, width): (usize, usize),
) -> candle_core::Result<Vec<f32>> {
    let mirrored = DepthInput {
        image: mirror(&input.image)?,
        focal: input.focal.clone(),
    };
    let pred = network.forward(input, Mode::Eval, &mut NoProbe)?;
    let other = mirror(&network.forward(&mirrored, Mode::Eval, &mut NoProbe)?)?;
    let mean = ((pred + other)? * 0.5)?;
    mde_ops::resize_bilinear(&mean, height, width)?
        .flatten_all()?
        .to_vec1()
}

/// Mirrors maps `[B, C, H, W]` left to right.
fn mirror(maps: &Tensor) -> candle_core::Result<Tensor> {
    let columns: Vec<u32> = (0..maps.dim(3)? as u32).rev().collect();
    let columns = Tensor::new(columns, maps.device())?;
    maps.contiguous()?.index_select(&columns, 3)
}
