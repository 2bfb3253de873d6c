//! The main results as text: accuracy, selectivity, and the effect of the units.

use mde_metrics::statistics::{Bootstrap, Estimate};
use mde_results::{AblationArea, Fill, LayerComparison, RemovalOrder, RunComparison};

use super::model::{Model, Models};
use super::view::Answer;
use crate::format::{
    between, contains_zero, counted, fixed, interval_words, listed, negated, shows_as_zero, signed,
    with_interval,
};

const ABS_REL_DIGITS: usize = 4;
const SELECTIVITY_DIGITS: usize = 3;
const UNDEFINED: &str = "too few depth bins hold enough pixels";

pub(super) fn answers(models: &Models<'_>, comparison: Option<&RunComparison>) -> Vec<Answer> {
    let first = models.first();
    let (accuracy, selectivity) = match comparison {
        Some(comparison) => (
            accuracy_of_two(models, comparison),
            selectivity_of_two(models, comparison),
        ),
        None => (accuracy_of_one(first), selectivity_of_one(first)),
    };
    let topics = [
        ("Accuracy", Some(accuracy)),
        ("Selectivity", selectivity),
        ("Effect of the units", effect(models)),
    ];
    let answers = topics.into_iter().filter_map(|(topic, text)| {
        let text = text?;
        Some(Answer { topic, text })
    });
    answers.collect()
}

fn accuracy_of_one(model: &Model<'_>) -> String {
    let evaluation = &model.run.evaluation;
    let abs_rel = evaluation.summary.mean.abs_rel;
    let interval = model.interval("abs_rel").map(|interval| {
        let words = interval_words(interval, Bootstrap::default().level, ABS_REL_DIGITS);
        format!(
            " ({words} over {})",
            counted(evaluation.summary.images, "image")
        )
    });
    let baseline = evaluation.constant_baseline.as_ref();
    let baseline = baseline.map(|baseline| baseline.summary.mean.abs_rel);
    let relative = baseline.filter(|constant| *constant > 0.0).map(|constant| {
        format!(
            ", {} times that of the constant baseline ({})",
            fixed(abs_rel / constant, 2),
            fixed(constant, ABS_REL_DIGITS)
        )
    });
    format!(
        "AbsRel is {}{}{}.",
        fixed(abs_rel, ABS_REL_DIGITS),
        interval.unwrap_or_default(),
        relative.unwrap_or_default()
    )
}

/// `None` without a dissection.
fn selectivity_of_one(model: &Model<'_>) -> Option<String> {
    let layers = model.counted_layers();
    if layers.is_empty() {
        return None;
    }
    if layers.iter().all(|layer| layer.valid_bins.mean.is_none()) {
        return Some(format!("Selectivity could not be computed: {UNDEFINED}."));
    }
    let number = |mean: Option<f64>, words: &dyn Fn(f64) -> String| match mean {
        Some(mean) => words(mean),
        None => "undefined".to_owned(),
    };
    let means = layers.iter().map(|layer| {
        let interval = layer.valid_bins.interval;
        let score = |mean| with_interval(mean, interval, SELECTIVITY_DIGITS);
        format!(
            "{} in {}",
            number(layer.valid_bins.mean, &score),
            layer.layer
        )
    });
    let means: Vec<String> = means.collect();
    let held_out: Vec<Option<f64>> = layers
        .iter()
        .map(|layer| layer.valid_bins.held_out.mean)
        .collect();
    let held_out = match held_out.iter().all(Option::is_none) {
        true => String::new(),
        false => {
            let score = |mean| fixed(mean, SELECTIVITY_DIGITS);
            let scores = held_out.into_iter().map(|mean| number(mean, &score));
            let scores: Vec<String> = scores.collect();
            format!(" Held-out selectivity is {}.", listed(&scores))
        }
    };
    let nulls: Option<Vec<_>> = layers.iter().map(|layer| layer.null.as_ref()).collect();
    let null = nulls.map(|nulls| {
        let above: usize = nulls.iter().map(|null| null.above).sum();
        let tested: usize = nulls.iter().map(|null| null.tested).sum();
        format!(" {above} of {tested} units exceed the chance level (p < 0.05).")
    });
    Some(format!(
        "The mean depth selectivity of the units is {}.{held_out}{}",
        listed(&means),
        null.unwrap_or_default()
    ))
}

/// "rose by 0.0041 (95 % interval 0.0020 to 0.0063), from 0.1820 to 0.1861".
fn moved(first: f64, second: f64, difference: Estimate, level: f64, digits: usize) -> String {
    let Estimate { value, interval } = difference;
    let words = |interval| interval_words(interval, level, digits);
    let from_to = format!("from {} to {}", fixed(first, digits), fixed(second, digits));
    let (verb, sign) = match value < 0.0 {
        true => ("fell", -1.0),
        false => ("rose", 1.0),
    };
    let size = fixed(value.abs(), digits);
    let is_zero = |value| shows_as_zero(value, digits);
    match interval {
        _ if is_zero(value)
            && interval.is_none_or(|ends| is_zero(ends.low) && is_zero(ends.high)) =>
        {
            format!("did not change ({})", fixed(second, digits))
        }
        Some(interval) if contains_zero(interval) => format!(
            "did not clearly change ({from_to}; difference {}, {})",
            signed(value, digits),
            words(interval)
        ),
        // "Fell by 3 (2 to 4)": the interval of the size.
        Some(interval) => {
            let interval = if sign < 0.0 {
                negated(interval)
            } else {
                interval
            };
            format!("{verb} by {size} ({}), {from_to}", words(interval))
        }
        None => format!("{verb} by {size}, {from_to}"),
    }
}

