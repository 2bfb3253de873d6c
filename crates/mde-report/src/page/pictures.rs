//! A few test images: photograph and ground truth beside each model's prediction and error.

use super::{ExampleColumn, ExampleSection, Model, Picture};
use crate::ReportError;
use crate::examples::Example;
use crate::format::fixed;
use crate::maps::{DEPTH, ERROR, Map, colour_bar, photograph};

const MAX_EXAMPLES: usize = 4;
const WIDEST: usize = 480;
/// Errors above this share of all errors of an image take the brightest colour, so that a few outliers do not darken the rest.
const BRIGHTEST: f64 = 0.98;

pub(super) fn examples(models: &[Model<'_>]) -> Result<Vec<ExampleSection>, ReportError> {
    models[0]
        .run
        .examples
        .iter()
        .filter_map(|first| matching(models, first))
        .take(MAX_EXAMPLES)
        .map(|examples| section(models, &examples))
        .collect()
}

/// The same image in every model, or `None` if a run lacks it or has it at another size.
fn matching<'run>(models: &[Model<'run>], first: &Example) -> Option<Vec<&'run Example>> {
    let same = |example: &&Example| {
        let (one, other) = (&example.image, &first.image);
        one.id == other.id && (one.height, one.width) == (other.height, other.width)
    };
    models
        .iter()
        .map(|model| model.run.examples.iter().find(same))
        .collect()
}

/// Measured depths; `None` in the holes.
pub(super) fn measured(gt: &[f32]) -> Vec<Option<f64>> {
    gt.iter()
        .map(|depth| (depth.is_finite() && *depth > 0.0).then(|| f64::from(*depth)))
        .collect()
}

/// From the nearest to the farthest measured depth.
pub(super) fn depth_range(gt: &[Option<f64>]) -> (f64, f64) {
    let depths = || gt.iter().flatten().copied();
    let (nearest, farthest) = (
        depths().fold(f64::INFINITY, f64::min),
        depths().fold(0.0, f64::max),
    );
    if nearest < farthest {
        (nearest, farthest)
    } else {
        (0.0, farthest.max(1.0))
    }
}

fn section(models: &[Model<'_>], examples: &[&Example]) -> Result<ExampleSection, ReportError> {
    let first = examples[0];
    let size = (first.image.height, first.image.width);
    let gt = measured(&first.gt);
    let range = depth_range(&gt);
    let errors: Vec<Vec<Option<f64>>> = examples
        .iter()
        .map(|example| {
            gt.iter()
                .zip(&example.pred)
                .map(|(gt, pred)| gt.map(|gt| (f64::from(*pred) - gt).abs()))
                .collect()
        })
        .collect();
    let error_range = (0.0, brightest(&errors));
    let map = |values: &[Option<f64>], gradient, range| {
        Map {
            values,
            height: size.0,
            width: size.1,
            widest: WIDEST,
        }
        .paint(gradient, range)
    };
    let picture = |caption: String, alt: String, uri: String| Picture { caption, alt, uri };

    let id = &first.image.id;
    let mut columns = vec![ExampleColumn {
        class: "input",
        pictures: [
            picture(
                "Image".to_owned(),
                format!("Photograph {id}"),
                photograph(&first.image.rgb, size, WIDEST)?,
            ),
            picture(
                "Ground truth".to_owned(),
                format!("Measured depth of {id}"),
                map(&gt, DEPTH, range)?,
            ),
        ],
    }];
    for ((model, example), errors) in models.iter().zip(examples).zip(&errors) {
        let (label, name) = (&model.label.label, &model.label.name);
        let pred: Vec<Option<f64>> = example
            .pred
            .iter()
            .map(|depth| Some(f64::from(*depth)))
            .collect();
        let scores = &model.run.evaluation.per_image;
        let score = scores
            .iter()
            .find(|image| image.id == *id)
            .map(|image| format!(", AbsRel {}", fixed(image.errors.abs_rel, 3)));
        columns.push(ExampleColumn {
            class: model.label.class,
            pictures: [
                picture(
                    format!("{label}: prediction"),
                    format!("Depth of {id} predicted by the {name} model"),
                    map(&pred, DEPTH, range)?,
                ),
                picture(
                    format!("{label}: error{}", score.unwrap_or_default()),
                    format!("Absolute error of the {name} model on {id}"),
                    map(errors, ERROR, error_range)?,
                ),
            ],
        });
    }
    Ok(ExampleSection {
        id: id.clone(),
        width: size.1,
        height: size.0,
        columns,
        depth_bar: colour_bar(DEPTH, range, "depth", "metres")?,
        error_bar: colour_bar(ERROR, error_range, "absolute error", "metres")?,
    })
}

/// One scale for all models, or their error maps could not be compared.
pub(super) fn brightest<'a>(errors: impl IntoIterator<Item = &'a Vec<Option<f64>>>) -> f64 {
    let mut all: Vec<f64> = errors
        .into_iter()
        .flatten()
        .flatten()
        .copied()
        .filter(|error| error.is_finite())
        .collect();
    all.sort_by(f64::total_cmp);
    let rank = (BRIGHTEST * all.len() as f64) as usize;
    all.get(rank.min(all.len().saturating_sub(1)))
        .copied()
        .filter(|error| *error > 0.0)
        .unwrap_or(1.0)
}
