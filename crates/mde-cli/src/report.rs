//! `mde report`: results as an HTML page and a Markdown file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use mde_metrics::statistics::Bootstrap;
use mde_report::{ReportInput, write_report};
use mde_results::{FORMAT, RunComparison, RunFolder, RunResults, Stage, compare, names};
use serde::{Deserialize, Serialize};

use crate::hashes::hash_files;
use crate::output::{Output, shown};

/// Which runs to report on.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// Run folder of the plain network, or of the only one.
    plain: PathBuf,
    /// Run folder of the network whose units were assigned depth ranges.
    assigned: Option<PathBuf>,
    /// Output folder for report.html, report.md and tables [default: the first run folder].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Heading of the page.
    #[arg(long, default_value = "Depth-selective units")]
    title: String,
}

/// What determines a report.
#[derive(Serialize)]
struct Inputs<'a> {
    title: &'a str,
    /// Version and commit, since another build may word the page differently.
    build: [&'a str; 2],
    /// The run folders, which the page names, and blake3 of their files.
    runs: Vec<(&'a Path, BTreeMap<String, String>)>,
}

/// `report.json`, and what the command prints.
#[derive(Serialize, Deserialize)]
struct ReportOutput {
    format: u32,
    html: String,
    markdown: String,
    tables: Vec<String>,
    comparison: Option<RunComparison>,
    answers: Vec<String>,
    #[serde(default)]
    up_to_date: bool,
}

/// Writes the report, unless it is up to date.
pub(crate) fn run(args: ReportArgs) -> anyhow::Result<Output> {
    let folder = RunFolder::new(args.out.as_ref().unwrap_or(&args.plain));
    let runs = [Some(&args.plain), args.assigned.as_ref()];
    let hashed = runs.into_iter().flatten().map(|run| {
        let files = measured_files(&RunFolder::new(run))?;
        Ok((run.as_path(), files))
    });
    let inputs = Inputs {
        title: &args.title,
        build: [env!("CARGO_PKG_VERSION"), env!("MDE_COMMIT")],
        runs: hashed.collect::<anyhow::Result<_>>()?,
    };
    let stage = Stage::new(Some(&folder), "report", inputs)?;
    if stage.is_up_to_date() {
        let (mut output, _): (ReportOutput, _) = folder.document(names::REPORT, "mde report")?;
        output.up_to_date = true;
        return described(&output);
    }
    let output = write(&args, &folder)?;
    folder.write_document(names::REPORT, &output)?;
    let mut files = vec![&output.html, &output.markdown];
    files.extend(&output.tables);
    let files = files
        .into_iter()
        .map(|file| relative(Path::new(file), &folder));
    stage.finish_written(&files.chain([names::REPORT.to_owned()]).collect::<Vec<_>>())?;
    described(&output)
}

fn write(args: &ReportArgs, folder: &RunFolder) -> anyhow::Result<ReportOutput> {
    let first = RunResults::read(&args.plain)?;
    let second = args.assigned.as_ref().map(RunResults::read).transpose()?;
    let comparison = match &second {
        Some(second) => Some(compare(&first, second, Bootstrap::default())?),
        None => None,
    };
    let input = ReportInput {
        title: args.title.clone(),
        first: &first,
        second: second.as_ref().zip(comparison.as_ref()),
    };
    let report = write_report(&input, folder.path())?;
    Ok(ReportOutput {
        format: FORMAT,
        html: shown(&report.html),
        markdown: shown(&report.markdown),
        tables: report.tables.iter().map(|path| shown(path)).collect(),
        answers: report.answers,
        comparison,
        up_to_date: false,
    })
}

fn described(output: &ReportOutput) -> anyhow::Result<Output> {
    let words = format!(
        "{}\nreport: {}{}\n        {}",
        output.answers.join("\n"),
        output.html,
        if output.up_to_date {
            ", up to date"
        } else {
            ""
        },
        output.markdown
    );
    Output::new(words, output)
}

/// blake3 of the files that a report is made from, by path in the run folder.
fn measured_files(run: &RunFolder) -> anyhow::Result<BTreeMap<String, String>> {
    let mut files: Vec<PathBuf> = [
        names::CONFIG,
        names::RECORDS,
        names::EVALUATION,
        names::EXAMPLES,
        names::DISSECTION,
        names::ABLATION,
        names::CORRECTION,
    ]
    .map(|name| run.file(name))
    .into();
    let mut folders = ["dissect", "ablate", "correct"]
        .map(|name| run.file(name))
        .to_vec();
    // A layer's name may hold slashes.
    while let Some(path) = folders.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let (inner, found): (Vec<_>, Vec<_>) = entries
                .flatten()
                .map(|entry| entry.path())
                .partition(|path| path.is_dir());
            folders.extend(inner);
            files.extend(found);
        }
    }
    files.retain(|path| path.is_file());
    files.sort();
    let hashes = hash_files(&files)?;
    let names = files.iter().map(|path| relative(path, run));
    Ok(names.zip(hashes).collect())
}

fn relative(path: &Path, folder: &RunFolder) -> String {
    shown(path.strip_prefix(folder.path()).unwrap_or(path))
}
