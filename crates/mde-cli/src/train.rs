//! `mde train`: a network from a data set.

use std::path::PathBuf;
use std::sync::Arc;

use candle_core::Device;
use mde_datasets::{Loader, LoaderConfig, RgbdList, Split, Transform, mean_depth};
use mde_models::{Parameters, Preset};
use mde_train::{
    AssignmentConfig, DataConfig, DepthLoss, InitialPart, InitialWeights, Recipe, RunConfig,
    RunFolder, Schedule, TrainEvent, TrainOptions, train,
};
use serde_json::json;

use crate::data::DataArgs;
use crate::memory;
use crate::output::{Output, peak_in_words, shown};
use crate::progress::bar;

/// What to train, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) settings: TrainSettings,
    /// The run folder; an interrupted run in it is resumed.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Weight of the assigned selectivity in the loss; 0 trains the plain network, 0.1 is the paper's.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) alpha: f64,
    /// The layers whose units are assigned depth ranges, if alpha is not 0, by `mde models`' names [default: the recipe's].
    #[arg(long, value_delimiter = ',')]
    pub(crate) layers: Option<Vec<String>>,
}

/// What trainings that differ in the assignment alone share. The defaults are the network's recipe, see docs/method.md.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct TrainSettings {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// The network.
    #[arg(long, default_value = "mff-tiny")]
    pub(crate) model: String,
    /// Seed of weights, order and augmentation.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Trained weights of this network to begin with, for fine-tuning: safetensors, or PyTorch's .pth.
    #[arg(long, value_name = "FILE", conflicts_with = "backbone")]
    init: Option<PathBuf>,
    /// ImageNet weights for the encoder, under torchvision's or timm's names.
    #[arg(long, value_name = "FILE")]
    backbone: Option<PathBuf>,
    /// Images a step [default: the recipe's].
    #[arg(long)]
    batch: Option<usize>,
    /// Passes over the training images [default: the recipe's].
    #[arg(long, conflicts_with = "steps")]
    epochs: Option<u64>,
    /// Steps in all, instead of epochs.
    #[arg(long)]
    steps: Option<u64>,
    /// Base learning rate [default: the recipe's].
    #[arg(long)]
    learning_rate: Option<f64>,
    /// How the rate falls [default: the recipe's].
    #[arg(long, value_enum)]
    schedule: Option<ScheduleChoice>,
    /// The loss of depth alone [default: the recipe's].
    #[arg(long, value_enum)]
    loss: Option<LossChoice>,
    /// At most so many depth bins; a layer has min(its units, this many).
    #[arg(long, default_value_t = 64)]
    pub(crate) bins: usize,
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

impl ScheduleChoice {
    fn schedule(self) -> Schedule {
        match self {
            Self::Step => Schedule::Step {
                epochs: 5,
                factor: 0.1,
            },
            Self::Polynomial => Schedule::Polynomial {
                power: 0.9,
                end_factor: 0.01,
            },
        }
    }
}

/// Depth losses by name.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum LossChoice {
    /// Of depth, its derivatives and normals, in logarithms: MFF's.
    Mff,
    /// The mean absolute error: for networks that begin at random.
    L1,
    /// The mean of ln(|e| + 0.5): MFF's first term alone.
    Log,
    /// The scale-invariant error of logarithms: BTS's.
    Silog,
}

impl LossChoice {
    fn loss(self, preset: &Preset) -> DepthLoss {
        match self {
            Self::Mff => DepthLoss::Mff,
            Self::L1 => DepthLoss::L1,
            Self::Log => DepthLoss::Log,
            Self::Silog => DepthLoss::silog(preset.data),
        }
    }
}

impl TrainSettings {
    /// The assignment of depth ranges to the units of these layers, or of the recipe's.
    ///
    /// # Errors
    /// If a setting is out of its range, or a layer that was named does not exist.
    pub(crate) fn assignment(
        &self,
        alpha: f64,
        layers: Option<&[String]>,
    ) -> anyhow::Result<AssignmentConfig> {
        let preset = Preset::named(&self.model)?;
        let recipe = Recipe::of(&preset);
        let assignment = AssignmentConfig {
            alpha,
            layers: match layers {
                Some(layers) => layers.to_vec(),
                None => recipe.layers.iter().map(ToString::to_string).collect(),
            },
            discretisation: recipe.discretisation,
            max_bins: self.bins,
        };
        assignment.check()?;
        if layers.is_some() {
            let network = preset.build(&Parameters::new(self.seed, &Device::Cpu))?;
            assignment.assignments(network.as_ref())?;
        }
        Ok(assignment)
    }
}

