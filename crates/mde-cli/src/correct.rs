//! `mde correct`: depth errors with responses set to those of the true depth, an oracle analysis.

use candle_core::Device;
use mde_analysis::{CorrectOptions, correct};
use mde_datasets::Preprocessing;
use mde_metrics::EvalProtocol;
use mde_metrics::statistics::Bootstrap;
use mde_results::{Correction, LayerCorrection, Provenance, Stage, names, to_json};
use serde::Serialize;
use serde_json::json;

use crate::dissection::Dissected;
use crate::measured::{MeasureArgs, Measured};
use crate::output::{Output, estimate};
use crate::progress::Progress;
use crate::subject::{Subject, SubjectArgs};

/// Which layers to correct.
#[derive(Debug, clap::Args)]
pub(crate) struct CorrectArgs {
    #[command(flatten)]
    subject: SubjectArgs,
    #[command(flatten)]
    measure: MeasureArgs,
    /// Layers, out of those dissected [default: all of them].
    #[arg(long, value_name = "LAYER", value_delimiter = ',')]
    layers: Option<Vec<String>>,
    /// Number of images whose maps before and after correction are kept for the report.
    #[arg(long, value_name = "N", default_value_t = 4)]
    examples: usize,
}

#[derive(Serialize)]
struct Inputs<'a> {
    provenance: &'a Provenance,
    preprocessing: Preprocessing,
    protocol: &'a EvalProtocol,
    dissection: &'a str,
    layers: Vec<&'a str>,
    examples: usize,
    bootstrap: Bootstrap,
}

/// The stage's result.
const FILE: &str = names::CORRECTION;

/// Corrects, unless the results are up to date.
pub(crate) fn run(args: CorrectArgs, device: &Device) -> anyhow::Result<Output> {
    let subject = args.subject.load(device)?;
    let dissected = Dissected::read(
        &subject,
        &args.subject,
        &args.measure.data,
        args.layers.as_deref(),
    )?;
    let Measured {
        list,
        preprocessing,
        protocol,
        loader,
        provenance,
    } = args.measure.open(&subject)?;
    let bootstrap = Bootstrap::default();
    let inputs = Inputs {
        provenance: &provenance,
        preprocessing,
        protocol: &protocol,
        dissection: &dissected.hash,
        layers: (dissected.layers.iter())
            .map(|layer| layer.layer.as_str())
            .collect(),
        examples: args.examples,
        bootstrap,
    };
    let stage = Stage::new(subject.results.folder(), "correct", inputs)?;
    if stage.is_up_to_date() {
        return described(&subject, &subject.results.read(FILE)?, true);
    }
    let options = CorrectOptions {
        protocol,
        bootstrap,
        dissection: dissected.hash,
        images: list.len(),
        maps: args.examples,
    };
    let progress = Progress::new("correcting", "images", list.len());
    let mut corrected = correct(
        subject.network.as_ref(),
        loader.epoch(1, 0),
        device,
        &dissected.layers,
        &options,
        provenance,
        &mut |images| {
            progress.add(images);
        },
    )?;
    drop(progress);
    corrected
        .files
        .push((FILE.to_owned(), to_json(&corrected.correction)?));
    stage.finish(&corrected.files)?;
    described(&subject, &corrected.correction, false)
}

fn described(
    subject: &Subject,
    correction: &Correction,
    up_to_date: bool,
) -> anyhow::Result<Output> {
    let mut words = format!(
        "{}: {} images ({}); {}",
        subject.results.place(FILE),
        correction.images,
        correction.protocol.name,
        correction.note,
    );
    for layer in &correction.layers {
        words += &describe(layer);
    }
    if !correction.images_without_valid_depth.is_empty() {
        words += &format!(
            "\n{} images have no valid depth and are left out",
            correction.images_without_valid_depth.len()
        );
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
    let document = json!({
        "file": subject.results.kept(FILE), "up_to_date": up_to_date, "load_report": subject.load_report(),
        "note": correction.note, "provenance": correction.provenance, "protocol": correction.protocol,
        "images": correction.images, "images_without_valid_depth": correction.images_without_valid_depth, "layers": layers,
    });
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
