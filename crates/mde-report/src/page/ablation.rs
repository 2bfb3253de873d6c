//! Reliability by ablation: errors of the network with units of a layer removed.

use mde_metrics::CoreErrors;
use mde_metrics::statistics::Estimate;
use mde_results::{
    Ablation, AblationArea, AblationCurve, AblationPoint, Fill, LayerAblation, RemovalOrder,
};

use super::model::{Model, Models};
use super::view::{AblationChart, AblationSection, Choice, Figure};
use crate::charts::{Band, Labels, LineChart, Series, XAxis, line_chart};
use crate::format::{contains_zero, depth_range};
use crate::table::{Cell, INTERVAL, Table};

const DIGITS: usize = 4;
/// The value of the selection for all depths.
const ALL: &str = "all";

fn fill_key(fill: Fill) -> &'static str {
    match fill {
        Fill::Zero => "zero",
        Fill::Mean => "mean",
    }
}

fn fill_words(fill: Fill) -> &'static str {
    match fill {
        Fill::Zero => "replaced by 0",
        Fill::Mean => "replaced by its mean response",
    }
}

fn order_words(order: RemovalOrder) -> String {
    match order {
        RemovalOrder::MostSelectiveFirst => "most selective first".to_owned(),
        RemovalOrder::LeastSelectiveFirst => "least selective first".to_owned(),
        RemovalOrder::Random { seed } => format!("random, seed {seed}"),
    }
}

type Ablated<'run> = (&'run Ablation, &'run LayerAblation);

fn layers<'a, 'run>(models: &'a Models<'run>) -> Vec<(&'a Model<'run>, Ablated<'run>)> {
    models.by_layer(|model, name| {
        let ablation = model.run.ablation.as_ref()?;
        Some((ablation, model.run.ablated(name)?))
    })
}

/// `None` if no model was ablated.
pub(super) fn section(models: &Models<'_>) -> Option<AblationSection> {
    let all = layers(models);
    let (_, (first, _)) = all.first()?;
    let mut fills: Vec<Fill> = Vec::new();
    for curve in all.iter().flat_map(|(_, (_, layer))| &layer.curves) {
        if !fills.contains(&curve.fill) {
            fills.push(curve.fill);
        }
    }
    // Runs of a comparison share their data and protocol, so their ranges are the same.
    let ranges = (0..first.ranges.len()).filter(|range| first.ranges[*range].pixels > 0);
    let ranges: Vec<Option<usize>> = [None].into_iter().chain(ranges.map(Some)).collect();
    let mut charts = Vec::new();
    for (model, (ablation, layer)) in &all {
        for fill in &fills {
            for range in &ranges {
                let shown = Some(fill) == fills.first() && range.is_none();
                if range.is_none_or(|range| range < ablation.ranges.len()) {
                    let (range, text) = (*range, depth_words(ablation, *range));
                    charts.push(chart(model, layer, *fill, (range, &text), shown));
                }
            }
        }
    }
    let choice = |value: String, text: &str| Choice {
        value,
        text: text.to_owned(),
    };
    let fills = fills
        .iter()
        .map(|fill| choice(fill_key(*fill).to_owned(), fill_words(*fill)));
    let ranges = ranges
        .iter()
        .map(|range| choice(range_key(*range), &depth_words(first, *range)));
    Some(AblationSection {
        areas: area_table(&all),
        fills: fills.collect(),
        ranges: ranges.collect(),
        charts,
    })
}

fn range_key(range: Option<usize>) -> String {
    range.map_or(ALL.to_owned(), |range| range.to_string())
}

fn depth_words(ablation: &Ablation, range: Option<usize>) -> String {
    range.map_or("all depths".to_owned(), |range| {
        let range = &ablation.ranges[range];
        depth_range((range.from, range.to))
    })
}

fn errors(point: &AblationPoint, range: Option<usize>) -> Option<CoreErrors> {
    match range {
        None => Some(point.errors),
        Some(range) => point.by_range[range],
    }
}

type Points = Vec<(f64, f64)>;

fn chart(
    model: &Model<'_>,
    layer: &LayerAblation,
    fill: Fill,
    (range, depths): (Option<usize>, &str),
    first: bool,
) -> AblationChart {
    let class = model.label.class;
    let points = |curve: &AblationCurve| -> Points {
        let points = curve.points.iter().filter_map(|point| {
            let fraction = point.removed as f64 / layer.units.max(1) as f64;
            Some((fraction, errors(point, range)?.abs_rel))
        });
        points.collect()
    };
    let curves = || layer.curves.iter().filter(|curve| curve.fill == fill);
    let ordered = |order: RemovalOrder| curves().find(|curve| curve.order == order).map(points);
    let random = curves().filter(|curve| matches!(curve.order, RemovalOrder::Random { .. }));
    let random: Vec<Points> = random.map(points).collect();
    let spread = spread(&random);
    let mean = format!("random order: mean and range of {}", random.len());
    let bands = spread.iter().map(|(band, _)| Band {
        class: "random".to_owned(),
        points: band.clone(),
    });
    let curves = [
        (
            "random".to_owned(),
            mean,
            spread.as_ref().map(|spread| spread.1.clone()),
        ),
        (
            format!("{class} dash-1"),
            "least selective first".to_owned(),
            ordered(RemovalOrder::LeastSelectiveFirst),
        ),
        (
            class.to_owned(),
            "most selective first".to_owned(),
            ordered(RemovalOrder::MostSelectiveFirst),
        ),
    ];
    let mut series = Vec::new();
    let mut legend = Vec::new();
    for (class, name, points) in curves {
        if let Some(points) = points.filter(|points| !points.is_empty()) {
            // The curve on top is named first.
            legend.insert(0, (class.clone(), name));
            series.push(Series { class, points });
        }
    }
    let baseline = layer
        .curves
        .iter()
        .filter(|curve| curve.fill == fill)
        .find_map(|curve| errors(curve.points.first()?, range));
    let fill_words = fill_words(fill);
    let alt = format!(
        "AbsRel of the {} model by fraction of the units of {} removed, each {fill_words}, \
         {depths}. ablation_curves.csv has the numbers.",
        model.label.name, layer.layer,
    );
    let labels = Labels {
        alt: &alt,
        x: "fraction of units removed",
        y: "AbsRel",
    };
    let chart = LineChart {
        x: XAxis::Share,
        from_zero: false,
        level: baseline.map(|errors| errors.abs_rel),
        bands: bands.collect(),
        series,
    };
    let caption = format!("Removed unit: {fill_words}; {depths}. Dotted: no unit removed.");
    let mut figure = Figure::new(&layer.layer, caption, line_chart(&labels, &chart));
    figure.legend = legend;
    AblationChart {
        layer: layer.layer.clone(),
        class,
        label: model.label.label.clone(),
        fill: fill_key(fill).to_owned(),
        range: range_key(range),
        first,
        figure,
    }
}

