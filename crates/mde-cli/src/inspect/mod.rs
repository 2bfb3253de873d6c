//! `mde inspect`: everything that is wrong with a data set, or with a file of weights, at once.

mod weights;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use clap::ArgGroup;
use indicatif::ProgressBar;
use mde_datasets::{
    DataSpec, DepthEncoding, Finding, InspectEvent, InspectOptions, Inspection, Severity, Split,
    SplitSummary, inspect,
};

use crate::arguments::SplitChoice;
use crate::output::Output;
use crate::progress::bar;
use crate::stage;

/// How many findings of one kind are told in words; with --json all are.
const TOLD: usize = 10;

/// What to look at.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("subject").required(true))]
pub(crate) struct InspectArgs {
    /// The data set: nyu:DIR, rooms:DIR, kitti:DIR, streets:DIR, or any DIR with a dataset.toml (docs/own-data.md).
    #[arg(long, value_name = "[KIND:]DIR", group = "subject")]
    data: Option<DataSpec>,
    /// Look at one split alone.
    #[arg(long, value_enum, requires = "data")]
    split: Option<SplitChoice>,
    /// Decode every image, for damage inside, depths, holes and doubles; otherwise headers and completeness are looked at.
    #[arg(long, requires = "data")]
    decode: bool,
    /// Compare the files with recorded BLAKE3 hashes: lines `HASH  path` as b3sum writes them, paths relative to DIR.
    #[arg(long, value_name = "FILE", requires = "data")]
    hashes: Option<PathBuf>,
    /// Record the hashes of all files that the lists name.
    #[arg(
        long,
        value_name = "FILE",
        requires = "data",
        conflicts_with = "hashes"
    )]
    write_hashes: Option<PathBuf>,
    /// A file of weights in place of a data set: whether --model takes it, as the whole network's or as its encoder's.
    #[arg(long, value_name = "FILE", group = "subject", requires = "model")]
    weights: Option<PathBuf>,
    /// The network of --weights; `mde models` lists them.
    #[arg(long, value_name = "NAME", requires = "weights")]
    model: Option<String>,
    /// How depth is stored, if not as the data set's definition says: u8/25.5, u16-mm, or u16/N with N units a metre.
    #[arg(long, value_name = "ENCODING", requires = "data")]
    depth_encoding: Option<DepthEncoding>,
}

/// Succeeds whatever is found: the findings are the result.
pub(crate) fn run(args: InspectArgs) -> anyhow::Result<Output> {
    if let (Some(file), Some(model)) = (&args.weights, &args.model) {
        return weights::run(file, model);
    }
    let Some(data) = args.data else {
        // What the group leaves.
        anyhow::bail!("name what to look at: --data DIR, or --weights FILE --model NAME");
    };
    let options = InspectOptions {
        split: args.split.map(Split::from),
        decode: args.decode,
        encoding: args.depth_encoding,
        hashes: args.hashes,
    };
    let progress = Progress::default();
    let inspection = inspect(&data, &options, &|event| progress.show(event));
    progress.end();
    if let Some(file) = &args.write_hashes {
        let hashes = inspection.hashes.iter();
        let lines: String = hashes.map(|(path, hash)| hash_line(path, hash)).collect();
        stage::write(file, lines.as_bytes())?;
    }
    Output::new(in_words(&inspection), &inspection)
}

/// A bar a split, which the second begins anew.
#[derive(Default)]
struct Progress {
    bar: OnceLock<ProgressBar>,
}

impl Progress {
    fn show(&self, event: InspectEvent) {
        match event {
            InspectEvent::Begins { pairs, .. } => {
                let bar = self.bar.get_or_init(|| bar(0, "inspecting"));
                bar.inc_length(pairs as u64);
            }
            InspectEvent::Pair => {
                if let Some(bar) = self.bar.get() {
                    bar.inc(1);
                }
            }
            _ => {}
        }
    }

    fn end(&self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

/// As b3sum writes it: backslashes and line breaks in a path are escaped, and a backslash in front says so.
fn hash_line(path: &str, hash: &str) -> String {
    if path.contains(['\\', '\n']) {
        let path = path.replace('\\', "\\\\").replace('\n', "\\n");
        format!("\\{hash}  {path}\n")
    } else {
        format!("{hash}  {path}\n")
    }
}

fn in_words(inspection: &Inspection) -> String {
    let mut words = inspection.data.clone();
    for split in &inspection.splits {
        let _ = write!(words, "\n{}", split_in_words(split));
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
        for finding in findings.iter().take(TOLD) {
            let _ = write!(words, "\n    {}: {}", finding.place, finding.what);
        }
        if findings.len() > TOLD {
            let more = findings.len() - TOLD;
            let _ = write!(words, "\n    and {more} more (--json names all)");
        }
        // One kind has one remedy.
        if let Some(finding) = findings.first().filter(|first| !first.advice.is_empty()) {
            let _ = write!(words, "\n    to do: {}", finding.advice);
        }
    }
    let counts = [Severity::Error, Severity::Warning, Severity::Note].map(|severity| {
        let all = inspection.findings.iter();
        let count = all.filter(|finding| finding.severity == severity).count();
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {}{plural}", severity.name())
    });
    words + "\n" + &counts.join(", ")
}

fn split_in_words(split: &SplitSummary) -> String {
    let sizes: Vec<String> = split
        .sizes
        .iter()
        .map(|size| format!("{}x{}", size.height, size.width))
        .collect();
    let mut words = format!(
        "{}: {} pairs in {}, {}, depth {}",
        split.split,
        split.pairs,
        split.list,
        sizes.join(" and "),
        split.encoding
    );
    if split.without_depth > 0 {
        let _ = write!(
            words,
            "; {} images without depth left out",
            split.without_depth
        );
    }
    if let Some(depth) = &split.depth {
        let _ = write!(
            words,
            "; {:.2} to {:.2} m, median {:.2} m, mean {:.3} m, holes {:.1} %",
            depth.min,
            depth.max,
            depth.median,
            depth.mean,
            100.0 * depth.holes
        );
    }
    words
}
