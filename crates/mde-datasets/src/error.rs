//! Errors between a list on disk and a batch, each with the file that it concerns.

use std::io;
use std::path::{Path, PathBuf};

use mde_files::TextError;

use crate::kind::did_you_mean;
use crate::wording::count;
use crate::{DataKind, DepthEncoding, Split};

/// Any failure of this crate. Sizes are (height, width).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The folder of a data set does not exist.
    #[error("{}: no such folder; expected a data set with {}{}", .path.display(), .lists.join(" or "), source_of(*.kind))]
    MissingFolder {
        /// The folder.
        path: PathBuf,
        /// The list files that would be read from it.
        lists: Vec<String>,
        /// The layout, if given.
        kind: Option<DataKind>,
    },
    /// A file is given in place of the folder of a data set.
    #[error("{}: this is a file; give the folder: {}", .path.display(), folder_of(.path).display())]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// A folder given without a kind has no `dataset.toml`.
    #[error("{}: no such file; describe the data in it (docs/own-data.md), or name the layout of the folder: nyu:DIR, rooms:DIR, kitti:DIR or streets:DIR", .path.display())]
    MissingDescription {
        /// The expected `dataset.toml`.
        path: PathBuf,
    },
    /// A `dataset.toml` without a table for the split.
    #[error("{}: [{split}] is not described; add this table, with `list`, or with `rgb` and `depth`", .path.display())]
    NotDescribed {
        /// The `dataset.toml`.
        path: PathBuf,
        /// The split.
        split: Split,
    },
    /// A `dataset.toml` that is wrong or does not match the folder.
    #[error("{}{}: {reason}", .path.display(), .line.map_or_else(String::new, |line| format!(", line {line}")))]
    BadDescription {
        /// The `dataset.toml`.
        path: PathBuf,
        /// Line number, from 1, if a single line is wrong.
        line: Option<usize>,
        /// What is wrong.
        reason: String,
    },
    /// The list file does not exist.
    #[error("no list of pairs: {} does not exist; {}", join_or(.tried), expected_list(expected, *.other))]
    MissingList {
        /// The files that were tried.
        tried: Vec<PathBuf>,
        /// The expected form of its lines.
        expected: &'static str,
        /// Another layout, whose lists the folder holds.
        other: Option<DataKind>,
    },
    /// The list file has no lines.
    #[error("{}: the list is empty; expected lines {expected}", .list.display())]
    EmptyList {
        /// The list file.
        list: PathBuf,
        /// The expected form of its lines.
        expected: &'static str,
    },
    /// A list with `None` for every depth map.
    #[error("{}: all {} are listed without depth (`None`); use a list with ground truth", .list.display(), count(*.images, "image"))]
    NoDepthListed {
        /// The list file.
        list: PathBuf,
        /// Number of lines.
        images: usize,
    },
    /// Lines of a list have the wrong form.
    #[error("{}, {lines}: {reason}; {remedy}", .list.display())]
    WrongLines {
        /// The list file.
        list: PathBuf,
        /// Which lines: `line 5`, `all 24,231 lines`.
        lines: String,
        /// What is wrong.
        reason: String,
        /// What repairs it.
        remedy: String,
    },
    /// Two pairs of a list whose images differ only in their extension.
    #[error("{}: {reason}", .list.display())]
    SameId {
        /// The list file.
        list: PathBuf,
        /// The two files, and what to do.
        reason: String,
    },
    /// Listed files do not exist.
    #[error(
        "{}: {count} of the listed files {} missing in {}{}: {}{}; {advice}",
        .list.display(), if *.count == 1 { "is" } else { "are" }, .root.display(), and_in(.also_in),
        .first.join(", "), if *.count > .first.len() { ", ..." } else { "" }
    )]
    MissingFiles {
        /// The list file.
        list: PathBuf,
        /// The folder that the list's paths are relative to.
        root: PathBuf,
        /// Subfolders that were searched as well.
        also_in: Box<[&'static str]>,
        /// The first ten missing files, in the list's order and spelling.
        first: Box<[String]>,
        /// Number of missing files.
        count: usize,
        /// Why they are missing, if one reason explains all, and what to do.
        advice: String,
    },
    /// A list or a description that is not a text.
    #[error(transparent)]
    Text(TextError),
    /// A file could not be read.
    #[error("{}: cannot be read: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file is not an image of a supported format.
    #[error("{}: not a {expected} image (its first bytes match no such format)", .path.display())]
    NotAnImage {
        /// The file.
        path: PathBuf,
        /// The supported formats.
        expected: &'static str,
    },
    /// A file ends before the image does.
    #[error("{}: the image is cut short; copy or download the file again", .path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
    },
    /// The decoder rejected an image.
    #[error("{}: the image is damaged: {source}", .path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// The decoder's error.
        source: image::ImageError,
    },
    /// The colour image is not 8-bit RGB.
    #[error("{}: expected an 8-bit RGB image, found {found}; {}", .path.display(), rgb_advice(.found))]
    NotRgb {
        /// The file.
        path: PathBuf,
        /// Its pixel type.
        found: String,
    },
    /// A 16-bit grey image where a picture is expected.
    #[error("{}: a 16-bit grey image, the format of depth maps; expected a picture: 8-bit grey, or colour", .path.display())]
    LooksLikeDepth {
        /// The file.
        path: PathBuf,
    },
    /// A picture with transparent pixels.
    #[error("{}: the image has transparent pixels; put it on a background and save it without transparency", .path.display())]
    Transparent {
        /// The file.
        path: PathBuf,
    },
    /// An image with more pixels than are read.
    #[error("{}: {} pixels; the maximum is {max}; make the image smaller", .path.display(), dimensions(.size))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: (usize, usize),
        /// The maximum number of pixels.
        max: usize,
    },
    /// A picture with an extreme aspect ratio.
    #[error("an image of {} pixels (height x width): the longer side may be at most {max} times the shorter; crop the image", dimensions(.size))]
    ExtremeAspectRatio {
        /// Its size.
        size: (usize, usize),
        /// The maximum ratio of the sides.
        max: usize,
    },
    /// A depth map could not be encoded.
    #[error("a depth map of {} cannot be encoded as PNG: {source}", dimensions(.size))]
    Encode {
        /// Its size.
        size: (usize, usize),
        /// The encoder's error.
        source: image::ImageError,
    },
    /// The depth image does not have the type of its encoding.
    #[error("{}: the depth encoding {encoding} needs {}, found {found}; {}", .path.display(), .encoding.file_type(), depth_type_advice(.found))]
    WrongDepthType {
        /// The file.
        path: PathBuf,
        /// The encoding.
        encoding: DepthEncoding,
        /// The pixel type of the file.
        found: String,
    },
    /// A depth map with an EXIF orientation.
    #[error("{}: a depth map with EXIF orientation {orientation}, which says that its pixels are stored turned or mirrored; turn the depths themselves and save them without EXIF", .path.display())]
    TurnedDepth {
        /// The file.
        path: PathBuf,
        /// The orientation, 2 to 8.
        orientation: u8,
    },
    /// An array of depths could not be read.
    #[error(transparent)]
    Array(#[from] mde_arrays::ArrayError),
    /// Colour image and depth map of a pair differ in size.
    #[error("{}: depth is {} but {} is {} (height x width){}; both must have the same size (for data of your own see resize_rgb in docs/own-data.md)", .depth.display(), dimensions(.depth_size), .rgb.display(), dimensions(.rgb_size), turned(*.orientation, .rgb_size, .depth_size))]
    SizeMismatch {
        /// The colour image.
        rgb: PathBuf,
        /// Its size as shown.
        rgb_size: (usize, usize),
        /// Its EXIF orientation, 1 to 8; 1 if it has none.
        orientation: u8,
        /// The depth map.
        depth: PathBuf,
        /// Its size.
        depth_size: (usize, usize),
    },
    /// `resize_rgb` cannot be applied: colour image and depth map differ in aspect ratio.
    #[error("{}: {} differs in aspect ratio from {} (height x width) of {}, so resize_rgb cannot be applied{}; crop or reproject one of them", .rgb.display(), dimensions(.rgb_size), dimensions(.depth_size), .depth.display(), turned(*.orientation, .rgb_size, .depth_size))]
    AspectRatioMismatch {
        /// The colour image.
        rgb: PathBuf,
        /// Its size as shown.
        rgb_size: (usize, usize),
        /// Its EXIF orientation, 1 to 8; 1 if it has none.
        orientation: u8,
        /// The depth map.
        depth: PathBuf,
        /// Its size.
        depth_size: (usize, usize),
    },
    /// No pixel of the whole list has a valid depth.
    #[error("{}: no valid depth (0 < d <= {max} m) in {}; check the depth encoding", .list.display(), count(*.images, "depth map"))]
    NoValidDepth {
        /// The list file.
        list: PathBuf,
        /// Number of depth maps.
        images: usize,
        /// The largest valid depth in metres.
        max: f32,
    },
    /// A text that names no data set.
    #[error(
        "`{text}` does not name a data set; expected nyu:DIR, rooms:DIR, kitti:DIR, streets:DIR, or a folder with a dataset.toml{}",
        did_you_mean(.similar.as_deref())
    )]
    UnknownData {
        /// The text.
        text: String,
        /// The same with the most similar kind, if any is similar.
        similar: Option<String>,
    },
    /// An image is too small for the transform's crop.
    #[error("{id}: a crop of {} does not fit into the image, which is {} where it is cropped (height x width)", dimensions(.crop), dimensions(.found))]
    CropDoesNotFit {
        /// The sample.
        id: String,
        /// Its size where it is cropped: for MFF after the shorter side is resized.
        found: (usize, usize),
        /// Size of the crop.
        crop: (usize, usize),
    },
    /// The image is not a 4:3 frame, which BTS's recipe for NYUv2 expects.
    #[error("{id}: the image is {}, expected a 4:3 frame such as 480x640 (height x width): BTS's recipe is for NYU Depth V2", dimensions(.found))]
    NotAnNyuFrame {
        /// The sample.
        id: String,
        /// Its size.
        found: (usize, usize),
    },
    /// The sizes of a transform have a side of 0 or do not fit into each other.
    #[error("{reason}, got {geometry}")]
    BadGeometry {
        /// What is wrong.
        reason: &'static str,
        /// The sizes.
        geometry: String,
    },
    /// An option of the loader is out of range.
    #[error("{option} is {value}: {reason}")]
    LoaderOption {
        /// The option's name.
        option: &'static str,
        /// Its value.
        value: usize,
        /// What is wrong.
        reason: String,
    },
    /// Examples of different sizes cannot form a batch.
    #[error("{id}: {what} is {} but the first of its batch is {} (height x width); a transform must produce one size", dimensions(.found), dimensions(.expected))]
    MixedSizes {
        /// The sample.
        id: String,
        /// `image` or `depth`.
        what: &'static str,
        /// Size of the first example.
        expected: (usize, usize),
        /// Size of this example.
        found: (usize, usize),
    },
    /// Only some examples of a batch have a focal length.
    #[error("{id}: {} focal length, unlike the first of its batch; a transform must give it always or never", if *.found { "has a" } else { "has no" })]
    MixedFocals {
        /// The sample.
        id: String,
        /// Whether it has one.
        found: bool,
    },
    /// A loader thread could not be started.
    #[error("loader: cannot start a worker thread: {source}; use fewer workers")]
    SpawnWorker {
        /// The system's error.
        source: io::Error,
    },
    /// Loading or transforming a sample panicked: a bug in a decoder or a transform.
    #[error("{id}: the loader's worker panicked on this sample: {message}")]
    WorkerPanicked {
        /// The sample.
        id: String,
        /// The panic's message.
        message: String,
    },
}

