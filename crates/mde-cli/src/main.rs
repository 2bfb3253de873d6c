//! The program `mde`: interpretable monocular depth estimation from the command line.
//!
//! One file a command. Results go to stdout (one JSON document with `--json`), logs and progress bars to stderr.
//! Exit status: 0 done, 1 failed with a message, 2 wrong usage.

mod ablate;
mod arguments;
mod compare;
mod convert;
mod correct;
mod data;
mod device;
mod dissect;
mod dissection;
mod evaluate;
mod inspect;
mod measured;
mod memory;
mod models;
mod output;
mod predict;
mod profile;
mod progress;
mod render;
mod report;
mod stage;
mod subject;
mod sweep;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::device::DeviceChoice;

/// Activations are allocated and freed by the megabyte, step after step. The system's allocator hands such blocks back to
/// the kernel each time, and half a training step's memory traffic was the kernel clearing pages again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Interpretable monocular depth estimation: train, measure and look into depth networks.
#[derive(Parser)]
#[command(name = "mde", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print the result as one JSON document on stdout.
    #[arg(long, global = true)]
    json: bool,
    /// Where tensors live, for the commands that compute with a network.
    #[arg(long, global = true, value_enum, default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
}

#[derive(Subcommand)]
enum Command {
    /// Render procedural scenes with exact depth, as a data set.
    #[command(subcommand)]
    Render(render::Scene),
    /// Turn a published distribution of NYU Depth V2 into a folder of images with lists.
    #[command(subcommand)]
    Convert(convert::Source),
    /// Train a network, plain or with a depth range assigned to every unit. Resumes what it finds.
    Train(train::TrainArgs),
    /// Look at a whole data set and tell everything that is wrong with it, and what to do.
    Inspect(inspect::InspectArgs),
    /// List the networks, their layers, and the weights there are for them.
    Models(models::ModelsArgs),
    /// Measure depth errors under a protocol: of a network, or of predictions that another program has made.
    Evaluate(evaluate::EvaluateArgs),
    /// Measure how selectively each hidden unit answers to depth: of a network, or of activations that another program has stored.
    Dissect(dissect::DissectArgs),
    /// Measure depth errors without some of a layer's units: most selective first, least selective first, at random.
    Ablate(ablate::AblateArgs),
    /// Measure depth errors with responses set to what the true depth implies: which units explain which error.
    Correct(correct::CorrectArgs),
    /// Compare two runs, image by image and unit by unit: accuracy and selectivity, with intervals of the difference.
    Compare(compare::CompareArgs),
    /// Predict the depth of any pictures, and show what chosen units respond.
    Predict(predict::PredictArgs),
    /// Train a grid of assignments, by weight and by layers, and set selectivity against accuracy. Resumes what it finds.
    Sweep(sweep::SweepArgs),
    /// Time a network operation by operation and layer by layer.
    Profile(profile::ProfileArgs),
    /// Write report.html and report.md from one run, or from a plain and an assigned one.
    Report(report::ReportArgs),
}

fn main() -> ExitCode {
    one_pool();
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_env("MDE_LOG").unwrap_or_else(|_| EnvFilter::new("warn")),
        )
        .with_writer(std::io::stderr)
        .without_time()
        .init();
    // From a thread of the pool: the kernels' parallel loops, hundreds a step, then share their work without a hand-over.
    match rayon::scope(|_| run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mde: {}", output::message(&error));
            ExitCode::FAILURE
        }
    }
}

/// Keeps candle from a thread pool of its own, unless it was asked for.
///
/// Its threads spin for work between operations and take the cores from the kernels' pool, where the work is: with both,
/// a training step on two cores takes a third longer.
#[allow(unsafe_code)]
fn one_pool() {
    const CANDLE: &str = "CANDLE_NUM_THREADS";
    if std::env::var_os(CANDLE).is_none() {
        // SAFETY: no other thread has been started that could read the environment.
        unsafe { std::env::set_var(CANDLE, "1") };
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    // Opened by those that use it: a GPU takes its time.
    let device = || cli.device.open();
    let output = match cli.command {
        Command::Render(scene) => render::run(scene)?,
        Command::Convert(source) => convert::run(source)?,
        Command::Train(args) => train::run(args, &device()?)?,
        Command::Inspect(args) => inspect::run(args)?,
        Command::Models(args) => models::run(args)?,
        Command::Evaluate(args) => evaluate::run(args, &device()?)?,
        Command::Dissect(args) => dissect::run(args, &device()?)?,
        Command::Ablate(args) => ablate::run(args, &device()?)?,
        Command::Correct(args) => correct::run(args, &device()?)?,
        Command::Compare(args) => compare::run(args)?,
        Command::Predict(args) => predict::run(args, &device()?)?,
        Command::Sweep(args) => sweep::run(args, &device()?)?,
        Command::Profile(args) => profile::run(args, &device()?)?,
        Command::Report(args) => report::run(args)?,
    };
    output.print(cli.json)
}
