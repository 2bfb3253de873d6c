//! The answer in three sentences: accuracy, selectivity, and what the units are good for.

use mde_metrics::results::{
    AblationArea, Corrected, Fill, LayerComparison, RemovalOrder, RunComparison,
};
use mde_metrics::statistics::{Bootstrap, Estimate, Interval};

use super::accuracy::over_images;
use super::{Answer, Model, words};
use crate::compare::{Change, Comparison};
use crate::format::{between, fixed, listed, percent, shows_as_zero, signed, with_interval};

const ABS_REL_DIGITS: usize = 4;
const SELECTIVITY_DIGITS: usize = 3;

pub(super) fn sentences(
    models: &[Model<'_>],
    comparison: Option<&Comparison>,
    compared: Option<&RunComparison>,
) -> Vec<Answer> {
    let [accuracy, selectivity] = match comparison {
        Some(comparison) => [
            accuracy_of_two(models, comparison, compared),
            selectivity_of_two(models, comparison, compared),
        ],
        None => [accuracy_of_one(&models[0]), selectivity_of_one(&models[0])],
    };
    let answer = |topic, text| Answer { topic, text };
    let mut answers = vec![
        answer("Accuracy", accuracy),
        answer("Selectivity", selectivity),
    ];
    answers.extend(units(models).map(|text| answer("What the units do", text)));
    answers
}

/// "95 % interval 0.118 to 0.129".
pub(super) fn interval_words(interval: Interval, level: f64, digits: usize) -> String {
    format!(
        "{} interval {}",
        percent(level, 0),
        between(interval, digits)
    )
}

/// Whether the interval leaves open on which side of zero the value lies.
pub(super) fn open_sign(interval: Interval) -> bool {
    interval.low <= 0.0 && interval.high >= 0.0
}

fn accuracy_of_one(model: &Model<'_>) -> String {
    let evaluation = &model.run.evaluation;
    let abs_rel = evaluation.summary.mean.abs_rel;
    let interval = over_images(model, "abs_rel").map(|interval| {
        let words = interval_words(interval, Bootstrap::default().level, ABS_REL_DIGITS);
        format!(" ({words} over {} images)", evaluation.summary.images)
    });
    let baseline = evaluation
        .constant_baseline
        .as_ref()
        .map(|baseline| baseline.summary.mean.abs_rel)
        .filter(|constant| *constant > 0.0);
    let against = baseline.map(|constant| {
        format!(
            ", {} times that of always answering the training set’s mean depth ({})",
            fixed(abs_rel / constant, 2),
            fixed(constant, ABS_REL_DIGITS)
        )
    });
    format!(
        "AbsRel is {}{}{}.",
        fixed(abs_rel, ABS_REL_DIGITS),
        interval.unwrap_or_default(),
        against.unwrap_or_default()
    )
}

fn selectivity_of_one(model: &Model<'_>) -> String {
    let layers = words::counted_layers(model.run);
    let means: Vec<String> = layers
        .iter()
        .filter_map(|layer| {
            let mean = layer.valid_bins.mean?;
            let score = with_interval(mean, layer.valid_bins.interval, SELECTIVITY_DIGITS);
            Some(format!("{score} in {}", layer.layer))
        })
        .collect();
    if means.is_empty() {
        return "Selectivity could not be computed: too few depth bins hold enough pixels."
            .to_owned();
    }
    let held_out: Vec<String> = layers
        .iter()
        .filter_map(|layer| layer.valid_bins.held_out.mean)
        .map(|mean| fixed(mean, SELECTIVITY_DIGITS))
        .collect();
    let held_out = (!held_out.is_empty()).then(|| {
        format!(
            " ({} with each unit’s depth chosen on other images)",
            listed(&held_out)
        )
    });
    let null = above_null(model).map(|(above, tested)| {
        format!("; {above} of {tested} units are more selective than chance allows (p < 0.05)")
    });
    format!(
        "The units’ mean depth selectivity is {}{}{}.",
        listed(&means),
        held_out.unwrap_or_default(),
        null.unwrap_or_default()
    )
}

/// Units above the permutation null, and units tested, of the layers that count.
fn above_null(model: &Model<'_>) -> Option<(usize, usize)> {
    let layers = words::counted_layers(model.run);
    let nulls: Option<Vec<_>> = layers.iter().map(|layer| layer.null.as_ref()).collect();
    let nulls = nulls.filter(|nulls| !nulls.is_empty())?;
    Some((
        nulls.iter().map(|null| null.above).sum(),
        nulls.iter().map(|null| null.tested).sum(),
    ))
}

/// "rose by 0.0041 (95 % interval 0.0020 to 0.0063), from 0.1820 to 0.1861".
fn moved(
    first: f64,
    second: f64,
    difference: Estimate,
    level: Option<f64>,
    digits: usize,
) -> String {
    let fell = difference.value < 0.0;
    let interval = difference.interval.zip(level);
    // "Fell by 3 (2 to 4)": the size's interval.
    let size_of = |interval: Interval| match fell && !open_sign(interval) {
        true => Interval {
            low: -interval.high,
            high: -interval.low,
        },
        false => interval,
    };
    let interval = interval.map(|(interval, level)| (size_of(interval), level));
    let words = interval.map(|(interval, level)| interval_words(interval, level, digits));
    let from_to = format!("from {} to {}", fixed(first, digits), fixed(second, digits));
    if shows_as_zero(difference.value, digits) && words.is_none() {
        return format!("did not change ({})", fixed(second, digits));
    }
    let size = fixed(difference.value.abs(), digits);
    let verb = if fell { "fell" } else { "rose" };
    match (interval, words) {
        (Some((interval, _)), Some(words)) if open_sign(interval) => format!(
            "did not clearly change ({from_to}; difference {}, {words})",
            signed(difference.value, digits)
        ),
        (_, Some(words)) => format!("{verb} by {size} ({words}), {from_to}"),
        (_, None) => format!("{verb} by {size}, {from_to}"),
    }
}

fn without_interval(change: &Change) -> Estimate {
    Estimate {
        value: change.difference,
        interval: None,
    }
}

/// What leads from the first model to the second.
fn step(models: &[Model<'_>]) -> String {
    match models {
        [first, second] if second.label.key == "second" => {
            format!("From {} to {},", first.label.name, second.label.name)
        }
        _ => "With depth ranges assigned,".to_owned(),
    }
}

fn accuracy_of_two(
    models: &[Model<'_>],
    comparison: &Comparison,
    compared: Option<&RunComparison>,
) -> String {
    let metric = compared.and_then(|compared| {
        let mut metrics = compared.accuracy.metrics.iter();
        metrics.find(|metric| metric.metric == "abs_rel")
    });
    let change = &comparison.abs_rel;
    let text = match (metric, compared) {
        (Some(metric), Some(compared)) => moved(
            metric.first,
            metric.second,
            metric.difference,
            Some(compared.bootstrap.level),
            ABS_REL_DIGITS,
        ),
        _ => moved(
            change.plain,
            change.assigned,
            without_interval(change),
            None,
            ABS_REL_DIGITS,
        ),
    };
    let relative = change
        .relative
        .map(|relative| format!(", {}\u{a0}%", signed(100.0 * relative, 1)));
    let relative = relative.filter(|_| !text.starts_with("did not"));
    format!(
        "{} AbsRel {text}{}.",
        step(models),
        relative.unwrap_or_default()
    )
}

/// The layers of a comparison that its mean counts.
fn counted(compared: &RunComparison) -> impl Iterator<Item = &LayerComparison> {
    compared.layers.iter().filter(|layer| layer.counted)
}

fn selectivity_of_two(
    models: &[Model<'_>],
    comparison: &Comparison,
    compared: Option<&RunComparison>,
) -> String {
    let estimated = compared.and_then(|compared| Some((compared, compared.selectivity.as_ref()?)));
    let (names, text) = match (estimated, &comparison.selectivity) {
        (Some((compared, selectivity)), _) => {
            let names = counted(compared).map(|layer| layer.layer.clone());
            let text = moved(
                selectivity.first,
                selectivity.second,
                selectivity.difference,
                Some(compared.bootstrap.level),
                SELECTIVITY_DIGITS,
            );
            (names.collect(), text)
        }
        (None, change) => {
            let names: Vec<String> = comparison
                .layers
                .iter()
                .map(|layer| layer.layer.clone())
                .collect();
            let text = match change {
                Some(change) => moved(
                    change.plain,
                    change.assigned,
                    without_interval(change),
                    None,
                    SELECTIVITY_DIGITS,
                ),
                None => "could not be compared: too few depth bins hold enough pixels".to_owned(),
            };
            (names, text)
        }
    };
    let counts = compared.map(|compared| {
        let (higher, lower) = counted(compared).fold((0, 0), |(higher, lower), layer| {
            (higher + layer.higher, lower + layer.lower)
        });
        let (first, second) = (&models[0].label.name, &models[1].label.name);
        format!(
            "; {higher} units are more selective in the {second} model, {lower} in the {first} one"
        )
    });
    format!(
        "The units’ mean selectivity in {} {text}{}.",
        listed(&names),
        counts.unwrap_or_default()
    )
}

/// What removing and correcting units says, of the first layer that counts; `None` if neither was measured.
fn units(models: &[Model<'_>]) -> Option<String> {
    let layers = words::counted_layers(models.last()?.run);
    let name = &layers.first()?.layer;
    let of_models = |part: &dyn Fn(&Model<'_>) -> Option<String>| -> Option<String> {
        let parts: Vec<String> = models
            .iter()
            .filter_map(|model| {
                let text = part(model)?;
                Some(match models {
                    [_] => format!("by {text}"),
                    _ => format!("by {text} in the {} model", model.label.name),
                })
            })
            .collect();
        (!parts.is_empty()).then(|| listed(&parts))
    };
    let removal = of_models(&|model| {
        let Estimate { value, interval } = area(model, name)?.abs_rel;
        let interval = interval.map(|interval| {
            let open = if open_sign(interval) {
                "; no clear difference"
            } else {
                ""
            };
            format!(" ({}{open})", between(interval, ABS_REL_DIGITS))
        });
        let value = signed(value, ABS_REL_DIGITS);
        Some(value + &interval.unwrap_or_default())
    });
    let removal = removal.map(|text| {
        format!(
            "removing the most selective units first rather than random ones changes AbsRel {text}"
        )
    });
    let correction = of_models(&|model| {
        let Corrected {
            lowered, explained, ..
        } = &model.run.corrected(name)?.all;
        let mut text = signed(-lowered.value, ABS_REL_DIGITS);
        if let Some(Interval { low, high }) = lowered.interval {
            let interval = Interval {
                low: -high,
                high: -low,
            };
            text.push_str(&format!(" ({})", between(interval, ABS_REL_DIGITS)));
        }
        if let Some(share) = explained {
            let comma = if models.len() > 1 { "," } else { "" };
            text.push_str(&format!(", {}\u{a0}%{comma}", signed(-100.0 * share, 0)));
        }
        Some(text)
    });
    let it = if removal.is_some() { "it" } else { "AbsRel" };
    let correction = correction.map(|text| {
        format!("setting every unit to its mean response at the true depth changes {it} {text}")
    });
    let parts: Vec<String> = [removal, correction].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("In {name}, {}.", parts.join("; ")))
}

fn area<'run>(model: &Model<'run>, layer: &str) -> Option<&'run AblationArea> {
    let areas = &model.run.ablated(layer)?.areas;
    areas
        .iter()
        .find(|area| area.fill == Fill::Zero && area.order == RemovalOrder::MostSelectiveFirst)
}
