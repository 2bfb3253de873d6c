//! Parity with the reference implementation: the golden numbers of `tests/goldens`, or of
//! `$MDE_GOLDENS`.
//!
//! - `losses`: MFF loss, scale-invariant log loss, assigned selectivity; values and gradients
//! - `networks`, `networks_bts`, `networks_efficientnet`, `networks_meter`: depth and features of
//!   networks
//! - `state_dicts`: names and shapes of their parameters
//! - `training`: three steps of training
//!
//! Bins, dissection and metrics need no tensors: their parity tests are in `mde-metrics`.
#![allow(clippy::unwrap_used)]

mod losses;
mod networks;
mod networks_bts;
mod networks_efficientnet;
mod networks_meter;
mod state_dicts;
mod training;
