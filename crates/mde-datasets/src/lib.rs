//! RGB-D samples from disk, the recipes' transforms and a reproducible parallel loader.
//!
//! The way of a sample: [`DataSpec`] (or a list of your own) names an [`RgbdList`]; the list loads
//! a [`Sample`] (8-bit RGB and depth in metres); a [`Transform`] makes an [`Example`] of it (a
//! normalised network input and its target), which a recipe's [`Preprocessing`] gives; a [`Loader`] does both on worker threads and hands
//! out [`ExampleBatch`]es in an order that depends on nothing but the seed and the epoch.
//!
//! Three decisions run through the crate:
//!
//! - **Nothing is guessed.** How a depth file encodes metres is a [`DepthEncoding`] chosen by the
//!   data set's definition and checked against the PNG's header, never inferred from values.
//! - **0 is "no measurement"**, from the file through every transform: depth is only ever resampled
//!   by nearest neighbour (for sparse maps the nearest that was measured), so no invented depth appears at a hole's border, and pixels that a
//!   rotation brings in from outside the frame are 0 as well. A sample whose depth is 0 everywhere
//!   is legal here; losses and metrics mask it.
//! - **Errors come early and name the file.** All files of a list are looked for when it is opened;
//!   a file that does not decode whole is an error, not a grey rectangle.
//!
//! candle appears in one module only ([`ExampleBatch`]'s tensors); all else is plain vectors.

mod batch;
mod bts;
mod decode;
mod depth;
mod description;
mod encoding;
mod error;
mod geometry;
mod inspect;
mod jpeg;
mod kind;
mod kitti;
mod lines;
mod list;
mod loader;
mod meter;
mod mff;
mod pairing;
mod pattern;
mod photometric;
mod picture;
mod plan;
mod preprocessing;
mod random;
mod rotation;
mod spec;
mod transform;

pub use batch::ExampleBatch;
pub use bts::{BtsEval, BtsGeometry, BtsTrain, BtsView};
pub use depth::DepthMap;
pub use encoding::DepthEncoding;
pub use error::DatasetError;
pub use inspect::{
    DepthSummary, Finding, InspectEvent, InspectOptions, Inspection, Severity, SizeCount,
    SplitSummary, inspect,
};
pub use kind::{DataKind, Scene, Split, UnknownKind};
pub use list::{RgbdList, Sample, mean_depth};
pub use loader::{EpochBatches, Loader, LoaderConfig};
pub use meter::{MeterEval, MeterGt, MeterInput, MeterTrain};
pub use mff::{MffEval, MffGeometry, MffTrain};
pub use photometric::{IMAGENET_MEAN, IMAGENET_STD, Normalisation};
pub use picture::{WholeImage, read_picture};
pub use preprocessing::Preprocessing;
pub use rand_chacha::ChaCha8Rng;
pub use random::sample_rng;
pub use spec::DataSpec;
pub use transform::{Example, Transform};

/// Compiles the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
