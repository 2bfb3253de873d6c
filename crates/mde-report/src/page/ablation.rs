//! Reliability by ablation: what the network loses without some of a layer's units.

use mde_metrics::KeyErrors;
use mde_metrics::results::{
    Ablation, AblationArea, AblationCurve, AblationPoint, Fill, LayerAblation, RemovalOrder,
};
use mde_metrics::statistics::Estimate;

use super::answer::open_sign;
use super::{AblationChart, AblationSection, Choice, Figure, Model};
use crate::charts::{Band, Labels, LineChart, Series, XAxis, line_chart};
use crate::format::metres;
use crate::table::{Cell, INTERVAL, Table};

const DIGITS: usize = 4;
/// What stands for all depths among the ranges.
const ALL: &str = "all";

fn fill_key(fill: Fill) -> &'static str {
    match fill {
        Fill::Zero => "zero",
        Fill::Mean => "mean",
        _ => "other",
    }
}

fn fill_words(fill: Fill) -> &'static str {
    match fill {
        Fill::Zero => "0 in its place",
        Fill::Mean => "its mean response in its place",
        _ => "another fill",
    }
}

fn order_words(order: RemovalOrder) -> String {
    match order {
        RemovalOrder::MostSelectiveFirst => "most selective first".to_owned(),
        RemovalOrder::LeastSelectiveFirst => "least selective first".to_owned(),
        RemovalOrder::Random { seed } => format!("random, seed {seed}"),
        _ => "another order".to_owned(),
    }
}

fn ablations<'a, 'run>(
    models: &'a [Model<'run>],
) -> impl Iterator<Item = (&'a Model<'run>, &'run Ablation)> + 'a {
    models
        .iter()
        .filter_map(|model| Some((model, model.run.ablation.as_ref()?)))
}

type Found<'a, 'run> = (&'a Model<'run>, &'run Ablation, &'run LayerAblation);

/// Each layer in every model that ablated it, layer by layer.
fn layers<'a, 'run>(models: &'a [Model<'run>]) -> Vec<Found<'a, 'run>> {
    let mut all = Vec::new();
    for name in super::layer_names(models) {
        for (model, ablation) in ablations(models) {
            let layer = ablation.layers.iter().find(|layer| layer.layer == name);
            all.extend(layer.map(|layer| (model, ablation, layer)));
        }
    }
    all
}

/// `None` if no model was ablated.
pub(super) fn section(models: &[Model<'_>]) -> Option<AblationSection> {
    let all = layers(models);
    let (_, first, _) = all.first()?;
    let mut fills: Vec<Fill> = Vec::new();
    let curves = all.iter().flat_map(|(_, _, layer)| &layer.curves);
    for curve in curves {
        if !fills.contains(&curve.fill) {
            fills.push(curve.fill);
        }
    }
    // Runs of a comparison are of the same data and protocol, so that their ranges are the same.
    let ranges: Vec<usize> = (0..first.ranges.len())
        .filter(|range| first.ranges[*range].pixels > 0)
        .collect();
    let mut charts = Vec::new();
    for (model, ablation, layer) in &all {
        for (index, fill) in fills.iter().enumerate() {
            charts.push(chart(model, ablation, layer, *fill, None, index == 0));
            for range in ranges
                .iter()
                .filter(|range| **range < ablation.ranges.len())
            {
                charts.push(chart(model, ablation, layer, *fill, Some(*range), false));
            }
        }
    }
    let choice = |value: &str, text: String| Choice {
        value: value.to_owned(),
        text,
    };
    Some(AblationSection {
        areas: area_table(&all),
        fills: fills
            .iter()
            .map(|fill| choice(fill_key(*fill), fill_words(*fill).to_owned()))
            .collect(),
        ranges: [choice(ALL, "all depths".to_owned())]
            .into_iter()
            .chain(ranges.iter().map(|range| {
                let range_of = &first.ranges[*range];
                let text = format!("{} – {} m", metres(range_of.from), metres(range_of.to));
                choice(&range.to_string(), text)
            }))
            .collect(),
        charts,
    })
}

fn of_range(point: &AblationPoint, range: Option<usize>) -> Option<KeyErrors> {
    match range {
        None => Some(point.errors),
        Some(range) => point.by_range[range],
    }
}

fn chart(
    model: &Model<'_>,
    ablation: &Ablation,
    layer: &LayerAblation,
    fill: Fill,
    range: Option<usize>,
    first: bool,
) -> AblationChart {
    let class = model.label.class;
    let points = |curve: &AblationCurve| -> Vec<(f64, f64)> {
        let points = curve.points.iter();
        points
            .filter_map(|point| {
                let share = point.removed as f64 / layer.units.max(1) as f64;
                Some((share, of_range(point, range)?.abs_rel))
            })
            .collect()
    };
    let curves = || layer.curves.iter().filter(|curve| curve.fill == fill);
    let ordered = |order: RemovalOrder| {
        let mut found = curves().filter(|curve| curve.order == order);
        found.next().map(points)
    };
    let random: Vec<Vec<(f64, f64)>> = curves()
        .filter(|curve| matches!(curve.order, RemovalOrder::Random { .. }))
        .map(points)
        .collect();
    let mut bands = Vec::new();
    let mut series = Vec::new();
    let mut legend = Vec::new();
    let mut add = |class: String, name: String, points: Option<Vec<(f64, f64)>>| {
        if let Some(points) = points.filter(|points| !points.is_empty()) {
            legend.push((class.clone(), name));
            series.push(Series { class, points });
        }
    };
    if let Some((spread, mean)) = spread(&random) {
        bands.push(Band {
            class: "random".to_owned(),
            points: spread,
        });
        let name = format!("random order: mean and range of {}", random.len());
        add("random".to_owned(), name, Some(mean));
    }
    add(
        format!("{class} dash-1"),
        "least selective first".to_owned(),
        ordered(RemovalOrder::LeastSelectiveFirst),
    );
    add(
        class.to_owned(),
        "most selective first".to_owned(),
        ordered(RemovalOrder::MostSelectiveFirst),
    );
    let at = range.map_or(String::new(), |range| {
        let range = &ablation.ranges[range];
        format!(
            ", true depth {} – {} m",
            metres(range.from),
            metres(range.to)
        )
    });
    let whole = curves()
        .filter_map(|curve| of_range(curve.points.first()?, range))
        .map(|errors| errors.abs_rel)
        .next();
    let alt = format!(
        "AbsRel of the {} model by share of the units of {} removed, {}{at}; the numbers are in ablation_curves.csv",
        model.label.name,
        layer.layer,
        fill_words(fill)
    );
    let labels = Labels {
        alt: &alt,
        x: "share of the units removed",
        y: "AbsRel",
    };
    let chart = LineChart {
        x: XAxis::Share,
        from_zero: false,
        level: whole,
        bands,
        series,
    };
    // What is drawn last, on top, is what is named first.
    legend.reverse();
    AblationChart {
        layer: layer.layer.clone(),
        class,
        label: model.label.label.clone(),
        fill: fill_key(fill).to_owned(),
        range: range.map_or(ALL.to_owned(), |range| range.to_string()),
        first,
        figure: Figure {
            title: layer.layer.clone(),
            caption: format!(
                "Removed unit: {}{at}. Dotted: all units in place.",
                fill_words(fill)
            ),
            svg: line_chart(&labels, &chart),
            legend,
        },
    }
}

type Points = Vec<(f64, f64)>;
type Spread = Vec<(f64, f64, f64)>;

/// Smallest and largest of the random curves at every point, and their mean.
fn spread(random: &[Points]) -> Option<(Spread, Points)> {
    let length = random.iter().map(Vec::len).min()?;
    let at = |index: usize| random.iter().map(move |curve| curve[index].1);
    let x = |index: usize| random[0][index].0;
    let range = (0..length).map(|index| {
        let low = at(index).fold(f64::INFINITY, f64::min);
        let high = at(index).fold(f64::NEG_INFINITY, f64::max);
        (x(index), low, high)
    });
    let mean = (0..length).map(|index| (x(index), at(index).sum::<f64>() / random.len() as f64));
    Some((range.collect(), mean.collect()))
}

/// What an area says, in words.
pub(super) fn verdict(area: &AblationArea) -> &'static str {
    let Estimate { value, interval } = area.abs_rel;
    match interval {
        Some(interval) if open_sign(interval) => "no clear difference",
        None if value == 0.0 => "no difference",
        _ if value > 0.0 => "costs more",
        _ => "costs less",
    }
}

