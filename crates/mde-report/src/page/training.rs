//! Training curves from `metrics.jsonl`.

use super::{Figure, Model};
use crate::charts::{Labels, LineChart, Series, XAxis, line_chart};
use crate::config::TrainStep;
use crate::format::listed;

/// Points a curve is thinned to; each is the mean over a window of steps.
const POINTS: usize = 200;

pub(super) fn figures(models: &[Model<'_>]) -> Vec<Figure> {
    let mut figures = Vec::new();
    let losses: Vec<Series> = models
        .iter()
        .filter(|model| !model.run.training.is_empty())
        .map(|model| Series {
            class: model.label.class.to_owned(),
            points: curve(&model.run.training, |step| Some(step.base)),
        })
        .collect();
    if !losses.is_empty() {
        let labels = Labels {
            alt: "Depth loss by training step",
            x: "training step",
            y: "depth loss",
        };
        figures.push(Figure {
            title: "Depth loss".to_owned(),
            caption: "The loss of the depth map alone, without the selectivity term.".to_owned(),
            svg: line_chart(&labels, &chart(losses, false)),
            legend: Vec::new(),
        });
    }
    for model in models {
        let layers = model.run.assigned_layers();
        // One hue for the model; dashes tell its layers apart.
        let classes: Vec<String> = (0..layers.len())
            .map(|index| format!("{} dash-{}", model.label.class, index % 4))
            .collect();
        let series: Vec<Series> = layers
            .iter()
            .zip(classes)
            .map(|(layer, class)| Series {
                class,
                points: curve(&model.run.training, |step| {
                    step.selectivity.get(layer).copied()
                }),
            })
            .filter(|series| !series.points.is_empty())
            .collect();
        if series.is_empty() {
            continue;
        }
        let strokes = ["solid", "dashed", "dotted", "dash-dotted"];
        let named: Vec<String> = layers
            .iter()
            .enumerate()
            .map(|(index, layer)| format!("{layer} {}", strokes[index % 4]))
            .collect();
        let labels = Labels {
            alt: "Assigned selectivity by training step",
            x: "training step",
            y: "selectivity at the assigned bin",
        };
        figures.push(Figure {
            title: "Assigned selectivity".to_owned(),
            caption: format!("Within each training batch: {}.", listed(&named)),
            svg: line_chart(&labels, &chart(series, true)),
            legend: Vec::new(),
        });
    }
    figures
}

fn chart(series: Vec<Series>, from_zero: bool) -> LineChart {
    LineChart {
        x: XAxis::FromZero,
        from_zero,
        level: None,
        bands: Vec::new(),
        series,
    }
}

/// Window means of the finite values, at most [`POINTS`] of them.
fn curve(steps: &[TrainStep], value: impl Fn(&TrainStep) -> Option<f64>) -> Vec<(f64, f64)> {
    let points: Vec<(f64, f64)> = steps
        .iter()
        .filter_map(|step| {
            Some((
                step.step as f64,
                value(step).filter(|value| value.is_finite())?,
            ))
        })
        .collect();
    let mean = |window: &[(f64, f64)], part: fn(&(f64, f64)) -> f64| {
        window.iter().map(part).sum::<f64>() / window.len() as f64
    };
    points
        .chunks(points.len().div_ceil(POINTS).max(1))
        .map(|window| (mean(window, |point| point.0), mean(window, |point| point.1)))
        .collect()
}
