//! `mde ablate`: depth errors with some of a layer's units removed.

use candle_core::Device;
use mde_analysis::{AblateLayer, AblateOptions, Ablated, ablate};
use mde_results::{
    Ablation, AblationArea, LayerAblation, LayerDissection, RemovalOrder, names, to_json,
};
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

/// Ablates the layers whose results are not up to date. Those of other layers stay.
pub(crate) fn run(args: AblateArgs, device: &Device) -> anyhow::Result<Output> {
    let analysis = args.analysis.open(device)?;
    let (dissected, results) = (&analysis.dissected, &analysis.subject.results);
    let earlier: Option<Ablation> = results.read(FILE).ok();
    let found = earlier
        .as_ref()
        .map_or(Vec::new(), |earlier| earlier.layers.clone());
    let own = |layer: &LayerDissection| {
        let (_, tallies) = dissected.tallies(layer)?;
        Ok(json!({ "tallies": tallies, "random_orders": args.random_orders }))
    };
    let stages = analysis.sort_layers("ablate", FILE, found, |layer| &layer.layer, own)?;
    if let (Some(earlier), true) = (earlier, stages.missing.is_empty()) {
        return described(&analysis, &earlier, true);
    }
    results.writable()?;
    let mut layers = Vec::with_capacity(stages.missing.len());
    for (layer, _) in &stages.missing {
        let (tally, _) = dissected.tallies(layer)?;
        let mean_response = tally.total()?.overall_mean();
        layers.push(AblateLayer {
            dissection: layer.clone(),
            mean_response: mean_response.unwrap_or(vec![0.0; layer.units]),
        });
    }
    let measured = &analysis.measured;
    let options = AblateOptions {
        protocol: measured.protocol.clone(),
        random_orders: args.random_orders,
        bootstrap: analysis.bootstrap,
        dissection: dissected.hash.clone(),
    };
    let progress = Progress::new("ablating", "images", measured.list.len());
    let Ablated {
        mut ablation,
        files,
    } = ablate(
        analysis.subject.network.as_ref(),
        measured.loader.epoch(1, 0),
        device,
        &layers,
        &options,
        measured.provenance.clone(),
        &mut |images| progress.add(images),
    )?;
    drop(progress);
    let new = std::mem::take(&mut ablation.layers);
    let all = new.iter().cloned().chain(stages.kept).collect();
    ablation.layers = analysis.in_order(all, |layer| &layer.layer);
    let document = (FILE.to_owned(), to_json(&ablation)?);
    for ((layer, (_, stage)), file) in new.iter().zip(&stages.missing).zip(files) {
        stage.finish_entry(&[file], document.clone(), layer)?;
    }
    described(&analysis, &ablation, false)
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
    let chosen = ablation.layers.iter();
    let chosen = chosen.filter(|layer| analysis.is_chosen(&layer.layer));
    for layer in chosen.clone() {
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
    let layers = chosen.map(document).collect();
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
