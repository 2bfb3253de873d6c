//! `cargo xtask`: downloads, and pipelines over the program `mde`. Links no candle, so that it builds fast and starts at
//! once.

mod bench;
mod doctor;
mod fetch;
mod fetch_data;
mod mde;
mod reproduce;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Downloads and pipelines of the workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Train a network plain and with depth ranges assigned, evaluate, dissect, ablate, correct and report.
    #[command(subcommand)]
    Reproduce(reproduce::Experiment),
    /// Time the jobs that matter, beside PyTorch if asked for.
    Bench(bench::Args),
    /// Download trained weights, with resume and check, into data/weights/NAME.
    FetchWeights(fetch::Args),
    /// Download a data set, with resume and check, and bring it into the folder that mde reads.
    #[command(subcommand)]
    FetchData(fetch_data::DataSet),
    /// Look at this machine, the data sets and the weights, and say what to do about what is wrong.
    Doctor(doctor::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Reproduce(experiment) => reproduce::run(experiment),
        Task::Bench(args) => bench::run(&args),
        Task::FetchWeights(args) => fetch::run(args),
        Task::FetchData(data) => fetch_data::run(data),
        Task::Doctor(args) => match doctor::run(&args) {
            // What is broken is on stdout already.
            Ok(false) => return ExitCode::FAILURE,
            done => done.map(|_| ()),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
