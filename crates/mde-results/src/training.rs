//! The configuration and the records of a training run.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use mde_files::hash_file;
use mde_metrics::Discretisation;
use serde::{Deserialize, Serialize};

use crate::ResultsError;
use crate::folder::{RunFolder, names};
use crate::source::Source;

/// The format number of `config.json`. The results have their own, [`FORMAT`](crate::FORMAT).
pub const CONFIG_FORMAT: u32 = 1;

/// The part of `config.json` that does not need the types of `mde-train`.
#[derive(Debug, Clone, Deserialize)]
pub struct TrainingSummary {
    /// Version of the program that trained the network.
    pub version: String,
    /// Name of the model preset.
    pub model: String,
    /// Seed of weights, order and augmentation.
    pub seed: u64,
    /// Batch size.
    #[serde(alias = "batch")]
    pub batch_size: usize,
    /// Number of training steps.
    pub steps: u64,
    /// Base learning rate.
    pub learning_rate: f64,
    /// The assignment of depth ranges to units; `None` for a plain network.
    pub assignment: Option<AssignmentConfig>,
    /// The training data.
    pub data: TrainingData,
    /// The weights that training began with; `None` for random ones.
    #[serde(default)]
    pub init: Option<InitialWeights>,
}

/// The paper's regulariser: `loss = base - alpha * Σ over layers of their assigned selectivity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssignmentConfig {
    /// Weight of the selectivity; the paper's is 0.1.
    pub alpha: f64,
    /// The layers whose units are assigned.
    pub layers: Vec<String>,
    /// How depth is divided into bins.
    pub discretisation: Discretisation,
    /// Maximum number of depth bins. A layer has this many, or as many as it has units.
    pub max_bins: usize,
}

/// The data that a run was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingData {
    /// Name of the data set.
    pub name: String,
    /// Hash of the list and all files.
    pub fingerprint: String,
    /// Number of pairs in the list.
    pub images: usize,
    /// Mean of the valid depths, metres: the constant baseline.
    pub mean_depth: f64,
    /// Earlier states of the data, if the run was continued on changed files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<EarlierData>,
}

/// An earlier state of the training data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EarlierData {
    /// Hash over the list and all files.
    pub fingerprint: String,
    /// Number of steps taken on it.
    pub steps: u64,
}

/// The weights that a run begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitialWeights {
    /// The file, as given by the user. Training reads it until there is a checkpoint.
    pub file: PathBuf,
    /// blake3 of its content.
    pub hash: String,
    /// The part of the network that it fills.
    pub part: InitialPart,
}

/// The part of a network that initial weights fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InitialPart {
    /// The whole network, for fine-tuning.
    Network,
    /// The encoder, from an ImageNet classifier. The rest begins with random weights.
    Encoder,
}

impl InitialWeights {
    /// Hashes the file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn new(file: &Path, part: InitialPart) -> io::Result<Self> {
        Ok(Self {
            file: file.to_owned(),
            hash: hash_file(file)?,
            part,
        })
    }
}

/// One training step: a line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Counted from 1.
    pub step: u64,
    /// Counted from 1.
    pub epoch: u64,
    /// Learning rate of this step.
    pub learning_rate: f64,
    /// The minimised loss: base - alpha * Σ selectivity.
    pub loss: f64,
    /// The depth loss alone.
    pub base: f64,
    /// Assigned selectivity by layer, on this batch; empty for a plain run.
    pub selectivity: BTreeMap<String, f64>,
}

impl RunFolder {
    /// The training records, which must be those of steps 1, 2, 3, …; empty if the file does not
    /// exist.
    ///
    /// # Errors
    /// If the file cannot be read, a line is damaged, or a step is missing or out of order.
    pub fn records(&self) -> Result<Vec<StepRecord>, ResultsError> {
        let command = format!("mde train --data DATA --out {}", self.path().display());
        let source = Source::new(self.file(names::RECORDS), command);
        let bytes = source.bytes_if_exists()?.unwrap_or_default();
        let mut records: Vec<StepRecord> = Vec::new();
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let record: StepRecord = serde_json::from_slice(line).map_err(|error| {
                source.malformed(format!("line {}: not a training step ({error})", index + 1))
            })?;
            let expected = records.len() as u64 + 1;
            if record.step != expected {
                return Err(source.malformed(format!(
                    "line {}: step {} where step {expected} is expected",
                    index + 1,
                    record.step
                )));
            }
            records.push(record);
        }
        Ok(records)
    }
}
