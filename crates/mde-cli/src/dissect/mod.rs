//! `mde dissect`: depth selectivity of hidden units, of a network or of activations that another program has stored.

mod features;
mod source;
mod words;

use std::path::PathBuf;

use candle_core::Device;
use mde_analysis::{DissectLayer, DissectOptions, dissect};
use mde_datasets::{DatasetError, ExampleBatch};
use mde_metrics::DepthBins;
use mde_metrics::results::{Dissection, FORMAT, Provenance};
use mde_metrics::statistics::Bootstrap;
use mde_models::DepthNet;
use mde_train::Assignment;
use serde::Serialize;

use self::source::Source;
use self::words::described;
use crate::data::DataArgs;
use crate::output::Output;
use crate::progress::bar;
use crate::stage::{self, Results, Stage};

const BATCH: usize = 8;
const BINS: usize = 64;
const PERMUTATIONS: usize = 100;
const TOP_IMAGES: usize = 4;

/// What to dissect.
#[derive(Debug, clap::Args)]
pub(crate) struct DissectArgs {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    options: Options,
}

/// How to dissect.
#[derive(Debug, clap::Args)]
struct Options {
    /// The layers, by `mde models`' names [default: the network's].
    #[arg(long, value_delimiter = ',')]
    layers: Option<Vec<String>>,
    /// At most so many depth bins; a layer has min(its units, this many). For --features exactly so many [default: 64, for
    /// --features min(units, 64)].
    #[arg(long, value_name = "K")]
    bins: Option<usize>,
    /// Permutations of the depth maps among the images, for what selectivity is by chance; 0 for none. With any, the
    /// images are read twice, and about 20 bytes of memory are needed for each image and pixel of a layer's maps.
    #[arg(long, value_name = "N", default_value_t = PERMUTATIONS)]
    permutations: usize,
    /// Images to keep for every unit, of those that it responds to most; 0 for none, as with --features, which has no pictures.
    #[arg(long, value_name = "N", default_value_t = TOP_IMAGES)]
    top_images: usize,
    /// Images at a time; does not change the result.
    #[arg(long, default_value_t = BATCH)]
    batch: usize,
}

impl DissectArgs {
    /// What `mde dissect --run RUN --data DATA --layers LAYERS --bins BINS` is given.
    pub(crate) fn of_run(run: PathBuf, data: DataArgs, layers: Vec<String>, bins: usize) -> Self {
        Self {
            source: Source::of_run(run, data),
            options: Options {
                layers: Some(layers),
                bins: Some(bins),
                permutations: PERMUTATIONS,
                top_images: TOP_IMAGES,
                batch: BATCH,
            },
        }
    }
}

/// What is dissected: layers of a network, and the images that it is shown.
struct Subject {
    network: Box<dyn DepthNet>,
    layers: Vec<DissectLayer>,
    images: usize,
    batches: Box<dyn Fn() -> Batches>,
    /// Images to keep for every unit.
    top_images: usize,
    /// Other grids of bins.
    grids: Vec<DepthBins>,
    /// The depth ranges that the network's units were trained to.
    assignments: Vec<Assignment>,
    provenance: Provenance,
    /// What is done to images.
    preprocessing: serde_json::Value,
    results: Results,
    /// How a file of weights and the network met.
    weights: serde_json::Value,
}

/// The images, in the same order at every call.
type Batches = Box<dyn Iterator<Item = Result<ExampleBatch, DatasetError>>>;

#[derive(Serialize)]
struct Inputs<'a> {
    provenance: &'a Provenance,
    preprocessing: &'a serde_json::Value,
    layers: Vec<&'a str>,
    /// The bins that were asked for, with none the network's.
    bins: usize,
    permutations: usize,
    bootstrap: Bootstrap,
    top_images: usize,
}

/// The stage's result.
pub(crate) const FILE: &str = "dissect.json";

/// Dissects, unless that has been done.
pub(crate) fn run(args: DissectArgs, device: &Device) -> anyhow::Result<Output> {
    let DissectArgs { source, options } = args;
    let subject = source.open(&options, device)?;
    let bootstrap = Bootstrap::default();
    let layers = subject.layers.iter();
    let inputs = Inputs {
        provenance: &subject.provenance,
        preprocessing: &subject.preprocessing,
        layers: layers.map(|layer| layer.name.as_str()).collect(),
        bins: options.bins.unwrap_or(BINS),
        permutations: options.permutations,
        bootstrap,
        top_images: subject.top_images,
    };
    let Subject {
        results, weights, ..
    } = &subject;
    let stage = Stage::new(results.folder.as_deref(), "dissect", inputs)?;
    if stage.is_done() {
        return described(results, weights, &results.read(FILE)?, true);
    }
    let dissection = measure(&subject, &options, bootstrap, &stage, device)?;
    described(results, weights, &dissection, false)
}

/// Shows the images to the network, and writes what its units answer.
fn measure(
    subject: &Subject,
    options: &Options,
    bootstrap: Bootstrap,
    stage: &Stage,
    device: &Device,
) -> anyhow::Result<Dissection> {
    let passes = 1 + u64::from(options.permutations > 0);
    let progress = bar(passes * subject.images as u64, "dissect");
    let dissected = dissect(
        subject.network.as_ref(),
        &subject.batches,
        device,
        &subject.layers,
        &DissectOptions {
            permutations: options.permutations,
            seed: 0,
            grids: subject.grids.clone(),
            top_images: subject.top_images,
        },
        &mut |images| {
            progress.inc(images as u64);
        },
    )?;
    progress.finish_and_clear();

    let mut outputs = Vec::with_capacity(2 * subject.layers.len() + 1);
    let mut dissection = Dissection {
        format: FORMAT,
        provenance: subject.provenance.clone(),
        images: subject.images,
        bootstrap,
        layers: Vec::new(),
    };
    for (layer, dissected) in subject.layers.iter().zip(&dissected) {
        let file = format!("dissect/{}.safetensors", layer.name);
        let mut assignments = subject.assignments.iter();
        let assigned =
            assignments.find(|known| known.layer == layer.name && known.bins == layer.bins);
        let owner = assigned.map(|assignment| &assignment.owner);
        let mut summary = dissected.summary(owner, &bootstrap, file.clone())?;
        outputs.push((file, dissected.tallies.to_safetensors()?));
        if let Some(top) = &dissected.top {
            let file = format!("dissect/{}-top.safetensors", layer.name);
            summary.top_images = Some(file.clone());
            outputs.push((file, top.to_safetensors()?));
        }
        dissection.layers.push(summary);
    }
    outputs.push((FILE.to_owned(), stage::json(&dissection)?));
    stage.finish(&outputs)?;
    Ok(dissection)
}
