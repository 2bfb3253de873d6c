//! Tests of evaluation and dissection on networks whose answers are known beforehand.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

mod dissection;
mod evaluation;
mod example_maps;
mod tally_files;
