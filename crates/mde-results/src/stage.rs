//! Stages of a run folder, which are skipped if their inputs and outputs are unchanged.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mde_files::{hash_file, path_below};
use serde::{Deserialize, Serialize};

use crate::ResultsError;
use crate::documents::FORMAT;
use crate::folder::{RunFolder, names, to_json, write};

/// The record of a finished stage, `stages/NAME.json`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    format: u32,
    /// blake3 of `inputs`.
    hash: String,
    inputs: serde_json::Value,
    /// blake3 of every output, by path relative to the folder.
    outputs: BTreeMap<String, String>,
}

/// A stage of a run folder, or one whose results are not kept.
#[derive(Debug)]
pub struct Stage {
    folder: Option<RunFolder>,
    name: &'static str,
    inputs: serde_json::Value,
}

impl Stage {
    /// A stage computed from `inputs`, which must determine its outputs. Without a folder it is
    /// never up to date and keeps nothing.
    ///
    /// # Errors
    /// If the inputs have no JSON form.
    pub fn new(
        folder: Option<&RunFolder>,
        name: &'static str,
        inputs: impl Serialize,
    ) -> Result<Self, ResultsError> {
        Ok(Self {
            folder: folder.cloned(),
            name,
            // Results of another format are computed again.
            inputs: serde_json::json!({
                "results_format": FORMAT,
                "stage": serde_json::to_value(inputs)?,
            }),
        })
    }

    /// True if the outputs exist, are unchanged, and come from these inputs.
    pub fn is_up_to_date(&self) -> bool {
        let Some(folder) = &self.folder else {
            return false;
        };
        let Ok(bytes) = std::fs::read(self.record(folder)) else {
            return false;
        };
        let Ok(record) = serde_json::from_slice::<Record>(&bytes) else {
            return false;
        };
        record.hash == self.hash()
            && record
                .outputs
                .iter()
                .all(|(file, hash)| hash_file(&folder.file(file)).is_ok_and(|found| found == *hash))
    }

    /// Writes the outputs, given by path relative to the folder, each whole or not at all, then the
    /// record.
    ///
    /// # Errors
    /// If a file cannot be written, or a path leads out of the folder.
    pub fn finish(&self, outputs: &[(String, Vec<u8>)]) -> Result<(), ResultsError> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        // All names are checked before anything is written.
        let paths = outputs
            .iter()
            .map(|(file, _)| path_below(folder.path(), file))
            .collect::<Result<Vec<_>, _>>()?;
        let mut hashes = BTreeMap::new();
        for (path, (file, content)) in paths.iter().zip(outputs) {
            write(path, content)?;
            hashes.insert(file.clone(), blake3::hash(content).to_string());
        }
        self.write_record(folder, hashes)
    }

    /// Writes the record of outputs that are already on disk, given by path relative to the folder.
    ///
    /// # Errors
    /// If an output cannot be read, or the record cannot be written.
    pub fn finish_written(&self, outputs: &[String]) -> Result<(), ResultsError> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let mut hashes = BTreeMap::new();
        for file in outputs {
            let path = path_below(folder.path(), file)?;
            let hash = hash_file(&path).map_err(|source| ResultsError::Read { path, source })?;
            hashes.insert(file.clone(), hash);
        }
        self.write_record(folder, hashes)
    }

    fn write_record(
        &self,
        folder: &RunFolder,
        outputs: BTreeMap<String, String>,
    ) -> Result<(), ResultsError> {
        let record = Record {
            format: 1,
            hash: self.hash(),
            inputs: self.inputs.clone(),
            outputs,
        };
        write(&self.record(folder), &to_json(&record)?)
    }

    fn hash(&self) -> String {
        blake3::hash(self.inputs.to_string().as_bytes()).to_string()
    }

    fn record(&self, folder: &RunFolder) -> PathBuf {
        folder
            .file(names::STAGES)
            .join(format!("{}.json", self.name))
    }
}
