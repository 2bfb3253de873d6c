//! What can go wrong in training.

use std::io;
use std::path::{Path, PathBuf};

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The loss is not a number any more.
    #[error(
        "the loss became {loss} at step {step} (images {}): training stops; {}. Usually a lower learning rate helps \
         (it was {learning_rate:e}): train again with one, in another folder",
        images.join(", "), last_checkpoint(*checkpoint)
    )]
    NonFiniteLoss {
        /// The loss.
        loss: f64,
        /// The step, from 1.
        step: u64,
        /// The batch.
        images: Vec<String>,
        /// Step of the last checkpoint; 0 if there is none.
        checkpoint: u64,
        /// Rate of the step.
        learning_rate: f64,
    },
    /// A file or folder of the run cannot be read or written.
    #[error("{}: {source}; check the path, its permissions and the free space", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A JSON file of the run is damaged.
    #[error(
        "{}: {source}; the file is damaged: remove the run folder and train again",
        path.display()
    )]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The folder holds another run.
    #[error("{}: this folder holds a run with {setting} {found}, not {asked}; give the new run another folder", folder.display())]
    OtherRun {
        /// The run folder.
        folder: PathBuf,
        /// The first setting that differs.
        setting: String,
        /// Its value there.
        found: String,
        /// The value asked for.
        asked: String,
    },
    /// The files of the training data have changed since the run began.
    #[error(
        "{}: the files of the training data have changed since this run began (fingerprint {found}, \
         now {asked}). Restore them, or continue from the checkpoint on the changed data with \
         --accept-changed-data, or give the new run another folder",
        folder.display()
    )]
    DataChanged {
        /// The run folder.
        folder: PathBuf,
        /// The fingerprint that the run was begun with.
        found: String,
        /// The present one.
        asked: String,
    },
    /// Records of steps before the checkpoint are missing.
    #[error(
        "{}: the records end at step {found}, but the checkpoint is of step {checkpoint}; the file \
         is damaged: restore it, or train again in another folder",
        path.display()
    )]
    MissingRecords {
        /// The records' file.
        path: PathBuf,
        /// The last step without a gap before it.
        found: u64,
        /// The checkpoint's step.
        checkpoint: u64,
    },
    /// A network did not visit a layer of its own list.
    #[error("the network's forward pass did not visit its layer {layer:?}")]
    LayerNotVisited {
        /// The layer.
        layer: String,
    },
    /// The initial weights are not those that the run was begun with.
    #[error("{}: this file's content is not what the run began with; give it back, or begin another run in another folder", path.display())]
    InitialWeightsChanged {
        /// The file.
        path: PathBuf,
    },
    /// The folder holds no run.
    #[error("{}: no run here, {} does not exist; train first (`mde train --out {}`) or correct the path", folder.display(), config.display(), folder.display())]
    NoRun {
        /// The folder.
        folder: PathBuf,
        /// The file that every run has.
        config: PathBuf,
    },
    /// A checkpoint is incomplete or of another network.
    #[error("{}: {reason}; the checkpoint is damaged or of another model, and a run keeps no other: remove the run folder and train again", path.display())]
    BrokenCheckpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A setting cannot be used.
    #[error("{setting} is {value}: {reason}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        reason: String,
    },
    /// A network could not be built or filled.
    #[error(transparent)]
    Model(#[from] mde_models::ModelError),
    /// A loss could not be computed.
    #[error("step {step} (images {}): {source}", images.join(", "))]
    Loss {
        /// The step, from 1.
        step: u64,
        /// The batch.
        images: Vec<String>,
        /// Why.
        source: mde_losses::LossError,
    },
    /// A sample could not be loaded.
    #[error(transparent)]
    Data(#[from] mde_datasets::DatasetError),
    /// Bins or assignment cannot be made.
    #[error(transparent)]
    Metrics(#[from] mde_metrics::MetricsError),
    /// The run folder cannot be read or written.
    #[error(transparent)]
    Results(#[from] mde_results::ResultsError),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

fn last_checkpoint(step: u64) -> String {
    match step {
        0 => "there is no checkpoint yet".to_owned(),
        step => format!("the last checkpoint is of step {step}"),
    }
}

/// An error of the file system with the file's path.
pub(crate) fn file_error(path: &Path) -> impl FnOnce(io::Error) -> TrainError {
    let path = path.to_owned();
    move |source| TrainError::File { path, source }
}
