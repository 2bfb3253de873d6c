//! `mde train`: trains a network, or resumes its training.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use candle_core::Device;
use mde_datasets::{Loader, LoaderConfig, RgbdList, Scene, Split, Transform, survey_depth};
use mde_fetch::{WeightSource, read_export};
use mde_models::{Parameters, Preset};
use mde_results::{
    AssignmentConfig, CONFIG_FORMAT, InitialPart, InitialWeights, RunFolder, TrainingData,
};
use mde_train::{
    DepthLoss, Recipe, RunConfig, Schedule, TrainEvent, TrainOptions, check_assignment,
    layer_assignments, train,
};
use serde_json::json;

use crate::data::DataArgs;
use crate::hashes::fingerprint;
use crate::memory;
use crate::output::{Output, count, peak_memory_text, shown};
use crate::progress::{Progress, remark};
use crate::stage::locked;
use crate::weights::weights_of;

/// What to train, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) settings: TrainSettings,
    /// Run folder; an interrupted run in it is resumed.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Weight of the assigned selectivity in the loss; 0 trains the plain network, the paper uses
    /// 0.1.
    #[arg(
        long,
        value_name = "WEIGHT",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    pub(crate) alpha: f64,
    /// Layers whose units are assigned depth ranges if alpha is not 0, named as by `mde models`
    /// [default: the recipe's].
    #[arg(long, value_name = "LAYER", value_delimiter = ',')]
    pub(crate) layers: Option<Vec<String>>,
    /// Continue from the checkpoint although files of the training data have changed, such as after
    /// a damaged image was replaced.
    #[arg(long)]
    pub(crate) accept_changed_data: bool,
}

/// Options shared by all runs of a sweep. The defaults are the network's recipe (docs/method.md).
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct TrainSettings {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Network; `mde models` lists them.
    #[arg(long, value_name = "NAME", default_value = "mff-tiny")]
    pub(crate) model: String,
    /// Random seed of weights, image order and augmentation.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Initial weights of the whole network, for fine-tuning: a folder from `mde export`, a file
    /// (safetensors or PyTorch's .pth), a name from `mde fetch weights --list`,
    /// `hf:ORG/REPO[@REVISION]/FILE`, or `hf:ORG/REPO[@REVISION]` for an exported network.
    #[arg(long, value_name = "WEIGHTS", conflicts_with = "backbone")]
    init: Option<WeightSource>,
    /// Initial weights of the encoder, from ImageNet with torchvision's or timm's names; as for
    /// --init.
    #[arg(long, value_name = "WEIGHTS")]
    backbone: Option<WeightSource>,
    /// Batch size [default: the recipe's].
    #[arg(long, value_name = "N", alias = "batch")]
    batch_size: Option<usize>,
    /// Number of epochs; each leaves out the images of a last, smaller batch [default: the
    /// recipe's].
    #[arg(long, value_name = "N", conflicts_with = "steps")]
    epochs: Option<u64>,
    /// Number of training steps, in place of epochs.
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// Base learning rate [default: the recipe's].
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    learning_rate: Option<f64>,
    /// Learning-rate schedule [default: the recipe's].
    #[arg(long, value_enum)]
    schedule: Option<ScheduleChoice>,
    /// Depth loss, without the assignment's term [default: the recipe's].
    #[arg(long, value_enum)]
    loss: Option<LossChoice>,
    /// Maximum number of depth bins; a layer with fewer units has one bin per unit.
    #[arg(long, value_name = "K", default_value_t = 64)]
    pub(crate) bins: usize,
    /// Steps between checkpoints (steps lost at most if the process is killed).
    #[arg(long, value_name = "N", default_value_t = 50)]
    checkpoint_every: u64,
}

