#![doc = include_str!("../README.md")]
//!
//! # Code map
//!
//! | module | holds |
//! |---|---|
//! | `run` | reading a run folder: [`RunFolder`] |
//! | `examples` | its example pictures: [`Example`] |
//! | `compare` | plain against assigned: [`Comparison`] |
//! | `page` | run folders to words, tables, figures and pictures, one file per section |
//! | `sweep` | the table and the plot of a sweep over assignments: [`write_sweep`] |
//! | `table` | one table type for the page, Markdown and CSV |
//! | `charts`, `tuning`, `maps` | numbers to SVG and PNG |
//! | `render` | templates (folder `templates/`) and writing the files |
//!
//! **Invariants.** The crate computes no result but differences and means of what the run folder holds. The page loads
//! nothing: style, charts and pictures are inside, there is no script. All outside text goes through the templates'
//! escaping or `charts::escape`. The same run folders give the same bytes.

mod charts;
mod compare;
mod error;
mod examples;
mod format;
mod maps;
mod page;
mod render;
mod run;
mod sweep;
mod table;
mod tuning;

use std::path::{Path, PathBuf};

pub use compare::{Change, Comparison, LayerChange};
pub use error::{Mismatch, ReportError};
pub use examples::Example;
pub use run::{AssignmentConfig, DataConfig, InitialWeights, RunConfig, RunFolder, TrainStep};
pub use sweep::{SweepPaths, write_sweep};

/// What a report is made from.
#[derive(Debug, Clone)]
pub struct ReportInput<'a> {
    /// The run folder of the plain model, or of the only model.
    pub plain: &'a Path,
    /// The run folder of the model trained with an assignment; `None` describes one model.
    pub assigned: Option<&'a Path>,
    /// Title of the report.
    pub title: String,
}

/// Where the report's files lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportPaths {
    /// The self-contained page.
    pub html: PathBuf,
    /// Sentence and tables as Markdown.
    pub markdown: PathBuf,
    /// CSV tables, full precision.
    pub tables: Vec<PathBuf>,
}

/// Compares two run folders without writing a report.
///
/// # Errors
/// As [`RunFolder::read`] and [`Comparison::new`].
pub fn headline(plain: &Path, assigned: &Path) -> Result<Comparison, ReportError> {
    Comparison::new(&RunFolder::read(plain)?, &RunFolder::read(assigned)?)
}

/// Writes `report.html`, `report.md` and `tables/*.csv` into the folder `out`, which is made if need be.
///
/// Nothing is written before everything was read and rendered; each file is written aside and renamed.
///
/// # Errors
/// A run folder lacks a stage or is damaged, the runs cannot be compared, or `out` cannot be written; see [`ReportError`].
pub fn write_report(input: &ReportInput<'_>, out: &Path) -> Result<ReportPaths, ReportError> {
    let plain = RunFolder::read(input.plain)?;
    let assigned = input.assigned.map(RunFolder::read).transpose()?;
    let page = page::Page::build(&input.title, &plain, assigned.as_ref())?;
    render::write(&page, out)
}
