//! The first screen in words and numbers, and the terms.

use mde_metrics::Estimator;

use super::{KeyNumber, KeyValue, Model, Term, accuracy};
use crate::compare::Comparison;
use crate::format::{fixed, grouped, listed, metres};
use crate::run::{InitialWeights, RunConfig, RunFolder};

/// What was run on what.
pub(super) fn lede(models: &[Model<'_>]) -> String {
    let first = models[0].run;
    let RunConfig {
        model,
        data,
        seed,
        steps,
        batch,
        ..
    } = &first.config;
    let training = match models
        .last()
        .and_then(|last| last.run.config.assignment.as_ref())
    {
        None => "with its ordinary loss".to_owned(),
        Some(assignment) => {
            let ranges = format!(
                "with a depth range assigned to every unit of {} (α = {})",
                listed(&assignment.layers),
                assignment.alpha
            );
            if models.len() == 2 {
                format!("once plain and once {ranges}")
            } else {
                ranges
            }
        }
    };
    let begun = first.config.init.as_ref().map(begun).unwrap_or_default();
    let twice = if models.len() == 2 { " twice" } else { "" };
    let evaluation = &first.evaluation;
    let of_test = if (&evaluation.provenance.data, &evaluation.provenance.split)
        == (
            &first.dissection.provenance.data,
            &first.dissection.provenance.split,
        ) {
        String::new()
    } else {
        format!(
            ", dissected on the {} split of {}",
            first.dissection.provenance.split, first.dissection.provenance.data
        )
    };
    format!(
        "{model}{begun} was trained{twice} on {} images of {} (seed {seed}, {} steps of {batch} images), {training}; evaluated on {} \
         images of its {} split under the protocol {}{of_test}.",
        grouped(data.images),
        data.name,
        grouped(*steps),
        grouped(evaluation.summary.images),
        evaluation.provenance.split,
        evaluation.protocol.name,
    )
}

/// Where training began, as an insertion after the network's name.
fn begun(init: &InitialWeights) -> String {
    let file = init.file.file_name().unwrap_or(init.file.as_os_str());
    let file = file.to_string_lossy();
    match init.part.as_str() {
        "encoder" => format!(" (its encoder begun with the weights {file})"),
        _ => format!(" (begun with the weights {file})"),
    }
}

/// The headline of a run that stands alone.
pub(super) fn alone(run: &RunFolder) -> String {
    let evaluation = &run.evaluation;
    let abs_rel = evaluation.summary.mean.abs_rel;
    let against = evaluation
        .constant_baseline
        .as_ref()
        .filter(|baseline| baseline.summary.mean.abs_rel > 0.0);
    let against = against.map(|baseline| {
        let constant = baseline.summary.mean.abs_rel;
        format!(
            ", {} times that of always answering the training mean depth ({})",
            fixed(abs_rel / constant, 2),
            fixed(constant, 4)
        )
    });
    let (names, selectivity) = layer_mean(run);
    let selectivity = match selectivity {
        Some(mean) => format!(
            "the mean selectivity of {} is {}",
            listed(&names),
            fixed(mean, 3)
        ),
        None => {
            "selectivity could not be computed (too few depth bins hold enough pixels)".to_owned()
        }
    };
    format!(
        "AbsRel is {}{}; {selectivity}.",
        fixed(abs_rel, 4),
        against.unwrap_or_default()
    )
}

/// The layers that count, assigned ones or else all, and the mean of their valid-bins means.
fn layer_mean(run: &RunFolder) -> (Vec<String>, Option<f64>) {
    let counts =
        |name: &String| run.assigned_layers().is_empty() || run.assigned_layers().contains(name);
    let layers = || {
        run.dissection
            .layers
            .iter()
            .filter(|layer| counts(&layer.layer))
    };
    let names: Vec<String> = layers().map(|layer| layer.layer.clone()).collect();
    let means: Option<Vec<f64>> = layers().map(|layer| layer.valid_bins.mean).collect();
    let mean = means
        .filter(|means| !means.is_empty())
        .map(|means| means.iter().sum::<f64>() / means.len() as f64);
    (names, mean)
}

fn initial_hash(config: &RunConfig) -> &str {
    config.init.as_ref().map_or("none", |init| &init.hash)
}

/// What a reader has to know before relying on the numbers.
pub(super) fn caveats(models: &[Model<'_>]) -> Vec<String> {
    let mut caveats = Vec::new();
    if let [plain, assigned] = models {
        let (p, a) = (&plain.run.config, &assigned.run.config);
        let facts = [
            ("network", p.model.clone(), a.model.clone()),
            ("seed", p.seed.to_string(), a.seed.to_string()),
            ("steps", p.steps.to_string(), a.steps.to_string()),
            ("batch", p.batch.to_string(), a.batch.to_string()),
            (
                "learning rate",
                p.learning_rate.to_string(),
                a.learning_rate.to_string(),
            ),
            (
                "hash of the initial weights",
                initial_hash(p).to_owned(),
                initial_hash(a).to_owned(),
            ),
            (
                "hash of the training data",
                p.data.fingerprint.clone(),
                a.data.fingerprint.clone(),
            ),
        ];
        let differing: Vec<String> = facts
            .into_iter()
            .filter(|(_, plain, assigned)| plain != assigned)
            .map(|(what, plain, assigned)| format!("{what} ({plain} plain, {assigned} assigned)"))
            .collect();
        if !differing.is_empty() {
            caveats.push(format!(
                "The two trainings differ in more than the assignment: {}. The change cannot be put down to the assignment alone.",
                listed(&differing)
            ));
        }
    }
    for model in models {
        let (run, class) = (model.run, model.label.class);
        if let Some(last) = run
            .training
            .last()
            .filter(|last| last.step < run.config.steps)
        {
            caveats.push(format!(
                "The {class} model's training log ends at step {} of {}.",
                grouped(last.step),
                grouped(run.config.steps)
            ));
        }
        let skipped = run.evaluation.skipped.len();
        if skipped > 0 {
            caveats.push(format!("{skipped} test images hold no valid depth and are not in the {class} model's numbers."));
        }
    }
    caveats
}

pub(super) fn key_numbers(models: &[Model<'_>], comparison: Option<&Comparison>) -> Vec<KeyNumber> {
    let values =
        |value: &dyn Fn(&Model<'_>, usize) -> Option<f64>, digits: usize| -> Vec<KeyValue> {
            let texts = models
                .iter()
                .enumerate()
                .map(|(index, model)| fixed(value(model, index), digits));
            let labels = models.iter().map(|model| model.label);
            labels
                .zip(texts)
                .map(|(label, text)| KeyValue {
                    class: label.class,
                    label: label.label,
                    text,
                })
                .collect()
        };
    // In a comparison both models are scored on the assigned layers.
    let selectivity = |model: &Model<'_>, index: usize| match comparison {
        Some(comparison) => comparison
            .selectivity
            .map(|change| [change.plain, change.assigned][index]),
        None => layer_mean(model.run).1,
    };
    let names = match comparison {
        Some(comparison) => comparison
            .layers
            .iter()
            .map(|layer| layer.layer.clone())
            .collect(),
        None => layer_mean(models[0].run).0,
    };
    let mut numbers = vec![
        KeyNumber {
            label: "Depth selectivity",
            values: values(&selectivity, 3),
            remark: format!("valid bins, mean over the units of {}", listed(&names)),
        },
        KeyNumber {
            label: "AbsRel",
            values: values(
                &|model, _| Some(model.run.evaluation.summary.mean.abs_rel),
                4,
            ),
            remark: "mean over images, lower is better".to_owned(),
        },
    ];
    if let Some(baseline) =
        accuracy::baseline(models).filter(|baseline| baseline.summary.mean.abs_rel > 0.0)
    {
        let constant = baseline.summary.mean.abs_rel;
        numbers.push(KeyNumber {
            label: "AbsRel against a constant",
            values: values(
                &|model, _| Some(model.run.evaluation.summary.mean.abs_rel / constant),
                2,
            ),
            remark: format!(
                "divided by that of answering {} m everywhere ({}); 1 is no better",
                metres(baseline.depth),
                fixed(constant, 4)
            ),
        });
    }
    numbers.push(KeyNumber {
        label: "δ < 1.25",
        values: values(
            &|model, _| Some(model.run.evaluation.summary.mean.delta_1),
            3,
        ),
        remark: "share of pixels within 25 %, higher is better".to_owned(),
    });
    numbers
}

pub(super) fn terms(models: &[Model<'_>]) -> Vec<Term> {
    let layer = models
        .iter()
        .find_map(|model| model.run.dissection.layers.first());
    let min_pixels = layer.and_then(|layer| match layer.valid_bins.estimator {
        Estimator::ValidBins { min_pixels } => Some(min_pixels),
        _ => None,
    });
    let enough = min_pixels.map_or("enough".to_owned(), |pixels| format!("at least {pixels}"));
    [
        ("Unit, layer", "A unit is one channel of a layer’s feature map. Layers bear the names the network gives them."),
        (
            "Depth bin",
            "A range of true depth. Spacing-increasing bins (SID) are narrow near the camera and wide far from it, as depth errors are.",
        ),
        (
            "Mean response, tuning curve",
            "The mean of a unit’s activation over all pixels of all images whose true depth lies in a bin, the feature map \
             resized to the depth map. Drawn over all bins it is the unit’s tuning curve.",
        ),
        (
            "Preferred bin",
            "The bin where the size of a unit’s mean response is largest. A dot marks it on the tuning curve.",
        ),
        (
            "Depth selectivity",
            "(|R*| − r) / (|R*| + r) with R* the mean response at the preferred bin and r the mean of |R| over the other bins: \
             0 for a unit that answers to all depths alike, 1 for a unit that answers to one bin only.",
        ),
        (
            "Valid-bins estimator",
            &format!(
                "Leaves out pixels without a depth or beyond the last edge, and bins that hold fewer pixels than needed \
                 ({enough}). Every claim of this report rests on it."
            ),
        ),
        (
            "Reference estimator",
            "Computes selectivity as the paper’s code does, for comparison with published numbers: depths beyond the last edge \
             count in the first bin and empty bins as response 0, so that empty bins alone raise the score.",
        ),
        (
            "Assigned range",
            "In the assigned model, unit k of N owns depth bin floor(k K / N) of K, and the loss rewards selectivity there. \
             Shaded on the tuning curve; “at the assigned bin” scores each unit at the bin it owns.",
        ),
        (
            "AbsRel, SqRel, log10",
            "Means of |p − d| / d, of (p − d)² / d and of |log10 p − log10 d| over the valid pixels of an image, p predicted and d \
             true depth; then the mean over images.",
        ),
        (
            "RMSE",
            "Root of the mean squared error in metres (RMSE log: of the logarithms). The mean over images averages the images’ \
             roots; pooled takes one root over the pixels of all images. Papers use both, so both are here.",
        ),
        ("SILog", "The scale-invariant error of the logarithms: what is left of RMSE log when an image’s overall scale is forgiven."),
        ("δ < t", "Share of the pixels with max(p / d, d / p) < t. Higher is better."),
    ]
    .into_iter()
    .map(|(term, meaning)| Term { term, meaning: meaning.to_owned() })
    .collect()
}
