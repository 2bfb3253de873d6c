//! The benchmark jobs, one per process: `jobs NAME --runs N` prints one line of JSON.
//! `cargo xtask bench` runs all of them. With `--peer` it alternates them with the same jobs of
//! `peer.py`.

#![allow(clippy::print_stdout)]

#[path = "../../crates/mde-cli/src/memory.rs"]
mod memory;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use candle_core::{Device, Tensor, Var};
use clap::Parser;
use mde_datasets::{DataSpec, Loader, LoaderConfig, MffEval, MffGeometry, Split};
use mde_metrics::{BinWeights, Discretisation, ImageSize, ResponseTally};
use mde_models::{DepthInput, Mode, NoProbe, Parameters, Preset};
use mde_ops::{ConvConfig, conv2d};
use mde_results::AssignmentConfig;
use mde_train::{DepthLoss, Recipe, StepAt, Trainer};
use serde_json::json;

/// The allocator of `mde`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
struct Cli {
    /// Name of the job; `conv-3x64-k7-s2-d1-g1-228x304-forward` is a convolution of 3 channels to
    /// 64, `tally-64-114x152-64` the tally of one layer of 64 units in 64 bins.
    job: Option<String>,
    /// Print the names of the jobs without convolutions
    #[arg(long)]
    list: bool,
    /// Number of timed runs, after a warm-up
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Folder with nyuv2_test.csv, for the loader
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Passed by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// One run of a job, and the number of parts by which its time is divided, such as images.
struct Job {
    run: Box<dyn FnMut() -> anyhow::Result<()>>,
    parts: usize,
}

type Make = fn(&Cli) -> anyhow::Result<Job>;

const JOBS: [(&str, Make); 9] = [
    ("mff-resnet50-forward", |_| {
        forward("mff-resnet50", 1, (228, 304))
    }),
    ("mff-resnet50-step", |_| {
        step(
            "mff-resnet50",
            2,
            (228, 304),
            (114, 152),
            DepthLoss::Mff,
            0.1,
        )
    }),
    ("mff-senet154-forward", |_| {
        forward("mff-senet154", 1, (228, 304))
    }),
    ("bts-densenet161-forward", |_| {
        forward("bts-densenet161-nyu", 1, (480, 640))
    }),
    ("meter-xxs-forward", |_| forward("meter-xxs", 8, (192, 256))),
    ("meter-xxs-step", |_| {
        step("meter-xxs", 8, (192, 256), (96, 128), DepthLoss::Log, 0.0)
    }),
    ("dissect-tally", |_| tally(D_AND_MFF, &random_depth()?)),
    ("dissect-tally-room", |_| tally(D_AND_MFF, &room_depth())),
    ("nyu-eval-loader", eval_loader),
];

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    if cli.list {
        for (name, _) in JOBS {
            println!("{name}");
        }
        return Ok(());
    }
    let Some(name) = &cli.job else {
        // `cargo bench` and `cargo test --benches` run every target without a name.
        return Ok(());
    };
    // Runs on a thread of the pool, as in `mde`.
    rayon::scope(|_| measure(&cli, name))
}

fn measure(cli: &Cli, name: &str) -> anyhow::Result<()> {
    ensure!(cli.runs > 0, "--runs must be at least 1");
    let mut job = match JOBS.iter().find(|(known, _)| *known == name) {
        Some((_, make)) => make(cli)?,
        None if name.starts_with("conv-") => convolution(name)?,
        None if name.starts_with("tally-") => one_tally(name)?,
        None => bail!("there is no job {name}; --list shows them"),
    };
    // Warms up memory and caches; jobs of milliseconds need several runs.
    const WARM_UP: Duration = Duration::from_millis(500);
    let begin = Instant::now();
    while {
        (job.run)()?;
        begin.elapsed() < WARM_UP
    } {}
    let mut runs = Vec::with_capacity(cli.runs);
    for _ in 0..cli.runs {
        let start = Instant::now();
        (job.run)()?;
        runs.push(start.elapsed().as_secs_f64() / job.parts as f64);
    }
    println!(
        "{}",
        json!({ "job": name, "runs": runs, "peak_bytes": memory::peak() })
    );
    Ok(())
}

