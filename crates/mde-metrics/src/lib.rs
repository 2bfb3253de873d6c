#![doc = include_str!("../README.md")]
//!
//! # Code map
//!
//! | module | holds |
//! |---|---|
//! | `protocol` | which pixels count: [`EvalProtocol`], [`Crop`] |
//! | `alignment` | what is fitted to the ground truth before: [`Alignment`], [`Quantity`], [`Fit`] |
//! | `depth_errors` | errors of one image: [`depth_errors`], [`DepthErrors`], [`ScoredPixels`] |
//! | `explanation` | how an image's errors come about, step by step: [`explain`] |
//! | `error_tally` | errors of many images: [`ErrorTally`], [`ErrorSummary`] |
//! | `protocol_table` | the same predictions under many protocols: [`ProtocolTable`] |
//! | `bins` | depth ranges: [`DepthBins`], and the rules that cut them, [`Discretisation`] |
//! | `bin_weights` | pooling a feature map by depth without upsampling it: [`BinWeights`] |
//! | `slot_table` | the bins of many depths at once |
//! | `response` | what a layer's units answer per bin: [`ResponseTally`] |
//! | `selectivity` | the two estimators of depth selectivity: [`Estimator`], [`LayerSelectivity`] |
//! | `image_tallies` | intervals over images and held-out selectivity, from tallies kept image by image: [`ImageTallies`] |
//! | `permutation_null` | selectivity by chance, from tallies of permuted depth maps |
//! | `discretisations` | one fine tally under many grids of bins |
//! | `core_errors` | the three errors that analyses follow: [`CoreErrors`], [`CoreSums`] |
//! | [`statistics`] | bootstrap intervals over images, rank correlation |
//!
//! **Invariants.** Slices are row-major, depths are metres, sums are `f64`. A value that is not defined is an
//! `Option`, never NaN. The crate reads no file, prints nothing and knows no tensor library.

mod alignment;
mod bin_weights;
mod bins;
mod depth_errors;
mod discretisations;
mod error;
mod error_tally;
mod explanation;
mod image_tallies;
mod core_errors;
mod permutation_null;
mod protocol;
mod protocol_table;
mod response;
mod selectivity;
mod size;
mod slot_table;
pub mod statistics;

pub use alignment::{Alignment, Fit, Quantity};
pub use bin_weights::BinWeights;
pub use bins::{BinKind, DepthBins, Discretisation};
pub use core_errors::{CoreErrors, CoreSums};
pub use depth_errors::{DepthErrors, DepthPair, ErrorSums, ScoredPixels, depth_errors};
pub use discretisations::DiscretisationScore;
pub use error::MetricsError;
pub use error_tally::{ErrorSummary, ErrorTally};
pub use explanation::{Explanation, PixelCounts, Spread, explain};
pub use image_tallies::{HeldOutSelectivity, ImageTallies, SelectivityIntervals, TallyIntervals};
pub use permutation_null::{PermutationNull, UnitNull};
pub use protocol::{Crop, EvalProtocol};
pub use protocol_table::{ProtocolErrors, ProtocolTable};
pub use response::ResponseTally;
pub use selectivity::{
    DEFAULT_MIN_PIXELS, Estimator, LayerSelectivity, UnitAssignment, UnitSelectivity,
};
pub use size::ImageSize;
