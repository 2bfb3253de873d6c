//! The layers whose units are assigned depth ranges in training.

use mde_metrics::{DepthBins, UnitAssignment};
use mde_models::DepthNet;
use mde_results::AssignmentConfig;

use crate::TrainError;

/// One layer's assignment.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The layer.
    pub layer: String,
    /// The depth bins that its units share.
    pub bins: DepthBins,
    /// The bin of each unit.
    pub units: UnitAssignment,
}

/// Checks everything that does not depend on the network.
///
/// # Errors
/// If alpha is not finite, no layer is named, or `max_bins` is below 2.
pub fn check_assignment(config: &AssignmentConfig) -> Result<(), TrainError> {
    if !config.alpha.is_finite() {
        return Err(TrainError::setting(
            "alpha",
            config.alpha,
            "it must be a finite number",
        ));
    }
    if config.layers.is_empty() {
        return Err(TrainError::setting(
            "layers",
            "empty",
            "name at least one layer to assign",
        ));
    }
    if config.max_bins < 2 {
        return Err(TrainError::setting(
            "bins",
            config.max_bins,
            "it must be at least 2",
        ));
    }
    Ok(())
}

/// The assignments of a network's layers.
///
/// # Errors
/// As [`check_assignment`], or if a layer does not exist or is named twice.
pub fn layer_assignments(
    config: &AssignmentConfig,
    network: &dyn DepthNet,
) -> Result<Vec<Assignment>, TrainError> {
    check_assignment(config)?;
    let mut assignments: Vec<Assignment> = Vec::with_capacity(config.layers.len());
    for name in &config.layers {
        let layer = network.layer(name)?;
        if assignments.iter().any(|known| known.layer == *name) {
            return Err(TrainError::setting("layers", name, "it is named twice"));
        }
        let k = layer.units.min(config.max_bins);
        assignments.push(Assignment {
            layer: name.clone(),
            bins: config.discretisation.bins(k)?,
            units: UnitAssignment::new(layer.units, k)?,
        });
    }
    Ok(assignments)
}
