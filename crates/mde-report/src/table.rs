//! One table type for the page, Markdown and CSV, so that all three show the same numbers.

use std::path::Path;

use mde_metrics::statistics::Interval;
use serde::Serialize;

use crate::error::ReportError;
use crate::format::{UNDEFINED, between, fixed, grouped, percent, signed};

/// A cell, as text for readers and as a value for programs.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cell {
    /// Shown on the page and in Markdown: rounded, typographic.
    pub text: String,
    /// Written to CSV: full precision, empty where the value is not defined.
    #[serde(skip)]
    pub raw: String,
    /// The upper end of an interval whose lower end is `raw`; the CSV has a column for each.
    #[serde(skip)]
    pub high: Option<String>,
}

/// Name of a column of [`Cell::interval`]s.
pub(crate) const INTERVAL: &str = "95 % interval";

impl Cell {
    /// A cell whose text on the page and value in the CSV differ.
    pub(crate) fn new(text: impl Into<String>, raw: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            raw: raw.into(),
            high: None,
        }
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::new(text.clone(), text)
    }

    pub(crate) fn count(value: impl ToString) -> Self {
        let digits = value.to_string();
        Self::new(grouped(&digits), digits)
    }

    /// A number rounded to `digits` decimals.
    pub(crate) fn fixed(value: impl Into<Option<f64>>, digits: usize) -> Self {
        let value = value.into();
        Self::new(fixed(value, digits), raw(value))
    }

    /// A rounded number with its sign: a difference.
    pub(crate) fn signed(value: impl Into<Option<f64>>, digits: usize) -> Self {
        let value = value.into();
        Self::new(signed(value, digits), raw(value))
    }

    /// A number in full precision.
    pub(crate) fn number(value: impl Into<Option<f64>>) -> Self {
        match raw(value.into()) {
            raw if raw.is_empty() => Self::undefined(),
            raw => Self::text(raw),
        }
    }

    /// Both ends of an interval.
    pub(crate) fn interval(interval: Option<Interval>, digits: usize) -> Self {
        let text = interval.map_or(UNDEFINED.to_owned(), |ends| between(ends, digits));
        Self {
            high: Some(raw(interval.map(|ends| ends.high))),
            ..Self::new(text, raw(interval.map(|ends| ends.low)))
        }
    }

    /// Both ends of an interval in full precision: two cells.
    pub(crate) fn ends(interval: Option<Interval>) -> [Self; 2] {
        [
            interval.map(|ends| ends.low),
            interval.map(|ends| ends.high),
        ]
        .map(Self::number)
    }

    /// A fraction in per cent; the CSV has the fraction.
    pub(crate) fn percent(value: impl Into<Option<f64>>, digits: usize) -> Self {
        let value = value.into();
        let text = value.map_or(UNDEFINED.to_owned(), |value| percent(value, digits));
        Self::new(text, raw(value))
    }

    pub(crate) fn undefined() -> Self {
        Self::new(UNDEFINED, "")
    }

    /// The cell of a value, or [`Cell::undefined`].
    pub(crate) fn or_undefined<T>(value: Option<T>, cell: impl FnOnce(T) -> Self) -> Self {
        value.map_or_else(Self::undefined, cell)
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
    /// Number of leading columns that hold words and are set to the left.
    pub words: usize,
    /// Number of rows on the page; `None` shows all. The CSV always has all.
    pub shown: Option<usize>,
}

impl Table {
    /// An empty table of which the first `words` columns hold words.
    pub(crate) fn new<C: AsRef<str>>(
        name: &'static str,
        caption: impl Into<String>,
        columns: impl IntoIterator<Item = C>,
        words: usize,
    ) -> Self {
        let columns = columns.into_iter().map(|column| column.as_ref().to_owned());
        Self {
            name,
            caption: caption.into(),
            columns: columns.collect(),
            rows: Vec::new(),
            words,
            shown: None,
        }
    }

    /// Removes the columns of this name in which no row has a value.
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

    /// The table as CSV in full precision; `path` is for errors.
    pub(crate) fn csv(&self, path: &Path) -> Result<String, ReportError> {
        let failed = |error: csv::Error| ReportError::write(path, std::io::Error::other(error));
        let names = self.columns.iter().enumerate().flat_map(|(index, name)| {
            let of = &self.columns[index.saturating_sub(1)];
            match name.as_str() {
                INTERVAL => vec![format!("{of} 95 % low"), format!("{of} 95 % high")],
                name => vec![name.to_owned()],
            }
        });
        let mut writer = csv::Writer::from_writer(Vec::new());
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
