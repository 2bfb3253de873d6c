//! `dissect.json`: how selectively a network's units respond to depth.

use mde_metrics::statistics::{Bootstrap, Interval};
use mde_metrics::{
    DepthBins, DiscretisationScore, Estimator, HeldOutSelectivity, PermutationNull, UnitSelectivity,
};
use serde::{Deserialize, Serialize};

use super::Provenance;

/// Depth selectivity of a network's layers on one split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dissection {
    /// [`FORMAT`](super::FORMAT).
    pub format: u32,
    /// The network and the data.
    pub provenance: Provenance,
    /// Number of tallied images.
    pub images: usize,
    /// How the intervals were computed.
    pub bootstrap: Bootstrap,
    /// The dissected layers.
    pub layers: Vec<LayerDissection>,
}

/// Depth selectivity of one layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerDissection {
    /// The layer's name in the network.
    pub layer: String,
    /// Number of units, N.
    pub units: usize,
    /// Input pixels per feature pixel.
    pub stride: usize,
    /// The depth bins, K of them.
    pub bins: DepthBins,
    /// The depth bins of the layer's assignment in training, where they are not `bins`. Then
    /// [`EstimatedSelectivity::assigned`] is `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained_bins: Option<DepthBins>,
    /// Where the activations come from, if another program stored them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<StoredFeatures>,
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
    /// Intervals of `mean_response` over images, `[N][K]`; `None` where there is no mean, and for
    /// fewer than two images.
    pub response_intervals: Vec<Vec<Option<Interval>>>,
    /// Score of a unit that responds equally at every depth, by the reference estimator, in which
    /// empty bins count as response 0: (K - m) / (K + m - 2) with m of K bins filled. `None` if no
    /// bin is filled, or K = 1. By the valid-bins estimator the score is 0.
    pub flat_floor: Option<f64>,
    /// Chance level; `None` if it was not asked for, or for fewer than two images.
    pub null: Option<PermutationNull>,
    /// The layer's selectivity under other numbers and spacings of bins, from one fine tally.
    pub discretisations: Vec<DiscretisationScore>,
    /// The file with the per-image tallies, relative to the run folder.
    pub tally: String,
    /// The file with the images that each unit responds to most, relative to the run folder, if
    /// they were asked for.
    pub top_images: Option<String>,
}

/// A layer's activations in files of another program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredFeatures {
    /// blake3 of the files.
    pub hash: String,
    /// The options of `mde dissect` that give the layer, as on a command line.
    pub options: String,
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
    /// Each unit's selectivity at its assigned bin, `[N]`. `None` if the layer was not trained with
    /// an assignment, or was dissected in other bins than those that it was assigned: a unit then
    /// has no single bin of its own.
    pub assigned: Option<Vec<Option<f64>>>,
}
