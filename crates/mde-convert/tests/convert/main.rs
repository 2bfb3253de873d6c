//! Tests of the public interface.
//!
//! | module | content |
//! |---|---|
//! | `real_sample` | six real frames, compared with h5py; skipped where they are missing |
//! | `labelled` | splits, chunks, names, lists, resuming, bad input |
//! | `fastdepth` | shards and folders |
//! | `archives` | zip archives of BTS and MFF |
//! | `folders` | `dataset.toml`, locks, links, folders that are not writable |
//! | `killed` | processes killed during a conversion |
#![allow(clippy::unwrap_used, missing_docs)]

mod archives;
mod common;
mod fastdepth;
mod folders;
mod killed;
mod labelled;
mod real_sample;
