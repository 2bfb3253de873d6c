//! `mde dissect`: depth selectivity of hidden units, of a network or of another program's
//! activations.

mod features;
mod request;
mod source;
mod words;

use std::path::PathBuf;

use anyhow::ensure;
use candle_core::Device;
use mde_analysis::{DissectOptions, Dissected, assemble, dissect};
use mde_metrics::statistics::Bootstrap;
use mde_results::{Dissection, Provenance, Stage, to_json};
use serde::Serialize;

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

#[derive(Serialize)]
struct Inputs<'a> {
    provenance: &'a Provenance,
    preprocessing: &'a serde_json::Value,
    layers: Vec<&'a str>,
    /// The maximum number asked for, or the default.
    bins: usize,
    permutations: usize,
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
    let subject = source.open(&options, device)?;
    let bootstrap = Bootstrap::default();
    let layers = subject.layers.iter();
    let inputs = Inputs {
        provenance: &subject.provenance,
        preprocessing: &subject.preprocessing,
        layers: layers.map(|layer| layer.name.as_str()).collect(),
        bins: options.max_bins(),
        permutations: options.permutations,
        bootstrap,
        top_images: subject.top_images,
    };
    let DissectedNetwork {
        results,
        load_report,
        ..
    } = &subject;
    let stage = Stage::new(results.folder(), "dissect", inputs)?;
    if stage.is_up_to_date() {
        return described(results, load_report, &results.read(FILE)?, true);
    }
    results.writable()?;
    let dissection = measure(&subject, &options, bootstrap, &stage, device)?;
    described(results, load_report, &dissection, false)
}

/// Shows the images to the network, and writes the responses of its units.
fn measure(
    subject: &DissectedNetwork,
    options: &Options,
    bootstrap: Bootstrap,
    stage: &Stage,
    device: &Device,
) -> anyhow::Result<Dissection> {
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
            seed: 0,
            grids: subject.grids.clone(),
            top_images: subject.top_images,
            check_aspect_ratio: subject.provenance.is_stored(),
        },
        &mut |images| {
            progress.add(images);
        },
    )?;
    drop(progress);

    let assignments = subject.layers.iter().map(|layer| {
        let mut assignments = subject.assignments.iter();
        let assigned =
            assignments.find(|known| known.layer == layer.name && known.bins == layer.bins);
        assigned.map(|assignment| &assignment.units)
    });
    let assignments: Vec<_> = assignments.collect();
    let Dissected {
        dissection,
        mut files,
    } = assemble(
        &dissected,
        &assignments,
        bootstrap,
        subject.provenance.clone(),
    )?;
    files.push((FILE.to_owned(), to_json(&dissection)?));
    stage.finish(&files)?;
    Ok(dissection)
}
