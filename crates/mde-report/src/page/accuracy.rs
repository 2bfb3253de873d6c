//! Depth errors: the table of all metrics, and errors by depth range.

use mde_metrics::results::RunComparison;
use mde_metrics::statistics::{Bootstrap, Interval};
use mde_metrics::{DepthErrors, ErrorSummary};

use super::{Figure, Model, change_of};
use crate::charts::{Labels, step_chart};
use crate::format::{fixed, grouped, metres};
use crate::table::{Cell, INTERVAL, Table};

type Value = fn(&ErrorSummary) -> f64;

/// Name, arrow towards better, key among the errors of an image (none for those of pooled pixels), value.
const METRICS: [(&str, &str, &str, Value); 14] = [
    ("AbsRel", "↓", "abs_rel", |summary| summary.mean.abs_rel),
    ("SqRel (m)", "↓", "sq_rel", |summary| summary.mean.sq_rel),
    ("RMSE, mean over images (m)", "↓", "rmse", |summary| {
        summary.mean.rmse
    }),
    ("RMSE, pooled pixels (m)", "↓", "", |summary| {
        summary.rmse_pooled
    }),
    ("RMSE log, mean over images", "↓", "rmse_log", |summary| {
        summary.mean.rmse_log
    }),
    ("RMSE log, pooled pixels", "↓", "", |summary| {
        summary.rmse_log_pooled
    }),
    ("log10", "↓", "log10", |summary| summary.mean.log10),
    ("SILog", "↓", "silog", |summary| summary.mean.silog),
    ("δ < 1.02", "↑", "delta_1_02", |summary| {
        summary.mean.delta_1_02
    }),
    ("δ < 1.05", "↑", "delta_1_05", |summary| {
        summary.mean.delta_1_05
    }),
    ("δ < 1.10", "↑", "delta_1_10", |summary| {
        summary.mean.delta_1_10
    }),
    ("δ < 1.25", "↑", "delta_1", |summary| {
        summary.mean.delta_1
    }),
    ("δ < 1.25²", "↑", "delta_2", |summary| {
        summary.mean.delta_2
    }),
    ("δ < 1.25³", "↑", "delta_3", |summary| {
        summary.mean.delta_3
    }),
];

const DIGITS: usize = 4;

/// The errors of always answering one depth; the same in both runs, so the first that has them serves.
pub(super) fn baseline<'run>(
    models: &[Model<'run>],
) -> Option<&'run mde_metrics::results::ConstantBaseline> {
    models
        .iter()
        .find_map(|model| model.run.evaluation.constant_baseline.as_ref())
}

