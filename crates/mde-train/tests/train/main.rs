//! Tests of training: the optimiser, single steps, and whole runs with interruptions.
// `TrainError` is large; a helper that returns one need not box it.
#![allow(clippy::unwrap_used, clippy::result_large_err, missing_docs)]

mod common;
mod init;

mod adam;
mod refusals;
mod resume;
mod steps;
