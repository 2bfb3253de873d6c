//! Checkpoints: folders `checkpoint/step-000000100` that appear whole or not at all.

use std::path::{Path, PathBuf};

use crate::ResultsError;
use crate::folder::{RunFolder, entries, names};

const PREFIX: &str = "step-";

/// The state of a training run after a number of steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Its folder.
    pub folder: PathBuf,
    /// Number of training steps taken.
    pub step: u64,
}

impl Checkpoint {
    /// The weights' file, with running statistics.
    pub fn weights(&self) -> PathBuf {
        self.folder.join("weights.safetensors")
    }

    /// The optimiser's file.
    pub fn optimiser(&self) -> PathBuf {
        self.folder.join("optimiser.safetensors")
    }

    /// The file with the number of steps.
    pub fn state(&self) -> PathBuf {
        self.folder.join("state.json")
    }
}

impl RunFolder {
    /// The checkpoint of this step, whether or not it exists.
    pub fn checkpoint_at(&self, step: u64) -> Checkpoint {
        let name = format!("{PREFIX}{step:09}");
        Checkpoint {
            folder: self.file(names::CHECKPOINTS).join(name),
            step,
        }
    }

    /// All checkpoints, oldest first.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn checkpoints(&self) -> Result<Vec<Checkpoint>, ResultsError> {
        let folder = self.file(names::CHECKPOINTS);
        let found = entries(&folder).map_err(|source| ResultsError::Read {
            path: folder.clone(),
            source,
        })?;
        let mut checkpoints: Vec<Checkpoint> = found
            .iter()
            .filter_map(|entry| {
                Some(Checkpoint {
                    folder: entry.path(),
                    step: step_of(&entry.path())?,
                })
            })
            .collect();
        checkpoints.sort_by_key(|checkpoint| checkpoint.step);
        Ok(checkpoints)
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    /// If there is none, or the folder cannot be read.
    pub fn newest_checkpoint(&self) -> Result<Checkpoint, ResultsError> {
        self.checkpoints()?
            .pop()
            .ok_or_else(|| ResultsError::NoCheckpoint {
                folder: self.path().to_owned(),
            })
    }
}

/// The step in the name of a checkpoint's folder; `None` for anything else.
fn step_of(folder: &Path) -> Option<u64> {
    let name = folder.file_name()?.to_str()?;
    name.strip_prefix(PREFIX)?.parse().ok()
}
