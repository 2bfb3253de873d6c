//! A few test images: image and ground truth next to each model's prediction and error.

use mde_results::Example;

use super::model::Models;
use super::view::{ExampleColumn, ExampleSection, Picture};
use crate::error::ReportError;
use crate::format::fixed;
use crate::maps::{Canvas, DEPTH, ERROR, colour_bar};

const MAX_EXAMPLES: usize = 4;
const WIDEST: usize = 480;
/// Errors above this quantile take the brightest colour, so that a few outliers do not darken the
/// rest.
const BRIGHTEST: f64 = 0.98;

/// A map with `None` where a value is missing.
pub(super) type Values = Vec<Option<f64>>;

pub(super) fn examples(models: &Models<'_>) -> Result<Vec<ExampleSection>, ReportError> {
    let kept = models.iter().map(|model| Ok(model.run.examples()?));
    let kept: Vec<Vec<Example>> = kept.collect::<Result<_, ReportError>>()?;
    kept[0]
        .iter()
        .filter_map(|first| matching(&kept, first))
        .take(MAX_EXAMPLES)
        .map(|examples| section(models, &examples))
        .collect()
}

/// The same image in every model; `None` if a run lacks it or has it at another size.
fn matching<'a>(kept: &'a [Vec<Example>], first: &Example) -> Option<Vec<&'a Example>> {
    let same = |example: &&Example| {
        let (one, other) = (&example.image, &first.image);
        one.id == other.id && (one.height, one.width) == (other.height, other.width)
    };
    kept.iter()
        .map(|examples| examples.iter().find(same))
        .collect()
}

/// Depths of a prediction.
pub(super) fn predicted(depths: &[f32]) -> Values {
    let depths = depths.iter().copied().map(f64::from);
    depths.map(Some).collect()
}

/// Depths of a ground truth; `None` where none was measured.
pub(super) fn measured(gt: &[f32]) -> Values {
    let valid = |depth: &f32| depth.is_finite() && *depth > 0.0;
    let depths = gt.iter().copied();
    depths
        .map(|depth| valid(&depth).then(|| f64::from(depth)))
        .collect()
}

/// |prediction - ground truth| at the measured pixels.
pub(super) fn absolute_errors(gt: &Values, pred: &[f32]) -> Values {
    let pairs = gt.iter().zip(pred);
    let errors = pairs.map(|(gt, pred)| gt.map(|gt| (f64::from(*pred) - gt).abs()));
    errors.collect()
}

/// From the nearest to the farthest measured depth.
pub(super) fn depth_range(gt: &Values) -> (f64, f64) {
    let depths = || gt.iter().flatten().copied();
    let nearest = depths().fold(f64::INFINITY, f64::min);
    let farthest = depths().fold(0.0, f64::max);
    match nearest < farthest {
        true => (nearest, farthest),
        false => (0.0, farthest.max(1.0)),
    }
}

fn section(models: &Models<'_>, examples: &[&Example]) -> Result<ExampleSection, ReportError> {
    let first = examples[0];
    let canvas = Canvas {
        size: (first.image.height, first.image.width),
        widest: WIDEST,
    };
    let id = &first.image.id;
    let gt = measured(&first.gt);
    let range = depth_range(&gt);
    let errors = examples
        .iter()
        .map(|example| absolute_errors(&gt, &example.pred));
    let errors: Vec<Values> = errors.collect();
    let error_range = (0.0, brightest(&errors));
    let mut columns = vec![ExampleColumn {
        class: "input",
        pictures: [
            Picture::new(
                "Image",
                format!("Image {id}"),
                canvas.photograph(&first.image.rgb)?,
            ),
            Picture::new(
                "Ground truth",
                format!("Measured depth of {id}"),
                canvas.map(&gt, DEPTH, range)?,
            ),
        ],
    }];
    for ((model, example), errors) in models.iter().zip(examples).zip(&errors) {
        let (label, name) = (&model.label.label, &model.label.name);
        let mut scores = model.run.evaluation.per_image.iter();
        let score = scores.find(|image| image.id == *id);
        let score = score.map(|image| format!(", AbsRel {}", fixed(image.errors.abs_rel, 3)));
        columns.push(ExampleColumn {
            class: model.label.class,
            pictures: [
                Picture::new(
                    format!("{label}: prediction"),
                    format!("Depth of {id} predicted by the {name} model"),
                    canvas.map(&predicted(&example.pred), DEPTH, range)?,
                ),
                Picture::new(
                    format!("{label}: error{}", score.unwrap_or_default()),
                    format!("Absolute error of the {name} model on {id}"),
                    canvas.map(errors, ERROR, error_range)?,
                ),
            ],
        });
    }
    Ok(ExampleSection {
        id: id.clone(),
        width: first.image.width,
        height: first.image.height,
        columns,
        depth_bar: colour_bar(DEPTH, range, "depth", "metres")?,
        error_bar: colour_bar(ERROR, error_range, "absolute error", "metres")?,
    })
}

/// The upper end of a colour scale that several error maps share.
pub(super) fn brightest<'a>(errors: impl IntoIterator<Item = &'a Values>) -> f64 {
    let errors = errors.into_iter().flatten().flatten().copied();
    let mut all: Vec<f64> = errors.filter(|error| error.is_finite()).collect();
    all.sort_by(f64::total_cmp);
    let rank = (BRIGHTEST * all.len() as f64) as usize;
    let found = all.get(rank.min(all.len().saturating_sub(1))).copied();
    found.filter(|error| *error > 0.0).unwrap_or(1.0)
}
