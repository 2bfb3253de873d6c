//! `mde compare`: two runs side by side.

use std::path::PathBuf;

use mde_metrics::statistics::{Bootstrap, Estimate};
use mde_results::{
    Provenance, RunComparison, RunFolder, RunResults, SelectivityComparison, compare, names,
};
use serde_json::json;

use crate::output::{Output, count, shown};

/// Which runs to compare.
#[derive(Debug, clap::Args)]
pub(crate) struct CompareArgs {
    /// Run folder of the first network, or the --out of `mde evaluate` and `mde dissect`.
    first: PathBuf,
    /// Run folder of the second network; differences are second minus first.
    second: PathBuf,
    /// Output folder for compare.json; without it, the comparison is only printed.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Compares.
pub(crate) fn run(args: CompareArgs) -> anyhow::Result<Output> {
    let (first, second) = (
        RunResults::read(args.first)?,
        RunResults::read(args.second)?,
    );
    let comparison = compare(&first, &second, Bootstrap::default())?;
    let file = args.out.as_ref().map(|out| out.join(names::COMPARISON));
    if let Some(out) = args.out {
        RunFolder::new(out).write_document(names::COMPARISON, &comparison)?;
    }
    let mut words = in_words(&first, &second, &comparison);
    if let Some(file) = &file {
        words += &format!("\n\ncomparison: {}", file.display());
    }
    let document = json!({
        "file": file.as_deref().map(shown), "comparison": comparison,
        "scored_pixels": [first.evaluation.summary.pixels, second.evaluation.summary.pixels],
    });
    Output::new(words, document)
}

/// Printed metrics: key, name.
const PRINTED: [(&str, &str); 3] = [
    ("abs_rel", "AbsRel"),
    ("rmse", "RMSE (m)"),
    ("delta_1", "δ < 1.25"),
];

fn in_words(first: &RunResults, second: &RunResults, comparison: &RunComparison) -> String {
    let RunComparison {
        bootstrap,
        accuracy,
        ..
    } = comparison;
    let origin = |results: &RunResults, provenance: &Provenance| {
        let seed = provenance
            .seed
            .map_or(String::new(), |seed| format!(", seed {seed}"));
        format!(
            "{} ({}{seed})",
            results.folder.path().display(),
            provenance.model
        )
    };
    let mut words = format!(
        "first   {}\nsecond  {}\non      {} {}, {}, protocol {}\n",
        origin(first, &comparison.first),
        origin(second, &comparison.second),
        comparison.first.data,
        comparison.first.split,
        count(accuracy.images, "image"),
        accuracy.protocol,
    );
    words += &format!(
        "difference: second minus first, with its {} % confidence interval ({} resamples of the images)\n",
        100.0 * bootstrap.level,
        bootstrap.resamples,
    );
    let [pixels, other_pixels] = [first, second].map(|run| run.evaluation.summary.pixels);
    if pixels != other_pixels {
        words += &format!(
            "the two networks prepare ground truth differently: {pixels} and {other_pixels} pixels scored\n"
        );
    }
    let names = comparison
        .layers
        .iter()
        .map(|layer| layer.layer.chars().count());
    let width = names.chain([11]).max().unwrap_or(11);
    words += &format!(
        "\n{:width$}  {:>8}  {:>8}  difference\n",
        "accuracy", "first", "second"
    );
    for (key, name) in PRINTED {
        if let Some(metric) = accuracy.metrics.iter().find(|metric| metric.metric == key) {
            let numbers = row(metric.first, metric.second, &metric.difference);
            words += &format!("{name:width$}  {numbers}\n");
        }
    }
    words += &format!(
        "\n{:width$}  {:>8}  {:>8}  {:28}  units higher, lower\n",
        "selectivity", "first", "second", "difference"
    );
    let scores = |selectivity: &Option<SelectivityComparison>| match selectivity {
        Some(scores) => row(scores.first, scores.second, &scores.difference),
        None => "undefined: too few depth bins with enough pixels".to_owned(),
    };
    for layer in &comparison.layers {
        words += &format!(
            "{:width$}  {:48}  {}, {} of {}\n",
            layer.layer,
            scores(&layer.selectivity),
            layer.higher,
            layer.lower,
            layer.units
        );
    }
    words += &format!("{:width$}  {}", "mean", scores(&comparison.selectivity));
    if comparison.layers.iter().any(|layer| !layer.counted) {
        let counted = comparison.layers.iter().filter(|layer| layer.counted);
        let names: Vec<&str> = counted.map(|layer| layer.layer.as_str()).collect();
        words += &format!("\nmean over the assigned layers: {}", names.join(", "));
    }
    words
}

fn row(first: f64, second: f64, difference: &Estimate) -> String {
    let interval = difference.interval.map_or(String::new(), |interval| {
        format!(" [{:+.4}, {:+.4}]", interval.low, interval.high)
    });
    format!(
        "{first:8.4}  {second:8.4}  {:+.4}{interval}",
        difference.value
    )
}
