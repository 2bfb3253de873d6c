//! One table type for the page, the Markdown file and CSV, so that all three show the same numbers.

use std::path::Path;

use mde_metrics::statistics::Interval;
use serde::Serialize;

use crate::ReportError;
use crate::format::{UNDEFINED, between, fixed, grouped, percent, signed};

/// A cell: what a reader sees, and what a program reads.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cell {
    /// Rounded, typographic.
    pub text: String,
    /// For CSV: full precision, empty where the value is not defined.
    #[serde(skip)]
    pub raw: String,
    /// The upper end of an interval, whose lower end is `raw`: two columns of the CSV.
    #[serde(skip)]
    pub high: Option<String>,
}

/// A column of cells made by [`Cell::interval`].
pub(crate) const INTERVAL: &str = "95 % interval";

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            raw: text.clone(),
            text,
            high: None,
        }
    }

    pub(crate) fn count(value: u64) -> Self {
        Self {
            text: grouped(value),
            raw: value.to_string(),
            high: None,
        }
    }

    pub(crate) fn fixed(value: impl Into<Option<f64>>, digits: usize) -> Self {
        let value = value.into();
        Self {
            text: fixed(value, digits),
            raw: raw(value),
            high: None,
        }
    }

    pub(crate) fn signed(value: impl Into<Option<f64>>, digits: usize) -> Self {
        let value = value.into();
        Self {
            text: signed(value, digits),
            raw: raw(value),
            high: None,
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
            high: None,
        }
    }

    /// Both ends of an interval.
    pub(crate) fn interval(interval: Option<Interval>, digits: usize) -> Self {
        Self {
            text: interval.map_or(UNDEFINED.to_owned(), |ends| between(ends, digits)),
            raw: raw(interval.map(|ends| ends.low)),
            high: Some(raw(interval.map(|ends| ends.high))),
        }
    }

    /// What a reader sees and what a program reads, where they differ.
    pub(crate) fn of(text: impl Into<String>, raw: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            raw: raw.into(),
            high: None,
        }
    }

    /// A share of 1 in per cent; the CSV has the share.
    pub(crate) fn percent(value: impl Into<Option<f64>>, digits: usize) -> Self {
        let value = value.into();
        Self {
            text: value.map_or(UNDEFINED.to_owned(), |value| percent(value, digits)),
            raw: raw(value),
            high: None,
        }
    }

    pub(crate) fn undefined() -> Self {
        Self {
            text: UNDEFINED.to_owned(),
            raw: String::new(),
            high: None,
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

    /// Leaves out the columns of this name in which no row has a value.
    pub(crate) fn drop_empty(&mut self, name: &str) {
        while let Some(column) = (0..self.columns.len()).find(|column| {
            self.columns[*column] == name && self.rows.iter().all(|row| row[*column].raw.is_empty())
        }) {
            self.columns.remove(column);
            for row in &mut self.rows {
                row.remove(column);
            }
        }
    }

    pub(crate) fn csv(&self, path: &Path) -> Result<String, ReportError> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let failed = |error: csv::Error| ReportError::write(path, std::io::Error::other(error));
        let mut names = Vec::new();
        for (index, name) in self.columns.iter().enumerate() {
            if name == INTERVAL {
                let of = &self.columns[index.saturating_sub(1)];
                names.extend(["low", "high"].map(|end| format!("{of} 95 % {end}")));
            } else {
                names.push(name.clone());
            }
        }
        writer.write_record(names).map_err(failed)?;
        for row in &self.rows {
            let cells = row
                .iter()
                .flat_map(|cell| [Some(&cell.raw), cell.high.as_ref()]);
            writer.write_record(cells.flatten()).map_err(failed)?;
        }
        let bytes = writer
            .into_inner()
            .map_err(|error| ReportError::write(path, error.into_error()))?;
        String::from_utf8(bytes)
            .map_err(|error| ReportError::write(path, std::io::Error::other(error)))
    }
}
