//! The first screen in words and numbers.

use mde_metrics::results::LayerDissection;
use mde_metrics::statistics::Interval;

use super::accuracy::{baseline, over_images};
use super::{KeyNumber, KeyValue, Missing, Model};
use crate::compare::Comparison;
use crate::config::{AssignmentConfig, InitialWeights, RunConfig};
use crate::format::{between, fixed, grouped, listed, metres, short_hash};
use crate::run::RunFolder;

/// What was run on what.
pub(super) fn lede(models: &[Model<'_>]) -> String {
    let first = models[0].run;
    let (evaluation, dissected) = (&first.evaluation, &first.dissection.provenance);
    let evaluated = &evaluation.provenance;
    let of_test = if (&evaluated.data, &evaluated.split) == (&dissected.data, &dissected.split) {
        String::new()
    } else {
        format!(
            ", dissected on the {} split of {}",
            dissected.split, dissected.data
        )
    };
    let subject = match models {
        [one] => training(one.run),
        [plain, assigned] => trainings(plain.run, assigned.run),
        _ => String::new(),
    };
    let data = match &first.config {
        Some(config) if config.data.name == evaluated.data => "its".to_owned(),
        _ => format!("{}’s", evaluated.data),
    };
    format!(
        "{subject}; evaluated on {} images of {data} {} split under the protocol {}{of_test}.",
        grouped(evaluation.summary.images),
        evaluated.split,
        evaluation.protocol.name,
    )
}

fn training(run: &RunFolder) -> String {
    match &run.config {
        Some(config) => {
            let how = match &config.assignment {
                Some(assignment) => ranges(assignment),
                None => "with its ordinary loss".to_owned(),
            };
            format!("{}, {how}", trained(config, ""))
        }
        None => format!(
            "{} with weights that were not trained here (blake3 {}…)",
            run.evaluation.provenance.model,
            short_hash(&run.evaluation.provenance.checkpoint)
        ),
    }
}

fn trainings(plain: &RunFolder, assigned: &RunFolder) -> String {
    match (&plain.config, &assigned.config) {
        (Some(first), Some(second)) if first.model == second.model => {
            match (&first.assignment, &second.assignment) {
                (None, Some(assignment)) => format!(
                    "{}, once plain and once {}",
                    trained(first, " twice"),
                    ranges(assignment)
                ),
                _ => trained(first, " twice"),
            }
        }
        _ => format!("{}, against {}", training(plain), training(assigned)),
    }
}

fn trained(config: &RunConfig, twice: &str) -> String {
    format!(
        "{}{} was trained{twice} on {} images of {} (seed {}, {} steps of {} images)",
        config.model,
        config.init.as_ref().map(begun).unwrap_or_default(),
        grouped(config.data.images),
        config.data.name,
        config.seed,
        grouped(config.steps),
        config.batch,
    )
}

fn ranges(assignment: &AssignmentConfig) -> String {
    format!(
        "with a depth range assigned to every unit of {} (α = {})",
        listed(&assignment.layers),
        assignment.alpha
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

/// The layers that count: assigned ones, or else all.
pub(super) fn counted_layers(run: &RunFolder) -> Vec<&LayerDissection> {
    let counts =
        |name: &String| run.assigned_layers().is_empty() || run.assigned_layers().contains(name);
    let layers = run.dissection.layers.iter();
    layers.filter(|layer| counts(&layer.layer)).collect()
}

/// The mean of their valid-bins means.
fn layer_mean(run: &RunFolder) -> Option<f64> {
    let layers = counted_layers(run);
    let means: Option<Vec<f64>> = layers.iter().map(|layer| layer.valid_bins.mean).collect();
    means
        .filter(|means| !means.is_empty())
        .map(|means| means.iter().sum::<f64>() / means.len() as f64)
}

fn initial_hash(config: &RunConfig) -> &str {
    config.init.as_ref().map_or("none", |init| &init.hash)
}

/// What a reader has to know before relying on the numbers.
pub(super) fn caveats(models: &[Model<'_>]) -> Vec<String> {
    let mut caveats = Vec::new();
    if let [plain, assigned] = models
        && let (Some(p), Some(a)) = (&plain.run.config, &assigned.run.config)
    {
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
            .map(|(what, first, second)| {
                let names = [&plain.label.name, &assigned.label.name];
                format!("{what} ({first} {}, {second} {})", names[0], names[1])
            })
            .collect();
        if !differing.is_empty() {
            caveats.push(format!(
                "The two trainings differ in more than the assignment: {}. A change cannot be put down to the assignment alone.",
                listed(&differing)
            ));
        }
    }
    for model in models {
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
        let skipped = run.evaluation.skipped.len();
        if skipped > 0 {
            caveats.push(format!("{skipped} test images hold no valid depth and are not in the {name} model’s numbers."));
        }
        for stage in &run.outdated {
            caveats.push(format!(
                "The {name} model was dissected again after `mde {stage}`: `{}` brings that up to date.",
                run.command(stage)
            ));
        }
    }
    caveats
}

/// What was not measured of these layers of a model, by the command that adds it.
pub(super) fn missing<'a>(
    model: &Model<'_>,
    layers: impl Iterator<Item = &'a LayerDissection> + Clone,
) -> Vec<Missing> {
    let run = model.run;
    let lacking = |lacks: &dyn Fn(&LayerDissection) -> bool| layers.clone().any(lacks);
    let lacks = [
        (
            "dissect",
            "chance (a permutation null)",
            lacking(&|layer| layer.null.is_none()),
        ),
        (
            "dissect",
            "other numbers of bins",
            lacking(&|layer| layer.discretisations.is_empty()),
        ),
        (
            "dissect",
            "the images that units answer to most",
            lacking(&|layer| layer.top_images.is_none()),
        ),
        (
            "ablate",
            "what removing units does",
            lacking(&|layer| run.ablated(&layer.layer).is_none()),
        ),
        (
            "correct",
            "what correcting units does",
            lacking(&|layer| run.corrected(&layer.layer).is_none()),
        ),
    ];
    let of_stage = |stage: &'static str| {
        let whats = lacks
            .iter()
            .filter(|(of, _, lacking)| *of == stage && *lacking);
        let whats: Vec<String> = whats.map(|(_, what, _)| (*what).to_owned()).collect();
        (!whats.is_empty()).then(|| Missing {
            model: model.label.label.clone(),
            what: listed(&whats),
            command: run.command(stage),
        })
    };
    ["dissect", "ablate", "correct"]
        .into_iter()
        .filter_map(of_stage)
        .collect()
}

pub(super) fn key_numbers(models: &[Model<'_>], comparison: Option<&Comparison>) -> Vec<KeyNumber> {
    type Number = (Option<f64>, Option<Interval>);
    let values = |value: &dyn Fn(usize, &Model<'_>) -> Number, digits: usize| -> Vec<KeyValue> {
        models
            .iter()
            .enumerate()
            .map(|(index, model)| {
                let (value, interval) = value(index, model);
                KeyValue {
                    class: model.label.class,
                    label: model.label.label.clone(),
                    text: fixed(value, digits),
                    interval: interval.map_or(String::new(), |ends| between(ends, digits)),
                }
            })
            .collect()
    };
    // In a comparison both models are scored on the same layers.
    let selectivity = |index: usize, model: &Model<'_>| match comparison {
        Some(comparison) => {
            let change = comparison.selectivity;
            let value = change.map(|change| [change.plain, change.assigned][index]);
            (value, None)
        }
        None => {
            let interval = match counted_layers(model.run)[..] {
                [layer] => layer.valid_bins.interval,
                _ => None,
            };
            (layer_mean(model.run), interval)
        }
    };
    let names: Vec<String> = match comparison {
        Some(comparison) => {
            let layers = comparison.layers.iter();
            layers.map(|layer| layer.layer.clone()).collect()
        }
        None => {
            let layers = counted_layers(models[0].run);
            layers.iter().map(|layer| layer.layer.clone()).collect()
        }
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
                &|_, model| {
                    let interval = over_images(model, "abs_rel");
                    (Some(model.run.evaluation.summary.mean.abs_rel), interval)
                },
                4,
            ),
            remark: "mean over images, lower is better".to_owned(),
        },
    ];
    if let Some(baseline) = baseline(models).filter(|baseline| baseline.summary.mean.abs_rel > 0.0)
    {
        let constant = baseline.summary.mean.abs_rel;
        numbers.push(KeyNumber {
            label: "AbsRel against a constant",
            values: values(
                &|_, model| {
                    let abs_rel = model.run.evaluation.summary.mean.abs_rel;
                    (Some(abs_rel / constant), None)
                },
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
            &|_, model| {
                let interval = over_images(model, "delta_1");
                (Some(model.run.evaluation.summary.mean.delta_1), interval)
            },
            3,
        ),
        remark: "share of pixels within 25 %, higher is better".to_owned(),
    });
    numbers
}
