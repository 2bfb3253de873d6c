#![doc = include_str!("../README.md")]
//!
//! # Code map
//!
//! | module | holds |
//! |---|---|
//! | `config`, `recipe` | [`RunConfig`]: what determines a run's numbers; [`Recipe`]: defaults |
//! | `run` | [`train`]: begin or resume, step, record, checkpoint |
//! | `trainer` | [`Trainer`]: one step |
//! | `adam`, `schedule` | [`Adam`] with both kinds of weight decay; learning rates |
//! | `assignment` | depth ranges assigned to the units of layers |
//! | `checkpoint` | writing and reading the state of a run |
//!
//! **Invariants.** [`RunConfig`] holds everything that determines the numbers. The files are those
//! of [`mde_results::RunFolder`].

mod adam;
mod assignment;
mod checkpoint;
mod config;
mod error;
mod recipe;
mod run;
mod schedule;
mod trainer;

pub use adam::{Adam, AdamConfig, WeightDecay};
pub use assignment::{Assignment, check_assignment, layer_assignments};
pub use checkpoint::load_checkpoint;
pub use config::{DepthLoss, RunConfig};
pub use error::TrainError;
pub use recipe::Recipe;
pub use run::{TrainEvent, TrainOptions, train};
pub use schedule::Schedule;
pub use trainer::{StepAt, Trainer};
