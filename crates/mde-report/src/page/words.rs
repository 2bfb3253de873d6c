//! The first screen: what was measured, its limits, and the main numbers.

use mde_metrics::statistics::Interval;
use mde_results::{
    AssignmentConfig, InitialPart, InitialWeights, RunComparison, RunResults, TrainingSummary,
};

use super::model::{Model, Models};
use super::view::{KeyNumber, KeyValue};
use crate::format::{between, counted, fixed, grouped, listed, metres, short_hash};

/// What was trained and measured, on which data.
pub(super) fn lede(models: &Models<'_>) -> String {
    let first = models.first().run;
    let evaluation = &first.evaluation;
    let evaluated = &evaluation.provenance;
    let subject = match &models[..] {
        [first, second] => trainings(first.run, second.run),
        _ => training(first),
    };
    let dissected = first.dissection.as_ref().map(|found| &found.provenance);
    let dissected = dissected
        .filter(|found| (&found.data, &found.split) != (&evaluated.data, &evaluated.split));
    let dissected =
        dissected.map(|found| format!(" Dissected on the {} {} split.", found.data, found.split));
    format!(
        "{subject}. Evaluated on {} of the {} {} split with protocol {}.{}",
        counted(evaluation.summary.images, "image"),
        evaluated.data,
        evaluated.split,
        evaluation.protocol.name,
        dissected.unwrap_or_default()
    )
}

fn training(run: &RunResults) -> String {
    match &run.config {
        Some(config) => {
            let how = match &config.assignment {
                Some(assignment) => with_assignment(assignment),
                None => "without an assignment".to_owned(),
            };
            format!("{}, {how}", trained(config, ""))
        }
        None if run.evaluation.provenance.is_stored() => format!(
            "{}, from predictions that another program stored",
            run.evaluation.provenance.model
        ),
        None => format!(
            "{} with weights that were not trained here (blake3 {}…)",
            run.evaluation.provenance.model,
            short_hash(&run.evaluation.provenance.checkpoint)
        ),
    }
}

fn trainings(first: &RunResults, second: &RunResults) -> String {
    match (&first.config, &second.config) {
        (Some(one), Some(other)) if one.model == other.model => {
            let twice = trained(one, " twice");
            match (&one.assignment, &other.assignment) {
                (None, Some(assignment)) => {
                    format!("{twice}: once plain, once {}", with_assignment(assignment))
                }
                _ => twice,
            }
        }
        _ => format!("{}, compared with {}", training(first), training(second)),
    }
}

fn trained(config: &TrainingSummary, twice: &str) -> String {
    format!(
        "{}{} was trained{twice} on {} of {} (seed {}, {}, batch size {})",
        config.model,
        config.init.as_ref().map(initialised).unwrap_or_default(),
        counted(config.data.images as u64, "image"),
        config.data.name,
        config.seed,
        counted(config.steps, "step"),
        config.batch_size,
    )
}

fn with_assignment(assignment: &AssignmentConfig) -> String {
    format!(
        "with a depth bin assigned to every unit of {} (α = {})",
        listed(&assignment.layers),
        assignment.alpha
    )
}

/// The initial weights, as an insertion after the network's name.
fn initialised(init: &InitialWeights) -> String {
    let file = init.file.file_name().unwrap_or(init.file.as_os_str());
    let file = file.to_string_lossy();
    match init.part {
        InitialPart::Encoder => format!(" (encoder initialised from {file})"),
        InitialPart::Network => format!(" (initialised from {file})"),
    }
}

fn initial_hash(config: &TrainingSummary) -> &str {
    config.init.as_ref().map_or("none", |init| &init.hash)
}

/// Predictions far from the ground truth, such as in another unit.
pub(super) fn warnings(models: &Models<'_>) -> Vec<String> {
    let warnings = models.iter().filter_map(|model| {
        let warning = model.run.evaluation.unit_warning.as_ref()?;
        Some(format!(
            "In the {} model, the median ratio of prediction to ground truth is {}, far from 1: {}. \
             Accuracy and selectivity mean little until this is resolved.",
            model.label.name,
            fixed(warning.median_ratio, 3),
            warning.likely
        ))
    });
    warnings.collect()
}

/// Limits of the numbers.
pub(super) fn caveats(models: &Models<'_>) -> Vec<String> {
    let mut caveats = Vec::new();
    caveats.extend(other_differences(models));
    for model in models.iter() {
        let (run, name) = (model.run, &model.label.name);
        if let (Some(last), Some(config)) = (run.training.last(), &run.config)
            && last.step < config.steps
        {
            caveats.push(format!(
                "The {name} model’s training log ends at step {} of {}.",
                grouped(last.step),
                grouped(config.steps)
            ));
        }
        let skipped = run.evaluation.images_without_valid_depth.len();
        if skipped > 0 {
            let images = counted(skipped as u64, "test image");
            caveats.push(format!(
                "The {name} model’s numbers leave out {images} without a valid depth."
            ));
        }
        caveats.extend(run.layers().iter().filter_map(|layer| {
            let trained = layer.trained_bins.as_ref()?;
            Some(format!(
                "{} of the {name} model was trained with {} depth bins and dissected with {} \
                 others, so it has no selectivity at the assigned bins.",
                layer.layer,
                trained.len(),
                layer.bins.len()
            ))
        }));
        for stage in &run.outdated {
            caveats.push(format!(
                "The {name} model was dissected again after `mde {stage}`. Run `{}` to update \
                 these results.",
                run.command(stage)
            ));
        }
    }
    caveats
}