impl From<TextError> for DatasetError {
    fn from(error: TextError) -> Self {
        match error {
            TextError::Read { path, source } => Self::Read { path, source },
            error => Self::Text(error),
        }
    }
}

impl DatasetError {
    /// A fault of a description's table for `split`.
    pub(crate) fn bad_split(path: &Path, split: Split, reason: &str) -> Self {
        Self::BadDescription {
            path: path.to_owned(),
            line: None,
            reason: format!("[{split}]: {reason}"),
        }
    }
}

/// How to get data of a layout, as the end of a message.
fn source_of(kind: Option<DataKind>) -> String {
    kind.map_or(String::new(), |kind| match kind {
        DataKind::Rooms | DataKind::Streets => {
            format!("; `mde render {} --out DIR` renders one", kind.name())
        }
        DataKind::Nyu | DataKind::Kitti => {
            format!("; `mde fetch data {}` downloads it", kind.name())
        }
    })
}

/// The folder of a file, as it can be given on a command line.
fn folder_of(file: &Path) -> &Path {
    let folder = file.parent().unwrap_or(file);
    match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    }
}

fn expected_list(lines: &str, other: Option<DataKind>) -> String {
    match other.map(DataKind::name) {
        Some(kind) => format!(
            "the folder holds the lists of {kind}: write {kind}:DIR, or add a file with lines {lines}"
        ),
        None => format!("expected a file with lines {lines}"),
    }
}

