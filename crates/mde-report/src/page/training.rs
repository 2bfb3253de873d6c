//! Training curves from `metrics.jsonl`.

use mde_results::StepRecord;

use super::model::Models;
use super::view::Figure;
use crate::charts::{Labels, LineChart, Series, XAxis, line_chart};
use crate::format::listed;

/// Maximum number of points of a curve; each is the mean over a window of steps.
const POINTS: usize = 200;
/// Names of the strokes "dash-0" to "dash-3".
const STROKES: [&str; 4] = ["solid", "dashed", "dotted", "dash-dotted"];

pub(super) fn figures(models: &Models<'_>) -> Vec<Figure> {
    let losses = models.iter().map(|model| Series {
        class: model.label.class.to_owned(),
        points: curve(&model.run.training, |step| Some(step.base)),
    });
    let labels = Labels {
        alt: "Depth loss by training step",
        x: "training step",
        y: "depth loss",
    };
    let caption = "Without the selectivity term.".to_owned();
    let mut figures: Vec<Figure> = figure("Depth loss", caption, &labels, false, losses.collect())
        .into_iter()
        .collect();
    for model in models.iter() {
        // One hue for the model; strokes tell its layers apart.
        let layers = model.run.assigned_layers().iter().enumerate();
        let series = layers.clone().map(|(index, layer)| Series {
            class: format!("{} dash-{}", model.label.class, index % STROKES.len()),
            points: curve(&model.run.training, |step| {
                step.selectivity.get(layer).copied()
            }),
        });
        let series = series.collect();
        let names =
            layers.map(|(index, layer)| format!("{layer} {}", STROKES[index % STROKES.len()]));
        let names: Vec<String> = names.collect();
        let caption = format!("Within each training batch: {}.", listed(&names));
        let labels = Labels {
            alt: "Assigned selectivity by training step",
            x: "training step",
            y: "selectivity at the assigned bin",
        };
        figures.extend(figure(
            "Assigned selectivity",
            caption,
            &labels,
            true,
            series,
        ));
    }
    figures
}

/// `None` if no series has a point.
fn figure(
    title: &str,
    caption: String,
    labels: &Labels<'_>,
    from_zero: bool,
    mut series: Vec<Series>,
) -> Option<Figure> {
    series.retain(|series| !series.points.is_empty());
    if series.is_empty() {
        return None;
    }
    let chart = LineChart {
        x: XAxis::FromZero,
        from_zero,
        level: None,
        bands: Vec::new(),
        series,
    };
    Some(Figure::new(title, caption, line_chart(labels, &chart)))
}

/// Means of the finite values over at most [`POINTS`] windows of steps.
fn curve(steps: &[StepRecord], value: impl Fn(&StepRecord) -> Option<f64>) -> Vec<(f64, f64)> {
    let points = steps.iter().filter_map(|step| {
        let value = value(step).filter(|value| value.is_finite())?;
        Some((step.step as f64, value))
    });
    let points: Vec<(f64, f64)> = points.collect();
    let mean = |window: &[(f64, f64)], part: fn(&(f64, f64)) -> f64| {
        window.iter().map(part).sum::<f64>() / window.len() as f64
    };
    points
        .chunks(points.len().div_ceil(POINTS).max(1))
        .map(|window| (mean(window, |point| point.0), mean(window, |point| point.1)))
        .collect()
}
