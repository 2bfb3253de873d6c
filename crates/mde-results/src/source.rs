//! Reading files, with errors that name the file and the command that writes it.

use std::io::ErrorKind;
use std::path::PathBuf;

use serde::de::DeserializeOwned;

use crate::ResultsError;

/// A file of a run folder and the command that writes it.
pub(crate) struct Source {
    path: PathBuf,
    command: String,
}

impl Source {
    pub(crate) fn new(path: PathBuf, command: impl Into<String>) -> Self {
        Self {
            path,
            command: command.into(),
        }
    }

    pub(crate) fn malformed(&self, problem: impl Into<String>) -> ResultsError {
        ResultsError::Malformed {
            path: self.path.clone(),
            problem: problem.into(),
            command: self.command.clone(),
        }
    }

    /// The file's content.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, ResultsError> {
        self.bytes_if_exists()?
            .ok_or_else(|| ResultsError::Missing {
                path: self.path.clone(),
                command: self.command.clone(),
            })
    }

    /// The file's content; `None` if the file does not exist.
    pub(crate) fn bytes_if_exists(&self) -> Result<Option<Vec<u8>>, ResultsError> {
        match std::fs::read(&self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ResultsError::Read {
                path: self.path.clone(),
                source,
            }),
        }
    }

    /// The JSON in `bytes`, which must have the expected format number.
    pub(crate) fn json(
        &self,
        bytes: &[u8],
        expected: u32,
    ) -> Result<serde_json::Value, ResultsError> {
        let json: serde_json::Value = serde_json::from_slice(bytes)
            .map_err(|error| self.malformed(format!("not valid JSON ({error})")))?;
        // Checked first: another format may lack the fields that this one expects.
        match json.get("format") {
            Some(format) if *format == expected => Ok(json),
            found => Err(ResultsError::Format {
                path: self.path.clone(),
                found: found.map_or("none".to_owned(), ToString::to_string),
                expected,
                command: self.command.clone(),
            }),
        }
    }

    pub(crate) fn parse<T: DeserializeOwned>(
        &self,
        json: serde_json::Value,
    ) -> Result<T, ResultsError> {
        serde_json::from_value(json)
            .map_err(|error| self.malformed(format!("not what this stage writes ({error})")))
    }
}
