#![doc = include_str!("../README.md")]

pub mod bts;
pub mod densenet;
pub mod efficientnet;
pub mod encoder;
mod error;
mod export;
mod import;
mod layers;
mod load_report;
pub mod meter;
pub mod mff;
pub mod mobilevit;
mod network;
mod parameters;
mod presets;
mod probe;
pub mod resnet;
pub mod senet;

pub use error::ModelError;
pub use load_report::{Closest, LoadReport, ShapeMismatch};
pub use network::{DepthInput, DepthNet, Mode};
pub use parameters::{Parameters, is_encoder_parameter};
pub use presets::{Architecture, Preset, build};
pub use probe::{Capture, LayerInfo, NoProbe, PrefixCache, Probe};
