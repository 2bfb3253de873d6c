//! Training sets published as zip archives of images: those of BTS and MFF.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use crate::error::{self, ConvertError, Result, damaged, io};
use crate::folder::Folder;
use crate::lists;
use crate::manifest::{Manifest, Part};
use crate::names::{is_number, split_path};
use crate::summary::{Converted, Observer, Progress};

const ZIP: &str = "zip archive";
/// Maximum size of an image file; one of 640x480 has less than 1 MB.
const MAX_MEMBER: u64 = 64 << 20;
/// Maximum compression ratio of deflate.
const MAX_EXPANSION: u64 = 1032;
/// Maximum number of missing files in an error.
const MAX_NAMES: usize = 10;

/// Options of [`extract_bts`] and [`extract_mff`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveOptions {
    /// The zip archive.
    pub archive: PathBuf,
    /// The paper's list of training pairs. Only its files are extracted, and all must be in the
    /// archive. Without a list, all training pairs of the archive are extracted and listed.
    pub list: Option<PathBuf>,
    /// Output folder.
    pub out: PathBuf,
}

/// The layout of an archive.
struct Layout {
    /// Name of the list to write.
    list: &'static str,
    /// Encoding of the depth files.
    encoding: &'static str,
    /// End of each line of the list.
    focal: &'static str,
    /// Expected member names.
    expected: &'static str,
    /// The output file of a member and its pair; `None` for a member that is not a training image.
    place: fn(&str) -> Option<(String, Pair)>,
}

/// The files of a pair, relative to the data folder.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    rgb: String,
    depth: String,
}

/// Extracts the training set of BTS, `sync.zip`.
///
/// `sync/SCENE/rgb_NNNNN.jpg` and `sync/SCENE/sync_depth_NNNNN.png` (16-bit millimetres) become
/// `bts_train/SCENE/rgb_NNNNN.jpg` and `bts_train/SCENE/sync_depth_NNNNN.png`, the names in the
/// paper's `bts_nyuv2_train.csv`. That list is written to the folder and entered in `dataset.toml`.
///
/// Files appear only when complete. A second call keeps existing files of the size in the archive.
///
/// # Errors
/// If the archive is missing, damaged or without training pairs; if the list is malformed or names
/// files that the archive lacks (nothing is extracted then); if the folder is not writable or in
/// use by another process; if the disk is full.
pub fn extract_bts(options: &ArchiveOptions, observer: Observer) -> Result<Converted> {
    let layout = Layout {
        list: "bts_nyuv2_train.csv",
        encoding: "u16-mm",
        focal: ",518.8579",
        expected: "sync/SCENE/rgb_NNNNN.jpg with sync/SCENE/sync_depth_NNNNN.png",
        place: place_bts,
    };
    extract(&layout, options, observer)
}

/// Extracts the training set of MFF.
///
/// `data/nyu2_train/SCENE_out/N.jpg` and `N.png` (8-bit, value / 25.5 = metres) become
/// `train/SCENE_out/N.jpg` and `N.png`, the names in the paper's `nyuv2_train.csv`. That list is
/// written to the folder and entered in `dataset.toml`. Test images of the archive are skipped,
/// because the official test split is part of the labelled frames.
///
/// Files appear only when complete. A second call keeps existing files of the size in the archive.
///
/// # Errors
/// Those of [`extract_bts`].
pub fn extract_mff(options: &ArchiveOptions, observer: Observer) -> Result<Converted> {
    let layout = Layout {
        list: "nyuv2_train.csv",
        encoding: "u8/25.5",
        focal: "",
        expected: "data/nyu2_train/SCENE_out/N.jpg with data/nyu2_train/SCENE_out/N.png",
        place: place_mff,
    };
    extract(&layout, options, observer)
}

fn place_bts(member: &str) -> Option<(String, Pair)> {
    let (_, scene, file) = split_path(member)?;
    let (stem, extension) = file.rsplit_once('.')?;
    let (kind, number) = stem.rsplit_once('_')?;
    let is_image = matches!((kind, extension), ("rgb", "jpg") | ("sync_depth", "png"));
    let pair = Pair {
        rgb: format!("bts_train/{scene}/rgb_{number}.jpg"),
        depth: format!("bts_train/{scene}/sync_depth_{number}.png"),
    };
    (is_image && is_number(number)).then(|| (format!("bts_train/{scene}/{file}"), pair))
}

fn place_mff(member: &str) -> Option<(String, Pair)> {
    let (above, scene, file) = split_path(member)?;
    let (number, extension) = file.rsplit_once('.')?;
    let is_image = above == Some("nyu2_train") && matches!(extension, "jpg" | "png");
    let pair = Pair {
        rgb: format!("train/{scene}/{number}.jpg"),
        depth: format!("train/{scene}/{number}.png"),
    };
    (is_image && is_number(number)).then(|| (format!("train/{scene}/{file}"), pair))
}

