//! Model error by correction: how much of the error the responses of which units explain.

use mde_metrics::CoreErrors;
use mde_results::{Corrected, Correction, Indicator, LayerCorrection};

use super::corrected_maps;
use super::model::{Model, Models};
use super::view::{CorrectedLayer, CorrectionSection, Figure};
use crate::charts::{Bar, Labels, bar_chart, step_chart};
use crate::error::ReportError;
use crate::format::{counted, depth_range, fixed, percent};
use crate::table::{Cell, INTERVAL, Table};

const DIGITS: usize = 4;
/// Number of units in the chart of those that explain most.
const TOP_UNITS: usize = 10;
/// Number of units named per image.
const NAMED_UNITS: usize = 3;
/// Maximum number of images on the page; the CSV has all.
const LISTED_IMAGES: usize = 40;

type Layers<'a, 'run> = [(&'a Model<'run>, &'run LayerCorrection)];

/// `None` if no model was corrected.
pub(super) fn section(models: &Models<'_>) -> Result<Option<CorrectionSection>, ReportError> {
    let all = models.by_layer(|model, name| model.run.corrected(name));
    let Some(first) = all
        .first()
        .and_then(|(model, _)| model.run.correction.as_ref())
    else {
        return Ok(None);
    };
    let layers = all.chunk_by(|(_, one), (_, next)| one.layer == next.layer);
    let layers = layers.map(|layers| {
        let mut maps = Vec::new();
        for (model, layer) in layers {
            maps.extend(corrected_maps::rows(model, layer)?);
        }
        let figures = |figure: fn(&Models<'_>, &Model<'_>, &LayerCorrection) -> Figure| {
            let figures = layers
                .iter()
                .map(|(model, layer)| figure(models, model, layer));
            figures.collect()
        };
        Ok(CorrectedLayer {
            layer: layers[0].1.layer.clone(),
            by_depth: figures(by_depth),
            units: figures(top_units),
            maps,
        })
    });
    Ok(Some(CorrectionSection {
        layers: layers.collect::<Result<_, ReportError>>()?,
        note: note(first, &all),
        table: summary(&all),
        indicator_table: indicator_table(&all),
        images: image_table(&all),
    }))
}

fn note(correction: &Correction, all: &Layers<'_, '_>) -> String {
    let replaced = all.iter().map(|(_, layer)| layer.replaced);
    format!(
        "Correction sets a unit’s response at every pixel to its mean response at the true \
         depth, then runs the rest of the network. It uses the ground truth, so the errors after \
         correction are not an accuracy that the network could reach. Intervals over {}. At \
         least {} of the feature maps’ pixels were corrected: those with a measured depth.",
        counted(correction.images as u64, "image"),
        percent(replaced.fold(1.0, f64::min), 0),
    )
}

fn summary(all: &Layers<'_, '_>) -> Table {
    let columns = [
        "Layer",
        "Model",
        "Corrected",
        "AbsRel before",
        "AbsRel after",
        "Reduction",
        INTERVAL,
        "Relative reduction",
        "RMSE before (m)",
        "RMSE after (m)",
    ];
    let caption = "Errors before and after correction, means over images: of all units, of the \
                   best single unit, and of the units of the best bin.";
    let mut table = Table::new("correction", caption, columns, 3);
    for (model, layer) in all {
        let mut row = |what: String, corrected: &Corrected| {
            table.rows.push(vec![
                Cell::text(&layer.layer),
                Cell::text(&model.label.label),
                Cell::text(what),
                Cell::fixed(layer.before.abs_rel, DIGITS),
                Cell::fixed(corrected.errors.abs_rel, DIGITS),
                Cell::fixed(corrected.abs_rel_reduction.value, DIGITS),
                Cell::interval(corrected.abs_rel_reduction.interval, DIGITS),
                Cell::percent(corrected.relative_reduction, 1),
                Cell::fixed(layer.before.rmse, 3),
                Cell::fixed(corrected.errors.rmse, 3),
            ]);
        };
        row("all units".to_owned(), &layer.all_units);
        if let Some(best) = layer.ranking.first() {
            row(format!("unit {best}"), &layer.single_units[*best]);
        }
        if let Some((bin, units, corrected)) = best_group(layer) {
            let units = counted(units as u64, "unit");
            let depths = depth_range(layer.bins.range(bin));
            row(format!("{units} of {depths}"), corrected);
        }
    }
    table
}

/// The bin whose units reduce AbsRel most, with their number. The first of equals.
fn best_group(layer: &LayerCorrection) -> Option<(usize, usize, &Corrected)> {
    let groups = layer.groups.iter().enumerate();
    let corrected =
        groups.filter_map(|(bin, group)| Some((bin, group.units.len(), group.corrected.as_ref()?)));
    corrected.reduce(|best, group| {
        match best.2.abs_rel_reduction.value >= group.2.abs_rel_reduction.value {
            true => best,
            false => group,
        }
    })
}

/// Errors before and after as steps over the bins.
fn by_depth(models: &Models<'_>, model: &Model<'_>, layer: &LayerCorrection) -> Figure {
    let class = model.label.class;
    let ranges = (0..layer.bins.len()).map(|bin| layer.bins.range(bin));
    let ranges: Vec<(f64, f64)> = ranges.collect();
    let abs_rel = |bins: &[Option<CoreErrors>]| {
        let errors = bins.iter().map(|errors| Some((*errors)?.abs_rel));
        errors.collect()
    };
    let series = [
        ("other".to_owned(), abs_rel(&layer.before_by_bin)),
        (class.to_owned(), abs_rel(&layer.all_units.by_bin)),
    ];
    let title = models.titled("AbsRel by depth", model);
    let alt = format!(
        "{title}, before and after correcting all units of {}. correction_by_bin.csv has the \
         numbers.",
        layer.layer
    );
    let labels = Labels {
        alt: &alt,
        x: "true depth, metres",
        y: "AbsRel",
    };
    let svg = step_chart(&labels, &ranges, &layer.pixels, &series);
    let mut figure = Figure::new(title, "Grey: pixels per metre.", svg);
    figure.legend = vec![
        ("other".to_owned(), "before".to_owned()),
        (class.to_owned(), "all units corrected".to_owned()),
    ];
    figure
}

fn top_units(models: &Models<'_>, model: &Model<'_>, layer: &LayerCorrection) -> Figure {
    let units = layer.ranking.iter().take(TOP_UNITS);
    let bars = units.map(|unit| {
        let reduction = layer.single_units[*unit].abs_rel_reduction;
        Bar {
            class: model.label.class,
            label: format!("unit {unit}"),
            value: reduction.value,
            interval: reduction.interval,
        }
    });
    let bars: Vec<Bar> = bars.collect();
    let title = models.titled("Units that explain most of the error", model);
    let alt = format!(
        "Reduction of AbsRel by correcting single units of {}. units.csv has the numbers.",
        layer.layer
    );
    let labels = Labels {
        alt: &alt,
        x: "reduction of AbsRel",
        y: "",
    };
    let caption = "Each unit corrected alone, with its interval over images.";
    Figure::new(title, caption, bar_chart(&labels, &bars, DIGITS))
}

/// The value of the indicator as text.
fn verdict(indicator: &Indicator) -> String {
    let Some(score) = indicator.spearman else {
        return "not defined: score or error does not vary".to_owned();
    };
    let useful = match score.interval {
        Some(interval) if interval.low > 0.0 => "higher on images with larger errors",
        Some(interval) if interval.high < 0.0 => "lower on images with larger errors",
        Some(_) => "no clear correlation with the error",
        None => "too few images for an interval",
    };
    let depth = indicator.spearman_of_depth;
    match depth.filter(|depth| depth.value.abs() >= score.value.abs()) {
        Some(_) => format!("{useful}; predicted depth alone does as well"),
        None => useful.to_owned(),
    }
}

fn indicator_table(all: &Layers<'_, '_>) -> Table {
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
        "Its correlation",
    ];
    let caption = "Spearman’s rank correlation with the AbsRel of an image: of the score, and of \
                   the mean predicted depth as a baseline. The best of many units is high by \
                   chance alone.";
    let mut table = Table::new("indicator", caption, columns, 3);
    for (model, layer) in all {
        let indicator = &layer.indicator;
        let units = indicator.units.iter().enumerate();
        let best = units
            .filter_map(|(unit, distance)| Some((unit, distance.spearman?)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let mut row = vec![
            Cell::text(&layer.layer),
            Cell::text(&model.label.label),
            Cell::text(verdict(indicator)),
            Cell::count(indicator.images),
        ];
        for estimate in [indicator.spearman, indicator.spearman_of_depth] {
            row.push(Cell::signed(estimate.map(|estimate| estimate.value), 2));
            let interval = estimate.and_then(|estimate| estimate.interval);
            row.push(Cell::interval(interval, 2));
        }
        row.push(Cell::or_undefined(best, |best| Cell::count(best.0)));
        row.push(Cell::signed(best.map(|best| best.1), 2));
        table.rows.push(row);
    }
    table
}

/// Every image; the page shows the first of them.
fn image_table(all: &Layers<'_, '_>) -> Table {
    let columns = [
        "Image",
        "Layer",
        "Model",
        "AbsRel before",
        "AbsRel after",
        "Reduction",
        "Units with the largest reduction",
        "Score",
    ];
    let caption = "Errors of every image before and after correcting all units, and the units \
                   with the largest reduction on their own. The score uses no ground truth.";
    let mut table = Table::new("correction_images", caption, columns, 3);
    table.shown = Some(LISTED_IMAGES);
    for (model, layer) in all {
        for image in &layer.per_image {
            let units = image.units.iter().take(NAMED_UNITS);
            let units = units
                .map(|share| format!("{} ({})", share.unit, fixed(share.abs_rel_reduction, 3)));
            let raw = image.units.iter().map(|share| share.unit);
            table.rows.push(vec![
                Cell::text(&image.id),
                Cell::text(&layer.layer),
                Cell::text(&model.label.label),
                Cell::fixed(image.before.abs_rel, DIGITS),
                Cell::fixed(image.after.abs_rel, DIGITS),
                Cell::signed(image.before.abs_rel - image.after.abs_rel, DIGITS),
                Cell::new(units.collect::<Vec<_>>().join(", "), joined(raw)),
                Cell::fixed(image.score, 2),
            ]);
        }
    }
    table
}

fn joined(units: impl Iterator<Item = usize>) -> String {
    let units: Vec<String> = units.map(|unit| unit.to_string()).collect();
    units.join(" ")
}

/// Errors by bin with all units and with each bin's units corrected, for CSV alone.
pub(super) fn data_table(models: &Models<'_>) -> Option<Table> {
    let all = models.by_layer(|model, name| model.run.corrected(name));
    all.first()?;
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
        "abs_rel_reduction_by_them",
        "low",
        "high",
    ];
    let caption = "Errors by depth bin before and after correcting all units, and the reduction \
                   of AbsRel over all depths by correcting the units of a bin.";
    let mut table = Table::new("correction_by_bin", caption, columns, 0);
    for (model, layer) in all {
        for (bin, group) in layer.groups.iter().enumerate() {
            let (from, to) = layer.bins.range(bin);
            let errors = [layer.before_by_bin[bin], layer.all_units.by_bin[bin]];
            let reduction = group
                .corrected
                .as_ref()
                .map(|corrected| corrected.abs_rel_reduction);
            let mut row = vec![
                Cell::text(model.label.key),
                Cell::text(&layer.layer),
                Cell::count(bin),
                Cell::number(from),
                Cell::number(to),
                Cell::count(layer.pixels[bin]),
            ];
            row.extend(errors.map(|errors| Cell::number(errors.map(|errors| errors.abs_rel))));
            row.extend(errors.map(|errors| Cell::number(errors.map(|errors| errors.rmse))));
            row.push(Cell::text(joined(group.units.iter().copied())));
            row.push(Cell::number(reduction.map(|reduction| reduction.value)));
            row.extend(Cell::ends(
                reduction.and_then(|reduction| reduction.interval),
            ));
            table.rows.push(row);
        }
    }
    Some(table)
}
