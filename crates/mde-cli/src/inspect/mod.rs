//! `mde inspect`: all problems of a data set or of a file of weights.

mod weights;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::ArgGroup;
use mde_datasets::{
    DataSpec, DepthEncoding, Finding, InspectEvent, InspectOptions, Inspection, Severity, Split,
    SplitSummary, inspect,
};

use mde_fetch::WeightSource;

use crate::arguments::SplitChoice;
use crate::output::{Output, count};
use crate::progress::Progress;
use crate::stage;
use crate::weights::weights_of;

/// Number of findings of one kind that the text lists; --json lists all.
const LISTED: usize = 10;

/// What to inspect.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("subject").required(true))]
pub(crate) struct InspectArgs {
    /// Data set: nyu:DIR, rooms:DIR, kitti:DIR, streets:DIR, or any DIR with a dataset.toml.
    #[arg(long, value_name = "[KIND:]DIR", group = "subject")]
    data: Option<DataSpec>,
    /// Split to inspect [default: both].
    #[arg(long, value_enum, requires = "data")]
    split: Option<SplitChoice>,
    /// Decode every image to find damage, wrong depths, missing depth and duplicates. Without it,
    /// only lists and headers are checked.
    #[arg(long, requires = "data")]
    decode: bool,
    /// File of BLAKE3 hashes to compare with, as written by b3sum; paths are relative to DIR.
    #[arg(long, value_name = "FILE", requires = "data")]
    hashes: Option<PathBuf>,
    /// Output file for the BLAKE3 hashes of all listed files.
    #[arg(
        long,
        value_name = "FILE",
        requires = "data",
        conflicts_with = "hashes"
    )]
    write_hashes: Option<PathBuf>,
    /// Weights to check in place of a data set, for the whole --model or its encoder: a folder from
    /// `mde export`, a file, a name from `mde fetch weights --list`,
    /// `hf:ORG/REPO[@REVISION]/FILE`, or `hf:ORG/REPO[@REVISION]` for an exported network.
    #[arg(long, value_name = "WEIGHTS", group = "subject")]
    weights: Option<WeightSource>,
    /// Network of --weights; `mde models` lists them. An exported network names its own.
    #[arg(long, value_name = "NAME", requires = "weights")]
    model: Option<String>,
    /// Depth encoding: u8/N, u16/N or float/N with N units per metre, u16-mm, float, or sunrgbd
    /// [default: the data set's].
    #[arg(long, value_name = "ENCODING", requires = "data")]
    depth_encoding: Option<DepthEncoding>,
}

/// Fails after printing the findings if one of them is an error.
pub(crate) fn run(args: InspectArgs) -> anyhow::Result<Output> {
    if let Some(source) = &args.weights {
        let named = args.model.as_deref();
        let found = weights_of(source, named)?;
        return weights::run(&found.file, &found.model(named)?);
    }
    let Some(data) = args.data else {
        // clap's group excludes it.
        anyhow::bail!("name what to inspect: --data DIR, or --weights WEIGHTS --model NAME");
    };
    let options = InspectOptions {
        split: args.split.map(Split::from),
        decode: args.decode,
        encoding: args.depth_encoding,
        hashes: args.hashes,
    };
    let progress = Progress::new("inspecting", "pairs", 0);
    let inspection = inspect(&data, &options, &|event| match event {
        InspectEvent::Begins { pairs, .. } => progress.add_total(pairs),
        InspectEvent::Pair => progress.add(1),
    });
    drop(progress);
    if let Some(file) = &args.write_hashes {
        let hashes = inspection.hashes.iter();
        let lines: String = hashes.map(|(path, hash)| hash_line(path, hash)).collect();
        stage::write(file, lines.as_bytes())?;
    }
    let errors = inspection.findings.iter();
    let errors = errors.filter(|finding| finding.severity == Severity::Error);
    let errors = errors.count();
    let output = Output::new(describe(&inspection), &inspection)?;
    Ok(output.with_errors(&inspection.data, errors))
}

/// A line as b3sum writes it. A leading backslash marks a path with escaped backslashes and line
/// breaks.
fn hash_line(path: &str, hash: &str) -> String {
    if path.contains(['\\', '\n']) {
        let path = path.replace('\\', "\\\\").replace('\n', "\\n");
        format!("\\{hash}  {path}\n")
    } else {
        format!("{hash}  {path}\n")
    }
}

fn describe(inspection: &Inspection) -> String {
    let mut words = inspection.data.clone();
    for split in &inspection.splits {
        let _ = write!(words, "\n{}", describe_split(split));
    }
    let mut kinds: BTreeMap<(Severity, &str), Vec<&Finding>> = BTreeMap::new();
    for finding in &inspection.findings {
        let kind = (finding.severity, finding.check);
        kinds.entry(kind).or_default().push(finding);
    }
    for ((severity, check), findings) in &kinds {
        let _ = write!(words, "\n{}: {check}", severity.name());
        if findings.len() > 1 {
            let _ = write!(words, ", {} times", findings.len());
        }
        for finding in findings.iter().take(LISTED) {
            let _ = write!(words, "\n    {}: {}", finding.place, finding.what);
        }
        if findings.len() > LISTED {
            let more = findings.len() - LISTED;
            let _ = write!(words, "\n    and {more} more (--json lists all)");
        }
        let mut advices = Vec::new();
        for finding in findings.iter().take(LISTED) {
            if !finding.advice.is_empty() && !advices.contains(&&finding.advice) {
                advices.push(&finding.advice);
                let _ = write!(words, "\n    repair: {}", finding.advice);
            }
        }
    }
    let counts = [Severity::Error, Severity::Warning, Severity::Note].map(|severity| {
        let all = inspection.findings.iter();
        let found = all.filter(|finding| finding.severity == severity).count();
        count(found, severity.name())
    });
    words + "\n" + &counts.join(", ")
}

fn describe_split(split: &SplitSummary) -> String {
    let sizes: Vec<String> = split
        .sizes
        .iter()
        .map(|size| format!("{}x{}", size.height, size.width))
        .collect();
    let mut words = format!(
        "{}: {} in {}",
        split.split,
        count(split.pairs, "pair"),
        split.list
    );
    if !sizes.is_empty() {
        let _ = write!(words, ", {}", sizes.join(" and "));
    }
    let _ = write!(words, ", depth {}", split.encoding);
    if split.without_depth > 0 {
        let _ = write!(
            words,
            "; {} without depth left out",
            count(split.without_depth, "image")
        );
    }
    if let Some(depth) = &split.depth {
        let _ = write!(
            words,
            "; {:.2} to {:.2} m, median {:.2} m, mean {:.3} m, missing depth {:.1} %",
            depth.min,
            depth.max,
            depth.median,
            depth.mean,
            100.0 * depth.missing_fraction
        );
        for (fraction, what) in [
            (
                depth.largest_value_fraction,
                "of the pixels hold the largest value of the file type",
            ),
            (
                depth.beyond_reach_fraction,
                "of the pixels are beyond the reach",
            ),
        ] {
            if fraction >= 0.0005 {
                let _ = write!(words, ", {:.1} % {what}", 100.0 * fraction);
            } else if fraction > 0.0 {
                let _ = write!(words, ", less than 0.1 % {what}");
            }
        }
    }
    words
}