fn extract(layout: &Layout, options: &ArchiveOptions, observer: Observer) -> Result<Converted> {
    let path = &options.archive;
    let file = File::open(path).map_err(io("read", path))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(damaged(path, ZIP))?;
    let (members, pairs) = members(layout, path, &archive)?;
    let (wanted, list) = match &options.list {
        Some(list) => listed(path, list, &members)?,
        None => paired(layout, path, &members, pairs)?,
    };

    let folder = Folder::open(&options.out, observer)?;
    let mut manifest = Manifest::open(&folder)?;
    let progress = Progress::new(observer, Some(wanted.len()));
    for (index, name) in &wanted {
        extract_member(path, &mut archive, *index, name, &folder, &progress)?;
    }
    folder.write(layout.list, list.as_bytes())?;
    let part = Part {
        list: layout.list,
        encoding: layout.encoding,
    };
    manifest.set("train", &part)?;
    manifest.write(&folder)?;
    let ignored = archive.len() - wanted.len();
    Ok(progress.finish(ignored, vec![folder.path(layout.list)]))
}

/// The member index of each output file, and the pairs of these files.
fn members(
    layout: &Layout,
    path: &Path,
    archive: &ZipArchive<BufReader<File>>,
) -> Result<(BTreeMap<String, usize>, BTreeSet<Pair>)> {
    let (mut members, mut pairs) = (BTreeMap::new(), BTreeSet::new());
    for index in 0..archive.len() {
        let Some(name) = archive.name_for_index(index) else {
            continue;
        };
        let name = name.map_err(damaged(path, ZIP))?;
        if let Some((file, pair)) = (layout.place)(&name) {
            members.insert(file, index);
            pairs.insert(pair);
        }
    }
    Ok((members, pairs))
}

/// Member indices with their output files, and the text of the list.
type Wanted = (BTreeMap<usize, String>, String);

/// The files of a list.
fn listed(path: &Path, list: &Path, members: &BTreeMap<String, usize>) -> Result<Wanted> {
    let text = mde_files::read_text(list).map_err(error::text)?;
    let pairs = lists::parse(list, &text)?;
    let files: BTreeSet<&str> = pairs.iter().flatten().map(String::as_str).collect();
    if files.is_empty() {
        return Err(ConvertError::Empty {
            path: list.to_owned(),
            expected: "lines `rgb,depth`",
        });
    }
    let find = |file: &&str| members.get(*file);
    let missing: Vec<&&str> = files.iter().filter(|file| find(file).is_none()).collect();
    if !missing.is_empty() {
        return Err(ConvertError::MissingMembers {
            path: path.to_owned(),
            list: list.to_owned(),
            missing: missing.len(),
            listed: files.len(),
            first: missing
                .iter()
                .take(MAX_NAMES)
                .map(ToString::to_string)
                .collect(),
        });
    }
    let wanted = files
        .iter()
        .filter_map(|file| Some((*find(file)?, file.to_string())));
    Ok((wanted.collect(), text))
}

/// All complete pairs of the archive.
fn paired(
    layout: &Layout,
    path: &Path,
    members: &BTreeMap<String, usize>,
    pairs: BTreeSet<Pair>,
) -> Result<Wanted> {
    let (mut wanted, mut text) = (BTreeMap::new(), String::new());
    for Pair { rgb, depth } in pairs {
        if let (Some(&of_rgb), Some(&of_depth)) = (members.get(&rgb), members.get(&depth)) {
            text += &format!("{rgb},{depth}{}\n", layout.focal);
            wanted.extend([(of_rgb, rgb), (of_depth, depth)]);
        }
    }
    if wanted.is_empty() {
        return Err(ConvertError::Empty {
            path: path.to_owned(),
            expected: layout.expected,
        });
    }
    Ok((wanted, text))
}

fn extract_member(
    path: &Path,
    archive: &mut ZipArchive<BufReader<File>>,
    index: usize,
    name: &str,
    folder: &Folder,
    progress: &Progress,
) -> Result<()> {
    let member = archive.by_index(index).map_err(damaged(path, ZIP))?;
    let title = member.name().map_err(damaged(path, ZIP))?;
    let source = path.join(title.as_ref());
    let bad = |reason: String| damaged(&source, "member of the archive")(reason);
    let size = member.size();
    let max = MAX_MEMBER.min(member.compressed_size().saturating_mul(MAX_EXPANSION));
    if size > max {
        return Err(bad(format!("it has {size} bytes, expected at most {max}")));
    }
    if folder.has_size(name, size) {
        progress.add_kept();
        return Ok(());
    }
    // Reading to the end verifies the checksum.
    let mut bytes = Vec::new();
    let read = member.take(size + 1).read_to_end(&mut bytes);
    read.map_err(|error| bad(error.to_string()))?;
    if bytes.len() as u64 != size {
        return Err(bad(format!(
            "it has {} bytes, expected {size}",
            bytes.len()
        )));
    }
    folder.write_image(name, &bytes)?;
    progress.add_written(0);
    Ok(())
}
