#![doc = include_str!("../README.md")]
//!
//! # Code map
//!
//! | module | holds |
//! |---|---|
//! | `report` | [`write_report`]: which runs make a report |
//! | `page` | run folders to words, tables, figures and pictures, a file per section |
//! | `sweep` | [`write_sweep`]: the table and the plot of a sweep over assignments |
//! | `table`, `format` | one table type for the page, Markdown and CSV; numbers as text |
//! | `charts`, `tuning`, `maps` | numbers to SVG and PNG |
//! | `picture` | [`coloured_picture`]: a map as a separate picture, with a colour bar |
//! | `render` | fills the templates (folder `templates/`) and writes the files |
//!
//! **Invariants.** The crate computes nothing but differences, means and intervals of what the run
//! folders hold. The page loads nothing: style, script, charts, pictures and tables are inside. All
//! content is there without the script, which adds sorting, filters, the view of one unit and
//! downloads. All outside text is escaped by the templates, `charts::escape` or
//! `render::script_data`. The same run folders give the same bytes.

mod charts;
mod error;
mod format;
mod maps;
mod page;
mod picture;
mod render;
mod report;
mod sweep;
mod table;
mod tuning;

pub use error::ReportError;
pub use picture::{PictureOf, coloured_picture};
pub use render::WrittenReport;
pub use report::{ReportInput, write_report};
pub use sweep::{SweepPaths, write_sweep};
