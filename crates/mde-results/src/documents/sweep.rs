//! `sweep.json`: selectivity and accuracy against the weight of the assignment and the choice of
//! layers.

use mde_metrics::statistics::{Bootstrap, Estimate, Interval};
use serde::{Deserialize, Serialize};

/// Networks that differ only in the weight of the assignment and in the assigned layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlphaSweep {
    /// [`FORMAT`](super::FORMAT).
    pub format: u32,
    /// Name of the model preset.
    pub model: String,
    /// Seed of all training runs.
    pub seed: u64,
    /// Name of the data set.
    pub data: String,
    /// blake3 of the list of test images and the files it names.
    pub data_hash: String,
    /// Name of the evaluation protocol.
    pub protocol: String,
    /// Number of evaluated images.
    pub images: u64,
    /// How the intervals were computed.
    pub bootstrap: Bootstrap,
    /// By set of layers, and within each by increasing weight.
    pub points: Vec<SweepPoint>,
    /// Points that could not be trained or measured.
    pub failed: Vec<FailedPoint>,
}

/// One training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepPoint {
    /// Weight of the assignment; 0 is the plain network, listed once for every set of layers.
    pub alpha: f64,
    /// The assigned layers, or those in which the plain network is compared.
    pub layers: Vec<String>,
    /// The run folder, relative to the sweep's.
    pub run: String,
    /// Mean over images.
    pub abs_rel: Estimate,
    /// Mean over images, metres.
    pub rmse: Estimate,
    /// Mean over images of the fraction of pixels with δ < 1.25.
    pub delta_1: Estimate,
    /// Mean over `layers` of the layer's mean selectivity (valid-bins); `None` if one has none.
    pub selectivity: Option<f64>,
    /// Change of selectivity from the plain network: mean over `layers` of the mean over the units
    /// that have a selectivity in both networks. Unlike the difference of `selectivity`, it does
    /// not rise where weakly selective units fall silent. `None` without a plain network, or if a
    /// layer has no such unit.
    pub selectivity_change: Option<f64>,
    /// All layers that the sweep measures, assigned or not.
    pub by_layer: Vec<SweepLayer>,
}

/// The mean selectivity of one layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepLayer {
    /// The layer's name.
    pub layer: String,
    /// Number of units.
    pub units: usize,
    /// Number of units with a selectivity by the valid-bins estimator.
    pub defined_units: usize,
    /// By the valid-bins estimator, mean over the units that have one.
    pub valid_bins: Option<f64>,
    /// Its interval over images.
    pub interval: Option<Interval>,
    /// By the reference estimator.
    pub reference: Option<f64>,
}

/// A point without results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailedPoint {
    /// Weight of the assignment.
    pub alpha: f64,
    /// The layers that were to be assigned.
    pub layers: Vec<String>,
    /// The error message.
    pub message: String,
}