fn random(shape: &[usize]) -> anyhow::Result<Tensor> {
    Ok(Tensor::rand(-1f32, 1., shape, &Device::Cpu)?)
}

fn forward(model: &str, batch: usize, (height, width): (usize, usize)) -> anyhow::Result<Job> {
    let parameters = Parameters::new(0, &Device::Cpu);
    let network = Preset::named(model)?.build(&parameters)?;
    let input = DepthInput::new(random(&[batch, 3, height, width])?);
    Ok(Job {
        run: Box::new(move || {
            network.forward(&input, Mode::Eval, &mut NoProbe)?;
            Ok(())
        }),
        parts: 1,
    })
}

fn step(
    model: &str,
    batch: usize,
    (height, width): (usize, usize),
    target: (usize, usize),
    loss: DepthLoss,
    alpha: f64,
) -> anyhow::Result<Job> {
    let recipe = Recipe::for_preset(&Preset::named(model)?);
    let assignment = (alpha != 0.0).then(|| AssignmentConfig {
        alpha,
        layers: recipe.layers.iter().map(ToString::to_string).collect(),
        discretisation: recipe.discretisation,
        max_bins: 64,
    });
    let parameters = Parameters::new(0, &Device::Cpu);
    let mut trainer = Trainer::new(model, parameters, recipe.adam, loss, assignment.as_ref())?;
    let input = DepthInput::new(random(&[batch, 3, height, width])?);
    let depths = Tensor::rand(0.5f32, 9.5, (batch, 1, target.0, target.1), &Device::Cpu)?;
    let at = StepAt {
        step: 1,
        epoch: 1,
        learning_rate: 1e-4,
    };
    Ok(Job {
        run: Box::new(move || {
            trainer.step(&input, &depths, &[], at)?;
            Ok(())
        }),
        parts: 1,
    })
}

/// Size of the tallies' ground truth.
const GT_SIZE: ImageSize = ImageSize::new(228, 304);

/// Independent random pixels, the worst case: a feature pixel covers a dozen bins.
fn random_depth() -> anyhow::Result<Vec<f32>> {
    Ok(Tensor::rand(0.5f32, 9.5, GT_SIZE.pixels(), &Device::Cpu)?.to_vec1()?)
}

/// A floor seen from 1.4 m above it and an oblique wall: smooth, like most depth maps.
fn room_depth() -> Vec<f32> {
    let depth = |row: usize, column: usize| {
        let wall = 3.0 + 4.0 * column as f32 / GT_SIZE.width as f32;
        match row.checked_sub(GT_SIZE.height / 2 + 1) {
            Some(below) => wall.min(1.4 * 260.0 / (below + 1) as f32),
            None => wall,
        }
    };
    (0..GT_SIZE.pixels())
        .map(|pixel| depth(pixel / GT_SIZE.width, pixel % GT_SIZE.width))
        .collect()
}

/// Layers of one size, and the number of bins of their tallies.
#[derive(Clone, Copy)]
struct Tallied {
    layers: usize,
    units: usize,
    feature_size: ImageSize,
    bins: usize,
}

/// D and MFF in MFF-ResNet-50.
const D_AND_MFF: Tallied = Tallied {
    layers: 2,
    units: 64,
    feature_size: ImageSize::new(114, 152),
    bins: 64,
};

/// `tally-<units>-<height>x<width>-<bins>`: one layer under random depth.
fn one_tally(name: &str) -> anyhow::Result<Job> {
    let parsed = || {
        let parts: Vec<&str> = name.split('-').collect();
        let [_, units, size, bins] = parts[..] else {
            return None;
        };
        let (height, width) = size.split_once('x')?;
        Some(Tallied {
            layers: 1,
            units: units.parse().ok()?,
            feature_size: ImageSize::new(height.parse().ok()?, width.parse().ok()?),
            bins: bins.parse().ok()?,
        })
    };
    let tallied = parsed().with_context(|| format!("{name} is not the name of a tally"))?;
    tally(tallied, &random_depth()?)
}

