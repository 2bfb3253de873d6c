//! Everything that decides the numbers of a run: saved beside them as `config.json`.

use candle_core::Tensor;
use mde_datasets::{Preprocessing, Scene};
use mde_losses::{LossError, VARIANCE_FOCUS, l1_loss, log_loss, mff_loss, silog_loss};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AdamConfig, AssignmentConfig, InitialWeights, Schedule};

/// The configuration of a training run. Two runs with equal configurations on one machine end in equal numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunConfig {
    /// Version of this file's format.
    pub format: u32,
    /// Version of the program.
    pub version: String,
    /// Preset of the network.
    pub model: String,
    /// Seed of weights, order and augmentation.
    pub seed: u64,
    /// The training data.
    pub data: DataConfig,
    /// What is done to samples on their way into the network.
    pub preprocessing: Preprocessing,
    /// Weights that training begins with; `None` begins at random.
    pub init: Option<InitialWeights>,
    /// Images a step.
    pub batch: usize,
    /// Steps in all.
    pub steps: u64,
    /// Base learning rate.
    pub learning_rate: f64,
    /// How it falls.
    pub schedule: Schedule,
    /// The loss of depth alone.
    pub loss: DepthLoss,
    /// The optimiser's constants.
    pub adam: AdamConfig,
    /// The assignment of depth ranges; `None` trains the plain network.
    pub assignment: Option<AssignmentConfig>,
}

/// The loss of depth alone, before any assignment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DepthLoss {
    /// MFF's: [`mff_loss`].
    Mff,
    /// The mean absolute error: [`l1_loss`].
    L1,
    /// The mean of ln(|e| + 0.5), MFF's first term: [`log_loss`].
    Log,
    /// BTS's: [`silog_loss`].
    Silog {
        /// Ground truth at or below this is left out, metres: 0.1 for NYU Depth V2, 1 for KITTI.
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

    /// Its value, a scalar. `pred` and `gt` [B, 1, H, W] in metres, gt 0 where nothing was measured.
    ///
    /// # Errors
    /// If the shapes differ or no pixel is measured.
    pub fn of(self, pred: &Tensor, gt: &Tensor) -> Result<Tensor, LossError> {
        match self {
            Self::Mff => mff_loss(pred, gt),
            Self::L1 => l1_loss(pred, gt),
            Self::Log => log_loss(pred, gt),
            Self::Silog { min_depth } => silog_loss(pred, gt, min_depth, VARIANCE_FOCUS),
        }
    }
}

/// What a run was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataConfig {
    /// Name of the data set.
    pub name: String,
    /// Hash over the list and all files.
    pub fingerprint: String,
    /// Pairs in the list.
    pub images: usize,
    /// Mean of the valid depths, metres: the constant prediction to beat.
    pub mean_depth: f64,
}

impl RunConfig {
    /// The first setting in which another configuration differs: name, its value there, the value here.
    ///
    /// A newer program version alone is no difference, nor is another path to the same initial weights.
    pub(crate) fn difference(&self, there: &Value) -> Option<(String, String, String)> {
        let mut here = serde_json::to_value(self).ok()?;
        if let Some(file) = there.pointer("/init/file")
            && let Some(ours) = here.pointer_mut("/init/file")
        {
            *ours = file.clone();
        }
        let mut keys: Vec<_> = here
            .as_object()?
            .keys()
            .filter(|key| *key != "version")
            .collect();
        // What a person most likely changed comes first in the message.
        keys.sort_by_key(|key| !["model", "seed", "data"].contains(&key.as_str()));
        keys.into_iter()
            .find_map(|key| difference(key.clone(), there.get(key), &here[key]))
    }
}

/// The innermost setting that differs, as `data.images`.
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
    Some((name, there.to_string(), here.to_string()))
}
