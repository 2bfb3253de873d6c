//! `--explain`: the steps of a protocol on one image.

use anyhow::{Context, bail};
use mde_metrics::{Alignment, EvalProtocol, Explanation, Quantity, Spread, explain};
use serde_json::json;

use super::predictions::Predictions;
use crate::output::{Output, count};

/// Number of ids that an error names.
const NAMED: usize = 5;

/// Explains the image with this id; the first image if the id is empty.
pub(super) fn run(
    predictions: &dyn Predictions,
    id: &str,
    protocol: &EvalProtocol,
) -> anyhow::Result<Output> {
    let ids = predictions.ids();
    let found = match id {
        "" => Some(0),
        id => ids.iter().position(|known| known == id),
    };
    let Some(index) = found.filter(|&index| index < ids.len()) else {
        bail!(
            "no image {id:?}{}; the first of {} are {}",
            did_you_mean(id, &ids),
            count(ids.len(), "id"),
            ids[..ids.len().min(NAMED)].join(", ")
        );
    };
    let mut explanation = None;
    predictions.one(index, &mut |image| {
        let explained = explain(image.pair(), protocol).map_err(|source| image.error(source))?;
        explanation = Some(explained);
        Ok(())
    })?;
    let explanation = explanation.context("no prediction for the image")?;
    Output::new(
        words(&ids[index], &explanation),
        json!({ "image": ids[index], "explanation": explanation }),
    )
}

/// A suggestion if an id is similar enough.
fn did_you_mean(id: &str, ids: &[String]) -> String {
    let scored = ids
        .iter()
        .map(|known| (strsim::normalized_damerau_levenshtein(id, known), known));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(score, _)| *score > 0.6)
        .map_or(String::new(), |(_, known)| {
            format!("; did you mean {known:?}?")
        })
}

fn words(id: &str, explained: &Explanation) -> String {
    let Explanation {
        protocol,
        size,
        rows,
        columns,
        pixels,
        ..
    } = explained;
    let all = size.pixels();
    let inside = all as u64 - pixels.outside;
    let (least, most) = (protocol.min_depth, protocol.max_depth);
    let mut lines = vec![
        format!("{id}, protocol {}", protocol.name),
        format!("size          {size} (height x width), {all} pixels"),
        format!(
            "crop          rows {}..{}, columns {}..{}: {inside} pixels inside, {} outside",
            rows.0, rows.1, columns.0, columns.1, pixels.outside
        ),
        format!(
            "left out      {} without a measurement, {} at or below {least} m, {} at or beyond {most} m",
            pixels.unmeasured, pixels.too_near, pixels.too_far
        ),
        format!("scored        {} pixels", pixels.scored),
        format!("ground truth  {}", spread(&explained.gt, " m")),
        format!("prediction    {}", given(protocol, &explained.pred)),
        format!("alignment     {}", alignment(explained)),
        format!(
            "clamped       {} raised to {least} m, {} lowered to {most} m; then {}",
            explained.clamped_to_min,
            explained.clamped_to_max,
            spread(&explained.scored, " m")
        ),
        "metrics       p = prediction, d = ground truth, g = ln p - ln d, n = scored pixels"
            .to_owned(),
    ];
    lines.extend(metrics(explained));
    lines.join("\n")
}

fn spread(spread: &Spread, unit: &str) -> String {
    format!(
        "{:.4} to {:.4}{unit}, median {:.4}{unit}",
        spread.min, spread.max, spread.median
    )
}

fn given(protocol: &EvalProtocol, pred: &Spread) -> String {
    match protocol.prediction {
        Quantity::Depth => format!("{}, as given", spread(pred, " m")),
        Quantity::Disparity => format!("disparity {}, as given", spread(pred, "")),
    }
}

fn alignment(explained: &Explanation) -> String {
    let (fit, protocol) = (&explained.fit, &explained.protocol);
    let space = protocol.alignment.space(protocol.prediction);
    let target = match space {
        Quantity::Depth => "d",
        Quantity::Disparity => "1/d",
    };
    let fitted = if space == protocol.prediction {
        "p"
    } else {
        "1/p"
    };
    match protocol.alignment {
        Alignment::None => "none".to_owned(),
        Alignment::Median | Alignment::MedianDepth => format!(
            "{fitted} x {:.6} = median({target}) / median({fitted})",
            fit.scale
        ),
        Alignment::LeastSquares
        | Alignment::LeastSquaresDepth
        | Alignment::LeastSquaresDisparity => format!(
            "{fitted} x {:.6} + {:.6}, the least squares fit to {target}{}",
            fit.scale,
            fit.shift,
            if fit.scale < 0.0 {
                ": a negative scale, so p falls where it should rise"
            } else {
                ""
            }
        ),
    }
}

/// One line per metric: the sum, the number of pixels and the result.
fn metrics(explained: &Explanation) -> Vec<String> {
    let (sums, errors) = (&explained.sums, &explained.errors);
    let n = sums.pixels;
    let mean = |name: &str, what: &str, sum: f64, value: f64| {
        format!("  {name:9} Σ {what} / n = {sum:.4} / {n} = {value:.6}")
    };
    let root = |name: &str, what: &str, sum: f64, value: f64| {
        format!("  {name:9} √(Σ {what} / n) = √({sum:.4} / {n}) = {value:.6}")
    };
    let mut lines = vec![
        mean(
            "AbsRel",
            "|p - d| / d",
            sums.absolute_relative,
            errors.abs_rel,
        ),
        mean(
            "SqRel",
            "(p - d)² / d",
            sums.squared_relative,
            errors.sq_rel,
        ),
        root("RMSE", "(p - d)²", sums.squared, errors.rmse),
        root("RMSE log", "g²", sums.log_squared, errors.rmse_log),
        format!(
            "  log10     Σ |g| / n / ln 10 = {:.4} / {n} / ln 10 = {:.6}",
            sums.log_absolute, errors.log10
        ),
        format!(
            "  SILog     100 √(Σ g² / n - (Σ g / n)²) = 100 √({:.4} / {n} - ({:.4} / {n})²) = {:.6}",
            sums.log_squared, sums.log, errors.silog
        ),
    ];
    let thresholds = ["1.02", "1.05", "1.10", "1.25", "1.25²", "1.25³"];
    let deltas = [
        errors.delta_1_02,
        errors.delta_1_05,
        errors.delta_1_10,
        errors.delta_1,
        errors.delta_2,
        errors.delta_3,
    ];
    for ((threshold, within), delta) in thresholds.iter().zip(sums.within).zip(deltas) {
        lines.push(format!(
            "  {:9} pixels with max(p/d, d/p) < {threshold}: {within} / {n} = {delta:.6}",
            format!("δ<{threshold}")
        ));
    }
    lines
}
