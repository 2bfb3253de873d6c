//! `mde convert`: published distributions of NYU Depth V2 as folders of images with lists.

use std::path::{Path, PathBuf};

use mde_convert::{
    ArchiveOptions, ConvertError, ConvertEvent, Converted, FastDepthOptions, FrameSplit,
    LabelledOptions, RgbFormat, Split, convert_fastdepth, convert_labelled, extract_bts,
    extract_mff,
};
use serde_json::json;

use crate::arguments::SplitChoice;
use crate::output::{Output, shown};
use crate::progress::Progress;

/// What to convert. Existing files are kept, so that the same command continues after an
/// interruption.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Source {
    /// The 1449 labelled frames (nyu_depth_v2_labeled.mat) in the official split: 795 training, 654
    /// test.
    #[command(name = "nyu-labelled")]
    Labelled {
        /// nyu_depth_v2_labeled.mat, 2.8 GB.
        #[arg(long, value_name = "FILE")]
        mat: PathBuf,
        /// File of the official split [default: splits.mat beside the frames].
        #[arg(long, value_name = "FILE", conflicts_with = "all_into")]
        splits: Option<PathBuf>,
        /// One split for all frames, in place of the official ones.
        #[arg(long, value_name = "SPLIT", value_enum)]
        all_into: Option<SplitChoice>,
        #[command(flatten)]
        out: OutArgs,
    },
    /// FastDepth's distribution (47,584 training frames): tar shards of .h5 files, or a folder of
    /// them.
    #[command(name = "nyu-fastdepth")]
    Fastdepth {
        /// Shards, or a folder of .h5 files.
        #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
        shard: Vec<PathBuf>,
        /// Split of frames for which neither the path nor the shard's name gives one.
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
    /// Output folder; several distributions may share one.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// JPEG quality of the images, which the paper's lists name as .jpg [default: PNG, lossless].
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
    /// Zip archive.
    #[arg(long, value_name = "FILE")]
    archive: PathBuf,
    /// The paper's list; only its images are extracted, and all must be in the archive [default:
    /// all images].
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    /// Output folder; several distributions may share one.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl From<ArchiveArgs> for ArchiveOptions {
    fn from(args: ArchiveArgs) -> Self {
        let ArchiveArgs { archive, list, out } = args;
        Self { archive, list, out }
    }
}

/// Converts, and returns a summary.
pub(crate) fn run(source: Source) -> anyhow::Result<Output> {
    // Archives that are read as a stream do not tell how many frames they hold.
    let progress = Progress::new("converting", "images", 0);
    let observer = |event| match event {
        ConvertEvent::Frame { total, .. } => {
            if let Some(total) = total {
                progress.set_total(total);
            }
            progress.add(1);
        }
        ConvertEvent::Warning { message } => tracing::warn!("{message}"),
        _ => {}
    };
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
    drop(progress);
    described(&folder, &converted)
}

/// Converts all shards and adds up the results; there is at least one.
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
        words += &format!(", {ignored} of the source ignored");
    }
    if *unstorable > 0 {
        words += &format!(
            "; {unstorable} depths do not fit 16-bit millimetres and are stored as 0 (invalid)"
        );
    }
    words += &format!("; lists: {}", lists.join(", "));
    let document = json!({
        "folder": shown(folder), "written": written, "kept": kept, "ignored": ignored,
        "unstorable_depths": unstorable, "lists": lists,
    });
    Output::new(words, document)
}
