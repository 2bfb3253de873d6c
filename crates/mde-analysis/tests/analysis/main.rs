//! Tests of evaluation, dissection, ablation and correction on networks whose answers are known beforehand.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

mod ablation;
mod correction;
mod dissection;
mod evaluation;
mod example_maps;
mod statistics;
mod tally_files;
mod top_images;
