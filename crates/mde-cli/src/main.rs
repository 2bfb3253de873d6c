//! The program `mde`: interpretable monocular depth estimation from the command line.
//!
//! One file or folder per command. Results go to stdout (one JSON document with `--json`), logs and
//! progress to stderr. Exit status: 0 done, 1 failed with a message, 2 wrong usage.

mod ablate;
mod analysis;
mod arguments;
mod compare;
mod convert;
mod correct;
mod data;
mod device;
mod dissect;
mod dissection;
mod doctor;
mod evaluate;
mod export;
mod fetch;
mod hashes;
mod inspect;
mod logging;
mod manual;
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
mod version;
mod weights;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::device::DeviceChoice;
use crate::logging::{GLOBAL_OPTIONS, LogArgs};

/// Activations are allocated and freed by the megabyte, step after step. The system's allocator
/// returns such blocks to the kernel each time. Clearing the pages again took half of a training
/// step's memory traffic.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Interpretable monocular depth estimation: train, measure and examine depth networks.
#[derive(Parser)]
#[command(name = "mde", version, long_version = version::long())]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print the result as one JSON document on stdout.
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS)]
    json: bool,
    /// Device for tensors, for the commands that compute with a network.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t = DeviceChoice::Auto,
        help_heading = GLOBAL_OPTIONS
    )]
    device: DeviceChoice,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Render procedural scenes with exact depth as a data set.
    #[command(subcommand)]
    Render(render::SceneArgs),
    /// Download trained weights or a data set.
    #[command(subcommand)]
    Fetch(fetch::FetchArgs),
    /// Convert a published distribution of NYU Depth V2 into a folder of images with lists.
    #[command(subcommand)]
    Convert(convert::Source),
    /// Train a network, plain or with a depth range assigned to each unit; resumes an interrupted
    /// run.
    Train(train::TrainArgs),
    /// Check a data set or a file of weights; list all problems, each with its repair. The exit
    /// status is 1 if one of them is an error.
    Inspect(inspect::InspectArgs),
    /// List the networks, their layers, and the weights available for them.
    Models(models::ModelsArgs),
    /// Measure depth errors under a protocol, of a network or of another program's predictions.
    Evaluate(evaluate::EvaluateArgs),
    /// Measure the depth selectivity of each hidden unit, of a network or of stored activations.
    Dissect(dissect::DissectArgs),
    /// Measure depth errors with units removed: most selective first, least selective first, at
    /// random.
    Ablate(ablate::AblateArgs),
    /// Measure depth errors with responses set to those of the true depth: which units explain
    /// which error.
    Correct(correct::CorrectArgs),
    /// Compare the accuracy and selectivity of two runs, with confidence intervals of the
    /// differences.
    Compare(compare::CompareArgs),
    /// Predict the depth of pictures, and show the activations of chosen units.
    Predict(predict::PredictArgs),
    /// Train a grid of assignments and plot selectivity against accuracy; resumes an interrupted
    /// sweep.
    Sweep(sweep::SweepArgs),
    /// Time a network by operation and by layer.
    Profile(profile::ProfileArgs),
    /// Write a trained network as a folder that others can use: weights, configuration, model card.
    Export(export::ExportArgs),
    /// Write report.html and report.md about one run, or about a plain and an assigned run.
    Report(report::ReportArgs),
    /// Check this machine, the data sets and the weights, and suggest repairs.
    Doctor(mde_fetch::DoctorOptions),
    /// Print the completion script of a shell.
    Completions(manual::CompletionsArgs),
    /// Write manual pages, one per command.
    Man(manual::ManArgs),
}

fn main() -> ExitCode {
    limit_candle_threads();
    // Before parsing, since help and usage errors are coloured too.
    let command = Cli::command().color(logging::colour_of_arguments());
    let cli = match Cli::from_arg_matches(&command.get_matches()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    cli.log.start();
    // From a thread of the pool: the kernels run hundreds of parallel loops per step, and these
    // then share their work without waking a thread of the pool first.
    match rayon::scope(|_| run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast::<clap::Error>() {
            // Wrong usage that shows only when a file is opened.
            Ok(usage) => usage.exit(),
            Err(error) => {
                eprintln!("mde: {}", output::message(&error));
                ExitCode::FAILURE
            }
        },
    }
}

/// Limits candle's own thread pool to one thread, unless the user has set its size.
///
/// Its threads spin between operations and take the cores from the pool of the kernels, which do
/// the work. With both, a training step on two cores takes a third longer.
#[allow(unsafe_code)]
fn limit_candle_threads() {
    const CANDLE: &str = "CANDLE_NUM_THREADS";
    if std::env::var_os(CANDLE).is_none() {
        // SAFETY: no other thread has been started that could read the environment.
        unsafe { std::env::set_var(CANDLE, "1") };
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    // Opened only by the commands that use it: opening a GPU takes time.
    let device = || cli.device.open();
    let output = match cli.command {
        Command::Render(scene) => render::run(scene)?,
        Command::Fetch(args) => fetch::run(args)?,
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
        Command::Export(args) => export::run(args)?,
        Command::Report(args) => report::run(args)?,
        Command::Doctor(options) => doctor::run(&options)?,
        Command::Completions(args) => manual::completions(&args, Cli::command())?,
        Command::Man(args) => manual::man(&args, Cli::command())?,
    };
    output.print(cli.json)
}
