//! Tests of the networks and their parameters. Equality with the reference's networks is tested
//! elsewhere, by parity.
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
