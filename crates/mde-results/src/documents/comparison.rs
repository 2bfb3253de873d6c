//! `compare.json`: two runs side by side, paired by image and by unit.

use mde_metrics::statistics::{Bootstrap, Estimate};
use serde::{Deserialize, Serialize};

use super::Provenance;

/// The second of two runs minus the first, on the same images.
///
/// Images are resampled together: a resample holds the same images for both runs, so that what
/// makes an image hard for both cancels in the difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunComparison {
    /// [`FORMAT`](super::FORMAT).
    pub format: u32,
    /// The first run, such as the plain one.
    pub first: Provenance,
    /// The second run, such as the assigned one.
    pub second: Provenance,
    /// How the intervals were computed.
    pub bootstrap: Bootstrap,
    /// Depth errors.
    pub accuracy: AccuracyComparison,
    /// The layers that both runs dissected with the same units and bins, in the first's order.
    pub layers: Vec<LayerComparison>,
    /// Layers that are not compared: one run did not dissect them, or with other units or bins.
    pub layers_left_out: Vec<String>,
    /// Mean over the counted layers of [`LayerComparison::selectivity`], with the interval of the
    /// difference; `None` if one of them has none, and without layers.
    pub selectivity: Option<SelectivityComparison>,
}

/// Depth errors of both runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccuracyComparison {
    /// Name of the evaluation protocol.
    pub protocol: String,
    /// Images that both runs evaluated.
    pub images: usize,
    /// Each metric: means over images.
    pub metrics: Vec<MetricComparison>,
}

impl AccuracyComparison {
    /// The metric with this key, such as `abs_rel`.
    pub fn metric(&self, key: &str) -> Option<&MetricComparison> {
        self.metrics.iter().find(|metric| metric.metric == key)
    }
}

/// One metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricComparison {
    /// Its key in [`DepthErrors`](mde_metrics::DepthErrors), such as `abs_rel`.
    pub metric: String,
    /// The first run's mean over images.
    pub first: f64,
    /// The second run's mean over images.
    pub second: f64,
    /// Second minus first, mean over images.
    pub difference: Estimate,
}

/// Selectivity in both runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelectivityComparison {
    /// Of the first run.
    pub first: f64,
    /// Of the second run.
    pub second: f64,
    /// Second minus first, with its interval over images.
    pub difference: Estimate,
}

/// One layer in both runs, by the valid-bins estimator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerComparison {
    /// The layer's name.
    pub layer: String,
    /// Number of units, N.
    pub units: usize,
    /// Images in both tallies.
    pub images: usize,
    /// Whether [`RunComparison::selectivity`] includes the layer: a layer that either run was
    /// trained to assign, in whichever bins, or any layer if none was assigned.
    pub counted: bool,
    /// Units with a selectivity in both runs. Only these count in `selectivity`, so a unit that
    /// falls silent does not change the mean by leaving it.
    pub defined_in_both: usize,
    /// Units with a selectivity in the first run only.
    pub defined_only_in_first: usize,
    /// Units with a selectivity in the second run only.
    pub defined_only_in_second: usize,
    /// Mean over the units with a selectivity in both runs; `None` without such units. A resample
    /// leaves out those of them that are not defined in it in both runs.
    pub selectivity: Option<SelectivityComparison>,
    /// Each unit's selectivity in the second run minus the first, `[N]`; `None` where either is not
    /// defined.
    pub unit_differences: Vec<Option<f64>>,
    /// Mean of `unit_differences` with its interval over units drawn with replacement: how much it
    /// depends on which units the layer happens to have.
    pub by_unit: Option<Estimate>,
    /// Number of units that are more selective in the second run.
    pub higher: usize,
    /// Number of units that are less selective in it.
    pub lower: usize,
}
