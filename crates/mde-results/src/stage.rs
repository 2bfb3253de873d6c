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
    /// blake3 of the stage's entry in a document that it shares with other stages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entry: Option<String>,
}

/// A stage of a run folder, or one whose results are not kept.
#[derive(Debug)]
pub struct Stage {
    folder: Option<RunFolder>,
    name: String,
    inputs: serde_json::Value,
}

impl Stage {
    /// A stage computed from `inputs`, which must determine its outputs. Without a folder it is
    /// never up to date and keeps nothing. Its record is `stages/NAME.json`.
    ///
    /// # Errors
    /// If the inputs have no JSON form, or the name leads out of the folder.
    pub fn new(
        folder: Option<&RunFolder>,
        name: &str,
        inputs: impl Serialize,
    ) -> Result<Self, ResultsError> {
        if let Some(folder) = folder {
            path_below(folder.path(), &record(name))?;
        }
        Ok(Self {
            folder: folder.cloned(),
            name: name.to_owned(),
            // Results of another format are computed again.
            inputs: serde_json::json!({
                "results_format": FORMAT,
                "stage": serde_json::to_value(inputs)?,
            }),
        })
    }

    /// True if the outputs exist, are unchanged, and come from these inputs.
    pub fn is_up_to_date(&self) -> bool {
        self.unchanged().is_some()
    }

    /// [`Stage::is_up_to_date`], and `entry` is the one of [`Stage::finish_entry`].
    pub fn is_entry_up_to_date(&self, entry: &impl Serialize) -> bool {
        let (found, expected) = (hash_entry(entry), self.unchanged());
        found.is_ok_and(|found| expected.and_then(|record| record.entry) == Some(found))
    }

    /// The stage's record, if its outputs are up to date.
    fn unchanged(&self) -> Option<Record> {
        let folder = self.folder.as_ref()?;
        let bytes = std::fs::read(self.record(folder)).ok()?;
        let record: Record = serde_json::from_slice(&bytes).ok()?;
        let unchanged = record.hash == self.hash()
            && record.outputs.iter().all(|(file, hash)| {
                hash_file(&folder.file(file)).is_ok_and(|found| found == *hash)
            });
        unchanged.then_some(record)
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
        self.write_record(folder, write_all(folder, outputs)?, None)
    }

    /// [`Stage::finish`] of a stage whose result is an entry of a document that it shares with
    /// other stages. The document, a path and its content, is written after the outputs.
    ///
    /// # Errors
    /// As [`Stage::finish`].
    pub fn finish_entry(
        &self,
        outputs: &[(String, Vec<u8>)],
        document: (String, Vec<u8>),
        entry: &impl Serialize,
    ) -> Result<(), ResultsError> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let hashes = write_all(folder, outputs)?;
        write_all(folder, &[document])?;
        self.write_record(folder, hashes, Some(hash_entry(entry)?))
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
        self.write_record(folder, hashes, None)
    }

    fn write_record(
        &self,
        folder: &RunFolder,
        outputs: BTreeMap<String, String>,
        entry: Option<String>,
    ) -> Result<(), ResultsError> {
        let record = Record {
            format: 1,
            hash: self.hash(),
            inputs: self.inputs.clone(),
            outputs,
            entry,
        };
        write(&self.record(folder), &to_json(&record)?)
    }

    fn hash(&self) -> String {
        blake3::hash(self.inputs.to_string().as_bytes()).to_string()
    }

    fn record(&self, folder: &RunFolder) -> PathBuf {
        folder.file(&record(&self.name))
    }
}

/// The path of a stage's record in the run folder.
fn record(name: &str) -> String {
    format!("{}/{name}.json", names::STAGES)
}

/// Writes files into the folder; their blake3. All names are checked before anything is written.
fn write_all(
    folder: &RunFolder,
    files: &[(String, Vec<u8>)],
) -> Result<BTreeMap<String, String>, ResultsError> {
    let paths = files
        .iter()
        .map(|(file, _)| path_below(folder.path(), file));
    let paths: Vec<PathBuf> = paths.collect::<Result<_, _>>()?;
    let mut hashes = BTreeMap::new();
    for (path, (file, content)) in paths.iter().zip(files) {
        write(path, content)?;
        hashes.insert(file.clone(), blake3::hash(content).to_string());
    }
    Ok(hashes)
}

/// blake3 of an entry's JSON form.
fn hash_entry(entry: &impl Serialize) -> Result<String, ResultsError> {
    let json = serde_json::to_value(entry)?;
    Ok(blake3::hash(json.to_string().as_bytes()).to_string())
}
