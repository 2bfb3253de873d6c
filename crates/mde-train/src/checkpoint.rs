//! Writing and reading checkpoints.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::Path;

use candle_core::{Device, Tensor};
use mde_files::AtomicFolder;
use mde_models::{LoadReport, ModelError, Parameters};
use mde_results::{Checkpoint, RunFolder, to_json};
use serde::{Deserialize, Serialize};

use crate::error::file_error;
use crate::{Adam, TrainError};

#[derive(Serialize, Deserialize)]
struct State {
    format: u32,
    step: u64,
    optimiser_steps: u64,
}

/// Writes the state after `step` steps, then removes the older checkpoints. One of a later step
/// stays: it is not this run's to remove.
///
/// # Errors
/// If the folder cannot be written; the older checkpoint is untouched then.
pub(crate) fn write(
    run: &RunFolder,
    step: u64,
    parameters: &Parameters,
    adam: &Adam,
) -> Result<(), TrainError> {
    let target = run.checkpoint_at(step);
    let folder = AtomicFolder::create(&target.folder).map_err(file_error(&target.folder))?;
    let unfinished = Checkpoint {
        folder: folder.path().to_owned(),
        step,
    };
    let state = State {
        format: 1,
        step,
        optimiser_steps: adam.steps(),
    };
    fs::write(unfinished.state(), to_json(&state)?).map_err(file_error(&unfinished.state()))?;
    let permissions = fs::metadata(unfinished.state()).map(|metadata| metadata.permissions());
    let permissions = permissions.map_err(file_error(&unfinished.state()))?;
    for (tensors, path) in [
        (parameters.snapshot()?, unfinished.weights()),
        (adam.state()?, unfinished.optimiser()),
    ] {
        save(&tensors, &path)?;
        // safetensors makes files that only their owner can read; others follow the umask.
        fs::set_permissions(&path, permissions.clone()).map_err(file_error(&path))?;
    }
    folder.commit().map_err(file_error(&target.folder))?;
    for older in run.checkpoints()? {
        if older.step < step {
            fs::remove_dir_all(&older.folder).map_err(file_error(&older.folder))?;
        }
    }
    Ok(())
}

/// Reads the weights of a checkpoint into a network's parameters.
///
/// # Errors
/// If the file cannot be read, is damaged or of another network.
pub fn load_checkpoint(
    checkpoint: &Checkpoint,
    parameters: &Parameters,
) -> Result<LoadReport, TrainError> {
    let path = checkpoint.weights();
    // A file that is missing or not readable is not a damaged one.
    File::open(&path).map_err(file_error(&path))?;
    let broken = |reason: String| TrainError::BrokenCheckpoint {
        path: path.clone(),
        reason,
    };
    match parameters.load(&path) {
        Ok(report) => Ok(report),
        Err(ModelError::Unreadable { source, .. }) => Err(broken(source.to_string())),
        Err(ModelError::Mismatch { report, .. }) => Err(broken(format!(
            "not the weights of this run's model: {report}"
        ))),
        Err(error) => Err(error.into()),
    }
}

/// Restores the state of training.
///
/// # Errors
/// If a file is damaged or of another network.
pub(crate) fn restore(
    checkpoint: &Checkpoint,
    parameters: &Parameters,
    adam: &mut Adam,
) -> Result<(), TrainError> {
    let path = checkpoint.state();
    let bytes = fs::read(&path).map_err(file_error(&path))?;
    let state: State =
        serde_json::from_slice(&bytes).map_err(|error| TrainError::BrokenCheckpoint {
            path,
            reason: error.to_string(),
        })?;
    load_checkpoint(checkpoint, parameters)?;
    let path = checkpoint.optimiser();
    File::open(&path).map_err(file_error(&path))?;
    let moments = candle_core::safetensors::load(&path, &Device::Cpu).map_err(|error| {
        TrainError::BrokenCheckpoint {
            path: path.clone(),
            reason: error.to_string(),
        }
    })?;
    adam.restore(&moments, state.optimiser_steps, &path)
}

fn save(tensors: &HashMap<String, Tensor>, path: &Path) -> Result<(), TrainError> {
    // candle's error does not name the file.
    candle_core::safetensors::save(tensors, path).map_err(|error| TrainError::File {
        path: path.to_owned(),
        source: std::io::Error::other(error.to_string()),
    })
}
