//! The error type. Every variant names the file concerned.

use std::io;
use std::path::{Path, PathBuf};

use mde_files::{LockError, OutsideFolder, TextError};

/// URL of the official split of the labelled frames.
const SPLITS_URL: &str = "http://horatio.cs.nyu.edu/mit/silberman/indoor_seg_sup/splits.mat";

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {source}{}", .path.display(), remedy(.source))]
    Io {
        /// "clean", "create", "lock", "read" or "write".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// A list that is not a text.
    #[error(transparent)]
    Text(TextError),
    /// Another process is writing to the folder.
    #[error(transparent)]
    Busy(LockError),
    /// A file would be outside the output folder, or behind a symbolic link.
    #[error(transparent)]
    OutsideFolder(OutsideFolder),
    /// The JPEG quality is too low.
    #[error("JPEG quality {0}: expected 95 to 100, because artefacts change the network's input")]
    JpegQuality(u8),
    /// An image could not be encoded.
    #[error("cannot encode {}: {source}", .path.display())]
    Encode {
        /// The file to be written.
        path: PathBuf,
        /// The encoder's error.
        source: image::ImageError,
    },
    /// A source file is truncated, damaged or of another format.
    #[error("{}: not an intact {kind}: {reason}; download it again", .path.display())]
    Damaged {
        /// The file, followed by the member of an archive.
        path: PathBuf,
        /// The expected format.
        kind: &'static str,
        /// The inconsistency found.
        reason: String,
    },
    /// An intact HDF5 file does not hold what this distribution holds.
    #[error("{}: `{dataset}` {found}; expected {expected}", .path.display())]
    Contents {
        /// The file, followed by the member of an archive.
        path: PathBuf,
        /// The data set in the file.
        dataset: &'static str,
        /// What was found.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A scene name is not a valid folder name.
    #[error("{}: frame {frame} belongs to the scene `{}`; expected a name of letters, digits, `_` and `-`", .path.display(), .scene.escape_debug())]
    SceneName {
        /// The file of frames.
        path: PathBuf,
        /// Index of the frame, from 0.
        frame: usize,
        /// Scene of the frame.
        scene: String,
    },
    /// The split file does not exist.
    #[error(
        "{}: no such file; it defines the training and test split and is published at {SPLITS_URL}; \
         download it, or use one split for all frames",
        .path.display()
    )]
    MissingSplits {
        /// The file.
        path: PathBuf,
    },
    /// The split file does not match the frames.
    #[error("{}: {reason}; expected each of the {frames} frames once in trainNdxs or testNdxs; the official file is at {SPLITS_URL}", .path.display())]
    Splits {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
        /// Number of frames.
        frames: usize,
    },
    /// The source contains none of the expected files.
    #[error("{}: contains none of the expected files: {expected}", .path.display())]
    Empty {
        /// The archive or folder.
        path: PathBuf,
        /// Expected file names.
        expected: &'static str,
    },
    /// Neither path nor source name gives the split of a frame.
    #[error("{}: cannot tell the split of `{}`: it is not in a folder `train` or `val`, and the name of the shard or folder begins with neither; name the split", .path.display(), .member.escape_debug())]
    UnknownSplit {
        /// The shard or folder.
        path: PathBuf,
        /// The frame.
        member: String,
    },
    /// An archive lacks files of the list.
    #[error(
        "{}: lacks {missing} of the {listed} files listed in {}: {}{}; use the matching archive, or no list",
        .path.display(), .list.display(), .first.join(", "), if *.missing > .first.len() { ", ..." } else { "" }
    )]
    MissingMembers {
        /// The archive.
        path: PathBuf,
        /// The list.
        list: PathBuf,
        /// Number of missing files.
        missing: usize,
        /// Number of files in the list.
        listed: usize,
        /// The first ten missing files, as listed.
        first: Vec<String>,
    },
    /// A line of a list is malformed.
    #[error("{}, line {line}: {reason}; expected `rgb,depth` or `rgb,depth,focal` with relative paths", .list.display())]
    ListLine {
        /// The list.
        list: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The `dataset.toml` of the folder is malformed.
    #[error("{}: {reason}; correct or delete the file and convert again", .path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl ConvertError {
    /// The error for a folder that cannot be locked.
    pub(crate) fn from_lock(error: LockError) -> Self {
        match error {
            LockError::Io { path, source } => io("lock", &path)(source),
            held => Self::Busy(held),
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, ConvertError>;

/// For `map_err`: adds the action and path to a system error.
pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ConvertError {
    let path = path.to_owned();
    move |source| ConvertError::Io {
        action,
        path,
        source,
    }
}

/// For `map_err`: turns a reader's error into [`ConvertError::Damaged`].
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
            "; free disk space and run again: existing files are kept"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; choose a writable folder, or change its permissions"
        }
        io::ErrorKind::NotFound => "; check the path",
        _ => "",
    }
}

/// For `map_err`: a text file that cannot be read.
pub(crate) fn text(error: TextError) -> ConvertError {
    match error {
        TextError::Read { path, source } => io("read", &path)(source),
        error => ConvertError::Text(error),
    }
}
