//! The crate's one error type: every message names the file, what was found and what to do next.

use std::path::{Path, PathBuf};

use mde_results::ResultsError;

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A run folder lacks a file, a file is damaged, or the runs cannot be compared.
    #[error(transparent)]
    Results(#[from] ResultsError),

    /// The comparison is of different runs.
    #[error(
        "the comparison is of other weights ({compared}) than those in {} ({found}); compare these \
         runs again",
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

    /// A picture could not be encoded.
    #[error("cannot encode a picture of {height}x{width} pixels as {kind}: {reason}")]
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

    /// The page's data could not be written as JSON: a bug of this crate.
    #[error("the report's data failed: {0}; please report this")]
    Data(#[source] serde_json::Error),

    /// A template of this crate failed: a bug of this crate.
    #[error("the report's template failed: {0:#}; please report this")]
    Template(#[from] minijinja::Error),
}

impl ReportError {
    pub(crate) fn picture(
        kind: &'static str,
        (height, width): (usize, usize),
        reason: &dyn std::fmt::Display,
    ) -> Self {
        Self::Picture {
            kind,
            height,
            width,
            reason: reason.to_string(),
        }
    }

    pub(crate) fn write(path: &Path, source: std::io::Error) -> Self {
        let path = path.to_owned();
        ResultsError::Write { path, source }.into()
    }
}
