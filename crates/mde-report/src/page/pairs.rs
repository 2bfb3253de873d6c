//! The same units in two models, unit by unit.

use mde_metrics::results::{LayerComparison, LayerDissection, RunComparison};

use super::answer::{interval_words, open_sign};
use super::browser::href;
use super::{Figure, Model, Pairs, layer_names};
use crate::charts::{Dot, Labels, scatter};
use crate::format::{between, fixed, metres, signed};
use crate::table::{Cell, Table};

const DIGITS: usize = 3;

/// `None` unless two models have a layer in common.
pub(super) fn section(models: &[Model<'_>], compared: Option<&RunComparison>) -> Option<Pairs> {
    let [first, second] = models else {
        return None;
    };
    let names = [&first.label.name, &second.label.name];
    let columns = [
        "Layer".to_owned(),
        "Unit".to_owned(),
        format!("Selectivity, {}", names[0]),
        format!("Selectivity, {}", names[1]),
        "Change".to_owned(),
        format!("Prefers, {} (m)", names[0]),
        format!("Prefers, {} (m)", names[1]),
        "Owns (m)".to_owned(),
    ];
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut table = Table::new("pairs", "Every unit in both models (valid bins).", &columns);
    let (mut notes, mut figures) = (Vec::new(), Vec::new());
    for name in layer_names(models) {
        let (Some(plain), Some(assigned)) = (first.run.layer(name), second.run.layer(name)) else {
            continue;
        };
        if plain.units != assigned.units {
            continue;
        }
        let comparison = compared.and_then(|compared| {
            let mut layers = compared.layers.iter();
            Some((compared, layers.find(|layer| layer.layer == name)?))
        });
        notes.push(note(models, name, plain, assigned, comparison));
        figures.push(figure(second, name, names, plain, assigned));
        rows(&mut table, name, plain, assigned);
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

/// Units of which both scores are defined: number, first, second.
fn scored<'a>(
    plain: &'a LayerDissection,
    assigned: &'a LayerDissection,
) -> impl Iterator<Item = (usize, f64, f64)> + 'a {
    (0..plain.units).filter_map(|unit| Some((unit, score(plain, unit)?, score(assigned, unit)?)))
}

fn note(
    models: &[Model<'_>],
    name: &str,
    plain: &LayerDissection,
    assigned: &LayerDissection,
    comparison: Option<(&RunComparison, &LayerComparison)>,
) -> String {
    let second = &models[1].label.name;
    let count = |higher: fn(f64, f64) -> bool| {
        let pairs = scored(plain, assigned);
        pairs
            .filter(|(_, first, second)| higher(*second, *first))
            .count()
    };
    let mut text = format!(
        "{name}: {} of {} units are more selective in the {second} model, {} less",
        count(|second, first| second > first),
        plain.units,
        count(|second, first| second < first),
    );
    let difference = comparison.and_then(|(compared, layer)| {
        Some((
            compared,
            layer.selectivity.as_ref()?.difference,
            layer.by_unit,
        ))
    });
    if let Some((compared, difference, by_unit)) = difference {
        let level = compared.bootstrap.level;
        text.push_str(&format!(
            "; the mean changes by {}",
            signed(difference.value, DIGITS)
        ));
        if let Some(interval) = difference.interval {
            let words = interval_words(interval, level, DIGITS);
            text.push_str(&format!(" ({words} over images"));
            if let Some(interval) = by_unit.and_then(|by_unit| by_unit.interval) {
                let words = between(interval, DIGITS);
                text.push_str(&format!(", {words} over units"));
            }
            text.push(')');
            if open_sign(interval) {
                text.push_str(", which leaves its sign open");
            }
        }
    }
    text.push('.');
    text
}

fn figure(
    model: &Model<'_>,
    name: &str,
    [first, second]: [&String; 2],
    plain: &LayerDissection,
    assigned: &LayerDissection,
) -> Figure {
    let dots: Vec<Dot> = scored(plain, assigned)
        .map(|(unit, x, y)| Dot {
            class: model.label.class,
            x,
            y,
            name: format!(
                "Unit {unit}: {} {first}, {} {second}",
                fixed(x, DIGITS),
                fixed(y, DIGITS)
            ),
            href: href(&model.label, name, unit),
        })
        .collect();
    let alt = format!(
        "Selectivity of every unit of {name}, {second} against {first}; the numbers are in the table below"
    );
    let (x, y) = (
        format!("selectivity, {first}"),
        format!("selectivity, {second}"),
    );
    let labels = Labels {
        alt: &alt,
        x: &x,
        y: &y,
    };
    Figure {
        title: name.to_owned(),
        caption: format!(
            "A dot is a unit; above the diagonal it is more selective in the {second} model."
        ),
        svg: scatter(&labels, &dots),
        legend: Vec::new(),
    }
}

fn rows(table: &mut Table, name: &str, plain: &LayerDissection, assigned: &LayerDissection) {
    let owned = [assigned, plain]
        .into_iter()
        .find_map(crate::tuning::owned_bins);
    for unit in 0..plain.units {
        let scores = [score(plain, unit), score(assigned, unit)];
        let range = |layer: &LayerDissection, bin: Option<usize>| match bin {
            Some(bin) => {
                let (from, to) = layer.bins.range(bin);
                let text = format!("{} – {}", metres(from), metres(to));
                Cell::of(text, format!("{from} {to}"))
            }
            None => Cell::undefined(),
        };
        let preferred =
            |layer: &LayerDissection| range(layer, layer.valid_bins.units[unit].preferred_bin);
        table.rows.push(vec![
            Cell::text(name),
            Cell::count(unit as u64),
            Cell::fixed(scores[0], DIGITS),
            Cell::fixed(scores[1], DIGITS),
            Cell::signed(super::change_of(&scores).flatten(), DIGITS),
            preferred(plain),
            preferred(assigned),
            range(assigned, owned.as_ref().map(|owned| owned.owner(unit))),
        ]);
    }
}
