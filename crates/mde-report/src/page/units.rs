//! What several sections need to know of a unit.

use mde_metrics::CoreErrors;
use mde_results::{Fill, LayerAblation, LayerDissection};

use super::model::Label;
use crate::tuning::by_preferred_depth;

/// Maximum number of units drawn per layer and model; the CSV has all.
pub(super) const MAX_UNITS: usize = 256;

/// The number rounded to five significant digits: more than a chart shows, a third of the bytes.
pub(super) fn short(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

/// The units of a layer that are drawn: every n-th by preferred depth, and n.
pub(super) fn drawn(layer: &LayerDissection) -> (Vec<usize>, usize) {
    let order = by_preferred_depth(layer);
    let every = order.len().div_ceil(MAX_UNITS).max(1);
    (order.into_iter().step_by(every).collect(), every)
}

/// A unit's address, `#unit=MODEL/LAYER/UNIT`, with the layer escaped as by `encodeURIComponent`.
pub(super) fn href(model: &Label, layer: &str, unit: usize) -> String {
    let mut escaped = String::new();
    for byte in layer.bytes() {
        match byte {
            byte if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) => {
                escaped.push(char::from(byte));
            }
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("#unit={}/{escaped}/{unit}", model.key)
}

/// Change of AbsRel and of RMSE (metres) with one unit removed.
pub(super) fn removed(ablation: &LayerAblation, fill: Fill, unit: usize) -> Option<[f64; 2]> {
    let single = ablation
        .single_removals
        .iter()
        .find(|single| single.fill == fill)?;
    let CoreErrors { abs_rel, rmse, .. } = single.units[unit];
    Some([
        abs_rel - ablation.baseline.abs_rel,
        rmse - ablation.baseline.rmse,
    ])
}
