//! `mde profile`: where a network's time goes, by operation and by layer, and how far that is from the machine's best.

mod measure;
mod recorder;
mod words;

use std::str::FromStr;

use anyhow::{Context, ensure};
use candle_core::{Device, Tensor};
use mde_models::{DepthInput, Mode, NoProbe, Parameters, Preset};
use mde_train::{AssignmentConfig, Recipe, StepAt, Trainer};
use serde::Serialize;

use self::measure::{Layer, Pass, noise, product_rate, time_layers};
use self::recorder::{Operation, Spent};
use crate::device;
use crate::memory;
use crate::output::Output;

/// What to profile.
#[derive(Debug, clap::Args)]
pub(crate) struct ProfileArgs {
    /// The network, with random weights; `mde models` lists them.
    #[arg(long)]
    model: String,
    /// Height and width of the images, which are noise [default: the network's own].
    #[arg(long, value_name = "HxW")]
    size: Option<Size>,
    /// Images at a time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    batch: u16,
    /// A whole training step by the network's recipe, in place of a forward pass.
    #[arg(long)]
    train: bool,
    /// Weight of the assigned selectivity in the loss of --train.
    #[arg(long, default_value_t = 0.0, requires = "train")]
    alpha: f64,
    /// Timed passes, of which the fastest counts, after one that is not timed.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
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

/// All that was measured: the document. Times and costs are those of the fastest pass.
#[derive(Debug, Serialize)]
struct Profile {
    model: &'static str,
    /// "forward" or "training step".
    work: &'static str,
    batch: usize,
    /// Height and width.
    size: (usize, usize),
    runs: usize,
    device: &'static str,
    threads: usize,
    seconds: f64,
    /// All operations together.
    operations_cost: Cost,
    /// What is outside of them: candle's own operations, and the program.
    other_seconds: f64,
    /// Of a plain matrix product here.
    matrix_product_flops_per_second: f64,
    peak_memory_bytes: Option<u64>,
    /// Of a training step.
    phases: Vec<PhaseRow>,
    /// Of the fastest of as many forward passes, timed apart.
    layers: Vec<Layer>,
    /// All shapes of one operation and pass together, the longest time first.
    kinds: Vec<KindRow>,
    /// The longest time first.
    operations: Vec<OperationRow>,
}

#[derive(Debug, Serialize)]
struct OperationRow {
    op: String,
    pass: String,
    shape: String,
    #[serde(flatten)]
    cost: Cost,
}

#[derive(Debug, Serialize)]
struct KindRow {
    op: String,
    pass: String,
    #[serde(flatten)]
    cost: Cost,
}

#[derive(Debug, Serialize)]
struct PhaseRow {
    phase: &'static str,
    seconds: f64,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Cost {
    calls: u64,
    seconds: f64,
    /// Of the whole pass.
    share: f64,
    /// Two for every multiply-add of the plain operations.
    flops: u64,
    /// None where there are no flops.
    flops_per_second: Option<f64>,
    /// Of the results.
    bytes: u64,
}

impl Cost {
    /// What was spent on one operation in a pass of so many seconds.
    fn new(operation: &Operation, spent: Spent, pass_seconds: f64) -> Self {
        let mut cost = Self::default();
        cost.add(
            Self {
                calls: spent.calls,
                seconds: spent.time.as_secs_f64(),
                flops: spent.calls * operation.flops,
                bytes: spent.calls * operation.bytes,
                ..cost
            },
            pass_seconds,
        );
        cost
    }

    fn add(&mut self, other: Self, pass_seconds: f64) {
        self.calls += other.calls;
        self.seconds += other.seconds;
        self.share = self.seconds / pass_seconds;
        self.flops += other.flops;
        self.flops_per_second = (self.flops > 0).then(|| self.flops as f64 / self.seconds);
        self.bytes += other.bytes;
    }
}

/// Profiles.
pub(crate) fn run(args: ProfileArgs, device: &Device) -> anyhow::Result<Output> {
    let preset = Preset::named(&args.model)?;
    let profile = Profile::measure(&args, &preset, device)
        .with_context(|| format!("cannot profile {}", preset.name))?;
    Output::new(profile.words(), profile)
}

impl Profile {
    fn measure(args: &ProfileArgs, preset: &Preset, device: &Device) -> anyhow::Result<Self> {
        let recipe = Recipe::of(preset);
        let training = recipe.preprocessing.training();
        let own = if args.train {
            training.input_size()
        } else {
            preset.input
        };
        let size = args.size.map_or(own, |Size(height, width)| (height, width));
        let batch = usize::from(args.batch);
        let input = input(batch, size, device)?;
        let timed = if args.train {
            let target = scaled(size, training.input_size(), training.target_size());
            let depths = noise(&[batch, 1, target.0, target.1], device)?;
            let depths = depths.affine(0.9 * preset.data.max_depth(), 0.5)?;
            Timed::training_step(args, preset, &recipe, &input, &depths)?
        } else {
            Timed::forward(args, preset, &input)?
        };
        let Pass { seconds, records } = timed.pass;
        let mut operations_cost = Cost::default();
        let (mut operations, mut kinds) = (Vec::new(), Vec::<KindRow>::new());
        // In order, so those of one kind follow each other.
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
        Ok(Self {
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
}

/// What was timed.
struct Timed {
    pass: Pass,
    /// After the passes.
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

    /// Its layers are those of the forward pass alone.
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
        assignment.check()?;
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
                let loss = trainer.step(input, depths, &[], at)?.0.loss;
                ensure!(loss.is_finite(), "the loss is {loss}: no step was made");
                Ok(())
            })?,
            peak_memory_bytes: memory::peak(),
            layers: time_layers(trainer.network(), input, Mode::Train, runs)?,
        })
    }
}

/// Noise in place of images, and a focal length, which some networks want.
fn input(batch: usize, size: (usize, usize), device: &Device) -> anyhow::Result<DepthInput> {
    /// KITTI's, in pixels.
    const FOCAL: f32 = 721.5377;
    let image = noise(&[batch, 3, size.0, size.1], device)?;
    Ok(DepthInput::new(image).with_focal(Tensor::full(FOCAL, batch, device)?))
}

/// The target of an input of this size, if the recipe's input has the size `own` and its target `target`: as large, or a
/// whole part of it, rounded up.
fn scaled(size: (usize, usize), own: (usize, usize), target: (usize, usize)) -> (usize, usize) {
    let side = |size: usize, own: usize, target: usize| size.div_ceil(own.div_ceil(target));
    (side(size.0, own.0, target.0), side(size.1, own.1, target.1))
}
