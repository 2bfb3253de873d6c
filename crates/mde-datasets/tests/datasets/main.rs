//! Tests of the public interface, one binary so that candle is linked once.
//!
//! | module | about |
//! |---|---|
//! | `lists` | lists, files and every bad input |
//! | `transforms` | sizes, holes, randomness, fields of view |
//! | `loader` | order, resume, errors, stopping |
//! | `real_data` | real NYUv2 frames; skipped where there are none |
#![allow(clippy::unwrap_used, missing_docs)]

mod common;
mod lists;
mod loader;
mod real_data;
mod transforms;