/// One image with a ground truth of 228x304.
fn tally(tallied: Tallied, gt: &[f32]) -> anyhow::Result<Job> {
    let Tallied {
        units,
        feature_size,
        ..
    } = tallied;
    let bins = Discretisation::NYU.bins(tallied.bins)?;
    let features = random(&[units * feature_size.pixels()])?.to_vec1::<f32>()?;
    let gt = gt.to_vec();
    let mut layers = vec![ResponseTally::new(units, &bins); tallied.layers];
    Ok(Job {
        run: Box::new(move || {
            let weights = BinWeights::new(&bins, &gt, GT_SIZE, feature_size)?;
            for layer in &mut layers {
                layer.update_pooled(&features, &weights)?;
            }
            Ok(())
        }),
        parts: 1,
    })
}

/// The first 100 test images of NYU Depth V2 with MFF's preprocessing, on two threads.
fn eval_loader(cli: &Cli) -> anyhow::Result<Job> {
    const IMAGES: usize = 100;
    let root = cli.data.as_ref().context("this job needs --data DIR")?;
    let data: DataSpec = format!("nyu:{}", root.display()).parse()?;
    let list = Arc::new(data.open(Split::Test, None)?);
    let transform = MffEval {
        input: MffGeometry::full(),
        gt: MffGeometry::full(),
    };
    let config = LoaderConfig {
        batch_size: 1,
        seed: 0,
        workers: 2,
        prefetch: 8,
        shuffle: false,
        drop_last: false,
    };
    let loader = Loader::new(list, Arc::new(transform), config)?;
    Ok(Job {
        run: Box::new(move || {
            for batch in loader.epoch(1, 0).take(IMAGES) {
                batch?;
            }
            Ok(())
        }),
        parts: IMAGES,
    })
}

/// `conv-<in>x<out>-k<kernel>-s<stride>-d<dilation>-g<groups>-<height>x<width>-<pass>`; a pass is
/// `forward` or `backward`.
fn convolution(name: &str) -> anyhow::Result<Job> {
    let parsed = || {
        let parts: Vec<&str> = name.split('-').collect();
        let [_, channels, k, s, d, g, size, pass] = parts[..] else {
            return None;
        };
        let pair = |text: &str| -> Option<(usize, usize)> {
            let (first, second) = text.split_once('x')?;
            Some((first.parse().ok()?, second.parse().ok()?))
        };
        let number = |text: &str| text.get(1..)?.parse::<usize>().ok();
        let shape = (pair(channels)?, pair(size)?);
        Some((shape, [k, s, d, g].map(number), pass))
    };
    let Some((
        ((input, output), (height, width)),
        [Some(kernel), Some(stride), Some(dilation), Some(groups)],
        pass,
    )) = parsed()
    else {
        bail!("{name} is not the name of a convolution");
    };
    let config = ConvConfig {
        stride,
        padding: (dilation * (kernel - 1) / 2).into(),
        dilation,
        groups,
    };
    let x = Var::from_tensor(&random(&[1, input, height, width])?)?;
    let weight = Var::from_tensor(&random(&[output, input / groups, kernel, kernel])?)?;
    let run: Box<dyn FnMut() -> anyhow::Result<()>> = match pass {
        "forward" => Box::new(move || {
            conv2d(
                &x.as_detached_tensor(),
                &weight.as_detached_tensor(),
                config,
            )?;
            Ok(())
        }),
        // Both gradients. The forward pass is not timed again.
        "backward" => {
            let y = conv2d(&x, &weight, config)?;
            Box::new(move || {
                y.backward()?;
                Ok(())
            })
        }
        _ => bail!("{name}: the pass is forward or backward"),
    };
    Ok(Job { run, parts: 1 })
}
