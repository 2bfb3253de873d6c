//! `dissect.json`: how selectively a model's units answer to depth.

use serde::{Deserialize, Serialize};

use super::Provenance;
use crate::statistics::{Bootstrap, Interval};
use crate::{DepthBins, Estimator, UnitSelectivity};

/// Depth selectivity of a model's layers on one split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dissection {
    /// [`FORMAT`](super::FORMAT).
    pub format: u32,
    /// Where it comes from.
    pub provenance: Provenance,
    /// Images tallied.
    pub images: usize,
    /// How the intervals were drawn.
    pub bootstrap: Bootstrap,
    /// The layers dissected.
    pub layers: Vec<LayerDissection>,
}

/// Depth selectivity of one layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerDissection {
    /// The layer's name in the model.
    pub layer: String,
    /// Number of units, N.
    pub units: usize,
    /// Input pixels per feature pixel.
    pub stride: usize,
    /// The depth bins, K of them.
    pub bins: DepthBins,
    /// Ground-truth pixels per bin, `[K]`.
    pub pixels: Vec<u64>,
    /// Ground-truth pixels beyond the last edge.
    pub pixels_beyond: u64,
    /// Selectivity as the paper's code computes it.
    pub reference: EstimatedSelectivity,
    /// Selectivity over the bins that have enough pixels.
    pub valid_bins: EstimatedSelectivity,
    /// Mean response `[N][K]` by the valid-bins rule; `None` in bins left out.
    pub mean_response: Vec<Vec<Option<f64>>>,
    /// Intervals of `mean_response` over images, `[N][K]`; `None` where there is no mean, and for fewer than two images.
    pub response_intervals: Vec<Vec<Option<Interval>>>,
    /// What a unit that answers the same at every depth scores under the reference estimator, whose empty bins count as
    /// response 0: (K - m) / (K + m - 2) with m of K bins filled; `None` if no bin is filled, or K = 1. Under valid-bins it is 0.
    pub flat_floor: Option<f64>,
    /// Selectivity by chance; `None` if it was not asked for, or for fewer than two images.
    pub null: Option<PermutationNull>,
    /// The layer's selectivity under other numbers and spacings of bins, from one fine tally.
    pub discretisations: Vec<DiscretisationScore>,
    /// The file with the per-image tallies, relative to the run folder.
    pub tally: String,
    /// The file with the images that each unit responds to most, relative to the run folder, if it was asked for.
    pub top_images: Option<String>,
}

/// Depth selectivity of one layer by one estimator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EstimatedSelectivity {
    /// The estimator.
    pub estimator: Estimator,
    /// Mean over the units that have a value.
    pub mean: Option<f64>,
    /// Interval of `mean` over images.
    pub interval: Option<Interval>,
    /// Bins that the estimator used.
    pub bins_used: usize,
    /// Every unit, `[N]`.
    pub units: Vec<UnitSelectivity>,
    /// Interval of every unit's selectivity over images, `[N]`.
    pub unit_intervals: Vec<Option<Interval>>,
    /// Selectivity at a bin that was chosen on other images.
    pub held_out: HeldOutSelectivity,
    /// If the layer was trained with an assignment, each unit's selectivity at the bin it owns, `[N]`.
    pub assigned: Option<Vec<Option<f64>>>,
}

/// Selectivity without the optimism of choosing a unit's bin and scoring it on the same images: the images are split in two halves at
/// random, the bin with the greatest |response| is chosen on one and scored on the other, and the same the other way round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOutSelectivity {
    /// Splits drawn; a unit's value is the mean over them and both directions, of those that are defined.
    pub splits: usize,
    /// Mean over the units that have a value.
    pub mean: Option<f64>,
    /// Every unit, `[N]`; `None` for fewer than two images, and where no split gives a value.
    pub units: Vec<Option<f64>>,
}

/// Selectivity by the valid-bins estimator where responses and depths belong to different images: every image's depth map is
/// given to another image, all of them permuted at random, and the layer is tallied again. What then is left comes from chance, from the
/// number of pixels per bin, and from what all images share, such as a floor below that is near.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PermutationNull {
    /// Permutations drawn.
    pub permutations: usize,
    /// Seed of the draws.
    pub seed: u64,
    /// Mean over permutations of the layer's mean selectivity.
    pub mean: Option<f64>,
    /// Every unit, `[N]`.
    pub units: Vec<UnitNull>,
    /// Units with p < 0.05.
    pub above: usize,
    /// Units with a p-value.
    pub tested: usize,
}

/// One unit's selectivity by chance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitNull {
    /// Mean over the permutations in which it is defined.
    pub mean: Option<f64>,
    /// 95 % of the permutations lie below it.
    pub quantile_95: Option<f64>,
    /// (1 + permutations at least as selective as the unit is) / (1 + permutations); `None` for a unit without a selectivity.
    pub p_value: Option<f64>,
}

/// A layer's mean selectivity under one grid of bins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiscretisationScore {
    /// The grid.
    pub bins: DepthBins,
    /// Bins with enough pixels.
    pub bins_used: usize,
    /// By the valid-bins estimator.
    pub valid_bins: Option<f64>,
    /// By the reference estimator.
    pub reference: Option<f64>,
    /// What a flat unit scores by the reference estimator; see [`LayerDissection::flat_floor`].
    pub flat_floor: Option<f64>,
}
