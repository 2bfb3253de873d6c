//! What can go wrong between a download and a folder of images, each case with the file it concerns.

use std::io;
use std::path::{Path, PathBuf};

/// Where the official split of the labelled frames is published.
const SPLITS_URL: &str = "http://horatio.cs.nyu.edu/mit/silberman/indoor_seg_sup/splits.mat";

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {source}{}", .path.display(), remedy(.source))]
    Io {
        /// "create", "lock", "read" or "write".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another conversion is writing to the folder.
    #[error("{}: another conversion is writing to this folder; wait for it to end", .path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// The quality asked for would change pixels visibly.
    #[error("JPEG quality {0}: expected 95 to 100; lower qualities change what a network sees")]
    JpegQuality(u8),
    /// An image could not be encoded.
    #[error("cannot encode {}: {source}", .path.display())]
    Encode {
        /// The file meant.
        path: PathBuf,
        /// What the encoder said.
        source: image::ImageError,
    },
    /// A source file is cut short, damaged or of another kind.
    #[error("{}: not a whole {kind}: {reason}; download it again", .path.display())]
    Damaged {
        /// The file, followed by the member where it is an archive.
        path: PathBuf,
        /// What it should be.
        kind: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// An HDF5 file is sound, but does not hold what this distribution holds.
    #[error("{}: `{dataset}` {found}; expected {expected}", .path.display())]
    Contents {
        /// The file, followed by the member where it is an archive.
        path: PathBuf,
        /// The data set inside.
        dataset: &'static str,
        /// What it is.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A scene's name cannot be the name of a folder.
    #[error("{}: frame {frame} is of the scene `{}`; expected a name of letters, digits, `_` and `-`", .path.display(), .scene.escape_debug())]
    SceneName {
        /// The file of frames.
        path: PathBuf,
        /// The frame, counted from 0.
        frame: usize,
        /// Its scene.
        scene: String,
    },
    /// The file that says which frames train and which test is not there.
    #[error(
        "{}: no such file; it says which frames train and which test, and is published at {SPLITS_URL}; \
         download it, or put all frames into one split",
        .path.display()
    )]
    MissingSplits {
        /// The file.
        path: PathBuf,
    },
    /// The file of the split does not fit the frames.
    #[error("{}: {reason}; expected trainNdxs and testNdxs with each of the {frames} frames once; the official file is at {SPLITS_URL}", .path.display())]
    Splits {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// How many frames there are.
        frames: usize,
    },
    /// The source has nothing of what it should hold.
    #[error("{}: holds none of the expected files, {expected}", .path.display())]
    Empty {
        /// The archive or folder.
        path: PathBuf,
        /// What its files should be called.
        expected: &'static str,
    },
    /// Nothing says whether a frame is for training or validation.
    #[error("{}: `{}` is not below `train` or `val`, and the name of neither the shard nor the folder begins with one of them; say which split it is", .path.display(), .member.escape_debug())]
    UnknownSplit {
        /// The shard or folder.
        path: PathBuf,
        /// The frame.
        member: String,
    },
    /// An archive lacks files that the list names.
    #[error(
        "{}: lacks {missing} of the {listed} files that {} names: {}{}; use the archive that belongs to the list, or no list",
        .path.display(), .list.display(), .first.join(", "), if *.missing > .first.len() { ", ..." } else { "" }
    )]
    MissingMembers {
        /// The archive.
        path: PathBuf,
        /// The list.
        list: PathBuf,
        /// How many are missing.
        missing: usize,
        /// How many the list names.
        listed: usize,
        /// The first ten of those missing, as the list writes them.
        first: Vec<String>,
    },
    /// A line of a list does not have the list's form.
    #[error("{}, line {line}: {reason}; expected `rgb,depth` or `rgb,depth,focal` with relative paths", .list.display())]
    ListLine {
        /// The list.
        list: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder's `dataset.toml` cannot be understood.
    #[error("{}: {reason}; correct it, or delete it and convert again", .path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

pub(crate) type Result<T> = std::result::Result<T, ConvertError>;

/// For `map_err`: the system's answer with the action and the path that it concerns.
pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ConvertError {
    let path = path.to_owned();
    move |source| ConvertError::Io {
        action,
        path,
        source,
    }
}

/// For `map_err`: what a reader says of a damaged file.
pub(crate) fn damaged<E: ToString>(
    path: &Path,
    kind: &'static str,
) -> impl FnOnce(E) -> ConvertError {
    let path = path.to_owned();
    move |reason| ConvertError::Damaged {
        path,
        kind,
        reason: reason.to_string(),
    }
}

fn remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space and run again: what is there is kept"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; choose a folder that can be written to, or change its permissions"
        }
        io::ErrorKind::NotFound => "; check the path",
        _ => "",
    }
}
