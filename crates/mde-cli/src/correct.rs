//! `mde correct`: depth errors with responses set to those of the true depth, an oracle analysis.

use candle_core::Device;
use mde_analysis::{CorrectOptions, CorrectedLayers, correct};
use mde_results::{Correction, LayerCorrection, LayerDissection, names, to_json};
use serde_json::json;

use crate::analysis::{Analysis, AnalysisArgs, Found};
use crate::output::{Output, estimate};
use crate::progress::{Progress, remark};

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

/// Corrects the layers whose results are not up to date. Those of other layers stay.
pub(crate) fn run(args: CorrectArgs, device: &Device) -> anyhow::Result<Output> {
    let analysis = args.analysis.open(device)?;
    let (dissected, measured) = (&analysis.dissected, &analysis.measured);
    let results = &analysis.subject.results;
    let earlier: Option<Correction> = results.read(FILE).ok();
    let found = earlier
        .as_ref()
        .map_or(Vec::new(), |earlier| earlier.layers.clone());
    let own = |_: &LayerDissection| Ok(json!({ "examples": args.examples }));
    let stages = analysis.sort_layers("correct", FILE, found, |layer| &layer.layer, own)?;
    say_groups(&analysis);
    if let (Some(earlier), true) = (earlier, stages.missing.is_empty()) {
        return described(&analysis, &earlier, true);
    }
    results.writable()?;
    let options = CorrectOptions {
        protocol: measured.protocol.clone(),
        bootstrap: analysis.bootstrap,
        dissection: dissected.hash.clone(),
        images: measured.list.len(),
        maps: args.examples,
    };
    let layers: Vec<_> = stages
        .missing
        .iter()
        .map(|(layer, _)| layer.clone())
        .collect();
    let progress = Progress::new("correcting", "images", measured.list.len());
    let CorrectedLayers {
        mut correction,
        files,
    } = correct(
        analysis.subject.network.as_ref(),
        measured.loader.epoch(1, 0),
        device,
        &layers,
        &options,
        measured.provenance.clone(),
        &mut |images| progress.add(images),
    )?;
    drop(progress);
    let new = std::mem::take(&mut correction.layers);
    let all = new.iter().cloned().chain(stages.kept).collect();
    correction.layers = analysis.in_order(all, |layer| &layer.layer);
    let document = (FILE.to_owned(), to_json(&correction)?);
    for (layer, (_, stage)) in new.iter().zip(&stages.missing) {
        let own = files
            .iter()
            .filter(|(file, _)| [&layer.values, &layer.maps].contains(&file));
        let own: Vec<_> = own.cloned().collect();
        stage.finish_entry(&own, document.clone(), layer)?;
    }
    described(&analysis, &correction, false)
}

/// Says by which bins units are grouped where the bins of the training are not those of the
/// dissection.
fn say_groups(analysis: &Analysis) {
    let config = analysis.subject.config.as_ref();
    let Some(assignment) = config.and_then(|config| config.assignment.as_ref()) else {
        return;
    };
    for layer in &analysis.dissected.layers {
        if assignment.layers.contains(&layer.layer) && layer.valid_bins.assigned.is_none() {
            remark(&format!(
                "layer {} was dissected in other bins than those that its units were assigned in \
                 training; its units are grouped by their preferred bins",
                layer.layer
            ));
        }
    }
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
    let chosen = correction.layers.iter();
    let chosen = chosen.filter(|layer| analysis.is_chosen(&layer.layer));
    for layer in chosen.clone() {
        words += &describe(layer);
    }
    let layers: Vec<_> = chosen
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
