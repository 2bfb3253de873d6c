#![doc = include_str!("../README.md")]

mod ablate;
mod compare;
mod correct;
mod correction_maps;
mod dissect;
mod dissected;
mod error;
mod evaluate;
mod examples;
mod indicator;
mod predict;
mod responses;
mod shrink;
mod shuffled;
mod stored;
mod tallies;
mod top_images;
mod variants;

pub use ablate::{AblateLayer, AblateOptions, Ablated, ablate};
pub use compare::{RunResults, compare};
pub use correct::{CorrectOptions, CorrectedLayers, correct};
pub use dissect::{DissectLayer, DissectOptions, dissect};
pub use dissected::DissectedLayer;
pub use error::{AnalysisError, Mismatch};
pub use evaluate::{EvaluateOptions, Evaluated, Evaluator, PredictedImage, evaluate, predict_each};
pub use examples::Examples;
pub use predict::{Predicted, predict};
pub use stored::StoredLayer;
pub use tallies::LayerTallies;
pub use top_images::TopImages;

use candle_core::Device;
use mde_datasets::ExampleBatch;
use mde_models::DepthInput;

/// A batch as a network takes it: its images and, if its data set knows them, the cameras' focal lengths.
///
/// # Errors
/// Whatever the device answers.
pub fn depth_input(batch: &ExampleBatch, device: &Device) -> candle_core::Result<DepthInput> {
    let input = DepthInput::new(batch.image_tensor(device)?);
    Ok(match batch.focal_tensor(device)? {
        Some(focal) => input.with_focal(focal),
        None => input,
    })
}
