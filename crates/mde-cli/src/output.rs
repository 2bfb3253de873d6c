//! The result of a command, as text and as a JSON document.

use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, bail};
pub(crate) use mde_files::shell_word;
use mde_metrics::statistics::Estimate;
use serde::Serialize;

use crate::memory;

/// The result of a command.
pub(crate) struct Output {
    words: String,
    document: serde_json::Value,
    failure: Option<String>,
}

impl Output {
    /// The same result as text and as a document.
    pub(crate) fn new(words: String, document: impl Serialize) -> anyhow::Result<Self> {
        Ok(Self {
            words,
            document: serde_json::to_value(document).context("cannot serialise the result")?,
            failure: None,
        })
    }

    /// The command prints this result, then fails with this message.
    pub(crate) fn with_failure(self, why: String) -> Self {
        Self {
            failure: Some(why),
            ..self
        }
    }

    /// The command prints this result, then fails if it lists errors in `subject`.
    pub(crate) fn with_errors(self, subject: &str, errors: usize) -> Self {
        match errors {
            0 => self,
            1 => self.with_failure(format!("{subject}: 1 error, listed above")),
            _ => self.with_failure(format!("{subject}: {errors} errors, listed above")),
        }
    }

    /// The document alone.
    pub(crate) fn into_document(self) -> serde_json::Value {
        self.document
    }

    /// Prints the text, or the document for `--json`.
    ///
    /// # Errors
    /// If stdout cannot be written, and the failure of [`Output::with_failure`].
    pub(crate) fn print(&self, json: bool) -> anyhow::Result<()> {
        let text = if json {
            serde_json::to_string_pretty(&self.document)?
        } else {
            self.words.clone()
        };
        match writeln!(std::io::stdout(), "{text}") {
            // The reader has closed the pipe (`mde … | head`).
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            result => result.context("cannot write to stdout")?,
        }
        match &self.failure {
            Some(why) => bail!("{why}"),
            None => Ok(()),
        }
    }
}

/// The error and its causes; causes that the message already quotes are not repeated.
pub(crate) fn message(error: &anyhow::Error) -> String {
    let mut message = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}

/// A value and its confidence interval, as text.
pub(crate) fn estimate(estimate: &Estimate) -> String {
    match estimate.interval {
        Some(interval) => format!(
            "{:.4} [{:.4}, {:.4}]",
            estimate.value, interval.low, interval.high
        ),
        None => format!("{:.4}", estimate.value),
    }
}

/// Peak memory use, to append to a result; empty where the system does not report it.
pub(crate) fn peak_memory_text() -> String {
    memory::peak().map_or(String::new(), |bytes| {
        format!(" (peak memory {:.2} GB)", bytes as f64 / 1e9)
    })
}

/// `1 image`, `2 images`.
pub(crate) fn count(number: impl std::fmt::Display, noun: &str) -> String {
    let number = number.to_string();
    let plural = if number == "1" { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Where a result is, and that it was not computed again if so, as the start of a text.
pub(crate) fn result_place(place: String, up_to_date: bool) -> String {
    match up_to_date {
        true => place + ", up to date",
        false => place,
    }
}

/// A path for a document. JSON is Unicode; paths need not be.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}