/// Position, smallest and largest value at every point.
type Extent = Vec<(f64, f64, f64)>;

/// Smallest and largest value of the random curves at every point, and their mean.
fn spread(random: &[Points]) -> Option<(Extent, Points)> {
    let length = random.iter().map(Vec::len).min()?;
    let at = |index: usize| random.iter().map(move |curve| curve[index].1);
    let band = (0..length).map(|index| {
        let low = at(index).fold(f64::INFINITY, f64::min);
        let high = at(index).fold(f64::NEG_INFINITY, f64::max);
        (random[0][index].0, low, high)
    });
    let mean = (0..length).map(|index| {
        let mean = at(index).sum::<f64>() / random.len() as f64;
        (random[0][index].0, mean)
    });
    Some((band.collect(), mean.collect()))
}

/// The meaning of an area as text.
fn verdict(area: &AblationArea) -> &'static str {
    let Estimate { value, interval } = area.abs_rel;
    match interval {
        Some(interval) if contains_zero(interval) => "no clear difference",
        None if value == 0.0 => "no difference",
        _ if value > 0.0 => "more damage",
        _ => "less damage",
    }
}

fn area_table(all: &[(&Model<'_>, Ablated<'_>)]) -> Table {
    let columns = [
        "Layer",
        "Model",
        "Replaced by",
        "Order",
        "Compared with random order",
        "AbsRel",
        INTERVAL,
        "Exceeds random orders",
        "RMSE (m)",
        INTERVAL,
        "δ < 1.25",
        INTERVAL,
    ];
    let caption = "Mean difference between each ordered curve and the mean of the random ones, \
                   over the fraction of units removed. Intervals over images.";
    let mut table = Table::new("ablation_areas", caption, columns, 5);
    for (model, (_, layer)) in all {
        for area in &layer.areas {
            let above = area.abs_rel_by_seed.iter().filter(|area| **area > 0.0);
            let above = format!("{} of {}", above.count(), area.abs_rel_by_seed.len());
            let estimate = |estimate: Estimate| {
                let value = Cell::signed(estimate.value, DIGITS);
                [value, Cell::interval(estimate.interval, DIGITS)]
            };
            let mut row = vec![
                Cell::text(&layer.layer),
                Cell::text(&model.label.label),
                Cell::text(fill_key(area.fill)),
                Cell::text(order_words(area.order)),
                Cell::text(verdict(area)),
            ];
            row.extend(estimate(area.abs_rel));
            row.push(Cell::text(above));
            row.extend([area.rmse, area.delta_1].into_iter().flat_map(estimate));
            table.rows.push(row);
        }
    }
    table
}

/// Every point of every curve, for CSV alone.
pub(super) fn data_table(models: &Models<'_>) -> Option<Table> {
    let all = layers(models);
    all.first()?;
    let columns = [
        "model", "layer", "fill", "order", "removed", "from_m", "to_m", "abs_rel", "rmse_m",
        "delta_1",
    ];
    let caption = "Errors with units removed, over all depths (mean over images) and by depth \
                   range (pixels pooled).";
    let mut table = Table::new("ablation_curves", caption, columns, 0);
    for (model, (ablation, layer)) in all {
        for curve in &layer.curves {
            for point in &curve.points {
                for range in [None]
                    .into_iter()
                    .chain((0..ablation.ranges.len()).map(Some))
                {
                    let Some(errors) = errors(point, range) else {
                        continue;
                    };
                    let range = range.map(|range| &ablation.ranges[range]);
                    table.rows.push(vec![
                        Cell::text(model.label.key),
                        Cell::text(&layer.layer),
                        Cell::text(fill_key(curve.fill)),
                        Cell::text(order_words(curve.order)),
                        Cell::count(point.removed),
                        Cell::number(range.map(|range| range.from)),
                        Cell::number(range.map(|range| range.to)),
                        Cell::number(errors.abs_rel),
                        Cell::number(errors.rmse),
                        Cell::number(errors.delta_1),
                    ]);
                }
            }
        }
    }
    Some(table)
}
