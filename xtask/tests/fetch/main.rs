//! `xtask fetch-weights`, driven as a user drives it, against servers on loopback. No test leaves
//! this machine.
//!
//! | module | about |
//! |---|---|
//! | `server` | a server that does what a test tells it to |
//! | `place` | a manifest, a folder and the program |
//! | `download` | good and bad servers: drops, truncation, refusals, hashes |
//! | `resume` | what a partial file is worth: kills, changed files, garbage |
//! | `hub` | the hub by way of `HF_ENDPOINT`: token, redirects, cache |
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
