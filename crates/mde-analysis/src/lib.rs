#![doc = include_str!("../README.md")]

mod dissect;
mod error;
mod evaluate;
mod examples;
mod tallies;

pub use dissect::{DissectLayer, dissect};
pub use error::AnalysisError;
pub use evaluate::{EvaluateOptions, Evaluated, evaluate};
pub use examples::Examples;
pub use tallies::LayerTallies;