/// What distinguishes the second model from the first.
fn introduction(models: &Models<'_>) -> String {
    match &models[..] {
        [first, second] if second.label.key == "second" => {
            format!("From {} to {}", first.label.name, second.label.name)
        }
        _ => "With assignment".to_owned(),
    }
}

fn accuracy_of_two(models: &Models<'_>, comparison: &RunComparison) -> String {
    let introduction = introduction(models);
    let mut metrics = comparison.accuracy.metrics.iter();
    let Some(metric) = metrics.find(|metric| metric.metric == "abs_rel") else {
        return format!("{introduction}, AbsRel could not be compared: no image was evaluated.");
    };
    let (first, difference) = (metric.first, metric.difference);
    let level = comparison.bootstrap.level;
    let text = moved(first, metric.second, difference, level, ABS_REL_DIGITS);
    let relative = match first == 0.0 || text.starts_with("did not") {
        true => String::new(),
        false => format!(" ({}\u{a0}%)", signed(100.0 * difference.value / first, 1)),
    };
    format!("{introduction}, AbsRel {text}{relative}.")
}

/// The layers that the comparison's mean selectivity is taken over.
fn counted_layers(comparison: &RunComparison) -> impl Iterator<Item = &LayerComparison> {
    comparison.layers.iter().filter(|layer| layer.counted)
}

/// `None` without a dissection.
fn selectivity_of_two(models: &Models<'_>, comparison: &RunComparison) -> Option<String> {
    let layers = counted_layers(comparison);
    let names: Vec<String> = layers.map(|layer| layer.layer.clone()).collect();
    if names.is_empty() {
        return None;
    }
    let text = match &comparison.selectivity {
        Some(selectivity) => moved(
            selectivity.first,
            selectivity.second,
            selectivity.difference,
            comparison.bootstrap.level,
            SELECTIVITY_DIGITS,
        ),
        None => "could not be compared: in a layer, no unit has a value in both models".to_owned(),
    };
    let higher: usize = counted_layers(comparison).map(|layer| layer.higher).sum();
    let lower: usize = counted_layers(comparison).map(|layer| layer.lower).sum();
    let (first, second) = (&models[0].label.name, &models[1].label.name);
    Some(format!(
        "The mean selectivity of the units in {} {text}. {} more selective in the \
         {second} model, {lower} in the {first} model.{}",
        listed(&names),
        match higher {
            1 => "1 unit is".to_owned(),
            _ => format!("{higher} units are"),
        },
        left_out(models, comparison)
    ))
}

/// The units that have a value in one model only, which the means leave out; empty without any.
fn left_out(models: &Models<'_>, comparison: &RunComparison) -> String {
    let count = |units: fn(&LayerComparison) -> usize| -> usize {
        counted_layers(comparison).map(units).sum()
    };
    let lone = [
        count(|layer| layer.defined_only_in_first),
        count(|layer| layer.defined_only_in_second),
    ];
    if lone == [0, 0] {
        return String::new();
    }
    format!(
        " The means leave out {} of {} units, which have a value in one model only: {} in the {} \
         model, {} in the {} model.",
        lone[0] + lone[1],
        count(|layer| layer.units),
        lone[0],
        models[0].label.name,
        lone[1],
        models[1].label.name
    )
}

/// The effect of removing and correcting units of the first counted layer; `None` if neither was
/// measured.
fn effect(models: &Models<'_>) -> Option<String> {
    let layers = models.last()?.counted_layers();
    let name = &layers.first()?.layer;
    // "AbsRel changes by 0.1 in the plain model and by 0.2 in the assigned model".
    let by_model = |change: &dyn Fn(&Model<'_>) -> Option<String>| {
        let parts = models.iter().filter_map(|model| {
            let change = change(model)?;
            Some(match models.len() {
                1 => format!("by {change}"),
                _ => format!("by {change} in the {} model", model.label.name),
            })
        });
        let parts: Vec<String> = parts.collect();
        (!parts.is_empty()).then(|| listed(&parts))
    };
    let removal = by_model(&|model| {
        let Estimate { value, interval } = area(model, name)?.abs_rel;
        let interval = interval.map(|interval| {
            let open = match contains_zero(interval) {
                true => ", no clear difference",
                false => "",
            };
            format!(" (interval {}{open})", between(interval, ABS_REL_DIGITS))
        });
        Some(signed(value, ABS_REL_DIGITS) + &interval.unwrap_or_default())
    });
    let removal = removal.map(|changes| {
        format!(
            "In {name}, removing units most selective first instead of in random order changes \
             AbsRel {changes}."
        )
    });
    let correction = by_model(&|model| {
        let all = &model.run.corrected(name)?.all_units;
        let relative = all.relative_reduction;
        let relative = relative.map(|share| format!("{}\u{a0}%", signed(-100.0 * share, 1)));
        let interval = all.abs_rel_reduction.interval.map(negated);
        let interval = interval.map(|ends| format!("interval {}", between(ends, ABS_REL_DIGITS)));
        let details: Vec<String> = [relative, interval].into_iter().flatten().collect();
        let details = match details.is_empty() {
            true => String::new(),
            false => format!(" ({})", details.join(", ")),
        };
        Some(signed(-all.abs_rel_reduction.value, ABS_REL_DIGITS) + &details)
    });
    let correction = correction
        .map(|changes| format!("Correcting all units of {name} changes AbsRel {changes}."));
    let parts: Vec<String> = [removal, correction].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn area<'run>(model: &Model<'run>, layer: &str) -> Option<&'run AblationArea> {
    let mut areas = model.run.ablated(layer)?.areas.iter();
    areas.find(|area| area.fill == Fill::Zero && area.order == RemovalOrder::MostSelectiveFirst)
}
