#![doc = include_str!("../README.md")]
//!
//! # Code map
//!
//! | module | holds |
//! |---|---|
//! | `run`, `config`, `check` | reading a run folder: [`RunFolder`], and what must hold in its files |
//! | `examples` | its pictures: [`Example`], [`CorrectedExample`], [`TopImages`] |
//! | `read` | from files to JSON and tensors, and errors that name the command to run |
//! | `compare` | two runs: which may be compared, and what differs |
//! | `page` | run folders to words, tables, figures and pictures, one file per section |
//! | `sweep` | the table and the plot of a sweep over assignments: [`write_sweep`] |
//! | `table` | one table type for the page, Markdown and CSV |
//! | `charts`, `tuning`, `maps` | numbers to SVG and PNG |
//! | `picture` | a map as a picture of its own, with a colour bar: [`coloured_picture`] |
//! | `render` | templates (folder `templates/`) and writing the files |
//!
//! **Invariants.** The crate computes no result but differences, means and intervals of what the run folder holds. The page
//! loads nothing: style, script, charts, pictures and tables are inside. All that can be read is there without the script,
//! which adds sorting, filters, the view of one unit and downloads. All outside text goes through the templates' escaping,
//! `charts::escape` or `render::script_data`. The same run folders give the same bytes.

mod charts;
mod check;
mod compare;
mod config;
mod error;
mod examples;
mod format;
mod maps;
mod page;
mod picture;
mod read;
mod render;
mod run;
mod sweep;
mod table;
mod tuning;

use std::path::{Path, PathBuf};

use mde_metrics::results::RunComparison;

pub use config::{AssignmentConfig, DataConfig, InitialWeights, RunConfig, TrainStep};
pub use error::{Mismatch, ReportError};
pub use examples::{CorrectedExample, Example, TopImage, TopImages};
pub use picture::{PictureOf, coloured_picture};
pub use read::Photograph;
pub use run::RunFolder;
pub use sweep::{SweepPaths, write_sweep};

/// What a report is made from.
#[derive(Debug, Clone)]
pub struct ReportInput<'a> {
    /// The run folder of the plain model, of the first of two, or of the only one.
    pub plain: &'a Path,
    /// The run folder of the model trained with an assignment, or of the second of two; `None` describes one model.
    pub assigned: Option<&'a Path>,
    /// The two runs compared, with intervals; without it the page tells the differences alone.
    pub comparison: Option<RunComparison>,
    /// Title of the report.
    pub title: String,
}

/// What a report says first, and where its files lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenReport {
    /// The sentences of the first screen: accuracy, selectivity, and what the units do where that was analysed.
    pub answers: Vec<String>,
    /// The self-contained page.
    pub html: PathBuf,
    /// Sentence and tables as Markdown.
    pub markdown: PathBuf,
    /// CSV tables, full precision.
    pub tables: Vec<PathBuf>,
}

/// Writes `report.html`, `report.md` and `tables/*.csv` into the folder `out`, which is made if need be.
///
/// Nothing is written before everything was read and rendered; each file is written aside and renamed.
///
/// # Errors
/// A run folder lacks a stage or is damaged, the runs cannot be compared, or `out` cannot be written; see [`ReportError`].
pub fn write_report(input: &ReportInput<'_>, out: &Path) -> Result<WrittenReport, ReportError> {
    let plain = RunFolder::read(input.plain)?;
    let assigned = input.assigned.map(RunFolder::read).transpose()?;
    let comparison = input.comparison.as_ref();
    if let (Some(comparison), Some(assigned)) = (comparison, &assigned) {
        comparison_is_of(comparison, [&plain, assigned])?;
    }
    let page = page::Page::build(&input.title, &plain, assigned.as_ref(), comparison)?;
    render::write(&page, out)
}

fn comparison_is_of(comparison: &RunComparison, runs: [&RunFolder; 2]) -> Result<(), ReportError> {
    let compared = [&comparison.first, &comparison.second];
    let mut pairs = runs.into_iter().zip(compared);
    let other =
        pairs.find(|(run, compared)| run.evaluation.provenance.checkpoint != compared.checkpoint);
    match other {
        None => Ok(()),
        Some((run, compared)) => Err(ReportError::OtherComparison {
            path: run.path.clone(),
            compared: compared.checkpoint.clone(),
            found: run.evaluation.provenance.checkpoint.clone(),
        }),
    }
}
