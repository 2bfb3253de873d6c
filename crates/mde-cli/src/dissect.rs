//! `mde dissect`: depth selectivity of hidden units.

use std::path::PathBuf;

use candle_core::Device;
use mde_analysis::{DissectLayer, DissectOptions, dissect};
use mde_datasets::{Preprocessing, Split};
use mde_metrics::results::{Dissection, EstimatedSelectivity, FORMAT, LayerDissection, Provenance};
use mde_metrics::statistics::{Bootstrap, Estimate};
use mde_train::Assignment;
use serde::Serialize;
use serde_json::json;

use crate::data::DataArgs;
use crate::memory;
use crate::output::{Output, estimate, peak_in_words};
use crate::progress::bar;
use crate::stage::{self, Stage};
use crate::subject::{Subject, SubjectArgs};

const BATCH: usize = 8;
const PERMUTATIONS: usize = 100;
const TOP_IMAGES: usize = 4;

/// What to dissect.
#[derive(Debug, clap::Args)]
pub(crate) struct DissectArgs {
    #[command(flatten)]
    subject: SubjectArgs,
    #[command(flatten)]
    data: DataArgs,
    /// The layers, by `mde models`' names [default: the network's].
    #[arg(long, value_delimiter = ',')]
    layers: Option<Vec<String>>,
    /// At most so many depth bins; a layer has min(its units, this many).
    #[arg(long, default_value_t = 64)]
    bins: usize,
    /// Permutations of the depth maps among the images, for what selectivity is by chance; 0 for none. With any, the
    /// images are read twice, and about 20 bytes of memory are needed for each image and pixel of a layer's maps.
    #[arg(long, value_name = "N", default_value_t = PERMUTATIONS)]
    permutations: usize,
    /// Images to keep for every unit, of those that it responds to most; 0 for none.
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
            subject: SubjectArgs::of_run(run),
            data,
            layers: Some(layers),
            bins,
            permutations: PERMUTATIONS,
            top_images: TOP_IMAGES,
            batch: BATCH,
        }
    }
}

#[derive(Serialize)]
struct Inputs<'a> {
    provenance: &'a Provenance,
    preprocessing: Preprocessing,
    layers: &'a [String],
    bins: usize,
    permutations: usize,
    bootstrap: Bootstrap,
    top_images: usize,
}

/// The stage's result.
pub(crate) const FILE: &str = "dissect.json";

