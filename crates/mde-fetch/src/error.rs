//! What can go wrong, in one type.

use std::io;
use std::path::{Path, PathBuf};

use crate::text::{bytes, counted};

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The server refuses the request for good.
    #[error("the server responds with status {status} to {url}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The address, after redirects.
        url: String,
    },
    /// The request cannot be made at all.
    #[error("{0}")]
    Request(String),
    /// Too many consecutive attempts have failed.
    #[error("{reason} (tried {}){}", counted(*tries as usize, "time"), kept(*have, path))]
    GaveUp {
        /// Why the last attempt failed.
        reason: String,
        /// Number of failed attempts.
        tries: u32,
        /// Bytes that have come and are kept.
        have: u64,
        /// Where they are kept.
        path: PathBuf,
    },
    /// The server asks to wait longer than is sensible.
    #[error("{reason} and asks to wait {seconds} s: run the same command again then{}", kept(*have, path))]
    Later {
        /// What the server responded.
        reason: String,
        /// The requested pause.
        seconds: u64,
        /// Bytes that have come and are kept.
        have: u64,
        /// Where they are kept.
        path: PathBuf,
    },
    /// The file does not have the expected size.
    #[error("the file has {found} bytes, expected {expected}: it is a different file or version")]
    Size {
        /// Bytes.
        found: u64,
        /// Bytes.
        expected: u64,
    },
    /// The file does not have the expected SHA-256.
    #[error(
        "the file's SHA-256 is {found}, expected {expected}: it is damaged or a different version, and is not used"
    )]
    Hash {
        /// Hexadecimal.
        found: String,
        /// Hexadecimal.
        expected: String,
    },
    /// The disk is full.
    #[error("no space for the rest of {} ({reason})", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The disk is full, and the missing space is known.
    #[error(
        "no space: {missing} more bytes are needed in {}; the partial file is kept: free disk space and run the same command again",
        folder.display()
    )]
    MissingRoom {
        /// Bytes.
        missing: u64,
        /// The folder.
        folder: PathBuf,
    },
    /// The disk has too little space for a job; nothing was started.
    #[error(
        "no space: this needs {} and should leave {} free, but the disk of {} has {} free; free \
         disk space, or choose another folder with --out and --downloads",
        bytes(*needed), bytes(*spare), folder.display(), bytes(*free)
    )]
    LittleRoom {
        /// Bytes that the job takes.
        needed: u64,
        /// Bytes that should stay free.
        spare: u64,
        /// Bytes that are free.
        free: u64,
        /// The folder.
        folder: PathBuf,
    },
    /// A file on its server has changed since its directory was read.
    #[error("{url} has changed since its directory was read: run the same command again")]
    Changed {
        /// The address.
        url: String,
    },
    /// A file or folder cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// Such as "read" or "write".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file to be written is a symbolic link, which may lead anywhere.
    #[error("{} is a symbolic link, which is not followed: remove it", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// A manifest or a list that is not a text.
    #[error(transparent)]
    Text(mde_files::TextError),
    /// A folder cannot be locked.
    #[error(transparent)]
    Lock(#[from] mde_files::LockError),
    /// The manifest has no entry of this name.
    #[error("{}{}; the manifest lists: {}", unknown(kind, name), suggested(suggestion), known.join(", "))]
    UnknownName {
        /// "weights", "data", or "file or weights".
        kind: &'static str,
        /// The name.
        name: String,
        /// The most similar name, if one is similar enough.
        suggestion: Option<String>,
        /// All names.
        known: Vec<String>,
    },
    /// The file is missing, and a program cannot or must not download it.
    #[error("{0}")]
    Absent(String),
    /// Options or variables contradict each other, or name something that does not exist.
    #[error("{0}")]
    Usage(String),
    /// A manifest, list or archive does not have the expected contents.
    #[error("{file}: {reason}")]
    Contents {
        /// The file or address.
        file: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// Some files of a data set could not be fetched; the others are stored.
    #[error("{name} is incomplete; all other files are stored:\n{}", wrong.join("\n"))]
    Incomplete {
        /// The data set.
        name: &'static str,
        /// What is wrong, one line per archive.
        wrong: Vec<String>,
    },
    /// The user declined.
    #[error("nothing was done")]
    Declined,
    /// The user cannot be asked.
    #[error("cannot ask without a terminal: {0}")]
    NobodyToAsk(String),
    /// A data set could not be converted.
    #[error(transparent)]
    Convert(Box<dyn std::error::Error + Send + Sync>),
    /// A failure and what it concerns.
    #[error("{what}: {source}")]
    Context {
        /// The file or job.
        what: String,
        /// The failure.
        source: Box<FetchError>,
    },
    /// A failure with advice.
    #[error("{source}; {advice}")]
    Advice {
        /// The failure.
        source: Box<FetchError>,
        /// What to do.
        advice: String,
    },
}

/// What a text names that is neither a file nor a name of the manifest.
pub(crate) const FILE_OR_WEIGHTS: &str = "file or weights";

fn unknown(kind: &str, name: &str) -> String {
    match kind == FILE_OR_WEIGHTS {
        true => format!("{name:?}: no such file, and no name of the manifest"),
        false => format!("unknown {kind} {name:?}"),
    }
}

pub(crate) type Result<T, E = FetchError> = std::result::Result<T, E>;

impl FetchError {
    /// Adds advice.
    pub(crate) fn advise(self, advice: impl Into<String>) -> Self {
        Self::Advice {
            source: Box::new(self),
            advice: advice.into(),
        }
    }

    /// The error for a file with unexpected contents.
    pub(crate) fn contents(file: impl ToString, reason: impl Into<String>) -> Self {
        Self::Contents {
            file: file.to_string(),
            reason: reason.into(),
        }
    }

    /// Adds what the error concerns.
    pub(crate) fn of(self, what: impl Into<String>) -> Self {
        Self::Context {
            what: what.into(),
            source: Box::new(self),
        }
    }
}

impl From<mde_files::TextError> for FetchError {
    fn from(error: mde_files::TextError) -> Self {
        match error {
            mde_files::TextError::Read { path, source } => io("read", &path)(source),
            error => Self::Text(error),
        }
    }
}

/// For `map_err`: the system's error with the action and the path.
pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FetchError {
    let path = path.to_owned();
    move |source| FetchError::File {
        action,
        path,
        source,
    }
}

fn kept(have: u64, path: &Path) -> String {
    if have == 0 {
        return String::new();
    }
    let path = path.display();
    format!("; {have} bytes are kept in {path}, and the same command resumes there")
}

fn suggested(suggestion: &Option<String>) -> String {
    let name = suggestion.as_ref();
    name.map_or(String::new(), |name| format!(" (did you mean {name:?}?)"))
}