/// Learning-rate schedules by name.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ScheduleChoice {
    /// Factor 0.1 every 5 epochs, as for MFF.
    Step,
    /// Polynomial decay with power 0.9 to 1 % of the base rate, as for BTS; for short trainings.
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
    /// Logarithmic errors of depth and its derivatives, and errors of normals, as for MFF.
    Mff,
    /// Mean absolute error; for networks with random initial weights.
    L1,
    /// Mean of ln(|e| + 0.5), the first term of MFF's loss.
    Log,
    /// Scale-invariant logarithmic error, as for BTS.
    Silog,
}

impl LossChoice {
    fn loss(self, scene: Scene) -> DepthLoss {
        match self {
            Self::Mff => DepthLoss::Mff,
            Self::L1 => DepthLoss::L1,
            Self::Log => DepthLoss::Log,
            Self::Silog => DepthLoss::silog(scene),
        }
    }
}

impl TrainSettings {
    /// The assignment of depth ranges to the units of these layers, or of the recipe's layers.
    ///
    /// # Errors
    /// If a setting is out of range, or a named layer does not exist.
    pub(crate) fn assignment(
        &self,
        alpha: f64,
        layers: Option<&[String]>,
    ) -> anyhow::Result<AssignmentConfig> {
        let preset = Preset::named(&self.model)?;
        let recipe = Recipe::for_preset(&preset);
        let assignment = AssignmentConfig {
            alpha,
            layers: match layers {
                Some(layers) => layers.to_vec(),
                None => recipe.layers.iter().map(ToString::to_string).collect(),
            },
            discretisation: recipe.discretisation,
            max_bins: self.bins,
        };
        check_assignment(&assignment)?;
        if layers.is_some() {
            let network = preset.build(&Parameters::new(self.seed, &Device::Cpu))?;
            layer_assignments(&assignment, network.as_ref())?;
        }
        Ok(assignment)
    }
}

/// Trains, or resumes.
pub(crate) fn run(args: TrainArgs, device: &Device) -> anyhow::Result<Output> {
    let settings = &args.settings;
    let preset = Preset::named(&settings.model)?;
    let recipe = Recipe::for_preset(&preset);
    let batch_size = settings.batch_size.unwrap_or(recipe.batch);
    let layers = args.layers.as_deref();
    // Checked for a plain run too, so that a mistake shows before the assigned run.
    let assignment = settings.assignment(args.alpha, layers)?;
    ensure!(
        read_export(&args.out).is_err(),
        "{}: this is an exported network; choose another --out",
        args.out.display()
    );
    let folder = RunFolder::new(&args.out);
    let lock = locked(&folder, folder.lock_training())?;
    let init = initial_weights(settings, &folder)?;
    let list = settings.data.open(Split::Train, &preset)?;
    let preprocessing = recipe.preprocessing.for_frames(list.frame_size()?);
    let transform = preprocessing.training();
    let data = training_data(settings, &list, transform.as_ref(), &folder)?;
    let loader = loader(settings, list.clone(), transform, batch_size)?;
    let config = RunConfig {
        format: CONFIG_FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        model: settings.model.clone(),
        seed: settings.seed,
        data,
        preprocessing,
        init,
        batch_size,
        steps: settings.steps.unwrap_or_else(|| {
            settings.epochs.unwrap_or(recipe.epochs) * loader.batches_per_epoch() as u64
        }),
        learning_rate: settings.learning_rate.unwrap_or(recipe.learning_rate),
        schedule: settings
            .schedule
            .map_or(recipe.schedule, ScheduleChoice::schedule),
        loss: settings
            .loss
            .map_or(recipe.loss, |loss| loss.loss(recipe.scene)),
        adam: recipe.adam,
        assignment: (args.alpha != 0.0).then_some(assignment),
    };
    let taken = folder
        .newest_checkpoint()
        .map_or(0, |checkpoint| checkpoint.step);
    let progress = Progress::of_steps("training", config.steps, batch_size);
    progress.begin_at(taken);
    let mut last = None;
    let mut observer = |event: TrainEvent<'_>| match event {
        TrainEvent::Initialised(keys) => {
            if let Some(init) = &config.init {
                remark(&format!("{}: {keys}", init.file.display()));
            }
        }
        TrainEvent::Step(record) => {
            progress.set(record.step);
            progress.note(format!("loss {:.3}", record.loss));
            last = Some(record.clone());
        }
    };
    let options = TrainOptions {
        checkpoint_every: settings.checkpoint_every,
        accept_changed_data: args.accept_changed_data,
    };
    let trained = train(
        &config,
        &loader,
        &folder,
        &lock,
        device,
        options,
        &mut observer,
    );
    drop(progress);
    trained?;

    let checkpoint = folder.newest_checkpoint()?;
    let words = match &last {
        Some(record) => format!(
            "{}: trained to step {}, loss {:.4}{}",
            args.out.display(),
            record.step,
            record.loss,
            peak_memory_text()
        ),
        None => format!(
            "{}: up to date, {}",
            args.out.display(),
            count(checkpoint.step, "step")
        ),
    };
    let document = json!({
        "run": shown(&args.out), "step": checkpoint.step, "checkpoint": shown(&checkpoint.folder),
        "up_to_date": last.is_none(), "last": last, "peak_memory_bytes": memory::peak(),
    });
    Output::new(words, document)
}

