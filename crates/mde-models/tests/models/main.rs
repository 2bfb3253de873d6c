//! Tests of the networks and their parameters. The workspace's parity tests compare them with the
//! reference's networks.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

mod bts;
mod forward;
mod gradients;
mod load;
mod meter;
mod modes;
mod parameters;
mod presets;
mod probes;
