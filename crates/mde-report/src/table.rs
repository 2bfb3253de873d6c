//! One table type for the page, the Markdown file and CSV, so that all three show the same numbers.

use std::path::Path;

use serde::Serialize;

use crate::ReportError;
use crate::format::{UNDEFINED, fixed, grouped, percent, signed};

/// A cell: what a reader sees, and what a program reads.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cell {
    /// Rounded, typographic.
    pub text: String,
    /// For CSV: full precision, empty where the value is not defined.
    #[serde(skip)]
    pub raw: String,
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            raw: text.clone(),
            text,
        }
    }

    pub(crate) fn count(value: u64) -> Self {
        Self {
            text: grouped(value),
            raw: value.to_string(),
        }
    }

    pub(crate) fn fixed(value: impl Into<Option<f64>>, digits: usize) -> Self {
        let value = value.into();
        Self {
            text: fixed(value, digits),
            raw: raw(value),
        }
    }

    pub(crate) fn signed(value: impl Into<Option<f64>>, digits: usize) -> Self {
        let value = value.into();
        Self {
            text: signed(value, digits),
            raw: raw(value),
        }
    }

    /// A number that is read, not compared: the same text everywhere.
    pub(crate) fn number(value: impl Into<Option<f64>>) -> Self {
        let raw = raw(value.into());
        Self {
            text: if raw.is_empty() {
                UNDEFINED.to_owned()
            } else {
                raw.clone()
            },
            raw,
        }
    }

    /// A share of 1 in per cent; the CSV has the share.
    pub(crate) fn percent(value: impl Into<Option<f64>>, digits: usize) -> Self {
        let value = value.into();
        Self {
            text: value.map_or(UNDEFINED.to_owned(), |value| percent(value, digits)),
            raw: raw(value),
        }
    }

    pub(crate) fn undefined() -> Self {
        Self {
            text: UNDEFINED.to_owned(),
            raw: String::new(),
        }
    }
}

fn raw(value: Option<f64>) -> String {
    value
        .filter(|value| value.is_finite())
        .map(|value| value.to_string())
        .unwrap_or_default()
}

/// A table with a header row; the first column names the row.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Table {
    /// File name of the CSV, without extension; also the anchor on the page.
    pub name: &'static str,
    pub caption: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
    /// Columns of words, set to the left; numbers are set to the right.
    pub words: usize,
    /// How many rows the page shows, where that is not all; the CSV has all.
    pub shown: Option<usize>,
}

impl Table {
    pub(crate) fn new(name: &'static str, caption: impl Into<String>, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        Self {
            name,
            caption: caption.into(),
            columns,
            rows: Vec::new(),
            words: 1,
            shown: None,
        }
    }

    pub(crate) fn csv(&self, path: &Path) -> Result<String, ReportError> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let failed = |error: csv::Error| ReportError::write(path, std::io::Error::other(error));
        writer.write_record(&self.columns).map_err(failed)?;
        for row in &self.rows {
            writer
                .write_record(row.iter().map(|cell| &cell.raw))
                .map_err(failed)?;
        }
        let bytes = writer
            .into_inner()
            .map_err(|error| ReportError::write(path, error.into_error()))?;
        String::from_utf8(bytes)
            .map_err(|error| ReportError::write(path, std::io::Error::other(error)))
    }
}
