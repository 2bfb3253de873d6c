#![doc = include_str!("../README.md")]

mod adam;
mod assignment;
mod checkpoint;
mod config;
mod error;
mod files;
mod init;
mod recipe;
mod run;
mod schedule;
mod trainer;

pub use adam::{Adam, AdamConfig, WeightDecay};
pub use assignment::{Assignment, AssignmentConfig};
pub use checkpoint::Checkpoint;
pub use config::{DataConfig, DepthLoss, RunConfig};
pub use error::TrainError;
pub use files::{hash_file, write_aside, write_json};
pub use init::{InitialPart, InitialWeights};
pub use recipe::Recipe;
pub use run::{RunFolder, TrainEvent, TrainOptions, train};
pub use schedule::Schedule;
pub use trainer::{StepAt, StepRecord, Trainer};
