//! `xtask fetch-data`, `reproduce` and `doctor`, driven as a user drives them, against a server on
//! loopback and a program in the place of `mde`. No test leaves this machine.
//!
//! | module | about |
//! |---|---|
//! | `files` | a server of files, which counts what it sends |
//! | `place` | folders, a manifest, the program, a stand-in for `mde` |
//! | `archives` | archives as KITTI's, made here |
//! | `kitti` | files out of archives on a server, with and without ranges |
//! | `kitti_errors` | damaged and changed archives, full disks, what is not there |
//! | `nyu` | archives that are converted, shards, files downloaded by hand |
//! | `kills` | processes that end at any moment, and two at once |
//! | `reproduce` | the whole job, from a download to the report |
//! | `doctor` | what is found, and what is not |
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
