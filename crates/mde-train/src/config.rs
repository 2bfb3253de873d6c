//! `config.json`: everything that determines the numbers of a run.

use std::io::ErrorKind;

use candle_core::Tensor;
use mde_datasets::{Preprocessing, Scene};
use mde_losses::{LossError, VARIANCE_FOCUS, l1_loss, log_loss, mff_loss, silog_loss};
use mde_results::{
    AssignmentConfig, CONFIG_FORMAT, InitialWeights, ResultsError, RunFolder, TrainingData,
    in_words, names,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AdamConfig, Schedule, TrainError};

/// The configuration of a training run. Runs with equal configurations on one machine produce equal
/// numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunConfig {
    /// Version of this file's format.
    pub format: u32,
    /// Version of the program.
    pub version: String,
    /// Name of the model preset.
    pub model: String,
    /// Seed of weights, order and augmentation.
    pub seed: u64,
    /// The training data.
    pub data: TrainingData,
    /// Transformation of samples into the network's input and target.
    pub preprocessing: Preprocessing,
    /// The weights that training begins with; `None` for random ones.
    pub init: Option<InitialWeights>,
    /// Batch size.
    #[serde(alias = "batch")]
    pub batch_size: usize,
    /// Number of training steps.
    pub steps: u64,
    /// Base learning rate.
    pub learning_rate: f64,
    /// Learning rate schedule.
    pub schedule: Schedule,
    /// Depth loss, without the assignment.
    pub loss: DepthLoss,
    /// Optimiser settings.
    pub adam: AdamConfig,
    /// The assignment of depth ranges to units; `None` for a plain network.
    pub assignment: Option<AssignmentConfig>,
}

/// The depth loss, without the assignment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DepthLoss {
    /// MFF's loss: [`mff_loss`].
    Mff,
    /// Mean absolute error: [`l1_loss`].
    L1,
    /// Mean of ln(|e| + 0.5), the first term of MFF's loss: [`log_loss`].
    Log,
    /// BTS's loss: [`silog_loss`].
    Silog {
        /// Ground truth at or below this depth is ignored, metres: 0.1 for NYU Depth V2, 1 for
        /// KITTI.
        min_depth: f64,
    },
}

impl DepthLoss {
    /// BTS's loss with its minimum depth for this kind of scene.
    pub fn silog(scene: Scene) -> Self {
        Self::Silog {
            min_depth: match scene {
                Scene::Indoor => 0.1,
                Scene::Street => 1.0,
            },
        }
    }

    /// The loss, a scalar. `pred` and `gt` are [B, 1, H, W] in metres, gt 0 where depth is invalid.
    ///
    /// # Errors
    /// If the shapes differ or no pixel is valid.
    pub fn compute(self, pred: &Tensor, gt: &Tensor) -> Result<Tensor, LossError> {
        match self {
            Self::Mff => mff_loss(pred, gt),
            Self::L1 => l1_loss(pred, gt),
            Self::Log => log_loss(pred, gt),
            Self::Silog { min_depth } => silog_loss(pred, gt, min_depth, VARIANCE_FOCUS),
        }
    }
}

impl RunConfig {
    /// The configuration of the run in a folder.
    ///
    /// # Errors
    /// If the file is missing or damaged.
    pub fn read(folder: &RunFolder) -> Result<Self, TrainError> {
        let path = folder.file(names::CONFIG);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(TrainError::NoRun {
                    folder: folder.path().to_owned(),
                    config: path,
                });
            }
            Err(source) => return Err(TrainError::File { path, source }),
        };
        let damaged = |source| TrainError::Json {
            path: path.clone(),
            source,
        };
        let json: Value = serde_json::from_slice(&bytes).map_err(damaged)?;
        // Checked before the rest: another format may have other fields.
        if let Some(format) = json
            .get("format")
            .filter(|format| **format != CONFIG_FORMAT)
        {
            return Err(TrainError::OtherFormat {
                found: format.to_string(),
                path,
            });
        }
        serde_json::from_value(json).map_err(damaged)
    }

    /// The first setting in which `begun`, the configuration in a run folder, differs: its name,
    /// its value in `begun`, its value in `self`, both in words.
    ///
    /// The program's version, the path of the initial weights and earlier states of the data are
    /// ignored.
    pub(crate) fn difference(
        &self,
        begun: &Self,
    ) -> Result<Option<(String, String, String)>, TrainError> {
        let mut begun = begun.clone();
        begun.version.clone_from(&self.version);
        begun.data.earlier.clone_from(&self.data.earlier);
        if let (Some(there), Some(here)) = (&mut begun.init, &self.init) {
            there.file.clone_from(&here.file);
        }
        let value = |config: &Self| serde_json::to_value(config).map_err(ResultsError::from);
        let (here, there) = (value(self)?, value(&begun)?);
        let Value::Object(settings) = &here else {
            return Ok(None);
        };
        let mut keys: Vec<&String> = settings.keys().collect();
        // The settings that a user most likely changed come first.
        keys.sort_by_key(|key| !["model", "seed", "data"].contains(&key.as_str()));
        Ok(keys
            .into_iter()
            .find_map(|key| difference(key.clone(), there.get(key), &here[key])))
    }
}

/// The innermost setting that differs, such as `data.images`.
fn difference(
    name: String,
    there: Option<&Value>,
    here: &Value,
) -> Option<(String, String, String)> {
    let there = there.unwrap_or(&Value::Null);
    if there == here {
        return None;
    }
    if let (Value::Object(there), Value::Object(here)) = (there, here) {
        let inner = here
            .iter()
            .find_map(|(key, here)| difference(format!("{name}.{key}"), there.get(key), here));
        if inner.is_some() {
            return inner;
        }
    }
    Some((name, in_words(there), in_words(here)))
}
