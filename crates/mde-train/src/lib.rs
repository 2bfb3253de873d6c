#![doc = include_str!("../README.md")]

mod adam;
mod assignment;
mod checkpoint;
mod config;
mod error;
mod files;
mod run;
mod schedule;
mod trainer;

pub use adam::{Adam, AdamConfig};
pub use assignment::{Assignment, AssignmentConfig};
pub use checkpoint::Checkpoint;
pub use config::{DataConfig, DepthLoss, RunConfig};
pub use error::TrainError;
pub use files::{write_aside, write_json};
pub use run::{RunFolder, TrainOptions, train};
pub use schedule::Schedule;
pub use trainer::{StepAt, StepRecord, Trainer};
