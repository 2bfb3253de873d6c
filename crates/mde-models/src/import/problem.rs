//! Reasons for rejecting a weight file.

use std::path::Path;

use crate::error::ModelError;

/// Why a file was rejected; [`Problem::at`] adds the file.
#[derive(Debug)]
pub(super) enum Problem {
    /// Its weights need code.
    Code {
        callable: String,
        /// Continues the sentence, or is empty.
        advice: String,
    },
    Other(candle_core::Error),
}

impl Problem {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Problem::Other(candle_core::Error::Msg(reason.into()))
    }

    /// The same about a tensor.
    pub(super) fn of(self, tensor: &str) -> Self {
        match self {
            Problem::Other(source) => Problem::new(format!("the values of {tensor}: {source}")),
            code => code,
        }
    }

    pub(super) fn at(self, path: &Path) -> ModelError {
        let path = path.to_owned();
        match self {
            Problem::Code { callable, advice } => ModelError::UnsafePickle {
                path,
                callable,
                advice,
            },
            Problem::Other(source) => ModelError::Unreadable { path, source },
        }
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Problem::Other(candle_core::Error::Io(error))
    }
}

impl From<candle_core::Error> for Problem {
    fn from(error: candle_core::Error) -> Self {
        Problem::Other(error)
    }
}
