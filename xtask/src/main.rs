//! `cargo xtask`: downloads, and pipelines over the program `mde`. Links no candle, so that it
//! builds fast and starts at once.

mod bench;
mod fetch;
mod mde;
mod reproduce;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mde_fetch::{DataSet, WeightOptions};

/// Downloads and pipelines of the workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Train a network plain and with depth ranges assigned, evaluate, dissect, ablate, correct and
    /// report.
    #[command(subcommand)]
    Reproduce(reproduce::Experiment),
    /// Time the main jobs, on request next to PyTorch.
    Bench(bench::Args),
    /// Download trained weights, with resume and checks, into weights/NAME of the folder of data.
    FetchWeights(WeightOptions),
    /// Download a data set, with resume and checks, into the folder that mde reads.
    #[command(subcommand)]
    FetchData(DataSet),
    /// Check this machine, the data sets and the weights, and suggest repairs.
    Doctor(fetch::DoctorArgs),
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Reproduce(experiment) => reproduce::run(experiment),
        Task::Bench(args) => bench::run(&args),
        Task::FetchWeights(options) => fetch::weights(&options),
        Task::FetchData(data) => fetch::data(data),
        Task::Doctor(args) => match fetch::doctor(&args) {
            // The findings are on stdout already.
            Ok(false) => return ExitCode::FAILURE,
            done => done.map(|_| ()),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {}", message(&error));
            ExitCode::FAILURE
        }
    }
}

/// The error with its causes, except those that it quotes already.
fn message(error: &anyhow::Error) -> String {
    let mut message = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}
