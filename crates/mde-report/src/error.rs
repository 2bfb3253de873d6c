//! The crate's one error type: every message names the file, what was found and what to do next.

use std::path::{Path, PathBuf};

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The run folder itself is not there.
    #[error("{} is not a run folder: no such folder; train one there with `mde train` or correct the path", path.display())]
    RunMissing {
        /// The folder that was asked for.
        path: PathBuf,
    },

    /// A file that an earlier stage writes is not in the run folder.
    #[error("{} is missing; run `{command}` first", path.display())]
    StageMissing {
        /// The file that was looked for.
        path: PathBuf,
        /// The command that writes it.
        command: String,
    },

    /// A file is there but the operating system refused to read it.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },

    /// A file is there but does not hold what its stage writes: broken JSON, a truncated tensor file, shapes that disagree.
    #[error("{}: {problem}; the file is damaged or half-written, run `{command}` again", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        problem: String,
        /// The command that writes the file.
        command: String,
    },

    /// A file was written by a version of the toolkit whose files this one does not read.
    #[error(
        "{}: format {found}, but this version reads format {expected}; run `{command}` again with this version",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// The format number in the file, as text ("none" when absent).
        found: String,
        /// The format number this version reads.
        expected: u32,
        /// The command that writes the file.
        command: String,
    },

    /// Stages of one run folder describe different weights.
    #[error(
        "{}: evaluate.json and {file} are of different weights ({evaluated} and {found}); run {commands} again",
        path.display()
    )]
    StageMismatch {
        /// The run folder.
        path: PathBuf,
        /// The other stage's file.
        file: &'static str,
        /// Hash of the weights in evaluate.json.
        evaluated: String,
        /// Hash of the weights in the other file.
        found: String,
        /// The commands that write both.
        commands: String,
    },

    /// The comparison is not one of these runs.
    #[error(
        "the comparison that was given is of other weights ({compared}) than those in {} ({found}); compare these runs again",
        path.display()
    )]
    OtherComparison {
        /// The run folder.
        path: PathBuf,
        /// Hash of the weights compared.
        compared: String,
        /// Hash of the weights in the folder.
        found: String,
    },

    /// The results are of another network than the run's.
    #[error(
        "{}: evaluate.json is about {measured}, and the run trained {trained}; run `mde evaluate` and `mde dissect` with \
         --run on this folder again",
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

    /// Two runs differ in something that a comparison has to keep fixed.
    #[error(
        "the runs cannot be compared: {} is {} in {} but {} in {}; {}",
        .0.what, .0.plain, .0.plain_path.display(), .0.assigned, .0.assigned_path.display(), .0.advice
    )]
    NotComparable(Box<Mismatch>),

    /// The report could not be put where it was asked for.
    #[error("{}: cannot be written: {source}; choose another output folder or free it", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },

    /// A picture could not be encoded.
    #[error("a {height}x{width} picture could not be encoded as {kind}: {reason}")]
    Picture {
        /// "PNG" or "JPEG".
        kind: &'static str,
        /// Rows of the picture.
        height: usize,
        /// Columns of the picture.
        width: usize,
        /// The encoder's reason.
        reason: String,
    },

    /// The page's data could not be written as JSON: a fault of the crate, not of the run.
    #[error("the report's data failed: {0}; please report this")]
    Data(#[source] serde_json::Error),

    /// A template of this crate failed: a fault of the crate, not of the run.
    #[error("the report's template failed: {0:#}; please report this")]
    Template(#[from] minijinja::Error),
}

/// What two runs differ in; see [`ReportError::NotComparable`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// What differs, e.g. "the evaluation protocol".
    pub what: String,
    /// Its value in the plain run.
    pub plain: String,
    /// Its value in the assigned run.
    pub assigned: String,
    /// The plain run's folder.
    pub plain_path: PathBuf,
    /// The assigned run's folder.
    pub assigned_path: PathBuf,
    /// What to do next.
    pub advice: String,
}

impl ReportError {
    pub(crate) fn write(path: &Path, source: std::io::Error) -> Self {
        Self::Write {
            path: path.to_owned(),
            source,
        }
    }
}
