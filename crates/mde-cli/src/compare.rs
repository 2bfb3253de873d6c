//! `mde compare`: two runs side by side.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use mde_analysis::{AnalysisError, LayerTallies, RunResults};
use mde_metrics::statistics::{Bootstrap, Estimate};
use mde_results::{
    Dissection, Evaluation, LayerDissection, Provenance, RunComparison, SelectivityComparison,
};
use mde_train::RunFolder;
use serde_json::json;

use crate::output::{Output, shown};
use crate::stage;

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

/// The result.
const FILE: &str = "compare.json";

/// Compares.
pub(crate) fn run(args: CompareArgs) -> anyhow::Result<Output> {
    let (first, second) = (Results::read(&args.first)?, Results::read(&args.second)?);
    let comparison = first.compared_with(&second)?;
    let file = args.out.as_ref().map(|out| out.join(FILE));
    if let Some(file) = &file {
        stage::write(file, &stage::json(&comparison)?)?;
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

/// The comparison of two folders of results.
pub(crate) fn compare(first: &Path, second: &Path) -> anyhow::Result<RunComparison> {
    Results::read(first)?.compared_with(&Results::read(second)?)
}

/// The results of `mde evaluate` and `mde dissect` in a folder.
struct Results {
    folder: PathBuf,
    evaluation: Evaluation,
    dissection: Dissection,
}

impl Results {
    fn read(folder: &Path) -> anyhow::Result<Self> {
        ensure!(
            folder.is_dir(),
            "{}: no such folder; expected a run folder, or the --out of `mde evaluate` and `mde dissect`",
            folder.display()
        );
        let subject = if RunFolder::new(folder).is_begun() {
            format!("--run {}", folder.display())
        } else {
            format!("--model NAME --weights FILE --out {}", folder.display())
        };
        let command = |stage: &str| format!("mde {stage} {subject}");
        Ok(Self {
            folder: folder.to_owned(),
            evaluation: stage::read_result(&folder.join("evaluate.json"), &command("evaluate"))?.0,
            dissection: stage::read_result(&folder.join("dissect.json"), &command("dissect"))?.0,
        })
    }

    fn compared_with(&self, second: &Self) -> anyhow::Result<RunComparison> {
        let [first_tallies, second_tallies] =
            [self, second].map(|run| |layer: &LayerDissection| run.tallies(layer));
        let comparison = mde_analysis::compare(
            &self.results(&first_tallies),
            &second.results(&second_tallies),
            Bootstrap::default(),
        )?;
        Ok(comparison)
    }

    fn results<'a>(
        &'a self,
        tallies: &'a dyn Fn(&LayerDissection) -> Result<LayerTallies, AnalysisError>,
    ) -> RunResults<'a> {
        RunResults {
            folder: &self.folder,
            evaluation: &self.evaluation,
            dissection: &self.dissection,
            tallies,
        }
    }

    fn tallies(&self, layer: &LayerDissection) -> Result<LayerTallies, AnalysisError> {
        let path = self.folder.join(&layer.tally);
        match std::fs::read(&path) {
            Ok(bytes) => LayerTallies::from_safetensors(&bytes, &path),
            Err(error) => Err(AnalysisError::Tallies {
                reason: format!("cannot be read: {error}"),
                path,
            }),
        }
    }
}

/// Printed metrics: key, name.
const PRINTED: [(&str, &str); 3] = [
    ("abs_rel", "AbsRel"),
    ("rmse", "RMSE (m)"),
    ("delta_1", "δ < 1.25"),
];

fn in_words(first: &Results, second: &Results, comparison: &RunComparison) -> String {
    let RunComparison {
        bootstrap,
        accuracy,
        ..
    } = comparison;
    let origin = |results: &Results, provenance: &Provenance| {
        let seed = provenance
            .seed
            .map_or(String::new(), |seed| format!(", seed {seed}"));
        format!("{} ({}{seed})", results.folder.display(), provenance.model)
    };
    let mut words = format!(
        "first   {}\nsecond  {}\non      {} {}, {} images, protocol {}\n",
        origin(first, &comparison.first),
        origin(second, &comparison.second),
        comparison.first.data,
        comparison.first.split,
        accuracy.images,
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
