//! What can go wrong between a list on disk and a batch, each case with the file it concerns.

use std::io;
use std::path::PathBuf;

use crate::kind::did_you_mean;
use crate::{DepthEncoding, Split};

/// Any failure of this crate.
///
/// Sizes are (height, width).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The folder of a data set does not exist.
    #[error("{}: no such folder; expected a data set there with the list {}", .path.display(), .lists.join(" or "))]
    MissingFolder {
        /// The folder asked for.
        path: PathBuf,
        /// The lists that would have been looked for inside.
        lists: Vec<String>,
    },
    /// A folder that is named without its kind has no description.
    #[error("{}: no such file; describe the data in it (docs/own-data.md), or say which layout the folder has: nyu:DIR, rooms:DIR, kitti:DIR or streets:DIR", .path.display())]
    MissingDescription {
        /// The description that was looked for.
        path: PathBuf,
    },
    /// A description says nothing of a split.
    #[error("{}: [{split}] is not described; add this table, with `list`, or with `rgb` and `depth`", .path.display())]
    NotDescribed {
        /// The description.
        path: PathBuf,
        /// The split.
        split: Split,
    },
    /// A description of a data folder, `dataset.toml`, that is wrong, or does not fit the folder.
    #[error("{}{}: {reason}", .path.display(), line_in_words(.line))]
    BadDescription {
        /// The description.
        path: PathBuf,
        /// Line number, from 1, where one line is wrong.
        line: Option<usize>,
        /// What is wrong.
        reason: String,
    },
    /// The list file does not exist.
    #[error("no list of samples: {} does not exist; expected a file with lines {expected}", join_or(.tried))]
    MissingList {
        /// Every file that would have done.
        tried: Vec<PathBuf>,
        /// What its lines should be.
        expected: &'static str,
    },
    /// The list file has no lines.
    #[error("{}: the list is empty; expected lines {expected}", .list.display())]
    EmptyList {
        /// The list file.
        list: PathBuf,
        /// What its lines should be.
        expected: &'static str,
    },
    /// Every line of a KITTI list has `None` for its depth.
    #[error("{}: all {images} images are listed without depth (`None`); use a list with ground truth", .list.display())]
    NoDepthListed {
        /// The list file.
        list: PathBuf,
        /// How many lines there are.
        images: usize,
    },
    /// A line of the list does not have the list's form.
    #[error("{}, line {line}: {reason}; expected {expected}", .list.display())]
    MalformedLine {
        /// The list file.
        list: PathBuf,
        /// Line number, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Files that the list names are not there.
    #[error(
        "{}: {count} of the listed files are missing under {}{}: {}{}; check the folder, or remove the lines",
        .list.display(), .root.display(), and_below(.also_in), .first.join(", "),
        if *.count > .first.len() { ", ..." } else { "" }
    )]
    MissingFiles {
        /// The list file.
        list: PathBuf,
        /// The folder that the list's paths are relative to.
        root: PathBuf,
        /// Folders in it in which the files were looked for as well.
        also_in: Vec<&'static str>,
        /// The first ten missing files, in the list's order, as the list writes them.
        first: Vec<String>,
        /// How many are missing in all.
        count: usize,
    },
    /// A file could not be read.
    #[error("{}: cannot be read: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file is not an image of a supported format.
    #[error("{}: not a {expected} image (its first bytes match no such format)", .path.display())]
    NotAnImage {
        /// The file.
        path: PathBuf,
        /// The formats that would have done.
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
        /// The decoder's reason.
        source: image::ImageError,
    },
    /// The colour image is not 8-bit RGB.
    #[error("{}: expected an 8-bit RGB image, found {found}", .path.display())]
    NotRgb {
        /// The file.
        path: PathBuf,
        /// Its pixel type.
        found: String,
    },
    /// A picture that looks like a depth map.
    #[error("{}: a 16-bit grey image, which is how depth maps are stored; expected a picture: 8-bit grey, or in colour", .path.display())]
    GreyDepth {
        /// The file.
        path: PathBuf,
    },
    /// A picture that one can see through.
    #[error("{}: the image has transparent pixels; put it on a background and save it without transparency", .path.display())]
    Transparent {
        /// The file.
        path: PathBuf,
    },
    /// A picture that does not fit into memory.
    #[error("{}: {}x{} pixels; at most {most} are read: make the image smaller", .path.display(), .size.0, .size.1)]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: (usize, usize),
        /// The most pixels that are read.
        most: usize,
    },
    /// A picture that is far longer than high, or the other way round.
    #[error("an image of {}x{} pixels (height x width): its longer side may have at most {most} times its shorter; cut it", .size.0, .size.1)]
    TooLong {
        /// Its size.
        size: (usize, usize),
        /// The most that is taken.
        most: usize,
    },
    /// A depth map could not be encoded.
    #[error("a depth map of {}x{} cannot be encoded as PNG: {source}", .size.0, .size.1)]
    Encode {
        /// Its size.
        size: (usize, usize),
        /// The encoder's reason.
        source: image::ImageError,
    },
    /// The depth image is not what its encoding says.
    #[error("{}: the depth encoding {encoding} needs {} PNG, found {found}; choose the encoding that the files were written with", .path.display(), .encoding.png_type())]
    WrongDepthType {
        /// The file.
        path: PathBuf,
        /// The encoding asked for.
        encoding: DepthEncoding,
        /// The pixel type found.
        found: String,
    },
    /// RGB and depth of one sample differ in size.
    #[error("{}: depth is {} but {} is {} (height x width); both must have the same size (for data of your own see resize_rgb in docs/own-data.md)", .depth.display(), by(.depth_size), .rgb.display(), by(.rgb_size))]
    SizeMismatch {
        /// The colour image.
        rgb: PathBuf,
        /// Its size.
        rgb_size: (usize, usize),
        /// The depth image.
        depth: PathBuf,
        /// Its size.
        depth_size: (usize, usize),
    },
    /// A colour image that is to be resized to its depth map has another shape.
    #[error("{}: {} is no resized {} (height x width) of {}: not the same view, so that resize_rgb cannot bring them together", .rgb.display(), by(.rgb_size), by(.depth_size), .depth.display())]
    OtherShape {
        /// The colour image.
        rgb: PathBuf,
        /// Its size.
        rgb_size: (usize, usize),
        /// The depth image.
        depth: PathBuf,
        /// Its size.
        depth_size: (usize, usize),
    },
    /// No pixel of the whole list has a usable depth.
    #[error("{}: no valid depth (0 < d <= {max} m) in any of the {images} depth maps; check the depth encoding", .list.display())]
    NoValidDepth {
        /// The list file.
        list: PathBuf,
        /// How many depth maps were read.
        images: usize,
        /// The largest depth that counts, in metres.
        max: f32,
    },
    /// The name of a depth encoding is unknown.
    #[error(
        "unknown depth encoding `{0}`; expected u8/25.5, u16-mm, or u16/N with N stored units a metre (1 to 65535), such as u16/256"
    )]
    UnknownEncoding(String),
    /// A text that names no data set.
    #[error(
        "`{text}` does not name a data set; expected nyu:DIR, rooms:DIR, kitti:DIR, streets:DIR, or a folder with a dataset.toml{}",
        did_you_mean(.similar.as_deref())
    )]
    UnknownData {
        /// The text given.
        text: String,
        /// The same with the kind that is most similar, if any is similar.
        similar: Option<String>,
    },
    /// An image is too small in one direction for the transform's crop.
    #[error("{id}: a crop of {} does not fit into the image, which is {} where it is to be cropped (height x width)", by(.crop), by(.found))]
    CropDoesNotFit {
        /// The sample.
        id: String,
        /// Its size where the crop is taken: for MFF after its shorter side was resized.
        found: (usize, usize),
        /// The crop.
        crop: (usize, usize),
    },
    /// The image does not have the shape of an NYUv2 frame, from which BTS cuts a border.
    #[error("{id}: the image is {}, expected a 4:3 frame such as 480x640 (height x width): this is BTS's recipe for NYU Depth V2", by(.found))]
    NotAnNyuFrame {
        /// The sample.
        id: String,
        /// Its size.
        found: (usize, usize),
    },
    /// A transform's sizes have a side of 0 or do not fit into each other.
    #[error("{reason}, got {geometry}")]
    BadGeometry {
        /// What is wrong with the sizes.
        reason: &'static str,
        /// The sizes.
        geometry: String,
    },
    /// An option of the loader is out of range.
    #[error("loader: {option} = {value}: {reason}")]
    LoaderOption {
        /// The option's name.
        option: &'static str,
        /// Its value.
        value: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A transform gave examples of different sizes, which cannot form a batch.
    #[error("{id}: {what} is {} but the first of its batch is {} (height x width); a transform must give one size", by(.found), by(.expected))]
    MixedSizes {
        /// The sample.
        id: String,
        /// `image` or `depth`.
        what: &'static str,
        /// The first example's size.
        expected: (usize, usize),
        /// This example's size.
        found: (usize, usize),
    },
    /// A transform gave focal lengths to some examples of a batch and none to others.
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
        /// The system's answer.
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

fn by(size: &(usize, usize)) -> String {
    format!("{}x{}", size.0, size.1)
}

fn line_in_words(line: &Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(", line {line}"))
}

fn and_below(folders: &[&str]) -> String {
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
