//! `mde train`: a network from a data set.

use std::path::PathBuf;
use std::sync::Arc;

use candle_core::Device;
use mde_datasets::{Loader, LoaderConfig, MffTrain, Split, mean_depth};
use mde_models::Preset;
use mde_train::{
    AdamConfig, AssignmentConfig, DataConfig, DepthLoss, RunConfig, RunFolder, Schedule,
    StepRecord, TrainOptions, train,
};
use serde_json::json;

use crate::data::{DataArgs, geometry};
use crate::output::{Output, shown};
use crate::progress::bar;

/// The defaults are MFF's recipe.
#[derive(Debug, clap::Args)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The run folder; an interrupted run in it is resumed.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The network.
    #[arg(long, default_value = "mff-tiny")]
    model: String,
    /// Seed of weights, order and augmentation.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Images a step.
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Passes over the training images.
    #[arg(long, default_value_t = 20, conflicts_with = "steps")]
    epochs: u64,
    /// Steps in all, instead of epochs.
    #[arg(long)]
    steps: Option<u64>,
    /// Base learning rate.
    #[arg(long, default_value_t = 1e-4)]
    learning_rate: f64,
    /// How the rate falls.
    #[arg(long, value_enum, default_value_t = ScheduleChoice::Step)]
    schedule: ScheduleChoice,
    /// The loss of depth alone.
    #[arg(long, value_enum, default_value_t = LossChoice::Mff)]
    loss: LossChoice,
    /// Weight of the assigned selectivity in the loss; 0 trains the plain network, 0.1 is the paper's.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    alpha: f64,
    /// The layers whose units are assigned depth ranges, if alpha is not 0.
    #[arg(long, value_delimiter = ',', default_value = "D,MFF")]
    layers: Vec<String>,
    /// At most so many depth bins; a layer has min(its units, this many).
    #[arg(long, default_value_t = 64)]
    bins: usize,
    /// Steps between checkpoints; a kill loses at most so many.
    #[arg(long, default_value_t = 50)]
    checkpoint_every: u64,
}

/// Learning-rate schedules by name.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ScheduleChoice {
    /// Times 0.1 every 5 epochs: MFF's.
    Step,
    /// To a hundredth of the base rate with power 0.9: BTS's shape, for short budgets.
    Polynomial,
}

/// Depth losses by name.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum LossChoice {
    /// Of depth, its derivatives and normals, in logarithms: MFF's.
    Mff,
    /// The mean absolute error: for networks that begin at random.
    L1,
}

/// Trains, or resumes.
pub(crate) fn run(args: TrainArgs, device: &Device) -> anyhow::Result<Output> {
    let preset = Preset::named(&args.model)?;
    let assignment = AssignmentConfig {
        alpha: args.alpha,
        layers: args.layers.clone(),
        max_bins: args.bins,
    };
    // In a plain run too: a slip should not wait for the assigned one.
    assignment.check()?;
    let list = args.data.open(Split::Train)?;
    let loader = loader(&args, preset, list.clone())?;
    // Before the run folder is made: else the first bad picture would leave a run behind that cannot be resumed.
    list.check()?;
    let config = RunConfig {
        format: 1,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        model: args.model.clone(),
        seed: args.seed,
        data: DataConfig {
            name: args.data.data.name().to_owned(),
            fingerprint: list.fingerprint()?,
            images: list.len(),
            mean_depth: mean_depth(&list)?,
        },
        geometry: geometry(preset),
        batch: args.batch,
        steps: args
            .steps
            .unwrap_or(args.epochs * loader.batches_per_epoch() as u64),
        learning_rate: args.learning_rate,
        schedule: match args.schedule {
            ScheduleChoice::Step => Schedule::Step {
                epochs: 5,
                factor: 0.1,
            },
            ScheduleChoice::Polynomial => Schedule::Polynomial {
                power: 0.9,
                end: args.learning_rate / 100.0,
            },
        },
        loss: match args.loss {
            LossChoice::Mff => DepthLoss::Mff,
            LossChoice::L1 => DepthLoss::L1,
        },
        adam: AdamConfig::default(),
        assignment: (args.alpha != 0.0).then_some(assignment),
    };
    let progress = bar(config.steps, "training");
    let mut last = None;
    let mut observer = |record: &StepRecord| {
        progress.set_position(record.step);
        progress.set_prefix(format!("loss {:.3}", record.loss));
        last = Some(record.clone());
    };
    let folder = RunFolder::new(&args.out);
    let options = TrainOptions {
        checkpoint_every: args.checkpoint_every,
    };
    train(&config, &loader, &folder, device, options, &mut observer)?;
    progress.finish_and_clear();

    let checkpoint = folder.checkpoint()?;
    let words = match &last {
        Some(record) => format!(
            "{}: trained to step {}, loss {:.4}",
            args.out.display(),
            record.step,
            record.loss
        ),
        None => format!(
            "{}: up to date, {} steps",
            args.out.display(),
            checkpoint.step
        ),
    };
    let document = json!({
        "run": shown(&args.out), "step": checkpoint.step, "checkpoint": shown(&checkpoint.folder),
        "skipped": last.is_none(), "last": last,
    });
    Output::new(words, document)
}

fn loader(
    args: &TrainArgs,
    preset: Preset,
    list: Arc<mde_datasets::RgbdList>,
) -> anyhow::Result<Loader> {
    let transform = MffTrain {
        geometry: geometry(preset),
    };
    let config = LoaderConfig {
        batch: args.batch,
        seed: args.seed,
        workers: args.data.workers,
        prefetch: 4,
        shuffle: true,
        drop_last: true,
    };
    Ok(Loader::new(list, Arc::new(transform), config)?)
}
