//! Weights that a run begins with.

use std::path::{Path, PathBuf};

use mde_models::{LoadReport, Parameters};
use serde::{Deserialize, Serialize};

use crate::{TrainError, hash_file};

/// Weights that a run begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitialWeights {
    /// The file, as it was given; [`train`](crate::train) reads it until there is a checkpoint.
    pub file: PathBuf,
    /// blake3 of its content: what the run's numbers depend on.
    pub hash: String,
    /// What of the network it fills.
    pub part: InitialPart,
}

/// What of a network initial weights fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InitialPart {
    /// All of it, for fine-tuning: [`Parameters::load`].
    Network,
    /// The encoder, from an ImageNet classifier; the rest begins at random: [`Parameters::load_backbone`].
    Encoder,
}

impl InitialWeights {
    /// The file as it is now.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn new(file: &Path, part: InitialPart) -> Result<Self, TrainError> {
        Ok(Self {
            file: file.to_owned(),
            hash: hash(file)?,
            part,
        })
    }

    /// Reads them into a network's parameters.
    ///
    /// # Errors
    /// If the file changed since, cannot be read, or does not fit the network; nothing is changed then.
    pub fn fill(&self, parameters: &Parameters) -> Result<LoadReport, TrainError> {
        if hash(&self.file)? != self.hash {
            return Err(TrainError::InitialWeightsChanged {
                path: self.file.clone(),
            });
        }
        Ok(match self.part {
            InitialPart::Network => parameters.load(&self.file)?,
            InitialPart::Encoder => parameters.load_backbone(&self.file)?,
        })
    }
}

fn hash(path: &Path) -> Result<String, TrainError> {
    hash_file(path).map_err(|source| TrainError::File {
        path: path.to_owned(),
        source,
    })
}
