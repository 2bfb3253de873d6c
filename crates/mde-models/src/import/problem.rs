//! Reasons for rejecting a weight file.

use std::path::Path;

use crate::error::ModelError;

/// Why a file was rejected; [`Problem::at`] adds the file.
#[derive(Debug)]
pub(super) enum Problem {
    /// A pickle names code.
    Unsafe(String),
    Other(candle_core::Error),
}

impl Problem {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Problem::Other(candle_core::Error::Msg(reason.into()))
    }

    pub(super) fn at(self, path: &Path) -> ModelError {
        let path = path.to_owned();
        match self {
            Problem::Unsafe(callable) => ModelError::UnsafePickle { path, callable },
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