/// Dissects, unless that has been done.
pub(crate) fn run(args: DissectArgs, device: &Device) -> anyhow::Result<Output> {
    let subject = args.subject.load(device)?;
    let names = args.layers.unwrap_or_else(|| {
        subject
            .recipe
            .layers
            .iter()
            .map(ToString::to_string)
            .collect()
    });
    let mut layers = Vec::with_capacity(names.len());
    for name in &names {
        let units = subject.network.layer(name)?.units;
        layers.push(DissectLayer {
            name: name.clone(),
            bins: subject.recipe.discretisation.bins(units.min(args.bins))?,
        });
    }
    let list = args.data.open(Split::Test, &subject.preset)?;
    let preprocessing = subject.preprocessing.for_frames(list.frame_size()?);
    let transform = preprocessing.dissection();
    let loader = args.data.loader(list.clone(), transform, args.batch)?;
    let provenance = subject.provenance(&args.data, &list, Split::Test)?;
    let bootstrap = Bootstrap::default();
    let inputs = Inputs {
        provenance: &provenance,
        preprocessing,
        layers: &names,
        bins: args.bins,
        permutations: args.permutations,
        bootstrap,
        top_images: args.top_images,
    };
    let stage = Stage::new(subject.folder.as_deref(), "dissect", inputs)?;
    if stage.is_done() {
        return described(&subject, &subject.read(FILE)?, true);
    }
    let options = DissectOptions {
        permutations: args.permutations,
        seed: 0,
        grids: subject.recipe.discretisation.sweep()?,
        top_images: args.top_images,
    };
    let passes = 1 + u64::from(args.permutations > 0);
    let progress = bar(passes * list.len() as u64, "dissect");
    let dissected = dissect(
        subject.network.as_ref(),
        || loader.epoch(1, 0),
        device,
        &layers,
        &options,
        &mut |images| {
            progress.inc(images as u64);
        },
    )?;
    progress.finish_and_clear();

    let assignments = assignments(&subject)?;
    let mut outputs = Vec::with_capacity(2 * layers.len() + 1);
    let mut dissection = Dissection {
        format: FORMAT,
        provenance,
        images: list.len(),
        bootstrap,
        layers: Vec::new(),
    };
    for (layer, dissected) in layers.iter().zip(&dissected) {
        let file = format!("dissect/{}.safetensors", layer.name);
        let assigned = assignments
            .iter()
            .find(|known| known.layer == layer.name && known.bins == layer.bins);
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
    described(&subject, &dissection, false)
}

/// The depth ranges that the network's units were trained to.
fn assignments(subject: &Subject) -> anyhow::Result<Vec<Assignment>> {
    let trained = subject.config.as_ref();
    match trained.and_then(|config| config.assignment.as_ref()) {
        Some(config) => Ok(config.assignments(subject.network.as_ref())?),
        None => Ok(Vec::new()),
    }
}

fn described(subject: &Subject, dissection: &Dissection, skipped: bool) -> anyhow::Result<Output> {
    let layers = dissection.layers.iter().map(describe);
    let words = format!(
        "{}: mean selectivity {}{}",
        subject.place(FILE),
        layers.collect::<Vec<_>>().join(";\n  "),
        if skipped {
            String::new()
        } else {
            peak_in_words()
        }
    );
    let layers: Vec<_> = dissection.layers.iter().map(document).collect();
    let document = json!({
        "file": subject.kept(FILE), "skipped": skipped, "weights": subject.keys_document(),
        "provenance": dissection.provenance, "images": dissection.images, "layers": layers,
        "peak_memory_bytes": memory::peak(),
    });
    Output::new(words, document)
}

fn document(layer: &LayerDissection) -> serde_json::Value {
    let (reference, valid_bins, chance) = (&layer.reference, &layer.valid_bins, &layer.null);
    json!({
        "layer": layer.layer, "units": layer.units, "bins": layer.bins.len(),
        "reference": reference.mean, "reference_interval": reference.interval,
        "reference_held_out": reference.held_out.mean, "flat_floor": layer.flat_floor,
        "valid_bins": valid_bins.mean, "valid_bins_interval": valid_bins.interval,
        "valid_bins_held_out": valid_bins.held_out.mean, "bins_used": valid_bins.bins_used,
        "by_chance": chance.as_ref().and_then(|null| null.mean),
        "units_above_chance": chance.as_ref().map(|null| null.above),
        "units_tested": chance.as_ref().map(|null| null.tested),
    })
}

/// `D 0.4171 [0.4012, 0.4330] (valid-bins, 32 of 32 bins; held out 0.4020; by chance 0.2113, 30 of 32 units above),
/// 0.4171 [0.4012, 0.4330] (reference; a flat unit has 0.0000)`
fn describe(layer: &LayerDissection) -> String {
    let number =
        |mean: Option<f64>| mean.map_or("undefined".to_owned(), |mean| format!("{mean:.4}"));
    let mean = |estimated: &EstimatedSelectivity| match estimated.mean {
        Some(value) => estimate(&Estimate {
            value,
            interval: estimated.interval,
        }),
        None => number(None),
    };
    let (reference, valid_bins) = (&layer.reference, &layer.valid_bins);
    let held_out = match valid_bins.held_out.splits {
        0 => String::new(),
        _ => format!("; held out {}", number(valid_bins.held_out.mean)),
    };
    let null = layer.null.as_ref().map_or(String::new(), |null| {
        format!(
            "; by chance {}, {} of {} units above",
            number(null.mean),
            null.above,
            null.tested
        )
    });
    let floor = layer.flat_floor.map_or(String::new(), |floor| {
        format!("; a flat unit has {floor:.4}")
    });
    format!(
        "{} {} (valid-bins, {} of {} bins{held_out}{null}), {} (reference{floor})",
        layer.layer,
        mean(valid_bins),
        valid_bins.bins_used,
        layer.bins.len(),
        mean(reference),
    )
}
