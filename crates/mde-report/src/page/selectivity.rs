//! Depth selectivity: the table with both estimators, the units' scores, and the tuning curves.

use mde_metrics::Estimator;
use mde_metrics::results::{EstimatedSelectivity, LayerDissection};

use super::{Figure, LayerPanel, LayerSection, Model, UnitCurve, change_of};
use crate::ReportError;
use crate::charts::{Labels, Strip, strip_chart};
use crate::format::fixed;
use crate::table::{Cell, Table};
use crate::tuning::{by_preferred_depth, owned_bins, response_map, tuning_curve};

/// At most this many curves a layer and model are drawn; the CSV has all of them.
const MAX_CURVES: usize = 256;

const DIGITS: usize = 3;

type Part = fn(&LayerDissection) -> &EstimatedSelectivity;

const ESTIMATORS: [(&str, Part); 2] = [
    ("valid bins", |layer| &layer.valid_bins),
    ("reference", |layer| &layer.reference),
];

/// Names of all dissected layers: the first model's in order, then what only the second has.
fn layer_names<'run>(models: &[Model<'run>]) -> Vec<&'run str> {
    let mut names: Vec<&str> = Vec::new();
    for layer in models.iter().flat_map(|model| &model.run.dissection.layers) {
        if !names.contains(&layer.layer.as_str()) {
            names.push(&layer.layer);
        }
    }
    names
}

fn is_assigned(models: &[Model<'_>], layer: &str) -> bool {
    models.iter().any(|model| {
        model
            .run
            .assigned_layers()
            .iter()
            .any(|assigned| assigned == layer)
    })
}

/// Mean over the units that have a value.
fn mean(values: &[Option<f64>]) -> Option<f64> {
    let defined: Vec<f64> = values.iter().flatten().copied().collect();
    (!defined.is_empty()).then(|| defined.iter().sum::<f64>() / defined.len() as f64)
}

pub(super) fn table(models: &[Model<'_>]) -> Table {
    let any_assigned = models
        .iter()
        .any(|model| !model.run.assigned_layers().is_empty());
    let mut columns = vec!["Layer", "Estimator"];
    columns.extend(models.iter().map(|model| model.label.label));
    columns.extend((models.len() == 2).then_some("Change"));
    columns.extend(any_assigned.then_some("At the assigned bin"));
    columns.extend(["Units", "Bins used"]);
    let caption =
        "Depth selectivity of every dissected layer, mean over its units, with both estimators.";
    let mut table = Table::new("selectivity", caption, &columns);
    table.words = 2;
    for name in layer_names(models) {
        let layers: Vec<Option<&LayerDissection>> =
            models.iter().map(|model| model.run.layer(name)).collect();
        let Some(first) = layers.iter().flatten().next() else {
            continue;
        };
        for (estimator, part) in ESTIMATORS {
            let values: Vec<Option<f64>> = layers
                .iter()
                .map(|layer| layer.and_then(|layer| part(layer).mean))
                .collect();
            let mut row = vec![Cell::text(name), Cell::text(estimator)];
            row.extend(values.iter().map(|value| Cell::fixed(*value, DIGITS)));
            row.extend(change_of(&values).map(|change| Cell::signed(change, DIGITS)));
            let at_assigned = layers
                .iter()
                .flatten()
                .find_map(|layer| part(layer).assigned.as_deref());
            row.extend(any_assigned.then(|| {
                at_assigned.map_or(Cell::undefined(), |scores| {
                    Cell::fixed(mean(scores), DIGITS)
                })
            }));
            row.push(Cell::count(first.units as u64));
            row.push(Cell::text(format!(
                "{} of {}",
                part(first).bins_used,
                first.bins.len()
            )));
            table.rows.push(row);
        }
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
                    layer.units, layer.layer, model.label.class
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
            let label = format!("{name}, {}", model.label.class);
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
    }
}

pub(super) fn layers(models: &[Model<'_>]) -> Result<Vec<LayerSection>, ReportError> {
    let any_assigned = models
        .iter()
        .any(|model| !model.run.assigned_layers().is_empty());
    layer_names(models)
        .into_iter()
        .map(|name| {
            let panels: Result<Vec<LayerPanel>, ReportError> = models
                .iter()
                .filter_map(|model| model.run.layer(name).map(|layer| panel(model, layer)))
                .collect();
            let shape = models.iter().find_map(|model| model.run.layer(name));
            let remark = shape.map_or(String::new(), |layer| {
                let min_pixels = match layer.valid_bins.estimator {
                    Estimator::ValidBins { min_pixels } => {
                        format!("; bins with fewer than {min_pixels} pixels are left out")
                    }
                    _ => String::new(),
                };
                format!(
                    "{} units at stride {}, {} depth bins{min_pixels}",
                    layer.units,
                    layer.stride,
                    layer.bins.len()
                )
            });
            let open = !any_assigned || is_assigned(models, name);
            Ok(LayerSection {
                layer: name.to_owned(),
                remark,
                open,
                panels: panels?,
            })
        })
        .collect()
}

fn panel(model: &Model<'_>, layer: &LayerDissection) -> Result<LayerPanel, ReportError> {
    let owned = owned_bins(layer);
    let order = by_preferred_depth(layer);
    let every = order.len().div_ceil(MAX_CURVES).max(1);
    let units: Vec<UnitCurve> = order
        .iter()
        .step_by(every)
        .map(|&unit| UnitCurve {
            unit,
            score: fixed(layer.valid_bins.units[unit].selectivity, 2),
            svg: tuning_curve(layer, unit, owned.as_ref().map(|owned| owned.owner(unit))),
        })
        .collect();
    let mut remark = format!("mean selectivity {}", fixed(layer.valid_bins.mean, DIGITS));
    if every > 1 {
        remark.push_str(&format!(
            "; every {every}th of {} units is drawn, tuning_curves.csv has all",
            layer.units
        ));
    }
    let alt = format!(
        "Response of all units of {} by depth, {} model",
        layer.layer, model.label.class
    );
    Ok(LayerPanel {
        class: model.label.class,
        label: model.label.label,
        remark,
        map: response_map(layer, &alt)?,
        units,
    })
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
    ];
    let mut table = Table::new("units", "Selectivity of every unit.", &columns);
    let count = |bin: Option<usize>| bin.map_or(Cell::undefined(), |bin| Cell::count(bin as u64));
    for model in models {
        for layer in &model.run.dissection.layers {
            let owned = owned_bins(layer);
            for unit in 0..layer.units {
                let (valid, reference) =
                    (&layer.valid_bins.units[unit], &layer.reference.units[unit]);
                let range = valid.preferred_bin.map(|bin| layer.bins.range(bin));
                let assigned = |part: &EstimatedSelectivity| {
                    part.assigned.as_ref().and_then(|scores| scores[unit])
                };
                table.rows.push(vec![
                    Cell::text(model.label.class),
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
    ];
    let mut table = Table::new(
        "tuning_curves",
        "Mean response of every unit in every bin.",
        &columns,
    );
    for model in models {
        for layer in &model.run.dissection.layers {
            for (unit, responses) in layer.mean_response.iter().enumerate() {
                for (bin, response) in responses.iter().enumerate() {
                    let (from, to) = layer.bins.range(bin);
                    table.rows.push(vec![
                        Cell::text(model.label.class),
                        Cell::text(&layer.layer),
                        Cell::count(unit as u64),
                        Cell::count(bin as u64),
                        Cell::number(from),
                        Cell::number(to),
                        Cell::count(layer.pixels[bin]),
                        Cell::number(*response),
                    ]);
                }
            }
        }
    }
    table
}
