#![doc = include_str!("../README.md")]
//!
//! # Code map
//!
//! | module | holds |
//! |---|---|
//! | `predictions` | a network's depth, image by image: [`predict_each`], [`PredictedImage`] |
//! | `evaluate` | depth errors over a data set: [`evaluate`], [`Evaluator`] |
//! | `dissect`, `dissected` | responses by depth: [`dissect`], [`DissectedLayer`], [`assemble`] |
//! | `layer_maps`, `shuffled` | a layer's maps with their pooling weights; permuted depth maps |
//! | `ablate` | errors with units removed: [`ablate`] |
//! | `correct`, `responses`, `indicator` | errors with responses corrected: [`correct`] |
//! | `variants` | depth errors of many interventions, image by image |
//! | `examples`, `top_images`, `correction_maps`, `shrink` | selected images and maps |
//! | `predict` | depth and responses of one image: [`predict`] |
//! | `stored` | stored activations in place of a network: [`StoredLayer`] |
//!
//! **Invariants.** No optimiser, no gradient, no files: functions take a network and batches and
//! return documents of `mde-results`. Batches may come with any error type.

mod ablate;
mod correct;
mod correction_maps;
mod dissect;
mod dissected;
mod error;
mod evaluate;
mod examples;
mod indicator;
mod layer_maps;
mod predict;
mod predictions;
mod responses;
mod shrink;
mod shuffled;
mod stored;
mod top_images;
mod variants;

pub use ablate::{AblateLayer, AblateOptions, Ablated, ablate};
pub use correct::{CorrectOptions, CorrectedLayers, correct};
pub use dissect::{DissectData, dissect};
pub use dissected::{DissectOptions, Dissected, DissectedLayer, assemble};
pub use error::{AnalysisError, BoxError};
pub use evaluate::{EvaluateOptions, Evaluated, Evaluator, evaluate};
pub use layer_maps::DissectLayer;
pub use predict::{Predicted, predict};
pub use predictions::{Frame, FrameMaps, PredictedImage, predict_each};
pub use stored::StoredLayer;
