//! Checkpoints: folders `checkpoint/step-000000100` that appear whole, by a rename, or not at all.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use mde_models::{LoadReport, ModelError, Parameters};
use serde::{Deserialize, Serialize};

use crate::files::{aside, sync_folder, write_json};
use crate::{Adam, TrainError};

/// A finished checkpoint on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Its folder.
    pub folder: PathBuf,
    /// Steps trained.
    pub step: u64,
}

#[derive(Serialize, Deserialize)]
struct State {
    format: u32,
    step: u64,
    optimiser_steps: u64,
}

const PREFIX: &str = "step-";

impl Checkpoint {
    /// The newest checkpoint of a run, if there is one.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn newest(run: &Path) -> Result<Option<Self>, TrainError> {
        Ok(Self::list(run)?.pop())
    }

    /// The weights' file, with running statistics.
    pub fn weights(&self) -> PathBuf {
        self.folder.join("weights.safetensors")
    }

    fn optimiser(&self) -> PathBuf {
        self.folder.join("optimiser.safetensors")
    }

    fn state(&self) -> PathBuf {
        self.folder.join("state.json")
    }

    /// Writes the state after `step` steps and removes older checkpoints.
    ///
    /// # Errors
    /// If the folder cannot be written; the older checkpoint is untouched then.
    pub(crate) fn write(
        run: &Path,
        step: u64,
        parameters: &Parameters,
        adam: &Adam,
    ) -> Result<Self, TrainError> {
        let all = run.join("checkpoint");
        let folder = all.join(format!("{PREFIX}{step:09}"));
        let incomplete = Self {
            folder: aside(&folder),
            step,
        };
        let written = incomplete.fill(parameters, adam);
        let renamed = written.and_then(|()| {
            fs::rename(&incomplete.folder, &folder).map_err(file(&folder))?;
            // The older checkpoint may go only when this one is sure to stay.
            sync_folder(&all).map_err(file(&all))
        });
        if let Err(error) = renamed {
            // The first error is the one to tell.
            let _ = fs::remove_dir_all(&incomplete.folder);
            return Err(error);
        }
        // The older checkpoints, and what killed runs have left.
        for entry in fs::read_dir(&all).map_err(file(&all))? {
            let entry = entry.map_err(file(&all))?;
            let other = entry.path();
            if other != folder && entry.file_name().to_string_lossy().starts_with(PREFIX) {
                fs::remove_dir_all(&other).map_err(file(&other))?;
            }
        }
        Ok(Self { folder, step })
    }

    fn fill(&self, parameters: &Parameters, adam: &Adam) -> Result<(), TrainError> {
        // What a killed run has left.
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder).map_err(file(&self.folder))?;
        }
        fs::create_dir_all(&self.folder).map_err(file(&self.folder))?;
        save(&parameters.snapshot()?, &self.weights())?;
        save(&adam.state()?, &self.optimiser())?;
        let state = State {
            format: 1,
            step: self.step,
            optimiser_steps: adam.steps(),
        };
        write_json(&self.state(), &state).map_err(file(&self.state()))?;
        sync_folder(&self.folder).map_err(file(&self.folder))
    }

    /// Reads the weights into a network's parameters.
    ///
    /// # Errors
    /// If the file cannot be read, is cut short or of another network.
    pub fn load(&self, parameters: &Parameters) -> Result<LoadReport, TrainError> {
        let path = self.weights();
        match parameters.load(&path) {
            Ok(report) => Ok(report),
            Err(ModelError::Unreadable { source, .. }) => Err(TrainError::BrokenCheckpoint {
                path,
                reason: source.to_string(),
            }),
            Err(ModelError::Mismatch { report, .. }) => Err(TrainError::BrokenCheckpoint {
                path,
                reason: format!("not the weights of this run's model: {report}"),
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts the state back.
    ///
    /// # Errors
    /// If a file is cut short or of another network.
    pub(crate) fn restore(
        &self,
        parameters: &Parameters,
        adam: &mut Adam,
    ) -> Result<(), TrainError> {
        let path = self.state();
        let bytes = fs::read(&path).map_err(file(&path))?;
        let state: State =
            serde_json::from_slice(&bytes).map_err(|error| TrainError::BrokenCheckpoint {
                path,
                reason: error.to_string(),
            })?;
        self.load(parameters)?;
        let path = self.optimiser();
        let moments = candle_core::safetensors::load(&path, &Device::Cpu).map_err(|error| {
            TrainError::BrokenCheckpoint {
                path: path.clone(),
                reason: error.to_string(),
            }
        })?;
        adam.restore(&moments, state.optimiser_steps, &path)
    }

    /// All finished checkpoints, oldest first.
    fn list(run: &Path) -> Result<Vec<Self>, TrainError> {
        let folder = run.join("checkpoint");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => {
                return Err(TrainError::File {
                    path: folder,
                    source,
                });
            }
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(file(&folder))?;
            let name = entry.file_name();
            let step = name
                .to_str()
                .and_then(|name| name.strip_prefix(PREFIX)?.parse().ok());
            if let Some(step) = step {
                found.push(Self {
                    folder: entry.path(),
                    step,
                });
            }
        }
        found.sort_by_key(|checkpoint| checkpoint.step);
        Ok(found)
    }
}

fn save(tensors: &HashMap<String, Tensor>, path: &Path) -> Result<(), TrainError> {
    // candle's error does not name the file.
    candle_core::safetensors::save(tensors, path).map_err(|error| TrainError::File {
        path: path.to_owned(),
        source: std::io::Error::other(error.to_string()),
    })?;
    File::open(path)
        .and_then(|saved| saved.sync_all())
        .map_err(file(path))
}

fn file(path: &Path) -> impl FnOnce(std::io::Error) -> TrainError {
    let path = path.to_owned();
    move |source| TrainError::File { path, source }
}
