//! Tests of the public interface, one binary so that candle is linked once.
//!
//! | module | about |
//! |---|---|
//! | `lists` | lists, files and every bad input |
//! | `own_data` | folders with a `dataset.toml`, the examples of docs/own-data.md |
//! | `inspect` | an intact data set, one with planted faults, real data |
//! | `kitti` | KITTI's lists and folders, real pairs (skipped without data) |
//! | `transforms` | MFF: sizes, missing depth, randomness, fields of view |
//! | `bts` | BTS: windows, crops, augmentation, sparse targets |
//! | `meter` | METER: pixels of the targets, colours |
//! | `depth_values` | depth beyond the reach, arrays, rotated bits |
//! | `orientation` | EXIF orientation of images and depth maps |
//! | `pictures` | whole pictures without ground truth, written depth maps |
//! | `loader` | order, resuming, errors, stopping |
//! | `rendered` | rendered rooms and streets, batches of depth alone |
//! | `real_data` | real NYUv2 frames (skipped without data) |
#![allow(clippy::unwrap_used, missing_docs)]

mod bts;
mod common;
mod depth_values;
mod inspect;
mod kitti;
mod lists;
mod loader;
mod meter;
mod orientation;
mod own_data;
mod pictures;
mod real_data;
mod rendered;
mod transforms;

#[test]
fn the_readme_shows_the_example() {
    let example = include_str!("../../examples/load_batches.rs");
    let code = example.split_once("print_stdout)]\n\n").unwrap().1;
    assert!(include_str!("../../README.md").contains(code));
}
