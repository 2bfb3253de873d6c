//! `xtask fetch-weights` as a user runs it, against servers on loopback. No test opens an outside
//! connection.
//!
//! | module | about |
//! |---|---|
//! | `server` | a server that follows a test's plan |
//! | `place` | a manifest, a folder and the program |
//! | `download` | good and bad servers: drops, truncation, refusals, hashes |
//! | `resume` | partial files: kills, changed files, garbage |
//! | `hub` | the hub through `HF_ENDPOINT`: token, redirects, cache |
//! | `proxy` | proxies from the environment |
//! | `disk` | full disks, folders that cannot be written |
//! | `by_hand` | `--from`, `--offline`, `--list` |
//! | `manifest` | the built-in manifest, and bad ones |
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../common/done.rs"]
mod done;

mod by_hand;
mod disk;
mod download;
mod hub;
mod manifest;
mod place;
mod proxy;
mod resume;
mod server;
