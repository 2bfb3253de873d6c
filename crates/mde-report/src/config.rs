//! What `mde train` leaves in a run folder: the configuration and the training log.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// The part of `config.json` that the report uses; other fields are kept in
/// [`RunFolder::config_json`](crate::RunFolder::config_json).
#[derive(Debug, Clone, Deserialize)]
pub struct RunConfig {
    /// Version of the toolkit that trained the model.
    pub version: String,
    /// Name of the network, e.g. "mff-tiny".
    pub model: String,
    /// Seed of every random draw of the training.
    pub seed: u64,
    /// Images a step.
    pub batch: usize,
    /// Optimiser steps asked for.
    pub steps: u64,
    /// Learning rate at the start.
    pub learning_rate: f64,
    /// The assignment of depth ranges to units; `None` for a plain model.
    pub assignment: Option<AssignmentConfig>,
    /// The training data.
    pub data: DataConfig,
    /// The weights that training began with; `None` began at random.
    #[serde(default)]
    pub init: Option<InitialWeights>,
    /// The command line that trained the model, if it was recorded.
    #[serde(default)]
    pub command: Option<String>,
}

/// The weights that training began with.
#[derive(Debug, Clone, Deserialize)]
pub struct InitialWeights {
    /// The file, as it was given.
    pub file: PathBuf,
    /// blake3 of its content.
    pub hash: String,
    /// "network", or "encoder" where the rest began at random.
    pub part: String,
}

/// How depth ranges were assigned to units in training.
#[derive(Debug, Clone, Deserialize)]
pub struct AssignmentConfig {
    /// Weight of the selectivity term of the loss.
    pub alpha: f64,
    /// Layers whose units own a depth range.
    pub layers: Vec<String>,
}

/// The training data as `config.json` records it.
#[derive(Debug, Clone, Deserialize)]
pub struct DataConfig {
    /// Name of the data set, e.g. "rooms".
    pub name: String,
    /// Hash over the list and all its files.
    pub fingerprint: String,
    /// Training images.
    pub images: u64,
    /// Mean of the valid training depths, metres.
    pub mean_depth: f64,
}

/// One line of `metrics.jsonl`.
#[derive(Debug, Clone, Deserialize)]
pub struct TrainStep {
    /// Optimiser step.
    pub step: u64,
    /// Loss that was minimised.
    pub loss: f64,
    /// The depth loss alone.
    pub base: f64,
    /// Assigned selectivity of the batch per layer; empty for a plain model.
    #[serde(default)]
    pub selectivity: BTreeMap<String, f64>,
}
