//! `mde convert`: published distributions of NYU Depth V2 as folders of images with lists.

use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use mde_convert::{
    ArchiveOptions, ConvertError, ConvertEvent, Converted, FastDepthOptions, FrameSplit,
    LabelledOptions, RgbFormat, Split, convert_fastdepth, convert_labelled, extract_bts,
    extract_mff,
};
use serde_json::json;

use crate::arguments::SplitChoice;
use crate::output::{Output, shown};
use crate::progress::bar;

/// What to convert. What is there already is kept, so that the same command goes on after an interruption.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Source {
    /// The 1449 labelled frames (nyu_depth_v2_labeled.mat) by the official split: 795 for training, 654 for testing.
    #[command(name = "nyu-labelled")]
    Labelled {
        /// nyu_depth_v2_labeled.mat, 2.8 GB.
        #[arg(long, value_name = "FILE")]
        mat: PathBuf,
        /// The official split [default: splits.mat beside the frames].
        #[arg(long, value_name = "FILE", conflicts_with = "all_into")]
        splits: Option<PathBuf>,
        /// No split: all frames are for this.
        #[arg(long, value_enum)]
        all_into: Option<SplitChoice>,
        #[command(flatten)]
        out: OutArgs,
    },
    /// FastDepth's distribution (47,584 frames for training): tar shards of .h5 files, or a folder of them.
    #[command(name = "nyu-fastdepth")]
    Fastdepth {
        /// The shards, or the folder.
        #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
        shard: Vec<PathBuf>,
        /// What the frames are for, where neither their paths nor the shard's name says it.
        #[arg(long, value_enum)]
        split: Option<SplitChoice>,
        #[command(flatten)]
        out: OutArgs,
    },
    /// BTS's training pairs (24,231): sync.zip.
    #[command(name = "nyu-bts")]
    Bts {
        #[command(flatten)]
        archive: ArchiveArgs,
    },
    /// MFF's training pairs (50,688).
    #[command(name = "nyu-mff")]
    Mff {
        #[command(flatten)]
        archive: ArchiveArgs,
    },
}

/// Where frames go, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct OutArgs {
    /// The data folder; several distributions may share one.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Colours as JPEG of this quality, as the paper's lists name them [default: PNG, the exact pixels].
    #[arg(long, value_name = "QUALITY", value_parser = clap::value_parser!(u8).range(95..=100))]
    jpeg: Option<u8>,
}

impl OutArgs {
    fn rgb(&self) -> RgbFormat {
        self.jpeg
            .map_or(RgbFormat::Png, |quality| RgbFormat::Jpeg { quality })
    }
}

/// A zip archive of images.
#[derive(Debug, clap::Args)]
pub(crate) struct ArchiveArgs {
    /// The zip archive.
    #[arg(long, value_name = "FILE")]
    archive: PathBuf,
    /// The paper's list: only what it names is extracted, and all of it must be there [default: all there is].
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    /// The data folder; several distributions may share one.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl From<ArchiveArgs> for ArchiveOptions {
    fn from(args: ArchiveArgs) -> Self {
        let ArchiveArgs { archive, list, out } = args;
        Self { archive, list, out }
    }
}

/// Converts, and says what was written.
pub(crate) fn run(source: Source) -> anyhow::Result<Output> {
    let progress = Progress(bar(0, "convert"));
    let observer = |event| progress.show(&event);
    let (folder, converted) = match source {
        Source::Labelled {
            mat,
            splits,
            all_into,
            out,
        } => {
            let split = match (all_into, splits) {
                (Some(split), _) => FrameSplit::All(split.into()),
                (None, Some(file)) => FrameSplit::File(file),
                (None, None) => FrameSplit::Beside,
            };
            let options = LabelledOptions {
                mat,
                split,
                rgb: out.rgb(),
                out: out.out.clone(),
            };
            (out.out, convert_labelled(&options, &observer)?)
        }
        Source::Fastdepth { shard, split, out } => {
            let convert = |source: PathBuf| {
                let options = FastDepthOptions {
                    source,
                    split: split.map(Split::from),
                    rgb: out.rgb(),
                    out: out.out.clone(),
                };
                convert_fastdepth(&options, &observer)
            };
            let converted = all(shard, convert)?;
            (out.out, converted)
        }
        Source::Bts { archive } => (
            archive.out.clone(),
            extract_bts(&archive.into(), &observer)?,
        ),
        Source::Mff { archive } => (
            archive.out.clone(),
            extract_mff(&archive.into(), &observer)?,
        ),
    };
    progress.0.finish_and_clear();
    described(&folder, &converted)
}

/// What all shards together gave; there is at least one.
fn all(
    shards: Vec<PathBuf>,
    convert: impl Fn(PathBuf) -> Result<Converted, ConvertError>,
) -> anyhow::Result<Converted> {
    let mut all: Option<Converted> = None;
    for shard in shards {
        let one = convert(shard)?;
        all = Some(match all {
            None => one,
            Some(mut all) => {
                all.written += one.written;
                all.kept += one.kept;
                all.ignored += one.ignored;
                all.unstorable += one.unstorable;
                all.lists.extend(one.lists);
                all.lists.sort();
                all.lists.dedup();
                all
            }
        });
    }
    all.ok_or_else(|| anyhow::anyhow!("--shard names no file"))
}

/// A bar; where it is not known how many frames there are, it counts.
struct Progress(ProgressBar);

impl Progress {
    fn show(&self, event: &ConvertEvent) {
        if let ConvertEvent::Frame { total, .. } = event {
            if let Some(total) = total {
                self.0.set_length(*total as u64);
            }
            self.0.inc(1);
        }
    }
}

fn described(folder: &Path, converted: &Converted) -> anyhow::Result<Output> {
    let Converted {
        written,
        kept,
        ignored,
        unstorable,
        lists,
        ..
    } = converted;
    let lists: Vec<String> = lists.iter().map(|list| shown(list)).collect();
    let mut words = format!("{}: {written} written", folder.display());
    if *kept > 0 {
        words += &format!(", {kept} were there");
    }
    if *ignored > 0 {
        words += &format!(", {ignored} of the source are of no use here");
    }
    if *unstorable > 0 {
        words += &format!(
            "; {unstorable} depths that 16-bit millimetres cannot hold are 0, not measured"
        );
    }
    words += &format!("; lists: {}", lists.join(", "));
    let document = json!({
        "folder": shown(folder), "written": written, "kept": kept, "ignored": ignored,
        "unstorable_depths": unstorable, "lists": lists,
    });
    Output::new(words, document)
}
