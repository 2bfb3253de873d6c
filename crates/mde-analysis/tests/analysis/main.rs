//! Tests of evaluation, dissection, ablation, correction, comparison and prediction, on networks
//! whose responses are known.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

mod ablation;
mod comparison;
mod correction;
mod dissection;
mod evaluation;
mod example_maps;
mod flip_average;
mod frames;
mod prediction;
mod statistics;
mod tally_files;
mod top_images;