/// Differences between two trainings besides the assignment.
fn other_differences(models: &Models<'_>) -> Option<String> {
    let [first, second] = &models[..] else {
        return None;
    };
    let configs = [first.run.config.as_ref()?, second.run.config.as_ref()?];
    type Fact = (&'static str, fn(&TrainingSummary) -> String);
    let facts: [Fact; 7] = [
        ("network", |config| config.model.clone()),
        ("seed", |config| config.seed.to_string()),
        ("steps", |config| config.steps.to_string()),
        ("batch size", |config| config.batch_size.to_string()),
        ("learning rate", |config| config.learning_rate.to_string()),
        ("hash of the initial weights", |config| {
            initial_hash(config).to_owned()
        }),
        ("hash of the training data", |config| {
            config.data.fingerprint.clone()
        }),
    ];
    let differing = facts.into_iter().filter_map(|(what, fact)| {
        let [one, other] = configs.map(fact);
        let names = [&first.label.name, &second.label.name];
        (one != other).then(|| format!("{what} ({one} {}, {other} {})", names[0], names[1]))
    });
    let differing: Vec<String> = differing.collect();
    (!differing.is_empty()).then(|| {
        format!(
            "The two training runs differ in more than the assignment: {}. Differences between \
             the models cannot be attributed to the assignment alone.",
            listed(&differing)
        )
    })
}

pub(super) fn key_numbers(
    models: &Models<'_>,
    comparison: Option<&RunComparison>,
) -> Vec<KeyNumber> {
    let abs_rel = key_number(
        models,
        "AbsRel",
        "mean over images, lower is better".to_owned(),
        4,
        |model| {
            let abs_rel = model.run.evaluation.summary.mean.abs_rel;
            (Some(abs_rel), model.interval("abs_rel"))
        },
    );
    let baseline = models.baseline();
    let baseline = baseline.filter(|baseline| baseline.summary.mean.abs_rel > 0.0);
    let relative = baseline.map(|baseline| {
        let constant = baseline.summary.mean.abs_rel;
        let remark = format!(
            "ratio; the baseline predicts {} m everywhere (AbsRel {}), 1 is equal to it",
            metres(baseline.depth),
            fixed(constant, 4)
        );
        key_number(models, "AbsRel / constant baseline", remark, 2, |model| {
            let abs_rel = model.run.evaluation.summary.mean.abs_rel;
            (Some(abs_rel / constant), None)
        })
    });
    let delta = key_number(
        models,
        "δ < 1.25",
        "fraction of pixels within 25 %, higher is better".to_owned(),
        3,
        |model| {
            let delta = model.run.evaluation.summary.mean.delta_1;
            (Some(delta), model.interval("delta_1"))
        },
    );
    let numbers = [selectivity(models, comparison), Some(abs_rel), relative];
    let numbers = numbers.into_iter().chain([Some(delta)]);
    numbers.flatten().collect()
}

type Number = (Option<f64>, Option<Interval>);

fn key_number(
    models: &Models<'_>,
    label: &'static str,
    remark: String,
    digits: usize,
    value: impl Fn(&Model<'_>) -> Number,
) -> KeyNumber {
    let values = models.iter().map(|model| {
        let (value, interval) = value(model);
        KeyValue {
            class: model.label.class,
            label: model.label.label.clone(),
            text: fixed(value, digits),
            interval: interval.map_or(String::new(), |ends| between(ends, digits)),
        }
    });
    KeyNumber {
        label,
        values: values.collect(),
        remark,
    }
}

/// Mean selectivity over layers: in a comparison the same ones for both models. `None` without a
/// dissection.
fn selectivity(models: &Models<'_>, comparison: Option<&RunComparison>) -> Option<KeyNumber> {
    let names: Vec<String> = match comparison {
        Some(comparison) => {
            let layers = comparison.layers.iter().filter(|layer| layer.counted);
            layers.map(|layer| layer.layer.clone()).collect()
        }
        None => {
            let layers = models.first().counted_layers().into_iter();
            layers.map(|layer| layer.layer.clone()).collect()
        }
    };
    if names.is_empty() {
        return None;
    }
    let remark = format!(
        "valid-bins estimator, mean over the units of {}",
        listed(&names)
    );
    let number = key_number(models, "Depth selectivity", remark, 3, |model| {
        let layers = names.iter().map(|name| model.run.layer(name));
        let layers: Vec<_> = layers.collect();
        let means = layers.iter().map(|layer| (*layer)?.valid_bins.mean);
        let means: Option<Vec<f64>> = means.collect();
        let mean = means.map(|means| means.iter().sum::<f64>() / means.len() as f64);
        let interval = match layers[..] {
            [Some(layer)] if comparison.is_none() => layer.valid_bins.interval,
            _ => None,
        };
        (mean, interval)
    });
    Some(number)
}
