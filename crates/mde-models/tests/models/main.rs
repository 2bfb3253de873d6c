//! Tests of the networks and their parameters. Equality with the reference's networks is tested elsewhere, by parity.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

mod forward;
mod load;
mod modes;
mod parameters;
mod probes;
