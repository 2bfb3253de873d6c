//! `mde compare`: two runs side by side.

use std::path::PathBuf;

use mde_metrics::statistics::{Bootstrap, Estimate};
use mde_results::{
    LayerComparison, Provenance, RunComparison, RunFolder, RunResults, SelectivityComparison,
    compare, names,
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
    let scores = |selectivity: &Option<SelectivityComparison>, undefined: &str| match selectivity {
        Some(scores) => row(scores.first, scores.second, &scores.difference),
        None => format!("undefined: {undefined}"),
    };
    for layer in &comparison.layers {
        words += &format!(
            "{:width$}  {:48}  {}, {} of {}\n",
            layer.layer,
            scores(&layer.selectivity, "no unit has a selectivity in both runs"),
            layer.higher,
            layer.lower,
            layer.defined_in_both
        );
    }
    let mean = scores(&comparison.selectivity, "a layer has none");
    words += &format!("{:width$}  {mean}", "mean");
    if comparison.layers.iter().any(|layer| !layer.counted) {
        let counted = comparison.layers.iter().filter(|layer| layer.counted);
        let names: Vec<&str> = counted.map(|layer| layer.layer.as_str()).collect();
        words += &format!("\nmean over the assigned layers: {}", names.join(", "));
    }
    if !comparison.layers_left_out.is_empty() {
        words += &format!(
            "\nnot compared, because the runs do not both have them with the same units and bins: {}",
            comparison.layers_left_out.join(", ")
        );
    }
    for layer in &comparison.layers {
        words += &unpaired(layer);
        if layer.images != accuracy.images {
            let images = count(layer.images, "image");
            words += &format!("\n{}: selectivity over {images}", layer.layer);
        }
    }
    words
}

/// The units that a layer's means leave out because one run or both have no selectivity for them;
/// empty if there are none.
fn unpaired(layer: &LayerComparison) -> String {
    let paired = layer.defined_in_both;
    if paired == layer.units {
        return String::new();
    }
    let lone = [
        (layer.defined_only_in_first, "the first run only"),
        (layer.defined_only_in_second, "the second run only"),
    ];
    let neither = layer.units - paired - lone[0].0 - lone[1].0;
    let lone = lone.map(|(units, run)| (units, format!("a selectivity in {run}")));
    let left_out = lone
        .into_iter()
        .chain([(neither, "none in either".to_owned())]);
    let left_out = left_out.filter(|(units, _)| *units > 0);
    let left_out: Vec<_> = left_out
        .map(|(units, what)| format!("{units} {} {what}", if units == 1 { "has" } else { "have" }))
        .collect();
    format!(
        "\n{}: the means are over the {paired} of {} with a selectivity in both runs; {}",
        layer.layer,
        count(layer.units, "unit"),
        left_out.join(", ")
    )
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
