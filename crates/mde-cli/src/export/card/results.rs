//! The results in a model card, each with its data, protocol and source.

use std::fmt::Write as _;

use mde_metrics::Alignment;
use mde_metrics::statistics::Estimate;
use mde_results::{
    Ablation, Correction, Dissection, EstimatedSelectivity, Evaluation, LayerDissection,
    Provenance, RemovalOrder, names,
};

use super::table::cell;
use crate::output::{count, estimate};

/// `name test, 120 images, BLAKE3 …; file, mde 0.1`
fn source(file: &str, provenance: &Provenance, images: impl std::fmt::Display) -> String {
    format!(
        "Data: {} {}, {}, BLAKE3 `{}`. Source: `{file}` of the run, mde {}.",
        cell(&provenance.data),
        provenance.split,
        count(images, "image"),
        provenance.data_hash,
        provenance.version
    )
}

pub(super) fn accuracy(evaluation: &Evaluation) -> String {
    let (protocol, mean) = (&evaluation.protocol, &evaluation.summary.mean);
    let alignment = match protocol.alignment {
        Alignment::None => "predictions are not aligned".to_owned(),
        other => format!("each prediction aligned with its ground truth ({other})"),
    };
    let mut section = format!(
        "\n## Accuracy\n\n{}\nProtocol: `{}`, depths between {} and {} m, {alignment}.\n\n\
         | | AbsRel | RMSE, m | δ<1.25 |\n|---|---:|---:|---:|\n\
         | this network | {:.4} | {:.4} | {:.4} |\n",
        source(
            names::EVALUATION,
            &evaluation.provenance,
            evaluation.summary.images
        ),
        protocol.name,
        protocol.min_depth,
        protocol.max_depth,
        mean.abs_rel,
        mean.rmse,
        mean.delta_1
    );
    if let Some(constant) = &evaluation.constant_baseline {
        let errors = &constant.summary.mean;
        let _ = writeln!(
            section,
            "| constant {:.2} m, {} | {:.4} | {:.4} | {:.4} |",
            constant.depth,
            constant.source.describe(),
            errors.abs_rel,
            errors.rmse,
            errors.delta_1
        );
    }
    section += "\nMeans over images, each with the same weight.\n";
    if !evaluation.images_without_valid_depth.is_empty() {
        let left_out = evaluation.images_without_valid_depth.len();
        let _ = writeln!(
            section,
            "{} without valid depth left out.",
            count(left_out, "image")
        );
    }
    if let Some(warning) = &evaluation.unit_warning {
        let _ = writeln!(
            section,
            "**Warning:** the median ratio of prediction to ground truth is {:.3}: {}.",
            warning.median_ratio, warning.likely
        );
    }
    section
}

pub(super) fn selectivity(dissection: &Dissection) -> String {
    let mut section = format!(
        "\n## Depth selectivity\n\n{}\n\n\
         | layer | units | bins | valid-bins estimator | held out | chance level | units above chance \
         | at the assigned bin | reference estimator | flat floor |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        source(names::DISSECTION, &dissection.provenance, dissection.images)
    );
    for layer in &dissection.layers {
        section += &selectivity_row(layer);
    }
    section
        + "\nMean over the units of a layer: 0 = responds equally at all depths, 1 = responds in one \
           bin only. Brackets are 95 % bootstrap intervals over images. The valid-bins estimator uses \
           only bins with enough pixels; the reference estimator computes selectivity as the paper's \
           code does, and gives a unit without selectivity the flat floor. Held out, the preferred bin \
           is chosen on other images. The chance level is the valid-bins selectivity after the depth \
           maps were permuted among the images.\n"
}

fn selectivity_row(layer: &LayerDissection) -> String {
    let number = |value: Option<f64>| value.map_or("undefined".to_owned(), |x| format!("{x:.4}"));
    let mean = |estimated: &EstimatedSelectivity| {
        estimated.mean.map_or("undefined".to_owned(), |value| {
            estimate(&Estimate {
                value,
                interval: estimated.interval,
            })
        })
    };
    let not_measured = || "not measured".to_owned();
    let (valid_bins, null) = (&layer.valid_bins, layer.null.as_ref());
    let assigned = valid_bins.assigned.as_ref().map(|units| {
        let defined: Vec<f64> = units.iter().flatten().copied().collect();
        let sum: f64 = defined.iter().sum();
        number((!defined.is_empty()).then(|| sum / defined.len() as f64))
    });
    format!(
        "| {} | {} | {} of {} | {} | {} | {} | {} | {} | {} | {} |\n",
        layer.layer,
        layer.units,
        valid_bins.bins_used,
        layer.bins.len(),
        mean(valid_bins),
        match valid_bins.held_out.splits {
            0 => not_measured(),
            _ => number(valid_bins.held_out.mean),
        },
        null.map_or_else(not_measured, |null| number(null.mean)),
        null.map_or_else(not_measured, |null| format!(
            "{} of {}",
            null.above, null.tested
        )),
        assigned.unwrap_or("none assigned".to_owned()),
        mean(&layer.reference),
        number(layer.flat_floor),
    )
}

pub(super) fn removal(ablation: &Ablation) -> String {
    let mut section = format!(
        "\n## Removal of units\n\n{} Protocol: `{}`.\n\n\
         | layer | order of removal | filled with | AbsRel minus AbsRel at random removal |\n\
         |---|---|---|---:|\n",
        source(names::ABLATION, &ablation.provenance, ablation.images),
        ablation.protocol.name
    );
    for layer in &ablation.layers {
        for area in &layer.areas {
            let order = match area.order {
                RemovalOrder::LeastSelectiveFirst => "least selective first",
                _ => "most selective first",
            };
            let fill = serde_json::to_value(area.fill).unwrap_or_default();
            let _ = writeln!(
                section,
                "| {} | {order} | {} | {} |",
                layer.layer,
                fill.as_str().unwrap_or_default(),
                estimate(&area.abs_rel)
            );
        }
    }
    section + "\nAveraged over the fraction of units removed.\n"
}

pub(super) fn corrected(correction: &Correction) -> String {
    let mut section = format!(
        "\n## Correction of responses\n\n{} Protocol: `{}`.\n\n\
         | layer | AbsRel | AbsRel with all responses corrected | reduction |\n|---|---:|---:|---:|\n",
        source(names::CORRECTION, &correction.provenance, correction.images),
        correction.protocol.name
    );
    for layer in &correction.layers {
        let _ = writeln!(
            section,
            "| {} | {:.4} | {:.4} | {} |",
            layer.layer,
            layer.before.abs_rel,
            layer.all_units.errors.abs_rel,
            estimate(&layer.all_units.abs_rel_reduction)
        );
    }
    let _ = writeln!(section, "\nThis is an {}.", correction.note);
    section
}