fn area_table(all: &[Found<'_, '_>]) -> Table {
    let columns = [
        "Layer",
        "Model",
        "Filled with",
        "Order",
        "Against random orders",
        "AbsRel",
        INTERVAL,
        "Random orders exceeded",
        "RMSE (m)",
        INTERVAL,
        "δ < 1.25",
        INTERVAL,
    ];
    let mut table = Table::new(
        "ablation_areas",
        "How much higher each ordered curve lies than the mean of the random ones, on average over the share of units removed, with \
         intervals over images.",
        &columns,
    );
    table.words = 5;
    for (model, _, layer) in all {
        for area in &layer.areas {
            let above = area.abs_rel_by_seed.iter().filter(|area| **area > 0.0);
            let mut row = vec![
                Cell::text(&layer.layer),
                Cell::text(&model.label.label),
                Cell::text(fill_key(area.fill)),
                Cell::text(order_words(area.order)),
                Cell::text(verdict(area)),
                Cell::signed(area.abs_rel.value, DIGITS),
                Cell::interval(area.abs_rel.interval, DIGITS),
                Cell::text(format!(
                    "{} of {}",
                    above.count(),
                    area.abs_rel_by_seed.len()
                )),
            ];
            for estimate in [area.rmse, area.delta_1] {
                row.push(Cell::signed(estimate.value, DIGITS));
                row.push(Cell::interval(estimate.interval, DIGITS));
            }
            table.rows.push(row);
        }
    }
    table
}

/// Every point of every curve: CSV only.
pub(super) fn data_tables(models: &[Model<'_>]) -> Vec<Table> {
    let all = layers(models);
    if all.is_empty() {
        return Vec::new();
    }
    let columns = [
        "model", "layer", "fill", "order", "removed", "from_m", "to_m", "abs_rel", "rmse_m",
        "delta_1",
    ];
    let mut table = Table::new(
        "ablation_curves",
        "Errors with units removed, over all depths (mean over images) and by depth (pixels pooled).",
        &columns,
    );
    for (model, ablation, layer) in all {
        for curve in &layer.curves {
            for point in &curve.points {
                let ranges = ablation.ranges.iter().zip(&point.by_range);
                let by_range = ranges
                    .filter_map(|(range, errors)| Some((Some((range.from, range.to)), (*errors)?)));
                for (range, errors) in [(None, point.errors)].into_iter().chain(by_range) {
                    table.rows.push(vec![
                        Cell::text(model.label.key),
                        Cell::text(&layer.layer),
                        Cell::text(fill_key(curve.fill)),
                        Cell::text(order_words(curve.order)),
                        Cell::count(point.removed as u64),
                        Cell::number(range.map(|range| range.0)),
                        Cell::number(range.map(|range| range.1)),
                        Cell::number(errors.abs_rel),
                        Cell::number(errors.rmse),
                        Cell::number(errors.delta_1),
                    ]);
                }
            }
        }
    }
    vec![table]
}
