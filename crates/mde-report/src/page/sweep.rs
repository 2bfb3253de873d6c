//! How selectivity depends on the number of depth bins and on their spacing.

use mde_metrics::BinKind;
use mde_metrics::results::{DiscretisationScore, LayerDissection};

use super::{Figure, Model, Sweep, layer_names};
use crate::charts::{Labels, LineChart, Series, XAxis, line_chart};
use crate::table::{Cell, Table};

const DIGITS: usize = 3;

/// `None` if no layer was scored under other bins.
pub(super) fn section(models: &[Model<'_>]) -> Option<Sweep> {
    let layers = || {
        layer_names(models).into_iter().flat_map(|name| {
            let of_layer = models
                .iter()
                .filter_map(move |model| Some((model, model.run.layer(name)?)));
            of_layer.filter(|(_, layer)| !layer.discretisations.is_empty())
        })
    };
    layers().next()?;
    let columns = [
        "Layer",
        "Model",
        "Spacing",
        "Bins",
        "Bins used",
        "Valid bins",
        "Reference",
        "Flat-unit floor",
    ];
    let mut table = Table::new(
        "discretisations",
        "Mean selectivity under other bins, from one fine tally; the floor is what a flat unit scores by the reference estimator.",
        &columns,
    );
    table.words = 3;
    for (model, layer) in layers() {
        for score in &layer.discretisations {
            table.rows.push(vec![
                Cell::text(&layer.layer),
                Cell::text(&model.label.label),
                Cell::text(spacing(score.bins.kind())),
                Cell::count(score.bins.len() as u64),
                Cell::count(score.bins_used as u64),
                Cell::fixed(score.valid_bins, DIGITS),
                Cell::fixed(score.reference, DIGITS),
                Cell::fixed(score.flat_floor, DIGITS),
            ]);
        }
    }
    Some(Sweep {
        figures: layers()
            .map(|(model, layer)| figure(models, model, layer))
            .collect(),
        table,
    })
}

fn spacing(kind: BinKind) -> &'static str {
    match kind {
        BinKind::Sid => "SID",
        BinKind::Uniform => "uniform",
        _ => "custom",
    }
}

fn figure(models: &[Model<'_>], model: &Model<'_>, layer: &LayerDissection) -> Figure {
    let class = model.label.class;
    let curve = |kind: BinKind, value: fn(&DiscretisationScore) -> Option<f64>| {
        let scores = layer.discretisations.iter();
        let mut points: Vec<(f64, f64)> = scores
            .filter(|score| score.bins.kind() == kind)
            .filter_map(|score| Some((score.bins.len() as f64, value(score)?)))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    };
    let curves = [
        (
            class.to_owned(),
            curve(BinKind::Sid, |score| score.valid_bins),
        ),
        (
            format!("{class} dash-1"),
            curve(BinKind::Uniform, |score| score.valid_bins),
        ),
        (
            "other".to_owned(),
            curve(BinKind::Sid, |score| score.reference),
        ),
        (
            "other dash-1".to_owned(),
            curve(BinKind::Uniform, |score| score.reference),
        ),
        (
            "floor".to_owned(),
            curve(BinKind::Sid, |score| score.flat_floor),
        ),
        (
            "floor dash-1".to_owned(),
            curve(BinKind::Uniform, |score| score.flat_floor),
        ),
    ];
    let series = curves
        .into_iter()
        .filter(|(_, points)| !points.is_empty())
        .map(|(class, points)| Series { class, points })
        .collect();
    let title = match models {
        [_] => layer.layer.clone(),
        _ => format!("{}, {}", layer.layer, model.label.name),
    };
    let alt =
        format!("Selectivity of {title} by number of bins; the numbers are in the table below");
    let labels = Labels {
        alt: &alt,
        x: "number of bins, K",
        y: "mean selectivity",
    };
    let chart = LineChart {
        x: XAxis::Doubling,
        from_zero: true,
        level: None,
        bands: Vec::new(),
        series,
    };
    Figure {
        title,
        caption: String::new(),
        svg: line_chart(&labels, &chart),
        legend: Vec::new(),
    }
}
