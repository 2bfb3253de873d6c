//! `--explain`: the steps of a protocol on one image.

use anyhow::{Context, bail};
use mde_metrics::{Alignment, DepthPair, EvalProtocol, Explanation, Quantity, Spread, explain};
use serde::Serialize;
use serde_json::json;

use super::predictions::{Predictions, Stored};
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
    let mut explained = None;
    predictions.one(index, &mut |image| {
        let maps = image.whole().map_err(|source| image.error(source))?;
        let explanation = explain(maps.pair(), protocol).map_err(|source| image.error(source))?;
        let sample = (predictions.stored())
            .and_then(|stored| Sample::new(maps.pair(), &explanation, stored));
        explained = Some((explanation, sample));
        Ok(())
    })?;
    let (explanation, sample) = explained.context("no prediction for the image")?;
    Output::new(
        words(&ids[index], &explanation, sample.as_ref()),
        json!({ "image": ids[index], "explanation": explanation, "sample": sample }),
    )
}

/// What the numbers that are stored for one scored pixel stand for.
#[derive(Debug, Serialize)]
struct Sample {
    row: usize,
    column: usize,
    /// The stored prediction; after resizing, if it was resized.
    stored: f64,
    /// Metres that a stored 1 stands for.
    scale: f64,
    /// Depth in metres, before alignment and clamping.
    depth: f64,
    quantity: Quantity,
    /// The same of the ground truth, where it comes from files.
    ground_truth: Option<StoredTruth>,
}

#[derive(Debug, Serialize)]
struct StoredTruth {
    stored: f64,
    scale: f64,
    depth: f64,
}

impl Sample {
    /// The scored pixel nearest to the centre of the crop.
    fn new(maps: DepthPair<'_>, explained: &Explanation, stored: Stored) -> Option<Self> {
        let (rows, columns) = (explained.rows, explained.columns);
        let protocol = &explained.protocol;
        let centre = |(first, end): (usize, usize)| usize::midpoint(first, end);
        let at = |row: usize, column: usize| row * maps.size.width + column;
        let pixels = (rows.0..rows.1).flat_map(|row| (columns.0..columns.1).map(move |c| (row, c)));
        let is_scored = |&(row, column): &(usize, usize)| {
            let gt = maps.gt[at(row, column)];
            gt > protocol.min_depth && gt < protocol.max_depth
        };
        let distance = |&(row, column): &(usize, usize)| {
            row.abs_diff(centre(rows)).pow(2) + column.abs_diff(centre(columns)).pow(2)
        };
        let (row, column) = pixels.filter(is_scored).min_by_key(distance)?;
        let [pred, gt] = [maps.pred, maps.gt].map(|map| f64::from(map[at(row, column)]));
        let scale = stored.pred_scale;
        let (stored_pred, depth) = match protocol.prediction {
            Quantity::Depth => (pred / scale, pred),
            Quantity::Disparity => (pred * scale, 1.0 / pred),
        };
        Some(Self {
            row,
            column,
            stored: significant(stored_pred),
            scale,
            depth: significant(depth),
            quantity: protocol.prediction,
            ground_truth: stored.gt_scale.map(|scale| StoredTruth {
                stored: significant(gt / scale),
                scale,
                depth: significant(gt),
            }),
        })
    }

    fn words(&self) -> String {
        let Self {
            stored,
            scale,
            depth,
            ..
        } = self;
        let pred = match self.quantity {
            Quantity::Depth => format!("stored {stored} x {scale} = {depth} m"),
            Quantity::Disparity => {
                format!("stored {stored}, disparity, depth = {scale} / {stored} = {depth} m")
            }
        };
        let truth = self.ground_truth.as_ref().map(|truth| {
            let StoredTruth {
                stored,
                scale,
                depth,
            } = truth;
            format!("; ground truth stored {stored} x {scale} = {depth} m")
        });
        format!(
            "row {}, column {}: {pred}{}",
            self.row,
            self.column,
            truth.unwrap_or_default()
        )
    }
}

/// The number with six significant digits, without the rounding of single precision.
fn significant(number: f64) -> f64 {
    format!("{number:.5e}").parse().unwrap_or(number)
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

fn words(id: &str, explained: &Explanation, sample: Option<&Sample>) -> String {
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
    if let Some(sample) = sample {
        let before = lines.iter().position(|line| line.starts_with("alignment"));
        lines.insert(
            before.unwrap_or(0),
            format!("for example   {}", sample.words()),
        );
    }
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
        Quantity::Depth => format!("{}, before alignment", spread(pred, " m")),
        Quantity::Disparity => format!("disparity {}, before alignment", spread(pred, " per m")),
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
