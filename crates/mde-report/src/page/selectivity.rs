//! Depth selectivity: the table with both estimators, the units' scores, and their tables.

use mde_metrics::results::{EstimatedSelectivity, Fill, LayerDissection};

use super::browser::{removed, short};
use super::{Figure, Model, layer_names};
use crate::charts::{Labels, Strip, strip_chart};
use crate::table::{Cell, INTERVAL, Table};
use crate::tuning::owned_bins;

const DIGITS: usize = 3;

type Part = fn(&LayerDissection) -> &EstimatedSelectivity;

const ESTIMATORS: [(&str, Part); 2] = [
    ("valid bins", |layer| &layer.valid_bins),
    ("reference", |layer| &layer.reference),
];

/// Mean over the units that have a value.
fn mean(values: &[Option<f64>]) -> Option<f64> {
    let defined: Vec<f64> = values.iter().flatten().copied().collect();
    (!defined.is_empty()).then(|| defined.iter().sum::<f64>() / defined.len() as f64)
}

pub(super) fn table(models: &[Model<'_>]) -> Table {
    let columns = [
        "Layer",
        "Model",
        "Estimator",
        "Selectivity",
        INTERVAL,
        "Held out",
        "By chance",
        "Above chance",
        "At the assigned bin",
        "Flat-unit floor",
        "Units",
        "Bins used",
    ];
    let mut table = Table::new(
        "selectivity",
        "Depth selectivity of every dissected layer, mean over its units, by both estimators.",
        &columns,
    );
    table.words = 3;
    for name in layer_names(models) {
        for model in models {
            let Some(layer) = model.run.layer(name) else {
                continue;
            };
            for (estimator, part) in ESTIMATORS {
                let scores = part(layer);
                let valid = scores.estimator == layer.valid_bins.estimator;
                // The null is drawn by the valid-bins estimator alone.
                let null = layer.null.as_ref().filter(|_| valid);
                table.rows.push(vec![
                    Cell::text(name),
                    Cell::text(&model.label.label),
                    Cell::text(estimator),
                    Cell::fixed(scores.mean, DIGITS),
                    Cell::interval(scores.interval, DIGITS),
                    Cell::fixed(scores.held_out.mean, DIGITS),
                    Cell::fixed(null.and_then(|null| null.mean), DIGITS),
                    null.map_or(Cell::undefined(), |null| {
                        Cell::text(format!("{} of {}", null.above, null.tested))
                    }),
                    Cell::fixed(scores.assigned.as_deref().and_then(mean), DIGITS),
                    match valid {
                        true => Cell::fixed(0.0, DIGITS),
                        false => Cell::fixed(layer.flat_floor, DIGITS),
                    },
                    Cell::count(layer.units as u64),
                    Cell::text(format!("{} of {}", scores.bins_used, layer.bins.len())),
                ]);
            }
        }
    }
    for name in [
        INTERVAL,
        "Held out",
        "By chance",
        "Above chance",
        "At the assigned bin",
    ] {
        table.drop_empty(name);
    }
    table
}

/// What the means leave out, layer by layer.
pub(super) fn notes(models: &[Model<'_>]) -> Vec<String> {
    let mut notes = Vec::new();
    for model in models {
        for layer in &model.run.dissection.layers {
            let undefined = layer
                .valid_bins
                .units
                .iter()
                .filter(|unit| unit.selectivity.is_none())
                .count();
            if undefined > 0 {
                notes.push(format!(
                    "{undefined} of {} units of {} in the {} model have no valid-bins score (they never respond, or too few \
                     bins hold enough pixels); they are not in the mean.",
                    layer.units, layer.layer, model.label.name
                ));
            }
        }
    }
    notes
}

pub(super) fn figure(models: &[Model<'_>]) -> Figure {
    let mut strips = Vec::new();
    for name in layer_names(models) {
        for model in models {
            let Some(layer) = model.run.layer(name) else {
                continue;
            };
            let values = layer
                .valid_bins
                .units
                .iter()
                .filter_map(|unit| unit.selectivity)
                .collect();
            let label = match models {
                [_] => name.to_owned(),
                _ => format!("{name}, {}", model.label.name),
            };
            strips.push(Strip {
                class: model.label.class,
                label,
                values,
                mean: layer.valid_bins.mean,
            });
        }
    }
    let labels = Labels {
        alt: "Selectivity of every unit by layer and model; the means are in the table above",
        x: "selectivity of a unit, valid bins",
        y: "",
    };
    Figure {
        title: "Selectivity of every unit".to_owned(),
        caption: "A thin mark is a unit, the heavy mark and the number are the mean.".to_owned(),
        svg: strip_chart(&labels, &strips),
        legend: Vec::new(),
    }
}

/// Every unit's scores: CSV only.
pub(super) fn unit_table(models: &[Model<'_>]) -> Table {
    let columns = [
        "model",
        "layer",
        "unit",
        "preferred_bin",
        "preferred_from_m",
        "preferred_to_m",
        "response",
        "selectivity_valid_bins",
        "selectivity_reference",
        "preferred_bin_reference",
        "assigned_bin",
        "assigned_selectivity_valid_bins",
        "assigned_selectivity_reference",
        "selectivity_low",
        "selectivity_high",
        "held_out",
        "null_mean",
        "null_quantile_95",
        "p_value",
        "removed_zero_abs_rel",
        "removed_zero_rmse_m",
        "removed_mean_abs_rel",
        "removed_mean_rmse_m",
        "corrected_abs_rel_lowered",
        "corrected_low",
        "corrected_high",
        "indicator_distance",
        "indicator_spearman",
    ];
    let mut table = Table::new(
        "units",
        "Every unit: selectivity, chance, and what removing and correcting it does.",
        &columns,
    );
    let count = |bin: Option<usize>| bin.map_or(Cell::undefined(), |bin| Cell::count(bin as u64));
    for model in models {
        for layer in &model.run.dissection.layers {
            let owned = owned_bins(layer);
            let (ablated, corrected) = (
                model.run.ablated(&layer.layer),
                model.run.corrected(&layer.layer),
            );
            for unit in 0..layer.units {
                let (valid, reference) =
                    (&layer.valid_bins.units[unit], &layer.reference.units[unit]);
                let range = valid.preferred_bin.map(|bin| layer.bins.range(bin));
                let assigned = |part: &EstimatedSelectivity| {
                    part.assigned.as_ref().and_then(|scores| scores[unit])
                };
                let interval = layer.valid_bins.unit_intervals[unit];
                let null = layer.null.as_ref().map(|null| null.units[unit]);
                let removed = |fill| ablated.and_then(|layer| removed(layer, fill, unit));
                let [zero, filled] = [removed(Fill::Zero), removed(Fill::Mean)];
                let lowered = corrected.map(|layer| layer.single[unit].lowered);
                let gain = lowered.and_then(|lowered| lowered.interval);
                let distance = corrected.map(|layer| layer.indicator.units[unit]);
                table.rows.push(vec![
                    Cell::text(model.label.key),
                    Cell::text(&layer.layer),
                    Cell::count(unit as u64),
                    count(valid.preferred_bin),
                    Cell::number(range.map(|range| range.0)),
                    Cell::number(range.map(|range| range.1)),
                    Cell::number(valid.response),
                    Cell::number(valid.selectivity),
                    Cell::number(reference.selectivity),
                    count(reference.preferred_bin),
                    count(owned.as_ref().map(|owned| owned.owner(unit))),
                    Cell::number(assigned(&layer.valid_bins)),
                    Cell::number(assigned(&layer.reference)),
                    Cell::number(interval.map(|interval| interval.low)),
                    Cell::number(interval.map(|interval| interval.high)),
                    Cell::number(layer.valid_bins.held_out.units[unit]),
                    Cell::number(null.and_then(|null| null.mean)),
                    Cell::number(null.and_then(|null| null.quantile_95)),
                    Cell::number(null.and_then(|null| null.p_value)),
                    Cell::number(zero.map(|change| change[0])),
                    Cell::number(zero.map(|change| change[1])),
                    Cell::number(filled.map(|change| change[0])),
                    Cell::number(filled.map(|change| change[1])),
                    Cell::number(lowered.map(|lowered| lowered.value)),
                    Cell::number(gain.map(|interval| interval.low)),
                    Cell::number(gain.map(|interval| interval.high)),
                    Cell::number(distance.and_then(|unit| unit.distance)),
                    Cell::number(distance.and_then(|unit| unit.spearman)),
                ]);
            }
        }
    }
    table
}

/// Every unit's tuning curve in long form: CSV only.
pub(super) fn curve_table(models: &[Model<'_>]) -> Table {
    let columns = [
        "model",
        "layer",
        "unit",
        "bin",
        "from_m",
        "to_m",
        "pixels",
        "mean_response",
        "low",
        "high",
    ];
    let mut table = Table::new(
        "tuning_curves",
        "Mean response of every unit in every bin, to five digits.",
        &columns,
    );
    for model in models {
        for layer in &model.run.dissection.layers {
            for (unit, responses) in layer.mean_response.iter().enumerate() {
                for (bin, response) in responses.iter().enumerate() {
                    let (from, to) = layer.bins.range(bin);
                    let interval = layer.response_intervals[unit][bin];
                    table.rows.push(vec![
                        Cell::text(model.label.key),
                        Cell::text(&layer.layer),
                        Cell::count(unit as u64),
                        Cell::count(bin as u64),
                        Cell::number(from),
                        Cell::number(to),
                        Cell::count(layer.pixels[bin]),
                        Cell::number(response.map(short)),
                        Cell::number(interval.map(|interval| short(interval.low))),
                        Cell::number(interval.map(|interval| short(interval.high))),
                    ]);
                }
            }
        }
    }
    table
}
