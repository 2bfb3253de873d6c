//! What a dissection says to a person and to a program.

use mde_metrics::results::{Dissection, EstimatedSelectivity, LayerDissection};
use mde_metrics::statistics::Estimate;
use serde_json::json;

use super::FILE;
use crate::memory;
use crate::output::{Output, estimate, peak_in_words};
use crate::stage::Results;

/// `weights` is how the file of weights and the network met, where there are any.
pub(super) fn described(
    results: &Results,
    weights: &serde_json::Value,
    dissection: &Dissection,
    skipped: bool,
) -> anyhow::Result<Output> {
    let layers = dissection.layers.iter().map(describe);
    let words = format!(
        "{}: mean selectivity {}{}",
        results.place(FILE),
        layers.collect::<Vec<_>>().join(";\n  "),
        if skipped {
            String::new()
        } else {
            peak_in_words()
        }
    );
    let layers: Vec<_> = dissection.layers.iter().map(document).collect();
    let document = json!({
        "file": results.kept(FILE), "skipped": skipped, "weights": weights,
        "provenance": dissection.provenance, "images": dissection.images, "layers": layers,
        "peak_memory_bytes": memory::peak(),
    });
    Output::new(words, document)
}

fn document(layer: &LayerDissection) -> serde_json::Value {
    let (reference, valid_bins, chance) = (&layer.reference, &layer.valid_bins, &layer.null);
    json!({
        "layer": layer.layer, "units": layer.units, "bins": layer.bins.len(),
        "reference": reference.mean, "reference_interval": reference.interval,
        "reference_held_out": reference.held_out.mean, "flat_floor": layer.flat_floor,
        "valid_bins": valid_bins.mean, "valid_bins_interval": valid_bins.interval,
        "valid_bins_held_out": valid_bins.held_out.mean, "bins_used": valid_bins.bins_used,
        "by_chance": chance.as_ref().and_then(|null| null.mean),
        "units_above_chance": chance.as_ref().map(|null| null.above),
        "units_tested": chance.as_ref().map(|null| null.tested),
    })
}

/// `D 0.4171 [0.4012, 0.4330] (valid-bins, 32 of 32 bins; held out 0.4020; by chance 0.2113, 30 of 32 units above),
/// 0.4171 [0.4012, 0.4330] (reference; a flat unit has 0.0000)`
fn describe(layer: &LayerDissection) -> String {
    let number =
        |mean: Option<f64>| mean.map_or("undefined".to_owned(), |mean| format!("{mean:.4}"));
    let mean = |estimated: &EstimatedSelectivity| match estimated.mean {
        Some(value) => estimate(&Estimate {
            value,
            interval: estimated.interval,
        }),
        None => number(None),
    };
    let (reference, valid_bins) = (&layer.reference, &layer.valid_bins);
    let held_out = match valid_bins.held_out.splits {
        0 => String::new(),
        _ => format!("; held out {}", number(valid_bins.held_out.mean)),
    };
    let null = layer.null.as_ref().map_or(String::new(), |null| {
        format!(
            "; by chance {}, {} of {} units above",
            number(null.mean),
            null.above,
            null.tested
        )
    });
    let floor = layer.flat_floor.map_or(String::new(), |floor| {
        format!("; a flat unit has {floor:.4}")
    });
    format!(
        "{} {} (valid-bins, {} of {} bins{held_out}{null}), {} (reference{floor})",
        layer.layer,
        mean(valid_bins),
        valid_bins.bins_used,
        layer.bins.len(),
        mean(reference),
    )
}
