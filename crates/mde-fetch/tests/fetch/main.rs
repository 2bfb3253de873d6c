//! The library through its API. The programs' tests of downloads, hubs, kills and full disks are
//! those of `cargo xtask`.
//!
//! | module | about |
//! |---|---|
//! | `place` | a folder with a manifest, a server on loopback, a front that notes what it is told |
//! | `manifest` | the built-in manifest, and bad ones |
//! | `sources` | weights by file, by name and on the hub; suggestions |
//! | `consent` | what is asked, and what a refusal leaves behind |
//! | `links` | planted symbolic links |
//! | `doctor` | an examination without a program |
#![allow(clippy::unwrap_used, missing_docs)]

mod consent;
mod doctor;
#[cfg(unix)]
mod links;
mod manifest;
mod place;
mod sources;
