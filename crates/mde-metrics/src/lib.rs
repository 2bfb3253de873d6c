#![doc = include_str!("../README.md")]
//!
//! # Code map
//!
//! | module | content |
//! |---|---|
//! | `protocol` | evaluation protocols: [`EvalProtocol`], [`Crop`] |
//! | `alignment`, `fit` | alignment with ground truth: [`Alignment`], [`Quantity`], [`Fit`] |
//! | `depth_errors` | errors of one image: [`depth_errors`], [`DepthErrors`], [`ScoredPixels`] |
//! | `explanation` | all steps of an image's errors: [`explain`] |
//! | `error_tally` | errors of many images: [`ErrorTally`], [`ErrorSummary`] |
//! | `protocol_table` | the same predictions under several protocols: [`ProtocolTable`] |
//! | `core_errors` | the three errors used by analyses: [`CoreErrors`], [`CoreSums`] |
//! | `bins` | depth bins and the rules that define them: [`DepthBins`], [`Discretisation`] |
//! | `bin_weights` | pooling by depth without upsampling: [`BinWeights`] |
//! | `slot_table` | fast lookup of bins |
//! | `response` | responses of a layer's units per bin: [`ResponseTally`] |
//! | `selectivity` | depth selectivity: [`Estimator`], [`LayerSelectivity`], [`UnitAssignment`] |
//! | `discretisations` | one fine tally with other bins: [`DiscretisationScore`] |
//! | `image_tallies` | bootstrap intervals and held-out selectivity: [`ImageTallies`] |
//! | `permutation_null` | chance level of selectivity: [`PermutationNull`] |
//! | [`statistics`] | bootstrap, rank correlation, permutations |
//! | `size`, `view` | sizes and parts of frames: [`ImageSize`], [`View`] |
//! | `checks`, `error` | shared checks, [`MetricsError`] |
//!
//! **Invariants.** Slices are row-major, depths are in metres, sums are `f64`. An undefined value
//! is `None`, never NaN. The crate reads no files, prints nothing and uses no tensor library.

mod alignment;
mod bin_weights;
mod bins;
mod checks;
mod core_errors;
mod depth_errors;
mod discretisations;
mod error;
mod error_tally;
mod explanation;
mod fit;
mod image_tallies;
mod permutation_null;
mod protocol;
mod protocol_table;
mod response;
mod selectivity;
mod size;
mod slot_table;
pub mod statistics;
mod view;

pub use alignment::{Alignment, Quantity};
pub use bin_weights::BinWeights;
pub use bins::{BinKind, DepthBins, Discretisation};
pub use core_errors::{CoreErrors, CoreSums};
pub use depth_errors::{DepthErrors, DepthPair, ErrorSums, ScoredPixels, depth_errors};
pub use discretisations::DiscretisationScore;
pub use error::MetricsError;
pub use error_tally::{ErrorSummary, ErrorTally};
pub use explanation::{Explanation, PixelCounts, Spread, explain};
pub use fit::Fit;
pub use image_tallies::{HeldOutSelectivity, ImageTallies, SelectivityIntervals, TallyIntervals};
pub use permutation_null::{PermutationNull, UnitNull};
pub use protocol::{Crop, EvalProtocol};
pub use protocol_table::{ProtocolErrors, ProtocolTable};
pub use response::ResponseTally;
pub use selectivity::{
    DEFAULT_MIN_PIXELS, Estimator, LayerSelectivity, UnitAssignment, UnitSelectivity,
};
pub use size::ImageSize;
pub use view::View;
