//! Each unit in both models.

use mde_results::{LayerComparison, LayerDissection, RunComparison};

use super::model::{Models, change_of};
use super::units::href;
use super::view::{Figure, Pairs};
use crate::charts::{Dot, Labels, scatter};
use crate::format::{between, contains_zero, fixed, interval_words, metres, signed};
use crate::table::{Cell, Table};
use crate::tuning::assigned_bins;

const DIGITS: usize = 3;

/// `None` unless the report is of two models with a layer in common.
pub(super) fn section(models: &Models<'_>, comparison: Option<&RunComparison>) -> Option<Pairs> {
    let ([first, second], comparison) = (&models[..], comparison?) else {
        return None;
    };
    let of_models = |title: &str| [first, second].map(|model| models.titled(title, model));
    let [selectivity, other_selectivity] = of_models("Selectivity");
    let [preferred, other_preferred] = of_models("Preferred depth (m)");
    let columns = [
        "Layer",
        "Unit",
        &selectivity,
        &other_selectivity,
        "Change",
        &preferred,
        &other_preferred,
        "Assigned depth (m)",
    ];
    let caption = "Every unit in both models (valid-bins estimator).";
    let mut table = Table::new("pairs", caption, columns, 1);
    let (mut notes, mut figures) = (Vec::new(), Vec::new());
    for layer in &comparison.layers {
        let layers = [first, second].map(|model| model.run.layer(&layer.layer));
        if let [Some(plain), Some(assigned)] = layers {
            notes.push(note(models, comparison, layer));
            figures.push(figure(models, [plain, assigned]));
            rows(&mut table, [plain, assigned]);
        }
    }
    (!figures.is_empty()).then_some(Pairs {
        notes,
        figures,
        table,
    })
}

fn score(layer: &LayerDissection, unit: usize) -> Option<f64> {
    layer.valid_bins.units[unit].selectivity
}

fn note(models: &Models<'_>, comparison: &RunComparison, layer: &LayerComparison) -> String {
    let mut text = format!(
        "{}: {} of {} units are more selective in the {} model, {} are less selective.",
        layer.layer, layer.higher, layer.defined_in_both, models[1].label.name, layer.lower,
    );
    let undefined = layer.units - layer.defined_in_both;
    if undefined > 0 {
        text.push_str(&format!(
            " {undefined} further {} without a value in one or both models: {} with a value in the \
             {} model only, {} in the {} model only.",
            if undefined == 1 {
                "unit is"
            } else {
                "units are"
            },
            layer.defined_only_in_first,
            models[0].label.name,
            layer.defined_only_in_second,
            models[1].label.name,
        ));
    }
    if let Some(selectivity) = &layer.selectivity {
        let difference = selectivity.difference;
        let change = signed(difference.value, DIGITS);
        text.push_str(&format!(" The mean changes by {change}"));
        if let Some(interval) = difference.interval {
            let words = interval_words(interval, comparison.bootstrap.level, DIGITS);
            text.push_str(&format!(" ({words} over images"));
            if let Some(interval) = layer.by_unit.and_then(|by_unit| by_unit.interval) {
                text.push_str(&format!(", {} over units", between(interval, DIGITS)));
            }
            text.push(')');
            if contains_zero(interval) {
                text.push_str(", which may be chance");
            }
        }
        text.push('.');
    }
    text
}

fn figure(models: &Models<'_>, layers: [&LayerDissection; 2]) -> Figure {
    let [first, second] = [0, 1].map(|index| &models[index].label);
    let (layer, names) = (&layers[0].layer, [&first.name, &second.name]);
    let dots = (0..layers[0].units).filter_map(|unit| {
        let (x, y) = (score(layers[0], unit)?, score(layers[1], unit)?);
        let [in_first, in_second] = [x, y].map(|score| fixed(score, DIGITS));
        Some(Dot {
            class: second.class,
            x,
            y,
            name: format!(
                "Unit {unit}: {in_first} {}, {in_second} {}",
                names[0], names[1]
            ),
            href: href(second, layer, unit),
        })
    });
    let dots: Vec<Dot> = dots.collect();
    let alt = format!(
        "Selectivity of every unit of {layer}, {} against {}. The table below has the numbers.",
        names[1], names[0]
    );
    let [x, y] = names.map(|name| format!("selectivity, {name}"));
    let labels = Labels {
        alt: &alt,
        x: &x,
        y: &y,
    };
    let caption = format!(
        "A dot is a unit. Units above the diagonal are more selective in the {} model.",
        names[1]
    );
    Figure::new(layer, caption, scatter(&labels, &dots))
}

fn rows(table: &mut Table, layers: [&LayerDissection; 2]) {
    let [first, second] = layers;
    let assigned = [second, first].into_iter().find_map(assigned_bins);
    let range = |layer: &LayerDissection, bin: Option<usize>| {
        Cell::or_undefined(bin, |bin| {
            let (from, to) = layer.bins.range(bin);
            let text = format!("{} – {}", metres(from), metres(to));
            Cell::new(text, format!("{from} {to}"))
        })
    };
    for unit in 0..first.units {
        let scores = layers.map(|layer| score(layer, unit));
        let preferred =
            |layer: &LayerDissection| range(layer, layer.valid_bins.units[unit].preferred_bin);
        table.rows.push(vec![
            Cell::text(&first.layer),
            Cell::count(unit),
            Cell::fixed(scores[0], DIGITS),
            Cell::fixed(scores[1], DIGITS),
            Cell::signed(change_of(&scores).flatten(), DIGITS),
            preferred(first),
            preferred(second),
            range(second, assigned.as_ref().map(|bins| bins.bin_of(unit))),
        ]);
    }
}
