//! `mde dissect`: depth selectivity of hidden units, of a network or of another program's
//! activations.

mod features;
mod request;
mod source;
mod words;

use std::path::PathBuf;

use anyhow::ensure;
use candle_core::Device;
use mde_analysis::{DissectLayer, DissectOptions, Dissected, assemble, dissect};
use mde_metrics::DepthBins;
use mde_metrics::statistics::Bootstrap;
use mde_results::{Provenance, Stage, to_json};
use serde::Serialize;

use self::features::Stored;
use self::request::{DissectedNetwork, Options};
use self::source::Source;
pub(crate) use self::words::FILE;
use self::words::described;
use crate::data::DataArgs;
use crate::output::Output;
use crate::progress::Progress;

/// What to dissect.
#[derive(Debug, clap::Args)]
pub(crate) struct DissectArgs {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    options: Options,
}

impl DissectArgs {
    /// The arguments of `mde dissect --run RUN --data DATA --layers LAYERS --bins BINS`.
    pub(crate) fn from_run(run: PathBuf, data: DataArgs, layers: Vec<String>, bins: usize) -> Self {
        Self {
            source: Source::from_run(run, data),
            options: Options::new(layers, bins),
        }
    }
}

/// What determines the numbers.
#[derive(Serialize)]
struct Inputs<'a> {
    provenance: &'a Provenance,
    preprocessing: &'a serde_json::Value,
    layers: Vec<(&'a str, &'a DepthBins)>,
    /// The layers that were assigned in training, and their bins.
    assigned: Vec<(&'a str, &'a DepthBins)>,
    grids: &'a [DepthBins],
    permutations: usize,
    seed: u64,
    bootstrap: Bootstrap,
    top_images: usize,
}

/// Dissects, unless the results are up to date.
pub(crate) fn run(args: DissectArgs, device: &Device) -> anyhow::Result<Output> {
    let DissectArgs { source, options } = args;
    ensure!(
        options.max_bins() >= 2,
        "bins is {}: it must be at least 2, since selectivity compares bins",
        options.max_bins()
    );
    let (mut subject, stored) = source.open(&options, device)?;
    let bootstrap = Bootstrap::default();
    let layers = subject.layers.iter();
    let assigned = subject.assignments.iter();
    let inputs = Inputs {
        provenance: &subject.provenance,
        preprocessing: &subject.preprocessing,
        layers: layers.map(|layer| (&*layer.name, &layer.bins)).collect(),
        assigned: assigned.map(|layer| (&*layer.layer, &layer.bins)).collect(),
        grids: &subject.grids,
        permutations: options.permutations,
        seed: SEED,
        bootstrap,
        top_images: subject.top_images,
    };
    let folder = subject.results.folder();
    // Layers of stored features are computed by separate commands.
    let (stage, found) = match &stored {
        None => {
            let stage = Stage::new(folder, "dissect", inputs)?;
            let found = stage.is_up_to_date().then(|| subject.results.read(FILE));
            (stage, found.transpose()?)
        }
        Some(_) => {
            let layer = &subject.layers[0].name;
            let stage = Stage::new(folder, &format!("dissect/{layer}"), inputs)?;
            let found = Stored::up_to_date(&subject.results, &stage, layer);
            (stage, found)
        }
    };
    if let Some(found) = found {
        return described(&subject, &found, true);
    }
    subject.results.writable()?;
    let mut kept = None;
    if let Some(stored) = &stored {
        let DissectLayer { name, bins } = &subject.layers[0];
        let (others, ground_truth) =
            stored.join(&subject.results, &subject.provenance, name, bins)?;
        subject.provenance.data_hash = ground_truth;
        kept = others;
    }
    let Dissected {
        mut dissection,
        mut files,
    } = measure(&subject, &options, bootstrap, device)?;
    match &stored {
        Some(stored) => stored.finish(&stage, kept, &mut dissection, &files)?,
        None => {
            files.push((FILE.to_owned(), to_json(&dissection)?));
            stage.finish(&files)?;
        }
    }
    described(&subject, &dissection, false)
}

/// The seed of the permutations.
const SEED: u64 = 0;

/// Shows the images to the network.
fn measure(
    subject: &DissectedNetwork,
    options: &Options,
    bootstrap: Bootstrap,
    device: &Device,
) -> anyhow::Result<Dissected> {
    let passes = 1 + usize::from(options.permutations > 0);
    let total = passes * subject.images;
    let progress = Progress::new("dissecting", "images", total);
    let dissected = dissect(
        subject.network.as_ref(),
        &subject.data,
        device,
        &subject.layers,
        &DissectOptions {
            permutations: options.permutations,
            seed: SEED,
            grids: subject.grids.clone(),
            top_images: subject.top_images,
            check_aspect_ratio: subject.provenance.is_stored(),
        },
        &mut |images| {
            progress.add(images);
        },
    )?;
    drop(progress);

    let trained = |name: &str| {
        let mut assignments = subject.assignments.iter();
        assignments.find(|known| known.layer == name)
    };
    let assignments = subject.layers.iter().map(|layer| {
        let assigned = trained(&layer.name).filter(|known| known.bins == layer.bins);
        assigned.map(|assignment| &assignment.units)
    });
    let assignments: Vec<_> = assignments.collect();
    let mut result = assemble(
        &dissected,
        &assignments,
        bootstrap,
        subject.provenance.clone(),
    )?;
    for layer in &mut result.dissection.layers {
        let other = trained(&layer.layer).filter(|known| known.bins != layer.bins);
        layer.trained_bins = other.map(|assignment| assignment.bins.clone());
    }
    Ok(result)
}