pub(super) fn table(models: &[Model<'_>], compared: Option<&RunComparison>) -> Table {
    let baseline = baseline(models);
    let mut columns = vec!["Metric"];
    columns.extend(models.iter().map(|model| model.label.label.as_str()));
    columns.extend((models.len() == 2).then_some("Change"));
    columns.push(INTERVAL);
    columns.extend(baseline.map(|_| "Always the training mean depth"));
    let caption = match (models, compared) {
        ([_], _) => "Depth accuracy on the test images, all metrics, with intervals over images.",
        (_, Some(_)) => {
            "Depth accuracy on the test images, all metrics; the interval is that of the change."
        }
        _ => "Depth accuracy on the test images, all metrics.",
    };
    let mut table = Table::new("accuracy", caption, &columns);
    for (name, better, key, value) in METRICS {
        let values: Vec<Option<f64>> = models
            .iter()
            .map(|model| Some(value(&model.run.evaluation.summary)))
            .collect();
        let mut row = vec![Cell::of(format!("{name} {better}"), name)];
        row.extend(values.iter().map(|value| Cell::fixed(*value, DIGITS)));
        row.extend(change_of(&values).map(|change| Cell::signed(change, DIGITS)));
        let interval = match models {
            [model] => over_images(model, key),
            _ => of_change(compared, key),
        };
        row.push(Cell::interval(interval, DIGITS));
        row.extend(baseline.map(|baseline| Cell::fixed(value(&baseline.summary), DIGITS)));
        table.rows.push(row);
    }
    table.drop_empty(INTERVAL);
    table
}

/// The interval of a metric's mean over images.
pub(super) fn over_images(model: &Model<'_>, key: &str) -> Option<Interval> {
    let metric = DepthErrors::NAMES.iter().position(|name| *name == key)?;
    let images = model.run.evaluation.per_image.iter();
    let values: Vec<f64> = images.map(|image| image.errors.values()[metric]).collect();
    Bootstrap::default().mean(&values)?.interval
}

fn of_change(compared: Option<&RunComparison>, key: &str) -> Option<Interval> {
    let mut metrics = compared?.accuracy.metrics.iter();
    let metric = metrics.find(|metric| metric.metric == key)?;
    metric.difference.interval
}

pub(super) fn note(models: &[Model<'_>]) -> String {
    let evaluation = &models[0].run.evaluation;
    let (summary, protocol) = (&evaluation.summary, &evaluation.protocol);
    let mut note = format!(
        "Protocol {}: {} images, {} valid pixels with {} m < depth < {} m. Every metric is the mean over images; the two \
         pooled rows take the root over all pixels at once. ↓ lower is better, ↑ higher.",
        protocol.name,
        grouped(summary.images),
        grouped(summary.pixels),
        protocol.min_depth,
        metres(f64::from(protocol.max_depth))
    );
    if let Some(baseline) = baseline(models) {
        note.push_str(&format!(
            " The last column answers {} m, the training set’s mean depth, at every pixel: a predictor has to beat it.",
            fixed(baseline.depth, 2)
        ));
    }
    note
}

/// A row per depth range; runs of a comparison were evaluated alike, so their ranges are the same.
pub(super) fn by_depth_table(models: &[Model<'_>]) -> Table {
    let mut columns = vec![
        "From (m)".to_owned(),
        "To (m)".to_owned(),
        "Pixels".to_owned(),
    ];
    for metric in ["AbsRel", "RMSE (m)"] {
        columns.extend(models.iter().map(|model| match models {
            [_] => metric.to_owned(),
            _ => format!("{metric}, {}", model.label.name),
        }));
    }
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut table = Table::new(
        "error_by_depth",
        "Errors by true depth, all test pixels pooled.",
        &columns,
    );
    table.words = 0;
    for (index, range) in models[0].run.evaluation.by_depth.iter().enumerate() {
        let mut row = vec![
            Cell::fixed(range.from, 2),
            Cell::fixed(range.to, 2),
            Cell::count(range.pixels),
        ];
        for value in [|range: &Range| range.abs_rel, |range: &Range| range.rmse] {
            row.extend(models.iter().map(|model| {
                Cell::fixed(
                    model.run.evaluation.by_depth.get(index).and_then(value),
                    DIGITS,
                )
            }));
        }
        table.rows.push(row);
    }
    table
}

type Range = mde_metrics::results::DepthRangeErrors;

pub(super) fn by_depth_figures(models: &[Model<'_>]) -> Vec<Figure> {
    let ranges: Vec<(f64, f64)> = models[0]
        .run
        .evaluation
        .by_depth
        .iter()
        .map(|range| (range.from, range.to))
        .collect();
    if ranges.is_empty() {
        return Vec::new();
    }
    let pixels: Vec<u64> = models[0]
        .run
        .evaluation
        .by_depth
        .iter()
        .map(|range| range.pixels)
        .collect();
    let total = pixels.iter().sum::<u64>().max(1) as f64;
    let shares: Vec<f64> = pixels.iter().map(|count| *count as f64 / total).collect();
    let figure = |title: &str, y: &str, value: fn(&Range) -> Option<f64>| {
        let series: Vec<(String, Vec<Option<f64>>)> = models
            .iter()
            .map(|model| {
                let mut values: Vec<Option<f64>> =
                    model.run.evaluation.by_depth.iter().map(value).collect();
                values.resize(ranges.len(), None);
                (model.label.class.to_owned(), values)
            })
            .collect();
        let alt =
            format!("{title} against true depth in metres; the numbers are in the table below");
        let labels = Labels {
            alt: &alt,
            x: "true depth, metres",
            y,
        };
        Figure {
            title: title.to_owned(),
            caption: "Grey: share of the pixels per metre.".to_owned(),
            svg: step_chart(&labels, &ranges, &shares, &series),
            legend: Vec::new(),
        }
    };
    vec![
        figure("AbsRel by depth", "AbsRel", |range| range.abs_rel),
        figure("RMSE by depth", "RMSE, metres", |range| range.rmse),
    ]
}

/// Every image of every model: CSV only.
pub(super) fn image_table(models: &[Model<'_>]) -> Table {
    let mut columns = vec!["model", "image", "pixels"];
    columns.extend(mde_metrics::DepthErrors::NAMES);
    let mut table = Table::new("images", "Errors of every test image.", &columns);
    for model in models {
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
