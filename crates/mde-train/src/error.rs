//! The crate's error type.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use mde_results::CONFIG_FORMAT;

/// Why a network could not be trained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The loss is infinite or NaN.
    #[error(
        "the loss became {loss} at step {step} (images {}); {}; train again in another folder with \
         a learning rate below {learning_rate:e}",
        images.join(", "), last_checkpoint(*checkpoint)
    )]
    NonFiniteLoss {
        /// The value of the loss.
        loss: f64,
        /// The step, from 1.
        step: u64,
        /// The batch.
        images: Vec<String>,
        /// Step of the last checkpoint; 0 if there is none.
        checkpoint: u64,
        /// Learning rate of the step.
        learning_rate: f64,
    },
    /// A file or folder of the run cannot be read or written.
    #[error("{}: {source}; check the path, its permissions and the free space", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
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
        /// The parser's reason.
        source: serde_json::Error,
    },
    /// The run's configuration is of another version of the program.
    #[error(
        "{}: format {found}, but this version reads format {CONFIG_FORMAT}; use the version that \
         trained the run, or train again in another folder",
        path.display()
    )]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// The format in it.
        found: String,
    },
    /// The folder holds another run.
    #[error(
        "{}: this folder holds a run with {setting} {found}, not {asked}; choose another folder for \
         the new run",
        folder.display()
    )]
    OtherRun {
        /// The run folder.
        folder: PathBuf,
        /// The first setting that differs.
        setting: String,
        /// Its value there.
        found: String,
        /// Its value in the requested run.
        asked: String,
    },
    /// The files of the training data have changed since the run began.
    #[error(
        "{}: the files of the training data have changed since this run began (fingerprint {found}, \
         now {asked}). Restore them, or continue from the checkpoint on the changed data with \
         --accept-changed-data, or choose another folder for the new run",
        folder.display()
    )]
    DataChanged {
        /// The run folder.
        folder: PathBuf,
        /// The fingerprint that the run was begun with.
        found: String,
        /// The fingerprint of the files now.
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
        /// The last step before the first gap.
        found: u64,
        /// The step of the checkpoint.
        checkpoint: u64,
    },
    /// The network's forward pass did not visit a layer of its own list.
    #[error("the network's forward pass did not visit its layer {layer:?}")]
    LayerNotVisited {
        /// The layer.
        layer: String,
    },
    /// The file of the initial weights has changed since the run began.
    #[error(
        "{}: the content of this file has changed since the run began; restore it, or begin another \
         run in another folder",
        path.display()
    )]
    InitialWeightsChanged {
        /// The file.
        path: PathBuf,
    },
    /// The folder holds no run.
    #[error(
        "{}: no run here, {} does not exist; train first (`mde train --data DATA --out {}`) or correct \
         the path",
        folder.display(), config.display(), folder.display()
    )]
    NoRun {
        /// The folder.
        folder: PathBuf,
        /// The missing file.
        config: PathBuf,
    },
    /// A checkpoint is incomplete or of another network.
    #[error(
        "{}: {reason}; the checkpoint is damaged or of another model, and a run keeps only one: \
         remove the run folder and train again",
        path.display()
    )]
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
        /// The valid values.
        reason: String,
    },
    /// The network could not be built, or weights could not be loaded into it.
    #[error(transparent)]
    Model(#[from] mde_models::ModelError),
    /// A loss could not be computed.
    #[error("step {step} (images {}): {source}", images.join(", "))]
    Loss {
        /// The step, from 1.
        step: u64,
        /// The batch.
        images: Vec<String>,
        /// The loss's reason.
        source: Box<mde_losses::LossError>,
    },
    /// A sample could not be loaded.
    #[error(transparent)]
    Data(#[from] mde_datasets::DatasetError),
    /// Bins or assignment are invalid.
    #[error(transparent)]
    Metrics(#[from] mde_metrics::MetricsError),
    /// The run folder cannot be read or written.
    #[error(transparent)]
    Results(#[from] mde_results::ResultsError),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

impl TrainError {
    /// A [`TrainError::Setting`].
    pub(crate) fn setting(
        setting: &'static str,
        value: impl Display,
        reason: impl Into<String>,
    ) -> Self {
        Self::Setting {
            setting,
            value: value.to_string(),
            reason: reason.into(),
        }
    }
}

fn last_checkpoint(step: u64) -> String {
    match step {
        0 => "there is no checkpoint yet".to_owned(),
        step => format!("the last checkpoint is of step {step}"),
    }
}

/// Adds a path to an error of the file system.
pub(crate) fn file_error(path: &Path) -> impl FnOnce(io::Error) -> TrainError {
    let path = path.to_owned();
    move |source| TrainError::File { path, source }
}
