//! The crate's error type: every message names the file, what was found and what to do next.

use std::path::PathBuf;

use mde_files::{LockError, OutsideFolder};
use mde_metrics::MetricsError;

/// Why results could not be read, written or compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResultsError {
    /// The run folder does not exist.
    #[error(
        "{} is not a run folder: no such folder; train one there with `mde train` or correct the \
         path",
        path.display()
    )]
    NoFolder {
        /// The folder that was asked for.
        path: PathBuf,
    },
    /// A file that an earlier stage writes is not in the run folder.
    #[error("{} is missing; run `{command}` first", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The command that writes it.
        command: String,
    },
    /// The run has no checkpoint.
    #[error(
        "{0}: no checkpoint yet; wait until the training run there writes its first, or start it \
         with `mde train --data DATA --out {0}`",
        folder.display()
    )]
    NoCheckpoint {
        /// The run folder.
        folder: PathBuf,
    },
    /// The operating system refused to read a file.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A file does not hold what its stage writes: broken JSON, a truncated tensor file, shapes
    /// that disagree.
    #[error(
        "{}: {problem}; the file is damaged or half-written, run `{command}` again",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        problem: String,
        /// The command that writes the file.
        command: String,
    },
    /// A file was written by a version whose files this one does not read.
    #[error(
        "{}: format {found}, but this version reads format {expected}; run `{command}` again with \
         this version",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// The format number in the file, as text ("none" if absent).
        found: String,
        /// The format number that this version reads.
        expected: u32,
        /// The command that writes the file.
        command: String,
    },
    /// Stages of one run folder describe different weights or data.
    #[error(
        "{}: evaluate.json and {file} are of different {what} ({} and {}); run {commands} again",
        path.display(), values[0], values[1]
    )]
    StageMismatch {
        /// The run folder.
        path: PathBuf,
        /// The other stage's file.
        file: &'static str,
        /// What differs: "weights" or "data".
        what: &'static str,
        /// Its value in evaluate.json and in the other file.
        values: Box<[String; 2]>,
        /// The commands that write both.
        commands: String,
    },
    /// The results are of another network than the run's.
    #[error(
        "{}: evaluate.json is about {measured}, but the run trained {trained}; run `mde evaluate` \
         and `mde dissect` with --run on this folder again",
        path.display()
    )]
    OtherModel {
        /// The run folder.
        path: PathBuf,
        /// The network in evaluate.json.
        measured: String,
        /// The network in config.json.
        trained: String,
    },
    /// The results are of an earlier checkpoint than the run's newest.
    #[error(
        "{}: {file} was measured before the training run reached step {step}; run `{command}` again",
        path.display()
    )]
    EarlierCheckpoint {
        /// The run folder.
        path: PathBuf,
        /// The file.
        file: &'static str,
        /// The newest checkpoint's step.
        step: u64,
        /// The command that writes the file.
        command: String,
    },
    /// Two runs differ in something that a comparison has to keep fixed.
    #[error(
        "the runs cannot be compared: {} is {} in {} but {} in {}; {}",
        .0.what, .0.first, .0.first_folder.display(), .0.second, .0.second_folder.display(),
        .0.advice
    )]
    NotComparable(Box<Mismatch>),
    /// A file or folder could not be written.
    #[error(
        "cannot write {}: {source}; {}",
        path.display(), mde_files::write_advice(source)
    )]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The name of an output leads out of the run folder.
    #[error(transparent)]
    Outside(#[from] OutsideFolder),
    /// Another process works in the run folder, or it cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Tallies or bins do not fit together.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// A value has no JSON form.
    #[error("cannot serialise as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Arrays have no safetensors form.
    #[error("cannot serialise as safetensors: {0}")]
    Serialise(#[from] safetensors::SafeTensorError),
}

/// What two runs differ in; see [`ResultsError::NotComparable`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// What differs, such as "the evaluation protocol".
    pub what: String,
    /// Its value in the first run.
    pub first: String,
    /// Its value in the second run.
    pub second: String,
    /// The first run's folder.
    pub first_folder: PathBuf,
    /// The second run's folder.
    pub second_folder: PathBuf,
    /// What to do next.
    pub advice: &'static str,
}
