//! `mde profile`: time of a network by operation and by layer, next to the machine's best rate.

mod document;
mod measure;
mod recorder;
mod words;

use std::str::FromStr;

use anyhow::{Context, ensure};
use candle_core::{Device, Tensor};
use mde_models::{DepthInput, Mode, NoProbe, Parameters, Preset};
use mde_results::AssignmentConfig;
use mde_train::{Recipe, StepAt, Trainer, check_assignment};

use self::document::{Cost, KindRow, OperationRow, PhaseRow, ProfileOutput};
use self::measure::{Layer, Pass, noise, product_rate, time_layers};
use self::recorder::Operation;
use self::words::describe;
use crate::device;
use crate::memory;
use crate::output::Output;

/// Which network to profile, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct ProfileArgs {
    /// Network, with random weights; `mde models` lists them.
    #[arg(long, value_name = "NAME")]
    model: String,
    /// Height and width of the input, which is noise [default: the network's].
    #[arg(long, value_name = "HxW")]
    size: Option<Size>,
    /// Batch size.
    #[arg(long, value_name = "N", alias = "batch", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=256))]
    batch_size: u16,
    /// Profile a training step of the network's recipe in place of a forward pass.
    #[arg(long)]
    train: bool,
    /// Weight of the assigned selectivity in the loss of --train.
    #[arg(long, value_name = "WEIGHT", default_value_t = 0.0, requires = "train")]
    alpha: f64,
    /// Number of timed passes after a warm-up; the fastest counts.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
}

/// Height and width, as "228x304".
#[derive(Debug, Clone, Copy)]
struct Size(usize, usize);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const LARGEST: usize = 8192;
        let side = |text: &str| {
            text.parse()
                .ok()
                .filter(|side| (1..=LARGEST).contains(side))
        };
        let sides = text
            .split_once('x')
            .and_then(|(height, width)| side(height).zip(side(width)));
        sides
            .map(|(height, width)| Self(height, width))
            .ok_or_else(|| {
                format!("expected height and width, 1 to {LARGEST} each, such as 228x304")
            })
    }
}

/// Profiles.
pub(crate) fn run(args: ProfileArgs, device: &Device) -> anyhow::Result<Output> {
    let preset = Preset::named(&args.model)?;
    let profile = measure(&args, &preset, device)
        .with_context(|| format!("cannot profile {}", preset.name))?;
    Output::new(describe(&profile), profile)
}

/// Times the passes.
fn measure(args: &ProfileArgs, preset: &Preset, device: &Device) -> anyhow::Result<ProfileOutput> {
    let recipe = Recipe::for_preset(preset);
    let training = recipe.preprocessing.training();
    let own = if args.train {
        training.input_size()
    } else {
        preset.input
    };
    let size = args.size.map_or(own, |Size(height, width)| (height, width));
    let batch = usize::from(args.batch_size);
    let input = input(batch, size, device)?;
    let timed = if args.train {
        let target = scaled(size, training.input_size(), training.target_size());
        let depths = noise(&[batch, 1, target.0, target.1], device)?;
        let depths = depths.affine(0.9 * preset.max_depth, 0.5)?;
        Timed::training_step(args, preset, &recipe, &input, &depths)?
    } else {
        Timed::forward(args, preset, &input)?
    };
    let Pass { seconds, records } = timed.pass;
    let mut operations_cost = Cost::default();
    let (mut operations, mut kinds) = (Vec::new(), Vec::<KindRow>::new());
    // Sorted, so operations of one kind follow each other.
    for (operation, spent) in records.operations {
        let cost = Cost::new(&operation, spent, seconds);
        let Operation {
            op, pass, shape, ..
        } = operation;
        match kinds.last_mut() {
            Some(kind) if (&kind.op, &kind.pass) == (&op, &pass) => {
                kind.cost.add(cost, seconds);
            }
            _ => kinds.push(KindRow {
                op: op.clone(),
                pass: pass.clone(),
                cost,
            }),
        }
        operations_cost.add(cost, seconds);
        operations.push(OperationRow {
            op,
            pass,
            shape,
            cost,
        });
    }
    operations.sort_by(|a, b| b.cost.seconds.total_cmp(&a.cost.seconds));
    kinds.sort_by(|a, b| b.cost.seconds.total_cmp(&a.cost.seconds));
    let phases = records.phases.into_iter().map(|(phase, spent)| PhaseRow {
        phase,
        seconds: spent.time.as_secs_f64(),
    });
    Ok(ProfileOutput {
        model: preset.name,
        work: if args.train {
            "training step"
        } else {
            "forward"
        },
        batch,
        size,
        runs: usize::from(args.runs),
        device: device::name(device),
        threads: rayon::current_num_threads(),
        seconds,
        operations_cost,
        other_seconds: seconds - operations_cost.seconds,
        matrix_product_flops_per_second: product_rate(device)?,
        peak_memory_bytes: timed.peak_memory_bytes,
        phases: phases.collect(),
        layers: timed.layers,
        kinds,
        operations,
    })
}

