//! Selectivity under other numbers and spacings of depth bins.

use mde_metrics::{BinKind, DiscretisationScore};
use mde_results::LayerDissection;

use super::model::{Model, Models};
use super::view::{BinSection, Figure};
use crate::charts::{Labels, LineChart, Series, XAxis, line_chart};
use crate::table::{Cell, Table};

const DIGITS: usize = 3;

/// `None` if no layer was scored under other bins.
pub(super) fn section(models: &Models<'_>) -> Option<BinSection> {
    let layers = models.by_layer(|model, name| {
        let layer = model.run.layer(name);
        layer.filter(|layer| !layer.discretisations.is_empty())
    });
    layers.first()?;
    let columns = [
        "Layer",
        "Model",
        "Spacing",
        "Bins",
        "Bins used",
        "Valid bins",
        "Reference",
        "Flat floor",
    ];
    let caption = "Mean selectivity under other bins, over the model’s own units with a value. The \
                   floor is the reference estimator’s score of a unit with the same response at \
                   all depths.";
    let mut table = Table::new("discretisations", caption, columns, 3);
    for (model, layer) in &layers {
        for score in &layer.discretisations {
            table.rows.push(vec![
                Cell::text(&layer.layer),
                Cell::text(&model.label.label),
                Cell::text(spacing(score.bins.kind())),
                Cell::count(score.bins.len()),
                Cell::count(score.bins_used),
                Cell::fixed(score.valid_bins, DIGITS),
                Cell::fixed(score.reference, DIGITS),
                Cell::fixed(score.flat_floor, DIGITS),
            ]);
        }
    }
    let figures = layers
        .iter()
        .map(|(model, layer)| figure(models, model, layer));
    Some(BinSection {
        figures: figures.collect(),
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

type Score = fn(&DiscretisationScore) -> Option<f64>;

fn figure(models: &Models<'_>, model: &Model<'_>, layer: &LayerDissection) -> Figure {
    let scores: [(&str, Score); 3] = [
        (model.label.class, |score| score.valid_bins),
        ("other", |score| score.reference),
        ("floor", |score| score.flat_floor),
    ];
    let mut series = Vec::new();
    for (class, value) in scores {
        for (kind, dash) in [(BinKind::Sid, ""), (BinKind::Uniform, " dash-1")] {
            let scores = layer.discretisations.iter();
            let mut points: Vec<(f64, f64)> = scores
                .filter(|score| score.bins.kind() == kind)
                .filter_map(|score| Some((score.bins.len() as f64, value(score)?)))
                .collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            if !points.is_empty() {
                let class = format!("{class}{dash}");
                series.push(Series { class, points });
            }
        }
    }
    let title = models.titled(&layer.layer, model);
    let alt = format!("Selectivity of {title} by number of bins. The table below has the numbers.");
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
    Figure::new(title, "", line_chart(&labels, &chart))
}
