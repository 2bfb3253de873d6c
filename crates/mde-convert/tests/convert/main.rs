//! Tests of the public interface.
//!
//! | module | about |
//! |---|---|
//! | `real_sample` | six real frames, against numbers that h5py gave; skipped where there are none |
//! | `labelled` | splits, chunks, names, lists, resume, every bad input |
//! | `fastdepth` | shards and folders |
//! | `archives` | BTS's and MFF's zip archives |
//! | `folders` | `dataset.toml`, two at once, folders that cannot be written to |
//! | `killed` | processes that die while they convert |
#![allow(clippy::unwrap_used, missing_docs)]

mod archives;
mod common;
mod fastdepth;
mod folders;
mod killed;
mod labelled;
mod real_sample;
