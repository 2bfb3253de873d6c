//! What a command says when it is done: words for a person, a document for a program.

use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, bail};
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
    /// The same result in words and as a document.
    pub(crate) fn new(words: String, document: impl Serialize) -> anyhow::Result<Self> {
        Ok(Self {
            words,
            document: serde_json::to_value(document).context("cannot serialise the result")?,
            failure: None,
        })
    }

    /// The result of a part; the rest could not be done, and the command fails once it has told what it did.
    pub(crate) fn but_failed(self, why: String) -> Self {
        Self {
            failure: Some(why),
            ..self
        }
    }

    /// Prints the one that was asked for.
    ///
    /// # Errors
    /// If stdout cannot be written, and with the reason of [`Output::but_failed`].
    pub(crate) fn print(&self, json: bool) -> anyhow::Result<()> {
        let text = if json {
            serde_json::to_string_pretty(&self.document)?
        } else {
            self.words.clone()
        };
        match writeln!(std::io::stdout(), "{text}") {
            // The reader has seen enough (`mde … | head`).
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            result => result.context("cannot write to stdout")?,
        }
        match &self.failure {
            Some(why) => bail!("{why}"),
            None => Ok(()),
        }
    }
}

/// The error with its causes, but for those whose words it holds already: many of the libraries' errors quote theirs.
pub(crate) fn message(error: &anyhow::Error) -> String {
    let mut message = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}

/// A value with its interval, as a person reads it.
pub(crate) fn estimate(estimate: &Estimate) -> String {
    match estimate.interval {
        Some(interval) => format!(
            "{:.4} [{:.4}, {:.4}]",
            estimate.value, interval.low, interval.high
        ),
        None => format!("{:.4}", estimate.value),
    }
}

/// The most memory in use so far, to be put behind a result; empty where the system does not tell.
pub(crate) fn peak_in_words() -> String {
    memory::peak().map_or(String::new(), |bytes| {
        format!(" (memory: at most {:.2} GB)", bytes as f64 / 1e9)
    })
}

/// A path for a document: JSON is Unicode, paths need not be.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}
