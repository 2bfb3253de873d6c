//! The output of a dissection, as text and as a document.

use mde_metrics::statistics::Estimate;
use mde_results::{Dissection, EstimatedSelectivity, LayerDissection, names};
use serde_json::json;

use crate::memory;
use crate::output::{Output, estimate, peak_memory_text, result_place};
use crate::stage::Results;

/// The stage's result.
pub(crate) const FILE: &str = names::DISSECTION;

pub(super) fn described(
    results: &Results,
    load_report: &serde_json::Value,
    dissection: &Dissection,
    up_to_date: bool,
) -> anyhow::Result<Output> {
    let layers = dissection.layers.iter().map(describe);
    let words = format!(
        "{}: mean selectivity {}{}",
        result_place(results.place(FILE), up_to_date),
        layers.collect::<Vec<_>>().join(";\n  "),
        if up_to_date {
            String::new()
        } else {
            peak_memory_text()
        }
    );
    let layers: Vec<_> = dissection.layers.iter().map(document).collect();
    let document = json!({
        "file": results.kept(FILE), "up_to_date": up_to_date, "load_report": load_report,
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
        "chance_level": chance.as_ref().and_then(|null| null.mean),
        "units_above_chance": chance.as_ref().map(|null| null.above),
        "units_tested": chance.as_ref().map(|null| null.tested),
    })
}

/// `D 0.4171 [0.4012, 0.4330] (valid-bins, 32 of 32 bins; held out 0.4020; chance level 0.2113,
/// exceeded by 30 of 32 units),
/// 0.4171 [0.4012, 0.4330] (reference; flat floor 0.0000)`
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
            "; chance level {}, exceeded by {} of {} units",
            number(null.mean),
            null.above,
            null.tested
        )
    });
    let floor = layer
        .flat_floor
        .map_or(String::new(), |floor| format!("; flat floor {floor:.4}"));
    format!(
        "{} {} (valid-bins, {} of {} bins{held_out}{null}), {} (reference{floor})",
        layer.layer,
        mean(valid_bins),
        valid_bins.bins_used,
        layer.bins.len(),
        mean(reference),
    )
}
