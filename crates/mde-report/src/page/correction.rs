//! Model error by correction: how much of the error lies in which units' responses.

use mde_metrics::results::{Corrected, Correction, Indicator, LayerCorrection};

use super::{CorrectedLayer, CorrectionSection, Figure, Model, corrected_maps, layer_names};
use crate::ReportError;
use crate::charts::{Bar, Labels, bar_chart, step_chart};
use crate::format::{fixed, metres, percent};
use crate::table::{Cell, INTERVAL, Table};

const DIGITS: usize = 4;
/// Units in the chart of those that explain most.
const TOP_UNITS: usize = 10;
/// Images listed on the page; the CSV has all of them.
const LISTED_IMAGES: usize = 40;

type Found<'a, 'run> = (&'a Model<'run>, &'run Correction, &'run LayerCorrection);

/// Each layer in every model that corrected it, layer by layer.
fn layers<'a, 'run>(models: &'a [Model<'run>]) -> Vec<Found<'a, 'run>> {
    let mut all = Vec::new();
    for name in layer_names(models) {
        for model in models {
            let correction = model.run.correction.as_ref();
            let layer = correction.zip(model.run.corrected(name));
            all.extend(layer.map(|(correction, layer)| (model, correction, layer)));
        }
    }
    all
}

/// `None` if no model was corrected.
pub(super) fn section(models: &[Model<'_>]) -> Result<Option<CorrectionSection>, ReportError> {
    let all = layers(models);
    let Some((_, first, _)) = all.first() else {
        return Ok(None);
    };
    let mut sections = Vec::new();
    for name in layer_names(models) {
        let of_layer: Vec<&Found<'_, '_>> = all
            .iter()
            .filter(|(.., layer)| layer.layer == name)
            .collect();
        if of_layer.is_empty() {
            continue;
        }
        let mut maps = Vec::new();
        for (model, _, layer) in &of_layer {
            maps.extend(corrected_maps::rows(model, layer)?);
        }
        sections.push(CorrectedLayer {
            layer: name.to_owned(),
            by_depth: of_layer
                .iter()
                .map(|(model, _, layer)| by_depth(models, model, layer))
                .collect(),
            units: of_layer
                .iter()
                .map(|(model, _, layer)| top_units(models, model, layer))
                .collect(),
            maps,
        });
    }
    let replaced = all.iter().map(|(.., layer)| layer.replaced);
    let note = format!(
        "At every pixel a unit’s response is set to its mean response at the true depth, and the rest of the network is run again. \
         This uses the ground truth: the errors after correction are no accuracy that the network could reach. Intervals over {} images; \
         responses were replaced at {} or more of the feature maps’ pixels, where a depth was measured.",
        first.images,
        percent(replaced.fold(1.0, f64::min), 0),
    );
    Ok(Some(CorrectionSection {
        note,
        table: summary(&all),
        layers: sections,
        indicator_table: indicator_table(&all),
        images: image_table(&all),
    }))
}

fn of_model(models: &[Model<'_>], model: &Model<'_>) -> String {
    match models {
        [_] => String::new(),
        _ => format!(", {}", model.label.name),
    }
}

fn summary(all: &[Found<'_, '_>]) -> Table {
    let columns = [
        "Layer",
        "Model",
        "Corrected",
        "AbsRel before",
        "after",
        "lowered by",
        INTERVAL,
        "Explained",
        "RMSE before (m)",
        "after (m)",
    ];
    let mut table = Table::new(
        "correction",
        "Errors before and after correction, mean over images: all units, the best single unit, and the units of the best bin.",
        &columns,
    );
    table.words = 3;
    for (model, _, layer) in all {
        let mut row = |what: String, corrected: &Corrected| {
            table.rows.push(vec![
                Cell::text(&layer.layer),
                Cell::text(&model.label.label),
                Cell::text(what),
                Cell::fixed(layer.before.abs_rel, DIGITS),
                Cell::fixed(corrected.errors.abs_rel, DIGITS),
                Cell::fixed(corrected.lowered.value, DIGITS),
                Cell::interval(corrected.lowered.interval, DIGITS),
                Cell::percent(corrected.explained, 1),
                Cell::fixed(layer.before.rmse, 3),
                Cell::fixed(corrected.errors.rmse, 3),
            ]);
        };
        row("all units".to_owned(), &layer.all);
        if let Some(best) = layer.ranking.first() {
            row(format!("unit {best}"), &layer.single[*best]);
        }
        if let Some((bin, units, corrected)) = best_group(layer) {
            let (from, to) = layer.bins.range(bin);
            let units = match units {
                1 => "the unit".to_owned(),
                units => format!("the {units} units"),
            };
            let what = format!("{units} of {} – {} m", metres(from), metres(to));
            row(what, corrected);
        }
    }
    table
}

/// The bin whose units lower AbsRel most, with their number; the first of equals.
fn best_group(layer: &LayerCorrection) -> Option<(usize, usize, &Corrected)> {
    let groups = layer.groups.iter().enumerate();
    let corrected =
        groups.filter_map(|(bin, group)| Some((bin, group.units.len(), group.corrected.as_ref()?)));
    corrected.fold(None, |best, group| match best {
        Some((_, _, found)) if found.lowered.value >= group.2.lowered.value => best,
        _ => Some(group),
    })
}

/// Before and after as steps over the bins.
fn by_depth(models: &[Model<'_>], model: &Model<'_>, layer: &LayerCorrection) -> Figure {
    let class = model.label.class;
    let ranges: Vec<(f64, f64)> = (0..layer.bins.len())
        .map(|bin| layer.bins.range(bin))
        .collect();
    let total = layer.pixels.iter().sum::<u64>().max(1) as f64;
    let shares: Vec<f64> = layer
        .pixels
        .iter()
        .map(|pixels| *pixels as f64 / total)
        .collect();
    let errors = |bins: &[Option<mde_metrics::KeyErrors>]| {
        let errors = bins
            .iter()
            .map(|errors| errors.map(|errors| errors.abs_rel));
        errors.collect::<Vec<_>>()
    };
    let series = [
        ("other".to_owned(), errors(&layer.before_by_bin)),
        (class.to_owned(), errors(&layer.all.by_bin)),
    ];
    let title = format!("AbsRel by depth{}", of_model(models, model));
    let alt = format!(
        "{title}, before and after correcting all units of {}; the numbers are in correction_by_bin.csv",
        layer.layer
    );
    let labels = Labels {
        alt: &alt,
        x: "true depth, metres",
        y: "AbsRel",
    };
    Figure {
        title,
        caption: "Grey: share of the pixels per metre.".to_owned(),
        svg: step_chart(&labels, &ranges, &shares, &series),
        legend: vec![
            ("other".to_owned(), "before".to_owned()),
            (class.to_owned(), "all units corrected".to_owned()),
        ],
    }
}

fn top_units(models: &[Model<'_>], model: &Model<'_>, layer: &LayerCorrection) -> Figure {
    let bars: Vec<Bar> = layer
        .ranking
        .iter()
        .take(TOP_UNITS)
        .map(|unit| Bar {
            class: model.label.class,
            label: format!("unit {unit}"),
            value: layer.single[*unit].lowered.value,
            interval: layer.single[*unit].lowered.interval,
        })
        .collect();
    let title = format!("Units that explain most{}", of_model(models, model));
    let alt = format!(
        "What correcting single units of {} lowers AbsRel by; the numbers are in units.csv",
        layer.layer
    );
    let labels = Labels {
        alt: &alt,
        x: "AbsRel lowered by",
        y: "",
    };
    Figure {
        title,
        caption: "Each unit corrected by itself, with its interval over images.".to_owned(),
        svg: bar_chart(&labels, &bars, DIGITS),
        legend: Vec::new(),
    }
}

/// What the indicator is worth, in words.
fn verdict(indicator: &Indicator) -> String {
    let Some(score) = indicator.spearman else {
        return "not defined: score or error does not vary".to_owned();
    };
    let tells = match score.interval {
        Some(interval) if interval.low > 0.0 => "tells hard images from easy ones",
        Some(interval) if interval.high < 0.0 => "points the wrong way",
        Some(_) => "does not tell: the interval holds 0",
        None => "too few images for an interval",
    };
    let depth = indicator.spearman_of_depth;
    let alone = depth.filter(|depth| depth.value.abs() >= score.value.abs());
    match alone {
        Some(_) => format!("{tells}; predicted depth alone does no worse"),
        None => tells.to_owned(),
    }
}

fn indicator_table(all: &[Found<'_, '_>]) -> Table {
    let columns = [
        "Layer",
        "Model",
        "In words",
        "Images",
        "Score",
        INTERVAL,
        "Mean predicted depth",
        INTERVAL,
        "Best unit",
        "its correlation",
    ];
    let mut table = Table::new(
        "indicator",
        "Spearman’s rank correlation with an image’s AbsRel: of the score, and of what can be had without looking into the network. \
         The best of many units is high by chance alone.",
        &columns,
    );
    table.words = 3;
    for (model, _, layer) in all {
        let indicator = &layer.indicator;
        let best = indicator
            .units
            .iter()
            .enumerate()
            .filter_map(|(unit, distance)| Some((unit, distance.spearman?)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let mut row = vec![
            Cell::text(&layer.layer),
            Cell::text(&model.label.label),
            Cell::text(verdict(indicator)),
            Cell::count(indicator.images as u64),
        ];
        for estimate in [indicator.spearman, indicator.spearman_of_depth] {
            row.push(Cell::signed(estimate.map(|estimate| estimate.value), 2));
            let interval = estimate.and_then(|estimate| estimate.interval);
            row.push(Cell::interval(interval, 2));
        }
        row.push(best.map_or(Cell::undefined(), |best| Cell::count(best.0 as u64)));
        row.push(Cell::signed(best.map(|best| best.1), 2));
        table.rows.push(row);
    }
    table
}

/// Every image: the page shows the first.
fn image_table(all: &[Found<'_, '_>]) -> Table {
    let columns = [
        "Image",
        "Layer",
        "Model",
        "AbsRel before",
        "after",
        "lowered by",
        "Units that lower it most",
        "Score",
    ];
    let mut table = Table::new(
        "correction_images",
        "Every image, all units corrected, and the units that lower its error most by themselves; the score uses no ground truth.",
        &columns,
    );
    table.words = 3;
    table.shown = Some(LISTED_IMAGES);
    for (model, _, layer) in all {
        for image in &layer.per_image {
            let units = image
                .units
                .iter()
                .map(|share| format!("{} ({})", share.unit, fixed(share.lowered, 3)));
            let raw = image.units.iter().map(|share| share.unit.to_string());
            table.rows.push(vec![
                Cell::text(&image.id),
                Cell::text(&layer.layer),
                Cell::text(&model.label.label),
                Cell::fixed(image.before.abs_rel, DIGITS),
                Cell::fixed(image.after.abs_rel, DIGITS),
                Cell::signed(image.before.abs_rel - image.after.abs_rel, DIGITS),
                Cell::of(
                    units.take(3).collect::<Vec<_>>().join(", "),
                    raw.collect::<Vec<_>>().join(" "),
                ),
                Cell::fixed(image.score, 2),
            ]);
        }
    }
    table
}

/// Errors by bin, of all units and of each bin's units corrected: CSV only.
pub(super) fn data_tables(models: &[Model<'_>]) -> Vec<Table> {
    let all = layers(models);
    if all.is_empty() {
        return Vec::new();
    }
    let columns = [
        "model",
        "layer",
        "bin",
        "from_m",
        "to_m",
        "pixels",
        "abs_rel_before",
        "abs_rel_after",
        "rmse_before_m",
        "rmse_after_m",
        "units_of_bin",
        "abs_rel_lowered_by_them",
        "low",
        "high",
    ];
    let mut table = Table::new(
        "correction_by_bin",
        "Errors by depth bin before and after correcting all units, and what the units of a bin lower AbsRel by over all depths.",
        &columns,
    );
    for (model, _, layer) in all {
        for (bin, group) in layer.groups.iter().enumerate() {
            let (from, to) = layer.bins.range(bin);
            let (before, after) = (layer.before_by_bin[bin], layer.all.by_bin[bin]);
            let lowered = group.corrected.as_ref().map(|corrected| corrected.lowered);
            let interval = lowered.and_then(|lowered| lowered.interval);
            table.rows.push(vec![
                Cell::text(model.label.key),
                Cell::text(&layer.layer),
                Cell::count(bin as u64),
                Cell::number(from),
                Cell::number(to),
                Cell::count(layer.pixels[bin]),
                Cell::number(before.map(|errors| errors.abs_rel)),
                Cell::number(after.map(|errors| errors.abs_rel)),
                Cell::number(before.map(|errors| errors.rmse)),
                Cell::number(after.map(|errors| errors.rmse)),
                Cell::text(
                    group
                        .units
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(" "),
                ),
                Cell::number(lowered.map(|lowered| lowered.value)),
                Cell::number(interval.map(|i| i.low)),
                Cell::number(interval.map(|i| i.high)),
            ]);
        }
    }
    vec![table]
}
