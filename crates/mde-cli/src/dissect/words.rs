//! The output of a dissection, as text and as a document.

use mde_metrics::statistics::Estimate;
use mde_metrics::{DepthBins, PermutationNull};
use mde_results::{Dissection, EstimatedSelectivity, LayerDissection, names};
use serde_json::json;

use super::request::DissectedNetwork;
use crate::memory;
use crate::output::{Output, estimate, peak_memory_text, result_place};
use crate::progress::remark;

/// The stage's result.
pub(crate) const FILE: &str = names::DISSECTION;

pub(super) fn described(
    subject: &DissectedNetwork,
    dissection: &Dissection,
    up_to_date: bool,
) -> anyhow::Result<Output> {
    let DissectedNetwork {
        results,
        load_report,
        ..
    } = subject;
    dissection.layers.iter().for_each(remarks);
    if dissection.images == 1 {
        remark("one image: no confidence intervals, no held-out selectivity and no chance level");
    }
    let null = dissection.layers.iter().find_map(|it| it.null.as_ref());
    if let Some(PermutationNull { permutations, .. }) = null {
        let smallest = 1.0 / (1.0 + *permutations as f64);
        if smallest >= PermutationNull::LEVEL && dissection.images > 1 {
            remark(&format!(
                "--permutations {permutations}: p is at least {smallest:.2}, so no unit can exceed \
                 the chance level (p < {}); take 20 or more",
                PermutationNull::LEVEL
            ));
        }
    }
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

/// Share of the depth beyond the last bin above which it is said.
const MUCH_BEYOND: f64 = 0.1;

/// Says what a reader of the numbers would not expect.
fn remarks(layer: &LayerDissection) {
    let (name, bins) = (&layer.layer, layer.bins.len());
    let last = layer.bins.edges()[bins];
    if let Some(trained) = &layer.trained_bins {
        let first =
            |bins: &DepthBins| format!("{} bins to {} m", bins.len(), bins.edges()[bins.len()]);
        remark(&format!(
            "{name} was trained with {}, and is dissected with {}: selectivity at the assigned bins \
             is undefined. Leave out --bins and --range to dissect with the bins of the training",
            first(trained),
            first(&layer.bins)
        ));
    }
    let within: u64 = layer.pixels.iter().sum();
    let share = layer.pixels_beyond as f64 / (within + layer.pixels_beyond).max(1) as f64;
    if share > MUCH_BEYOND {
        remark(&format!(
            "{name}: {:.0} % of the depth is beyond {last} m, where the last bin ends. If that is \
             not intended, set other bins with --range NEAR,FAR",
            100.0 * share
        ));
    }
}

/// Why a layer has no selectivity.
fn undefined(layer: &LayerDissection, estimated: &EstimatedSelectivity) -> String {
    match estimated.bins_used {
        used @ (0 | 1) => format!(
            "undefined: {used} of {} depth bins hold enough pixels, and selectivity compares bins",
            layer.bins.len()
        ),
        _ => "undefined: no unit responds to any image".to_owned(),
    }
}

fn document(layer: &LayerDissection) -> serde_json::Value {
    let (reference, valid_bins, chance) = (&layer.reference, &layer.valid_bins, &layer.null);
    json!({
        "layer": layer.layer, "units": layer.units, "bins": layer.bins.len(),
        "trained_bins": layer.trained_bins.as_ref().map(DepthBins::len),
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
        None => undefined(layer, estimated),
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
