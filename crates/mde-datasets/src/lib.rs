//! RGB-D samples from disk, the transforms of the MFF, BTS and METER recipes, and a reproducible
//! parallel loader.
//!
//! A [`DataSpec`] opens a split as an [`RgbdList`]. The list loads a [`Sample`] (8-bit RGB and
//! depth in metres). A [`Transform`], made by a recipe's [`Preprocessing`], turns it into an
//! [`Example`] (normalised input and target). A [`Loader`] does both on worker threads and yields
//! [`ExampleBatch`]es. Their order depends on the seed and the epoch alone.
//!
//! - **Nothing is guessed.** The [`DepthEncoding`] of depth files comes from the data set's
//!   definition and is checked against the PNG's header. It is never inferred from values.
//! - **0 means "not measured"**, from the file through every transform. Depth is resampled by
//!   nearest neighbour only (sparse maps: nearest measurement), so no depth is invented. Pixels
//!   that a rotation brings in from outside the frame are 0. A sample without any measured depth is
//!   legal; losses and metrics mask invalid depth.
//! - **Errors come early and name the file.** Opening a list checks that all of its files exist. A
//!   file that does not decode completely is an error.
//!
//! candle is used for the tensors of [`ExampleBatch`] only; everything else is plain vectors.

mod batch;
mod bts;
mod decode;
mod depth;
mod depth_survey;
mod description;
mod encoding;
mod error;
mod faults;
mod geometry;
mod inspect;
mod jpeg;
mod kind;
mod kitti;
mod lines;
mod list;
mod list_format;
mod loader;
mod meter;
mod mff;
mod missing;
mod orientation;
mod pairing;
mod paths;
mod pattern;
mod photometric;
mod picture;
mod plan;
mod png;
mod preprocessing;
mod random;
mod rotation;
mod rows;
mod sample;
mod spec;
mod stored;
mod transform;
mod wording;

pub use batch::ExampleBatch;
pub use bts::{BtsEval, BtsGeometry, BtsTrain, BtsView};
pub use depth::DepthMap;
pub use depth_survey::{DepthSurvey, mean_depth, survey_depth};
pub use encoding::{DepthEncoding, UnitsPerMetre, UnknownEncoding};
pub use error::DatasetError;
pub use inspect::{
    DepthSummary, Finding, InspectEvent, InspectOptions, Inspection, Severity, SizeCount,
    SplitSummary, inspect,
};
pub use kind::{DataKind, Scene, Split, UnknownKind};
pub use list::RgbdList;
pub use loader::{EpochBatches, Loader, LoaderConfig};
pub use meter::{MeterEval, MeterGt, MeterInput, MeterTrain};
pub use mff::{MffEval, MffGeometry, MffTrain};
pub use photometric::{IMAGENET_MEAN, IMAGENET_STD, Normalisation};
pub use picture::{WholeImage, read_picture};
pub use preprocessing::Preprocessing;
pub use rand_chacha::ChaCha8Rng;
pub use random::sample_rng;
pub use sample::Sample;
pub use spec::DataSpec;
pub use transform::{Example, FrameDepth, Transform};

/// Compiles the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
