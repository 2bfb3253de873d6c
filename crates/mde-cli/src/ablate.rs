//! `mde ablate`: depth errors with some of a layer's units removed.

use candle_core::Device;
use mde_analysis::{AblateLayer, AblateOptions, ablate};
use mde_results::{Ablation, AblationArea, LayerAblation, RemovalOrder, names, to_json};
use serde_json::json;

use crate::analysis::{Analysis, AnalysisArgs, Found};
use crate::output::{Output, estimate};
use crate::progress::Progress;

/// Which layers to ablate.
#[derive(Debug, clap::Args)]
pub(crate) struct AblateArgs {
    #[command(flatten)]
    analysis: AnalysisArgs,
    /// Number of random removal orders to compare with.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    random_orders: u64,
}

/// The stage's result.
const FILE: &str = names::ABLATION;

/// Ablates, unless the results are up to date.
pub(crate) fn run(args: AblateArgs, device: &Device) -> anyhow::Result<Output> {
    let analysis = args.analysis.open(device)?;
    let dissected = &analysis.dissected;
    let mut layers = Vec::with_capacity(dissected.layers.len());
    let mut tallies = Vec::with_capacity(dissected.layers.len());
    for layer in &dissected.layers {
        let (tally, hash) = dissected.tallies(layer)?;
        let mean_response = tally.total()?.overall_mean();
        layers.push(AblateLayer {
            dissection: layer.clone(),
            mean_response: mean_response.unwrap_or(vec![0.0; layer.units]),
        });
        tallies.push((&layer.layer, hash));
    }
    let own = json!({ "tallies": tallies, "random_orders": args.random_orders });
    let stage = analysis.stage("ablate", own)?;
    if stage.is_up_to_date() {
        return described(&analysis, &analysis.subject.results.read(FILE)?, true);
    }
    analysis.subject.results.writable()?;
    let measured = &analysis.measured;
    let options = AblateOptions {
        protocol: measured.protocol.clone(),
        random_orders: args.random_orders,
        bootstrap: analysis.bootstrap,
        dissection: dissected.hash.clone(),
    };
    let progress = Progress::new("ablating", "images", measured.list.len());
    let mut ablated = ablate(
        analysis.subject.network.as_ref(),
        measured.loader.epoch(1, 0),
        device,
        &layers,
        &options,
        measured.provenance.clone(),
        &mut |images| progress.add(images),
    )?;
    drop(progress);
    let document = to_json(&ablated.ablation)?;
    ablated.files.push((FILE.to_owned(), document));
    stage.finish(&ablated.files)?;
    described(&analysis, &ablated.ablation, false)
}

fn described(analysis: &Analysis, ablation: &Ablation, up_to_date: bool) -> anyhow::Result<Output> {
    let found = Found {
        provenance: &ablation.provenance,
        protocol: &ablation.protocol,
        images: ablation.images,
        without_depth: &ablation.images_without_valid_depth,
    };
    let mut words = found.describe(analysis, FILE, up_to_date);
    words += ". AbsRel with units removed, minus AbsRel at random removal, averaged over the fraction removed:";
    for layer in &ablation.layers {
        words += &format!(
            "\n{} (AbsRel {:.4} with all {} units)",
            layer.layer, layer.baseline.abs_rel, layer.units
        );
        for area in &layer.areas {
            let by_seed = &area.abs_rel_by_seed;
            words += &format!(
                "\n  {}: {}; single random orders: {:.4} to {:.4}",
                removal(area),
                estimate(&area.abs_rel),
                by_seed.iter().copied().fold(f64::INFINITY, f64::min),
                by_seed.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            );
        }
    }
    let layers = ablation.layers.iter().map(document).collect();
    let document = analysis.document(FILE, up_to_date, &found, layers);
    Output::new(words, document)
}

fn document(layer: &LayerAblation) -> serde_json::Value {
    json!({
        "layer": layer.layer, "units": layer.units, "baseline": layer.baseline, "areas": layer.areas,
    })
}

fn removal(area: &AblationArea) -> String {
    let order = match area.order {
        RemovalOrder::LeastSelectiveFirst => "least selective first",
        _ => "most selective first",
    };
    let fill = serde_json::to_value(area.fill).unwrap_or_default();
    format!("{order}, filled with {}", fill.as_str().unwrap_or_default())
}