/// The timings.
struct Timed {
    pass: Pass,
    /// Peak memory after the passes.
    peak_memory_bytes: Option<u64>,
    layers: Vec<Layer>,
}

impl Timed {
    fn forward(args: &ProfileArgs, preset: &Preset, input: &DepthInput) -> anyhow::Result<Self> {
        let (device, runs) = (input.image.device(), usize::from(args.runs));
        let parameters = Parameters::new(0, device);
        let network = preset.build(&parameters)?;
        Ok(Self {
            pass: Pass::fastest(device, runs, || {
                network.forward(input, Mode::Eval, &mut NoProbe)?;
                Ok(())
            })?,
            peak_memory_bytes: memory::peak(),
            layers: time_layers(network.as_ref(), input, Mode::Eval, runs)?,
        })
    }

    /// Times a training step; the layers are timed in the forward pass only.
    fn training_step(
        args: &ProfileArgs,
        preset: &Preset,
        recipe: &Recipe,
        input: &DepthInput,
        depths: &Tensor,
    ) -> anyhow::Result<Self> {
        let (device, runs) = (input.image.device(), usize::from(args.runs));
        let assignment = AssignmentConfig {
            alpha: args.alpha,
            layers: recipe.layers.iter().map(ToString::to_string).collect(),
            discretisation: recipe.discretisation,
            max_bins: 64,
        };
        check_assignment(&assignment)?;
        let assignment = (args.alpha != 0.0).then_some(&assignment);
        let (adam, loss) = (recipe.adam, recipe.loss);
        let parameters = Parameters::new(0, device);
        let mut trainer = Trainer::new(preset.name, parameters, adam, loss, assignment)?;
        let at = StepAt {
            step: 1,
            epoch: 1,
            learning_rate: recipe.learning_rate,
        };
        Ok(Self {
            pass: Pass::fastest(device, runs, || {
                let loss = trainer.step(input, depths, &[], at)?.loss;
                ensure!(loss.is_finite(), "the loss is {loss}, so no step was taken");
                Ok(())
            })?,
            peak_memory_bytes: memory::peak(),
            layers: time_layers(trainer.network(), input, Mode::Train, runs)?,
        })
    }
}

/// Noise in place of images, and a focal length, which some networks require.
fn input(batch: usize, size: (usize, usize), device: &Device) -> anyhow::Result<DepthInput> {
    /// KITTI's focal length in pixels.
    const FOCAL: f32 = 721.5377;
    let image = noise(&[batch, 3, size.0, size.1], device)?;
    Ok(DepthInput::new(image).with_focal(Tensor::full(FOCAL, batch, device)?))
}

/// The target size for this input size, at the ratio of the recipe's `target` to its input `own`,
/// rounded up.
fn scaled(size: (usize, usize), own: (usize, usize), target: (usize, usize)) -> (usize, usize) {
    let side = |size: usize, own: usize, target: usize| size.div_ceil(own.div_ceil(target));
    (side(size.0, own.0, target.0), side(size.1, own.1, target.1))
}
