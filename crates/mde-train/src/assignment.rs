//! Which layers are assigned depth ranges in training, and how strongly.

use mde_metrics::{DepthBins, Discretisation, UnitAssignment};
use mde_models::DepthNet;
use serde::{Deserialize, Serialize};

use crate::TrainError;

/// The paper's regulariser: `loss = base - alpha * Σ over layers of their assigned selectivity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssignmentConfig {
    /// Weight of the selectivity; the paper's is 0.1.
    pub alpha: f64,
    /// The layers whose units are assigned.
    pub layers: Vec<String>,
    /// How depth is cut into bins.
    pub discretisation: Discretisation,
    /// At most so many depth bins; a layer has min(its units, this many).
    pub max_bins: usize,
}

/// One layer's assignment.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The layer.
    pub layer: String,
    /// The depth bins that its units share.
    pub bins: DepthBins,
    /// Which bin each unit owns.
    pub units: UnitAssignment,
}

impl AssignmentConfig {
    /// Checks what can be checked without a network.
    ///
    /// # Errors
    /// If alpha is not finite, no layer is named, or `max_bins` is below 2.
    pub fn check(&self) -> Result<(), TrainError> {
        let wrong = |setting, value: String, reason: &str| {
            Err(TrainError::Setting {
                setting,
                value,
                reason: reason.to_owned(),
            })
        };
        if !self.alpha.is_finite() {
            return wrong(
                "alpha",
                self.alpha.to_string(),
                "it must be a finite number",
            );
        }
        if self.layers.is_empty() {
            return wrong(
                "layers",
                "empty".to_owned(),
                "name at least one layer to assign",
            );
        }
        if self.max_bins < 2 {
            return wrong("bins", self.max_bins.to_string(), "at least 2 are needed");
        }
        Ok(())
    }

    /// The layers' assignments.
    ///
    /// # Errors
    /// As [`AssignmentConfig::check`], or if a layer does not exist or is named twice.
    pub fn assignments(&self, network: &dyn DepthNet) -> Result<Vec<Assignment>, TrainError> {
        self.check()?;
        let mut assignments: Vec<Assignment> = Vec::with_capacity(self.layers.len());
        for name in &self.layers {
            let layer = network.layer(name)?;
            if assignments.iter().any(|known| known.layer == *name) {
                return Err(TrainError::Setting {
                    setting: "layers",
                    value: name.clone(),
                    reason: "it is named twice".to_owned(),
                });
            }
            let k = layer.units.min(self.max_bins);
            assignments.push(Assignment {
                layer: name.clone(),
                bins: self.discretisation.bins(k)?,
                units: UnitAssignment::new(layer.units, k)?,
            });
        }
        Ok(assignments)
    }
}
