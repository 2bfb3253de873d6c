//! `sweep.json`: how selectivity and accuracy move with the weight of the assignment and the choice of layers.

use serde::{Deserialize, Serialize};

use mde_metrics::statistics::{Bootstrap, Estimate, Interval};

/// Networks trained alike but for the weight of the assignment and the layers that it is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlphaSweep {
    /// [`FORMAT`](super::FORMAT).
    pub format: u32,
    /// The model preset's name.
    pub model: String,
    /// Seed of all trainings.
    pub seed: u64,
    /// The data set's name.
    pub data: String,
    /// blake3 of the list of test images and the files it names.
    pub data_hash: String,
    /// The evaluation protocol's name.
    pub protocol: String,
    /// Images evaluated.
    pub images: u64,
    /// How the intervals were drawn.
    pub bootstrap: Bootstrap,
    /// Set of layers by set of layers, and in each by rising weight.
    pub points: Vec<SweepPoint>,
    /// Points that could not be trained or measured.
    pub failed: Vec<FailedPoint>,
}

/// One training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepPoint {
    /// Weight of the assignment; 0 is the plain network, which stands once for every set of layers.
    pub alpha: f64,
    /// The layers that are assigned, or that the plain network is compared in.
    pub layers: Vec<String>,
    /// The run folder, relative to the sweep's.
    pub run: String,
    /// Mean over images.
    pub abs_rel: Estimate,
    /// Mean over images, metres.
    pub rmse: Estimate,
    /// Mean over images of the share of pixels with δ < 1.25.
    pub delta_1: Estimate,
    /// Mean over `layers` of the layer's mean selectivity (valid-bins); `None` if one of them has none.
    pub selectivity: Option<f64>,
    /// All layers that the sweep measures, assigned or not.
    pub by_layer: Vec<SweepLayer>,
}

/// One layer's mean selectivity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepLayer {
    /// The layer's name.
    pub layer: String,
    /// By the valid-bins estimator.
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
    /// What went wrong.
    pub message: String,
}