/// What to do about an image of this pixel type where a colour image is expected.
pub(crate) fn rgb_advice(found: &str) -> &'static str {
    if found.starts_with("16-bit, 1 channel") {
        "it looks like a depth map: correct the list or the patterns, which may name depth first"
    } else {
        "convert the image to 8-bit RGB"
    }
}

/// What to do about an image of this pixel type where a depth map is expected.
fn depth_type_advice(found: &str) -> &'static str {
    if found.contains("RGB") {
        "it looks like a picture: correct the list or the patterns, which may name depth first"
    } else {
        "choose the encoding of the files"
    }
}

fn dimensions(size: &(usize, usize)) -> String {
    format!("{}x{}", size.0, size.1)
}

/// What EXIF has to do with sizes that differ: part of a message, empty if nothing.
pub(crate) fn turned(orientation: u8, rgb: &(usize, usize), depth: &(usize, usize)) -> String {
    let stored = match orientation {
        5..=8 => (rgb.1, rgb.0),
        _ => *rgb,
    };
    if orientation != 1 {
        return format!(
            ". The image is stored as {} and shown turned by its EXIF orientation {orientation}: turn \
             the depth map likewise, or remove the orientation from the image",
            dimensions(&stored)
        );
    }
    let sideways = (rgb.1, rgb.0) == *depth && rgb != depth;
    if sideways {
        return ". The image has no EXIF orientation; one of the two is turned by 90 degrees"
            .to_owned();
    }
    String::new()
}

fn and_in(folders: &[&str]) -> String {
    if folders.is_empty() {
        return String::new();
    }
    format!(" (and its {})", folders.join(", "))
}

fn join_or(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    names.join(" or ")
}
