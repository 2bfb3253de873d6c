//! `xtask fetch-data`, `reproduce` and `doctor` as a user runs them, against a server on loopback
//! and a stand-in for `mde`. No test opens an outside connection.
//!
//! | module | about |
//! |---|---|
//! | `files` | a file server that counts the bytes it sends |
//! | `place` | folders, a manifest, the program, a stand-in for `mde` |
//! | `archives` | synthetic archives in KITTI's layout |
//! | `kitti` | files extracted from archives on a server, with and without ranges |
//! | `kitti_errors` | damaged, changed and missing archives, full disks |
//! | `nyu` | archives that are converted, shards, manually downloaded files |
//! | `kills` | processes killed at any moment, and two at once |
//! | `reproduce` | the whole pipeline, from a download to the report |
//! | `doctor` | findings of the doctor |
#![cfg(unix)]
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../common/done.rs"]
mod done;

mod archives;
mod doctor;
mod files;
mod kills;
mod kitti;
mod kitti_errors;
mod nyu;
mod place;
mod reproduce;