/// The training data. A run that was begun with the same data has checked the images and computed
/// their mean depth, so that nothing is decoded again.
fn training_data(
    settings: &TrainSettings,
    list: &RgbdList,
    transform: &dyn Transform,
    folder: &RunFolder,
) -> anyhow::Result<TrainingData> {
    let fingerprint = fingerprint(list)?;
    let begun = RunConfig::read(folder).ok().map(|config| config.data);
    let begun = begun.filter(|data| data.fingerprint == fingerprint);
    let mean_depth = match begun {
        Some(data) => data.mean_depth,
        None => {
            let _progress = Progress::busy("checking the training images");
            // Before the run folder is made: a damaged image would leave a run that cannot be
            // resumed.
            list.check(transform)?;
            let survey = survey_depth(list)?;
            for warning in &survey.warnings {
                remark(&format!("training depth: {warning}"));
            }
            survey.mean
        }
    };
    Ok(TrainingData {
        name: settings.data.data.name()?,
        fingerprint,
        images: list.len(),
        mean_depth,
        earlier: Vec::new(),
    })
}

/// The initial weights of the run, if any are given. A run with a checkpoint no longer needs the
/// file.
fn initial_weights(
    settings: &TrainSettings,
    run: &RunFolder,
) -> anyhow::Result<Option<InitialWeights>> {
    let (source, part) = match (&settings.init, &settings.backbone) {
        (Some(source), _) => (source, InitialPart::Network),
        (None, Some(source)) => (source, InitialPart::Encoder),
        (None, None) => return Ok(None),
    };
    if run.newest_checkpoint().is_ok() {
        let begun = RunConfig::read(run)?.init;
        let given = PathBuf::from(source.to_string());
        // Of an exported network, the run has kept the path of the file in its folder.
        let same = |begun: &InitialWeights| {
            let paths = [Some(begun.file.as_path()), begun.file.parent()];
            begun.part == part && !begun.file.exists() && paths.contains(&Some(&given))
        };
        if begun.as_ref().is_some_and(same) {
            return Ok(begun);
        }
    }
    let file = &weights_of(source, Some(&settings.model))?.file;
    let init = InitialWeights::new(file, part);
    let init = init.with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Some(init))
}

fn loader(
    settings: &TrainSettings,
    list: Arc<RgbdList>,
    transform: Arc<dyn Transform>,
    batch_size: usize,
) -> anyhow::Result<Loader> {
    let config = LoaderConfig {
        batch_size,
        seed: settings.seed,
        workers: settings.data.workers,
        prefetch: 4,
        shuffle: true,
        drop_last: true,
    };
    Ok(Loader::new(list, transform, config)?)
}
