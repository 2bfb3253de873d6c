//! `mde correct`: depth errors with responses set to those of the true depth, an oracle analysis.

use candle_core::Device;
use mde_analysis::{CorrectOptions, correct};
use mde_results::{Correction, LayerCorrection, names, to_json};
use serde_json::json;

use crate::analysis::{Analysis, AnalysisArgs, Found};
use crate::output::{Output, estimate};
use crate::progress::Progress;

/// Which layers to correct.
#[derive(Debug, clap::Args)]
pub(crate) struct CorrectArgs {
    #[command(flatten)]
    analysis: AnalysisArgs,
    /// Number of images whose maps before and after correction are kept for the report.
    #[arg(long, value_name = "N", default_value_t = 4)]
    examples: usize,
}

/// The stage's result.
const FILE: &str = names::CORRECTION;

/// Corrects, unless the results are up to date.
pub(crate) fn run(args: CorrectArgs, device: &Device) -> anyhow::Result<Output> {
    let analysis = args.analysis.open(device)?;
    let (dissected, measured) = (&analysis.dissected, &analysis.measured);
    let layers: Vec<_> = dissected.layers.iter().map(|layer| &layer.layer).collect();
    let own = json!({ "layers": layers, "examples": args.examples });
    let stage = analysis.stage("correct", own)?;
    if stage.is_up_to_date() {
        return described(&analysis, &analysis.subject.results.read(FILE)?, true);
    }
    analysis.subject.results.writable()?;
    let options = CorrectOptions {
        protocol: measured.protocol.clone(),
        bootstrap: analysis.bootstrap,
        dissection: dissected.hash.clone(),
        images: measured.list.len(),
        maps: args.examples,
    };
    let progress = Progress::new("correcting", "images", measured.list.len());
    let mut corrected = correct(
        analysis.subject.network.as_ref(),
        measured.loader.epoch(1, 0),
        device,
        &dissected.layers,
        &options,
        measured.provenance.clone(),
        &mut |images| progress.add(images),
    )?;
    drop(progress);
    let document = to_json(&corrected.correction)?;
    corrected.files.push((FILE.to_owned(), document));
    stage.finish(&corrected.files)?;
    described(&analysis, &corrected.correction, false)
}

fn described(
    analysis: &Analysis,
    correction: &Correction,
    up_to_date: bool,
) -> anyhow::Result<Output> {
    let found = Found {
        provenance: &correction.provenance,
        protocol: &correction.protocol,
        images: correction.images,
        without_depth: &correction.images_without_valid_depth,
    };
    let mut words = format!(
        "{}; {}",
        found.describe(analysis, FILE, up_to_date),
        correction.note
    );
    for layer in &correction.layers {
        words += &describe(layer);
    }
    let layers: Vec<_> = correction
        .layers
        .iter()
        .map(|layer| {
            json!({
                "layer": layer.layer, "units": layer.units, "replaced": layer.replaced,
                "before": layer.before, "all_units": layer.all_units.errors, "abs_rel_reduction": layer.all_units.abs_rel_reduction,
                "relative_reduction": layer.all_units.relative_reduction, "ranking": layer.ranking, "indicator": layer.indicator,
            })
        })
        .collect();
    let mut document = analysis.document(FILE, up_to_date, &found, layers);
    document["note"] = correction.note.as_str().into();
    Output::new(words, document)
}

fn describe(layer: &LayerCorrection) -> String {
    let mut words = format!(
        "\n{} ({:.0} % of its pixels corrected): AbsRel {:.4} before, {:.4} with all units corrected, a reduction of {}",
        layer.layer,
        100.0 * layer.replaced,
        layer.before.abs_rel,
        layer.all_units.errors.abs_rel,
        estimate(&layer.all_units.abs_rel_reduction),
    );
    if let Some(&first) = layer.ranking.first() {
        words += &format!(
            "\n  largest reduction by one unit: unit {first}, {}",
            estimate(&layer.single_units[first].abs_rel_reduction)
        );
    }
    let correlation = |found: &Option<_>| found.as_ref().map_or("undefined".to_owned(), estimate);
    words += &format!(
        "\n  without ground truth: rank correlation with AbsRel is {} for the responses' distance, {} for the mean predicted depth",
        correlation(&layer.indicator.spearman),
        correlation(&layer.indicator.spearman_of_depth),
    );
    words
}
