//! `mde ablate`: depth errors with some of a layer's units removed.

use candle_core::Device;
use mde_analysis::{AblateLayer, AblateOptions, ablate};
use mde_datasets::Preprocessing;
use mde_metrics::EvalProtocol;
use mde_metrics::statistics::Bootstrap;
use mde_results::{
    Ablation, AblationArea, LayerAblation, Provenance, RemovalOrder, Stage, names, to_json,
};
use serde::Serialize;
use serde_json::json;

use crate::dissection::Dissected;
use crate::measured::{MeasureArgs, Measured};
use crate::output::{Output, estimate};
use crate::progress::Progress;
use crate::subject::{Subject, SubjectArgs};

/// Which layers to ablate.
#[derive(Debug, clap::Args)]
pub(crate) struct AblateArgs {
    #[command(flatten)]
    subject: SubjectArgs,
    #[command(flatten)]
    measure: MeasureArgs,
    /// Layers, out of those dissected [default: all of them].
    #[arg(long, value_name = "LAYER", value_delimiter = ',')]
    layers: Option<Vec<String>>,
    /// Number of random removal orders to compare with.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    random_orders: u64,
}

#[derive(Serialize)]
struct Inputs<'a> {
    provenance: &'a Provenance,
    preprocessing: Preprocessing,
    protocol: &'a EvalProtocol,
    dissection: &'a str,
    /// blake3 of each layer's tallies.
    tallies: &'a [(String, String)],
    random_orders: u64,
    bootstrap: Bootstrap,
}

/// The stage's result.
const FILE: &str = names::ABLATION;

/// Ablates, unless the results are up to date.
pub(crate) fn run(args: AblateArgs, device: &Device) -> anyhow::Result<Output> {
    let subject = args.subject.load(device)?;
    let dissected = Dissected::read(
        &subject,
        &args.subject,
        &args.measure.data,
        args.layers.as_deref(),
    )?;
    let mut layers = Vec::with_capacity(dissected.layers.len());
    let mut tallies = Vec::with_capacity(dissected.layers.len());
    for layer in &dissected.layers {
        let (tally, hash) = dissected.tallies(layer)?;
        let mean_response = tally.total()?.overall_mean();
        layers.push(AblateLayer {
            dissection: layer.clone(),
            mean_response: mean_response.unwrap_or(vec![0.0; layer.units]),
        });
        tallies.push((layer.layer.clone(), hash));
    }
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
        tallies: &tallies,
        random_orders: args.random_orders,
        bootstrap,
    };
    let stage = Stage::new(subject.results.folder(), "ablate", inputs)?;
    if stage.is_up_to_date() {
        return described(&subject, &subject.results.read(FILE)?, true);
    }
    let options = AblateOptions {
        protocol,
        random_orders: args.random_orders,
        bootstrap,
        dissection: dissected.hash,
    };
    let progress = Progress::new("ablating", "images", list.len());
    let mut ablated = ablate(
        subject.network.as_ref(),
        loader.epoch(1, 0),
        device,
        &layers,
        &options,
        provenance,
        &mut |images| {
            progress.add(images);
        },
    )?;
    drop(progress);
    ablated
        .files
        .push((FILE.to_owned(), to_json(&ablated.ablation)?));
    stage.finish(&ablated.files)?;
    described(&subject, &ablated.ablation, false)
}

fn described(subject: &Subject, ablation: &Ablation, up_to_date: bool) -> anyhow::Result<Output> {
    let mut words = format!(
        "{}: {} images ({}). AbsRel with units removed, minus AbsRel at random removal, averaged over the fraction removed:",
        subject.results.place(FILE),
        ablation.images,
        ablation.protocol.name,
    );
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
    if !ablation.images_without_valid_depth.is_empty() {
        words += &format!(
            "\n{} images have no valid depth and are left out",
            ablation.images_without_valid_depth.len()
        );
    }
    let document = json!({
        "file": subject.results.kept(FILE), "up_to_date": up_to_date, "load_report": subject.load_report(),
        "provenance": ablation.provenance, "protocol": ablation.protocol, "images": ablation.images,
        "images_without_valid_depth": ablation.images_without_valid_depth,
        "layers": ablation.layers.iter().map(document).collect::<Vec<_>>(),
    });
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
