//! Tests of the public interface, one binary so that candle is linked once.
//!
//! | module | about |
//! |---|---|
//! | `lists` | lists, files and every bad input |
//! | `own_data` | folders that describe themselves, the examples of docs/own-data.md |
//! | `inspect` | a sound data set, one with planted faults, real data |
//! | `kitti` | KITTI's lists and folders, real pairs; the latter skipped where there are none |
//! | `transforms` | MFF: sizes, holes, randomness, fields of view |
//! | `bts` | BTS: windows, crops, augmentation, sparse targets |
//! | `meter` | METER: which pixels targets are, colours |
//! | `pictures` | whole pictures without ground truth, depth maps written |
//! | `loader` | order, resume, errors, stopping |
//! | `rendered` | what `mde-scenes` writes, read and transformed |
//! | `real_data` | real NYUv2 frames; skipped where there are none |
#![allow(clippy::unwrap_used, missing_docs)]

mod bts;
mod common;
mod inspect;
mod kitti;
mod lists;
mod loader;
mod meter;
mod own_data;
mod pictures;
mod real_data;
mod rendered;
mod transforms;
