//! `ablate.json`: what a network loses without some of a layer's units.

use serde::{Deserialize, Serialize};

use super::Provenance;
use mde_metrics::statistics::{Bootstrap, Estimate};
use mde_metrics::{EvalProtocol, CoreErrors};

/// Depth errors of a model with units removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ablation {
    /// [`FORMAT`](super::FORMAT).
    pub format: u32,
    /// Where it comes from.
    pub provenance: Provenance,
    /// blake3 of the `dissect.json` that says how selective the units are.
    pub dissection: String,
    /// How pixels were chosen.
    pub protocol: EvalProtocol,
    /// Images with a valid pixel.
    pub images: usize,
    /// Ids of the images without one.
    pub skipped: Vec<String>,
    /// How the intervals were drawn.
    pub bootstrap: Bootstrap,
    /// The depth ranges of every `by_range`.
    pub ranges: Vec<DepthRange>,
    /// The layers ablated.
    pub layers: Vec<LayerAblation>,
}

/// A range of true depth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DepthRange {
    /// Lower edge, metres, exclusive.
    pub from: f64,
    /// Upper edge, metres, inclusive.
    pub to: f64,
    /// Valid pixels in it, of all images.
    pub pixels: u64,
}

/// One layer without some of its units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerAblation {
    /// The layer's name in the model.
    pub layer: String,
    /// Number of units, N.
    pub units: usize,
    /// The units, most selective first (valid-bins estimator); those without a value come last.
    pub order: Vec<usize>,
    /// What [`Fill::Mean`] puts in the place of each unit's response: its mean over all measured pixels, `[N]`.
    pub mean_response: Vec<f64>,
    /// Errors with all units in place.
    pub whole: CoreErrors,
    /// Errors with more and more units removed.
    pub curves: Vec<AblationCurve>,
    /// How far the ordered curves lie above the random ones.
    pub areas: Vec<AblationArea>,
    /// Errors with a single unit removed.
    pub single: Vec<SingleRemovals>,
    /// The file with the errors of every image, relative to the run folder.
    pub values: String,
}

/// What a removed unit's response is replaced by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fill {
    /// 0.
    Zero,
    /// The unit's mean response.
    Mean,
}

/// The order in which units are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RemovalOrder {
    /// As [`LayerAblation::order`].
    MostSelectiveFirst,
    /// From its end.
    LeastSelectiveFirst,
    /// [`permutation`](mde_metrics::statistics::permutation) of the units.
    Random {
        /// Its seed.
        seed: u64,
    },
}

/// Errors against the number of units removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AblationCurve {
    /// What stands for a removed unit.
    pub fill: Fill,
    /// Which are removed first.
    pub order: RemovalOrder,
    /// From none (`LayerAblation::whole`) to all.
    pub points: Vec<AblationPoint>,
}

/// Errors with so many units removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AblationPoint {
    /// Units removed.
    pub removed: usize,
    /// Mean over images.
    pub errors: CoreErrors,
    /// By true depth, pixels of all images pooled; `None` in ranges without pixels.
    pub by_range: Vec<Option<CoreErrors>>,
}

/// The area between an ordered curve and the mean of the random ones, over the share of units removed: the mean difference
/// between the two. Positive where the ordered removal gives the greater value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AblationArea {
    /// What stands for a removed unit.
    pub fill: Fill,
    /// The ordered curve's order.
    pub order: RemovalOrder,
    /// Of AbsRel.
    pub abs_rel: Estimate,
    /// Of RMSE, metres.
    pub rmse: Estimate,
    /// Of δ < 1.25.
    pub delta_1: Estimate,
    /// Of AbsRel, against each random order by itself: how much these differ, which the interval over images does not say.
    pub abs_rel_by_seed: Vec<f64>,
}

/// Errors with one unit removed, for every unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SingleRemovals {
    /// What stands for the removed unit.
    pub fill: Fill,
    /// Mean over images, `[N]`.
    pub units: Vec<CoreErrors>,
}