/// Trains, or resumes.
pub(crate) fn run(args: TrainArgs, device: &Device) -> anyhow::Result<Output> {
    let settings = &args.settings;
    let preset = Preset::named(&settings.model)?;
    let recipe = Recipe::of(&preset);
    let batch = settings.batch.unwrap_or(recipe.batch);
    let layers = args.layers.as_deref();
    // In a plain run too: a slip should not wait for the assigned one.
    let assignment = settings.assignment(args.alpha, layers)?;
    let folder = RunFolder::new(&args.out);
    let init = initial_weights(settings, &folder)?;
    let list = settings.data.open(Split::Train, &preset)?;
    let preprocessing = recipe.preprocessing.for_frames(list.frame_size()?);
    let transform = preprocessing.training();
    // Before the run folder is made: else the first bad picture would leave a run behind that cannot be resumed.
    list.check(transform.as_ref())?;
    let loader = loader(settings, list.clone(), transform, batch)?;
    let config = RunConfig {
        format: 1,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        model: settings.model.clone(),
        seed: settings.seed,
        data: DataConfig {
            name: settings.data.data.name()?,
            fingerprint: list.fingerprint()?,
            images: list.len(),
            mean_depth: mean_depth(&list)?,
        },
        preprocessing,
        init,
        batch,
        steps: settings.steps.unwrap_or_else(|| {
            settings.epochs.unwrap_or(recipe.epochs) * loader.batches_per_epoch() as u64
        }),
        learning_rate: settings.learning_rate.unwrap_or(recipe.learning_rate),
        schedule: settings
            .schedule
            .map_or(recipe.schedule, ScheduleChoice::schedule),
        loss: settings.loss.map_or(recipe.loss, |loss| loss.loss(&preset)),
        adam: recipe.adam,
        assignment: (args.alpha != 0.0).then_some(assignment),
    };
    let progress = bar(config.steps, "training");
    let mut last = None;
    let mut observer = |event: TrainEvent<'_>| match event {
        TrainEvent::Initialised(keys) => {
            if let Some(init) = &config.init {
                progress.suspend(|| eprintln!("{}: {keys}", init.file.display()));
            }
        }
        TrainEvent::Step(record) => {
            progress.set_position(record.step);
            progress.set_prefix(format!("loss {:.3}", record.loss));
            last = Some(record.clone());
        }
        _ => {}
    };
    let options = TrainOptions {
        checkpoint_every: settings.checkpoint_every,
    };
    train(&config, &loader, &folder, device, options, &mut observer)?;
    progress.finish_and_clear();

    let checkpoint = folder.checkpoint()?;
    let words = match &last {
        Some(record) => format!(
            "{}: trained to step {}, loss {:.4}{}",
            args.out.display(),
            record.step,
            record.loss,
            peak_in_words()
        ),
        None => format!(
            "{}: up to date, {} steps",
            args.out.display(),
            checkpoint.step
        ),
    };
    let document = json!({
        "run": shown(&args.out), "step": checkpoint.step, "checkpoint": shown(&checkpoint.folder),
        "skipped": last.is_none(), "last": last, "peak_memory_bytes": memory::peak(),
    });
    Output::new(words, document)
}

/// The weights that the run begins with, if any are given. A run that has a checkpoint needs the file no more.
fn initial_weights(
    settings: &TrainSettings,
    run: &RunFolder,
) -> anyhow::Result<Option<InitialWeights>> {
    let (file, part) = match (&settings.init, &settings.backbone) {
        (Some(file), _) => (file, InitialPart::Network),
        (None, Some(file)) => (file, InitialPart::Encoder),
        (None, None) => return Ok(None),
    };
    if !file.exists() && run.checkpoint().is_ok() {
        let begun = run.config()?.init;
        let same = |begun: &InitialWeights| begun.file == *file && begun.part == part;
        if begun.as_ref().is_some_and(same) {
            return Ok(begun);
        }
    }
    Ok(Some(InitialWeights::new(file, part)?))
}

fn loader(
    settings: &TrainSettings,
    list: Arc<RgbdList>,
    transform: Arc<dyn Transform>,
    batch: usize,
) -> anyhow::Result<Loader> {
    let config = LoaderConfig {
        batch,
        seed: settings.seed,
        workers: settings.data.workers,
        prefetch: 4,
        shuffle: true,
        drop_last: true,
    };
    Ok(Loader::new(list, transform, config)?)
}
