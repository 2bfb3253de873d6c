//! The library through its API. The tests of `cargo xtask` cover downloads, hubs, kills and full
//! disks.
//!
//! | module | about |
//! |---|---|
//! | `place` | a folder with a manifest, a server on loopback, a front that records events |
//! | `manifest` | the built-in manifest, and bad ones |
//! | `sources` | weights by file, by name and on the hub; suggestions |
//! | `consent` | questions to the user, and the state after a refusal |
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
