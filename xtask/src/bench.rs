//! `cargo xtask bench`: times the jobs of `tests/benches/jobs.rs`, and with `--peer` the same in
//! PyTorch.
//!
//! Each job runs in a separate process, ours and PyTorch's in turn. Both then see the machine in
//! the same state, and their peak memory is measured separately. The result is the ratio of the
//! medians.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::mde::{built, workspace};

/// What to time.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Names of jobs, or convolutions such as conv-64x64-k3-s1-d1-g1-57x76-forward [default: all].
    jobs: Vec<String>,
    /// Also time the jobs in PyTorch; needs Python with torch, numpy and pillow.
    #[arg(long)]
    peer: bool,
    /// Python interpreter for --peer.
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: PathBuf,
    /// Number of processes per job and side.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Number of timed runs per process, after a warm-up.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// NYU Depth V2 in the paper's layout, for the loader's job; without it, the job is skipped.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Output folder for bench.json and bench.md [default: data/bench of the workspace].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Measurements of one process.
#[derive(Debug, Deserialize)]
struct Measured {
    runs: Vec<f64>,
    peak_bytes: Option<u64>,
    torch: Option<String>,
}

/// The measurements of one side of a job.
#[derive(Debug, Default, Serialize)]
struct Side {
    /// Median of all runs.
    seconds: f64,
    fastest: f64,
    slowest: f64,
    peak_bytes: Option<u64>,
    #[serde(skip)]
    runs: Vec<f64>,
}

/// One job, measured.
#[derive(Debug, Serialize)]
struct Row {
    job: String,
    ours: Side,
    pytorch: Option<Side>,
    /// PyTorch's time divided by ours.
    ratio: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Table {
    machine: Machine,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Machine {
    processor: String,
    threads: usize,
    commit: String,
    rustc: String,
    torch: Option<String>,
}

/// The job that needs images.
const LOADER: &str = "nyu-eval-loader";

/// Convolutions of the networks, one of each kind.
const CONVOLUTIONS: [&str; 10] = [
    "conv-3x64-k7-s2-d1-g1-228x304",
    "conv-64x64-k3-s1-d1-g1-57x76",
    "conv-256x64-k1-s1-d1-g1-57x76",
    "conv-128x128-k3-s2-d1-g1-57x76",
    "conv-512x512-k3-s1-d1-g1-8x10",
    "conv-1024x2048-k1-s2-d1-g1-15x19",
    "conv-128x128-k5-s1-d1-g1-114x152",
    "conv-64x64-k5-s1-d1-g1-114x152",
    "conv-256x128-k3-s1-d6-g1-60x80",
    "conv-512x512-k3-s1-d1-g64-15x19",
];

/// Times the jobs and writes the table.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let program = built(&[
        "bench",
        "--no-run",
        "--package",
        "mde-tests",
        "--bench",
        "jobs",
    ])?;
    let jobs = jobs(args, &program)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let peer = workspace().join("tests").join("benches").join("peer.py");
    let mut table = Table {
        machine: Machine::read(threads),
        rows: Vec::with_capacity(jobs.len()),
    };
    for job in jobs {
        let (mut ours, mut theirs) = (Side::default(), Side::default());
        for round in 1..=args.rounds {
            eprintln!("== {job}, round {round} of {}", args.rounds);
            let mut own = Command::new(&program);
            // As in `mde`: candle's threads, which spin while they wait, would compete with the
            // kernels'.
            own.env("CANDLE_NUM_THREADS", "1");
            ours.add(measure(own, &job, args)?);
            if args.peer {
                let mut python = Command::new(&args.python);
                python.arg(&peer).args(["--threads", &threads.to_string()]);
                let mut measured = measure(python, &job, args)?;
                if job == LOADER {
                    // The peer loads in one process; the comparison assumes one process per thread
                    // of ours.
                    measured
                        .runs
                        .iter_mut()
                        .for_each(|run| *run /= threads as f64);
                }
                table.machine.torch.clone_from(&measured.torch);
                theirs.add(measured);
            }
        }
        ours.finish();
        theirs.finish();
        let pytorch = args.peer.then_some(theirs);
        table.rows.push(Row {
            ratio: pytorch.as_ref().map(|theirs| theirs.seconds / ours.seconds),
            job,
            ours,
            pytorch,
        });
    }
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| workspace().join("data").join("bench"));
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let markdown = table.markdown();
    write(&out.join("bench.md"), &markdown)?;
    write(
        &out.join("bench.json"),
        &serde_json::to_string_pretty(&table)?,
    )?;
    print!("{markdown}");
    eprintln!("written to {}", out.display());
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn jobs(args: &Args, program: &Path) -> anyhow::Result<Vec<String>> {
    if !args.jobs.is_empty() {
        return Ok(args.jobs.clone());
    }
    let listed = Command::new(program)
        .arg("--list")
        .output()
        .context("cannot run the jobs")?;
    let listed = String::from_utf8(listed.stdout)?;
    let mut jobs: Vec<String> = listed.lines().map(str::to_owned).collect();
    if args.data.is_none() {
        eprintln!("{LOADER} is skipped: it needs --data DIR");
        jobs.retain(|job| job != LOADER);
    }
    for shape in CONVOLUTIONS {
        jobs.extend(["forward", "backward"].map(|pass| format!("{shape}-{pass}")));
    }
    Ok(jobs)
}

