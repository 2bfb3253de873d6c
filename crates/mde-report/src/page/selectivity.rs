//! Depth selectivity: both estimators, the scores of the units, and their tables.

use mde_metrics::PermutationNull;
use mde_results::{EstimatedSelectivity, Fill, LayerDissection};

use super::discretisations;
use super::model::{Model, Models};
use super::units::{removed, short};
use super::view::{Figure, SelectivitySection};
use crate::charts::{Labels, Strip, strip_chart};
use crate::table::{Cell, INTERVAL, Table};
use crate::tuning::assigned_bins;

const DIGITS: usize = 3;

/// `None` without a dissection.
pub(super) fn section(models: &Models<'_>) -> Option<SelectivitySection> {
    let layers = models.dissected();
    layers.first()?;
    Some(SelectivitySection {
        table: table(&layers),
        notes: notes(models),
        figure: figure(models, &layers),
        bins: discretisations::section(models),
    })
}

type Layers<'a, 'run> = [(&'a Model<'run>, &'run LayerDissection)];

/// Mean over the units that have a value.
fn mean(values: &[Option<f64>]) -> Option<f64> {
    let defined: Vec<f64> = values.iter().flatten().copied().collect();
    (!defined.is_empty()).then(|| defined.iter().sum::<f64>() / defined.len() as f64)
}

fn table(layers: &Layers<'_, '_>) -> Table {
    let columns = [
        "Layer",
        "Model",
        "Estimator",
        "Selectivity",
        INTERVAL,
        "Held-out",
        "Chance level",
        "Above chance",
        "At the assigned bin",
        "Flat floor",
        "Units",
        "Bins used",
    ];
    let caption = "Depth selectivity of every layer by both estimators, mean over units.";
    let mut table = Table::new("selectivity", caption, columns, 3);
    for (model, layer) in layers {
        // The null distribution is that of the valid-bins estimator, whose floor is 0.
        let null = layer.null.as_ref();
        for (estimator, scores, null, floor) in [
            ("valid bins", &layer.valid_bins, null, Some(0.0)),
            ("reference", &layer.reference, None, layer.flat_floor),
        ] {
            let above =
                |null: &PermutationNull| Cell::text(format!("{} of {}", null.above, null.tested));
            table.rows.push(vec![
                Cell::text(&layer.layer),
                Cell::text(&model.label.label),
                Cell::text(estimator),
                Cell::fixed(scores.mean, DIGITS),
                Cell::interval(scores.interval, DIGITS),
                Cell::fixed(scores.held_out.mean, DIGITS),
                Cell::fixed(null.and_then(|null| null.mean), DIGITS),
                Cell::or_undefined(null, above),
                Cell::fixed(scores.assigned.as_deref().and_then(mean), DIGITS),
                Cell::fixed(floor, DIGITS),
                Cell::count(layer.units),
                Cell::text(format!("{} of {}", scores.bins_used, layer.bins.len())),
            ]);
        }
    }
    let optional = [4, 5, 6, 7, 8].map(|column| columns[column]);
    for name in optional {
        table.drop_empty(name);
    }
    table
}

/// Units that the means leave out.
fn notes(models: &Models<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    for (model, layer) in models.layers() {
        let units = layer.valid_bins.units.iter();
        let undefined = units.filter(|unit| unit.selectivity.is_none()).count();
        if undefined > 0 {
            notes.push(format!(
                "{undefined} of {} units of {} in the {} model have no valid-bins score and are \
                 not in the mean: they never respond, or too few bins hold enough pixels.",
                layer.units, layer.layer, model.label.name
            ));
        }
    }
    notes
}

fn figure(models: &Models<'_>, layers: &Layers<'_, '_>) -> Figure {
    let strips = layers.iter().map(|(model, layer)| {
        let units = layer.valid_bins.units.iter();
        Strip {
            class: model.label.class,
            label: models.titled(&layer.layer, model),
            values: units.filter_map(|unit| unit.selectivity).collect(),
            mean: layer.valid_bins.mean,
        }
    });
    let strips: Vec<Strip<'_>> = strips.collect();
    let labels = Labels {
        alt: "Selectivity of every unit by layer and model. The table above has the means.",
        x: "selectivity of a unit (valid-bins estimator)",
        y: "",
    };
    let caption = "Thin marks: units. Heavy mark and number: their mean.";
    Figure::new(
        "Selectivity of every unit",
        caption,
        strip_chart(&labels, &strips),
    )
}

/// The tables of units and of tuning curves, for CSV alone; none without a dissection.
pub(super) fn data_tables(models: &Models<'_>) -> Vec<Table> {
    if models.layers().next().is_none() {
        return Vec::new();
    }
    let (mut units, mut curves) = (unit_table(), curve_table());
    for (model, layer) in models.layers() {
        for unit in 0..layer.units {
            units.rows.push(unit_row(model, layer, unit));
        }
        curves.rows.extend(curve_rows(model, layer));
    }
    vec![units, curves]
}

fn unit_table() -> Table {
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
        "corrected_abs_rel_reduction",
        "corrected_low",
        "corrected_high",
        "indicator_distance",
        "indicator_spearman",
    ];
    let caption = "Every unit: selectivity, chance level, ablation and correction.";
    Table::new("units", caption, columns, 0)
}

fn unit_row(model: &Model<'_>, layer: &LayerDissection, unit: usize) -> Vec<Cell> {
    let count = |bin: Option<usize>| Cell::or_undefined(bin, Cell::count);
    let (valid, reference) = (&layer.valid_bins.units[unit], &layer.reference.units[unit]);
    let range = valid.preferred_bin.map(|bin| layer.bins.range(bin));
    let at_assigned = |scores: &EstimatedSelectivity| {
        let scores = scores.assigned.as_ref();
        Cell::number(scores.and_then(|scores| scores[unit]))
    };
    let null = layer.null.as_ref().map(|null| null.units[unit]);
    let ablated = model.run.ablated(&layer.layer);
    let removed = |fill| {
        let change = ablated.and_then(|layer| removed(layer, fill, unit));
        [0, 1].map(|metric| Cell::number(change.map(|change| change[metric])))
    };
    let corrected = model.run.corrected(&layer.layer);
    let reduction = corrected.map(|layer| layer.single_units[unit].abs_rel_reduction);
    let distance = corrected.map(|layer| layer.indicator.units[unit]);
    let mut row = vec![
        Cell::text(model.label.key),
        Cell::text(&layer.layer),
        Cell::count(unit),
        count(valid.preferred_bin),
        Cell::number(range.map(|range| range.0)),
        Cell::number(range.map(|range| range.1)),
        Cell::number(valid.response),
        Cell::number(valid.selectivity),
        Cell::number(reference.selectivity),
        count(reference.preferred_bin),
        count(assigned_bins(layer).map(|bins| bins.bin_of(unit))),
        at_assigned(&layer.valid_bins),
        at_assigned(&layer.reference),
    ];
    row.extend(Cell::ends(layer.valid_bins.unit_intervals[unit]));
    row.extend([
        Cell::number(layer.valid_bins.held_out.units[unit]),
        Cell::number(null.and_then(|null| null.mean)),
        Cell::number(null.and_then(|null| null.quantile_95)),
        Cell::number(null.and_then(|null| null.p_value)),
    ]);
    row.extend([Fill::Zero, Fill::Mean].into_iter().flat_map(removed));
    row.push(Cell::number(reduction.map(|reduction| reduction.value)));
    row.extend(Cell::ends(
        reduction.and_then(|reduction| reduction.interval),
    ));
    row.push(Cell::number(distance.and_then(|unit| unit.distance)));
    row.push(Cell::number(distance.and_then(|unit| unit.spearman)));
    row
}

fn curve_table() -> Table {
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
    let caption = "Mean response of every unit in every bin, to five digits.";
    Table::new("tuning_curves", caption, columns, 0)
}

fn curve_rows(model: &Model<'_>, layer: &LayerDissection) -> Vec<Vec<Cell>> {
    let mut rows = Vec::with_capacity(layer.units * layer.bins.len());
    for (unit, responses) in layer.mean_response.iter().enumerate() {
        for (bin, response) in responses.iter().enumerate() {
            let (from, to) = layer.bins.range(bin);
            let interval = layer.response_intervals[unit][bin];
            rows.push(vec![
                Cell::text(model.label.key),
                Cell::text(&layer.layer),
                Cell::count(unit),
                Cell::count(bin),
                Cell::number(from),
                Cell::number(to),
                Cell::count(layer.pixels[bin]),
                Cell::number(response.map(short)),
                Cell::number(interval.map(|interval| short(interval.low))),
                Cell::number(interval.map(|interval| short(interval.high))),
            ]);
        }
    }
    rows
}
