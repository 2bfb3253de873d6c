//! Depth errors: the table of all metrics, and errors by depth range.

use mde_metrics::statistics::Interval;
use mde_metrics::{DepthErrors, ErrorSummary};
use mde_results::{DepthRangeErrors, RunComparison};

use super::model::{Models, change_of};
use super::view::Figure;
use crate::charts::{Labels, step_chart};
use crate::format::{counted, fixed, grouped, metres};
use crate::table::{Cell, INTERVAL, Table};

/// Name, arrow towards better, and key: of [`DepthErrors::NAMES`], or of [`value`].
const METRICS: [(&str, &str, &str); 14] = [
    ("AbsRel", "↓", "abs_rel"),
    ("SqRel (m)", "↓", "sq_rel"),
    ("RMSE, mean over images (m)", "↓", "rmse"),
    ("RMSE, pooled pixels (m)", "↓", "rmse_pooled"),
    ("RMSE log, mean over images", "↓", "rmse_log"),
    ("RMSE log, pooled pixels", "↓", "rmse_log_pooled"),
    ("log10", "↓", "log10"),
    ("SILog", "↓", "silog"),
    ("δ < 1.02", "↑", "delta_1_02"),
    ("δ < 1.05", "↑", "delta_1_05"),
    ("δ < 1.10", "↑", "delta_1_10"),
    ("δ < 1.25", "↑", "delta_1"),
    ("δ < 1.25²", "↑", "delta_2"),
    ("δ < 1.25³", "↑", "delta_3"),
];

const DIGITS: usize = 4;

fn value(summary: &ErrorSummary, key: &str) -> Option<f64> {
    match key {
        "rmse_pooled" => Some(summary.rmse_pooled),
        "rmse_log_pooled" => Some(summary.rmse_log_pooled),
        key => {
            let metric = DepthErrors::NAMES.iter().position(|name| *name == key)?;
            Some(summary.mean.values()[metric])
        }
    }
}

pub(super) fn table(models: &Models<'_>, comparison: Option<&RunComparison>) -> Table {
    let baseline = models.baseline();
    let mut columns = vec!["Metric"];
    columns.extend(models.heads());
    columns.extend(comparison.map(|_| "Change"));
    columns.push(INTERVAL);
    columns.extend(baseline.map(|_| "Constant baseline"));
    let caption = match comparison {
        None => "All metrics on the test images.",
        Some(_) => "All metrics on the test images. Intervals are those of the change.",
    };
    let mut table = Table::new("accuracy", caption, columns, 1);
    for (name, better, key) in METRICS {
        let values = models.iter().map(|model| &model.run.evaluation.summary);
        let values: Vec<Option<f64>> = values.map(|summary| value(summary, key)).collect();
        let mut row = vec![Cell::new(format!("{name} {better}"), name)];
        row.extend(values.iter().map(|value| Cell::fixed(*value, DIGITS)));
        row.extend(change_of(&values).map(|change| Cell::signed(change, DIGITS)));
        let interval = match comparison {
            None => models.first().interval(key),
            Some(comparison) => interval_of_change(comparison, key),
        };
        row.push(Cell::interval(interval, DIGITS));
        row.extend(baseline.map(|baseline| Cell::fixed(value(&baseline.summary, key), DIGITS)));
        table.rows.push(row);
    }
    table.drop_empty(INTERVAL);
    table
}

fn interval_of_change(comparison: &RunComparison, key: &str) -> Option<Interval> {
    let mut metrics = comparison.accuracy.metrics.iter();
    let metric = metrics.find(|metric| metric.metric == key)?;
    metric.difference.interval
}

pub(super) fn note(models: &Models<'_>) -> String {
    let evaluation = &models.first().run.evaluation;
    let (summary, protocol) = (&evaluation.summary, &evaluation.protocol);
    let baseline = models.baseline().map(|baseline| {
        let depth = fixed(baseline.depth, 2);
        format!(
            " The constant baseline predicts {depth} m at every pixel: the {}.",
            baseline.source.describe()
        )
    });
    format!(
        "Protocol {}: {}, {} valid pixels with {} m < depth < {} m. Metrics are means over \
         images, except for the two pooled rows, which are computed over all pixels at once. ↓ \
         lower is better, ↑ higher is better.{}",
        protocol.name,
        counted(summary.images, "image"),
        grouped(summary.pixels),
        protocol.min_depth,
        metres(f64::from(protocol.max_depth)),
        baseline.unwrap_or_default()
    )
}

type Metric = (&'static str, fn(&DepthRangeErrors) -> Option<f64>);

const BY_DEPTH: [Metric; 2] = [
    ("AbsRel", |range| range.abs_rel),
    ("RMSE (m)", |range| range.rmse),
];

/// A row per depth range. Runs of a comparison share their protocol, so their ranges are the same.
pub(super) fn by_depth_table(models: &Models<'_>) -> Table {
    let mut columns = ["From (m)", "To (m)", "Pixels"].map(str::to_owned).to_vec();
    for (metric, _) in BY_DEPTH {
        columns.extend(models.iter().map(|model| models.titled(metric, model)));
    }
    let caption = "Errors by true depth, pixels of all test images pooled.";
    let mut table = Table::new("error_by_depth", caption, columns, 0);
    for (index, range) in models.first().run.evaluation.by_depth.iter().enumerate() {
        let mut row = vec![
            Cell::fixed(range.from, 2),
            Cell::fixed(range.to, 2),
            Cell::count(range.pixels),
        ];
        for (_, value) in BY_DEPTH {
            row.extend(models.iter().map(|model| {
                let range = model.run.evaluation.by_depth.get(index);
                Cell::fixed(range.and_then(value), DIGITS)
            }));
        }
        table.rows.push(row);
    }
    table
}

pub(super) fn by_depth_figures(models: &Models<'_>) -> Vec<Figure> {
    let by_depth = &models.first().run.evaluation.by_depth;
    if by_depth.is_empty() {
        return Vec::new();
    }
    let ranges: Vec<_> = by_depth
        .iter()
        .map(|range| (range.from, range.to))
        .collect();
    let pixels: Vec<u64> = by_depth.iter().map(|range| range.pixels).collect();
    BY_DEPTH
        .map(|(metric, value)| {
            let series = models.iter().map(|model| {
                let mut values: Vec<_> = model.run.evaluation.by_depth.iter().map(value).collect();
                values.resize(ranges.len(), None);
                (model.label.class.to_owned(), values)
            });
            let series: Vec<_> = series.collect();
            let alt = format!("{metric} by true depth. The table below has the numbers.");
            let labels = Labels {
                alt: &alt,
                x: "true depth, metres",
                y: metric,
            };
            let svg = step_chart(&labels, &ranges, &pixels, &series);
            Figure::new(format!("{metric} by depth"), "Grey: pixels per metre.", svg)
        })
        .into()
}

/// The errors of every image in every model, for CSV alone.
pub(super) fn image_table(models: &Models<'_>) -> Table {
    let columns = ["model", "image", "pixels"];
    let columns = columns.into_iter().chain(DepthErrors::NAMES);
    let mut table = Table::new("images", "Errors of every test image.", columns, 0);
    for model in models.iter() {
        for image in &model.run.evaluation.per_image {
            let mut row = vec![
                Cell::text(model.label.key),
                Cell::text(&image.id),
                Cell::count(image.errors.pixels),
            ];
            row.extend(image.errors.values().map(Cell::number));
            table.rows.push(row);
        }
    }
    table
}