/// Runs one process and reads its line.
fn measure(mut command: Command, job: &str, args: &Args) -> anyhow::Result<Measured> {
    command.arg(job).args(["--runs", &args.runs.to_string()]);
    if let Some(data) = &args.data {
        command.arg("--data").arg(data);
    }
    // As in `mde`: candle's own threads would take the cores from the kernels' threads.
    command
        .env("CANDLE_NUM_THREADS", "1")
        .stderr(Stdio::inherit());
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(
        output.status.success(),
        "{program} failed on {job} ({})",
        output.status
    );
    let text = String::from_utf8(output.stdout)?;
    match text.lines().last() {
        Some(line) => serde_json::from_str(line)
            .with_context(|| format!("{program} printed an unexpected line for {job}: {line}")),
        None => bail!("{program} printed nothing for {job}"),
    }
}

impl Side {
    fn add(&mut self, measured: Measured) {
        self.runs.extend(measured.runs);
        self.peak_bytes = self.peak_bytes.max(measured.peak_bytes);
    }

    fn finish(&mut self) {
        self.runs.sort_by(f64::total_cmp);
        if let [fastest, .., slowest] | [fastest @ slowest] = self.runs[..] {
            (self.fastest, self.slowest) = (fastest, slowest);
            self.seconds = median(&self.runs);
        }
    }
}

/// The median of sorted numbers; the mean of the middle two for an even count.
fn median(sorted: &[f64]) -> f64 {
    let upper = sorted.len() / 2;
    let lower = sorted.len().saturating_sub(1) / 2;
    (sorted[lower] + sorted[upper]) / 2.0
}

impl Machine {
    fn read(threads: usize) -> Self {
        let said = |program: &str, arguments: &[&str]| {
            let output = Command::new(program)
                .args(arguments)
                .current_dir(workspace())
                .output()
                .ok()?;
            Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let processor = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        });
        Self {
            processor: processor.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            threads,
            commit: said("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_default(),
            rustc: said("rustc", &["--version"]).unwrap_or_default(),
            torch: None,
        }
    }
}

impl Table {
    fn markdown(&self) -> String {
        let Machine {
            processor,
            threads,
            commit,
            rustc,
            torch,
        } = &self.machine;
        let torch = torch
            .as_ref()
            .map(|version| format!(", PyTorch {version}"))
            .unwrap_or_default();
        let mut text =
            format!("{processor}, {threads} threads; commit {commit}, {rustc}{torch}\n\n");
        text += "| job | ours | peak | PyTorch | peak | PyTorch / ours |\n|---|---:|---:|---:|---:|---:|\n";
        for row in &self.rows {
            let cell =
                |side: &Side| format!("{} | {}", seconds(side.seconds), megabytes(side.peak_bytes));
            let theirs = row.pytorch.as_ref().map_or(" | ".to_owned(), cell);
            let ratio = row
                .ratio
                .map(|ratio| format!("{ratio:.2}"))
                .unwrap_or_default();
            text += &format!(
                "| {} | {} | {theirs} | {ratio} |\n",
                row.job,
                cell(&row.ours)
            );
        }
        text
    }
}

fn seconds(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.2} ms", 1e3 * seconds)
    } else {
        format!("{seconds:.2} s")
    }
}

fn megabytes(bytes: Option<u64>) -> String {
    bytes.map_or("?".to_owned(), |bytes| format!("{} MB", bytes / 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_lies_between_the_middle_two() {
        assert_eq!(median(&[3.0]), 3.0);
        assert_eq!(median(&[1.0, 2.0]), 1.5);
        assert_eq!(median(&[1.0, 2.0, 10.0]), 2.0);
        let mut side = Side {
            runs: vec![9.0, 1.0, 4.0, 2.0],
            ..Side::default()
        };
        side.finish();
        assert_eq!((side.fastest, side.seconds, side.slowest), (1.0, 3.0, 9.0));
    }
}
