//! `ablate.json`: what a network loses without some units of a layer.

use mde_metrics::statistics::{Bootstrap, Estimate};
use mde_metrics::{CoreErrors, EvalProtocol};
use serde::{Deserialize, Serialize};

use super::Provenance;

/// Depth errors of a network with units removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ablation {
    /// [`FORMAT`](super::FORMAT).
    pub format: u32,
    /// The network and the data.
    pub provenance: Provenance,
    /// blake3 of the `dissect.json` that holds the units' selectivity.
    pub dissection: String,
    /// How pixels were selected.
    pub protocol: EvalProtocol,
    /// Images with a valid pixel.
    pub images: usize,
    /// Ids of the images without one.
    pub images_without_valid_depth: Vec<String>,
    /// How the intervals were computed.
    pub bootstrap: Bootstrap,
    /// The depth ranges of every `by_range`.
    pub ranges: Vec<DepthRange>,
    /// The ablated layers.
    pub layers: Vec<LayerAblation>,
}

/// A range of true depth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DepthRange {
    /// Lower edge, metres, exclusive.
    pub from: f64,
    /// Upper edge, metres, inclusive.
    pub to: f64,
    /// Valid pixels in it, over all images.
    pub pixels: u64,
}

/// The ablation of one layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerAblation {
    /// The layer's name in the network.
    pub layer: String,
    /// Number of units, N.
    pub units: usize,
    /// The units, most selective first (valid-bins estimator); equal units in the layer's order,
    /// units without a value last.
    pub order: Vec<usize>,
    /// The value that [`Fill::Mean`] puts in place of each unit's response: its mean over all
    /// pixels with depth, `[N]`.
    pub mean_response: Vec<f64>,
    /// Errors with all units in place.
    pub baseline: CoreErrors,
    /// Errors against the number of units removed.
    pub curves: Vec<AblationCurve>,
    /// Areas between the ordered curves and the random ones.
    pub areas: Vec<AblationArea>,
    /// Errors with one unit removed.
    pub single_removals: Vec<SingleRemovals>,
    /// The file with the errors of every image, relative to the run folder.
    pub values: String,
}

/// The value that replaces the response of a removed unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// 0.
    Zero,
    /// The unit's mean response.
    Mean,
}

/// The order in which units are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum RemovalOrder {
    /// As [`LayerAblation::order`].
    MostSelectiveFirst,
    /// By ascending selectivity: units without a value first, equal units in the layer's order. It
    /// is the reverse of [`LayerAblation::order`] where no two units are equal.
    LeastSelectiveFirst,
    /// A [`permutation`](mde_metrics::statistics::permutation) of the units.
    Random {
        /// Its seed.
        seed: u64,
    },
}

/// Errors against the number of units removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AblationCurve {
    /// What replaces a removed unit's response.
    pub fill: Fill,
    /// The order of removal.
    pub order: RemovalOrder,
    /// From no unit removed (`LayerAblation::baseline`) to all.
    pub points: Vec<AblationPoint>,
}

/// Errors with a number of units removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AblationPoint {
    /// Number of units removed.
    pub removed: usize,
    /// Mean over images.
    pub errors: CoreErrors,
    /// By true depth, pixels of all images pooled; `None` in ranges without pixels.
    pub by_range: Vec<Option<CoreErrors>>,
}

/// The area between an ordered curve and the mean of the random ones, over the fraction of units
/// removed. This is the mean difference of the two curves, positive where the ordered removal gives
/// the larger value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AblationArea {
    /// What replaces a removed unit's response.
    pub fill: Fill,
    /// The order of the ordered curve.
    pub order: RemovalOrder,
    /// Area in AbsRel.
    pub abs_rel: Estimate,
    /// Area in RMSE, metres.
    pub rmse: Estimate,
    /// Area in δ < 1.25.
    pub delta_1: Estimate,
    /// Area in AbsRel against each random order: their spread, which the interval over images does
    /// not cover.
    pub abs_rel_by_seed: Vec<f64>,
}

/// Errors with one unit removed, for every unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SingleRemovals {
    /// What replaces the removed unit's response.
    pub fill: Fill,
    /// Mean over images, `[N]`.
    pub units: Vec<CoreErrors>,
}
