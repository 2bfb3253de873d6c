//! The run folder: names, locks, documents.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mde_files::{FolderLock, LockError, remove_leftovers, remove_leftovers_of, write_atomic};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ResultsError;
use crate::documents::FORMAT;
use crate::source::Source;

/// File names inside a run folder.
pub mod names {
    /// The configuration of the training run.
    pub const CONFIG: &str = "config.json";
    /// One record per training step.
    pub const RECORDS: &str = "metrics.jsonl";
    /// The folder of checkpoints.
    pub const CHECKPOINTS: &str = "checkpoint";
    /// The folder of the stages' records; see [`Stage`](crate::Stage).
    pub const STAGES: &str = "stages";
    /// Depth errors: [`Evaluation`](crate::Evaluation).
    pub const EVALUATION: &str = "evaluate.json";
    /// A few images with ground truth and prediction: [`Example`](crate::Example).
    pub const EXAMPLES: &str = "examples.safetensors";
    /// Depth selectivity: [`Dissection`](crate::Dissection).
    pub const DISSECTION: &str = "dissect.json";
    /// Errors with units removed: [`Ablation`](crate::Ablation).
    pub const ABLATION: &str = "ablate.json";
    /// Errors with responses corrected: [`Correction`](crate::Correction).
    pub const CORRECTION: &str = "correct.json";
    /// Two runs side by side: [`RunComparison`](crate::RunComparison).
    pub const COMPARISON: &str = "compare.json";
    /// The report's sentences and where its files lie.
    pub const REPORT: &str = "report.json";
    /// A sweep over assignments: [`AlphaSweep`](crate::AlphaSweep).
    pub const SWEEP: &str = "sweep.json";

    /// The per-image tallies of a dissected layer.
    pub fn tally(layer: &str) -> String {
        format!("dissect/{layer}.safetensors")
    }

    /// The images that a layer's units respond to most.
    pub fn top_images(layer: &str) -> String {
        format!("dissect/{layer}-top.safetensors")
    }

    /// The errors of every image with units of a layer removed.
    pub fn ablated_images(layer: &str) -> String {
        format!("ablate/{layer}.safetensors")
    }

    /// The errors of every image with responses of a layer corrected.
    pub fn corrected_images(layer: &str) -> String {
        format!("correct/{layer}.safetensors")
    }

    /// A few depth maps before and after correcting a layer.
    pub fn corrected_maps(layer: &str) -> String {
        format!("correct/{layer}-maps.safetensors")
    }
}

/// The folder of a run, or of weights that were measured. It need not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The folder at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it; see [`names`].
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// True if a training run was begun here: there is a configuration, whatever its content.
    pub fn has_config(&self) -> bool {
        self.file(names::CONFIG).exists()
    }

    /// True if anything of a training run is here.
    pub(crate) fn has_training(&self) -> bool {
        [names::CONFIG, names::RECORDS, names::CHECKPOINTS]
            .iter()
            .any(|name| self.file(name).exists())
    }

    /// Locks the folder against other training runs until the value is dropped, and removes
    /// unfinished files of killed ones. A command holds the lock from its first read of the folder
    /// to its last write. Checkpoints can be measured while the lock is held.
    ///
    /// # Errors
    /// [`LockError::Held`] names the process that trains in the folder.
    pub fn lock_training(&self) -> Result<FolderLock, LockError> {
        let own = [names::CONFIG, names::RECORDS];
        self.lock(&self.path, &own, &[names::CHECKPOINTS])
    }

    /// Locks the folder's results, as [`RunFolder::lock_training`] locks the training run.
    ///
    /// # Errors
    /// [`LockError::Held`] names the process that measures the network.
    pub fn lock_results(&self) -> Result<FolderLock, LockError> {
        let stages = self.path.join(names::STAGES);
        let own = [
            names::EVALUATION,
            names::EXAMPLES,
            names::DISSECTION,
            names::ABLATION,
            names::CORRECTION,
        ];
        self.lock(
            &stages,
            &own,
            &[names::STAGES, "dissect", "ablate", "correct"],
        )
    }

    /// Locks `folder`, and removes leftovers of the run folder's own files and of whole
    /// sub-folders.
    fn lock(&self, folder: &Path, own: &[&str], cleared: &[&str]) -> Result<FolderLock, LockError> {
        let lock = FolderLock::try_acquire(folder).map_err(|error| match error {
            // Users know the run folder, not the folder of its lock.
            LockError::Held { holder, .. } => LockError::Held {
                folder: self.path.clone(),
                holder,
            },
            other => other,
        })?;
        let path = self.path.clone();
        remove_leftovers_of(&path, own).map_err(|source| LockError::Io { path, source })?;
        for name in cleared {
            let path = self.path.join(name);
            remove_leftovers(&path).map_err(|source| LockError::Io { path, source })?;
        }
        Ok(lock)
    }

    /// Reads a document that `command` writes, and the blake3 of its file.
    ///
    /// # Errors
    /// A missing, unreadable or damaged file, or one of another format.
    pub fn document<T: DeserializeOwned>(
        &self,
        name: &str,
        command: &str,
    ) -> Result<(T, String), ResultsError> {
        let source = Source::new(self.file(name), command);
        let bytes = source.bytes()?;
        let document = source.parse(source.json(&bytes, FORMAT)?)?;
        Ok((document, blake3::hash(&bytes).to_string()))
    }

    /// [`RunFolder::document`]; `None` if the file does not exist.
    ///
    /// # Errors
    /// As [`RunFolder::document`].
    pub(crate) fn document_if_exists<T: DeserializeOwned>(
        &self,
        name: &str,
        command: &str,
    ) -> Result<Option<(T, String)>, ResultsError> {
        match self.document(name, command) {
            Ok(found) => Ok(Some(found)),
            Err(ResultsError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a document, whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_document(
        &self,
        name: &str,
        document: &impl Serialize,
    ) -> Result<(), ResultsError> {
        write(&self.file(name), &to_json(document)?)
    }
}

/// Indented JSON with a final line break.
///
/// # Errors
/// If the value has no JSON form.
pub fn to_json(value: &impl Serialize) -> Result<Vec<u8>, ResultsError> {
    let mut json = serde_json::to_vec_pretty(value)?;
    json.push(b'\n');
    Ok(json)
}

/// Writes a file whole or not at all; missing folders are created.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), ResultsError> {
    write_atomic(path, content).map_err(|source| ResultsError::Write {
        path: path.to_owned(),
        source,
    })
}

/// The entries of a folder; none if it does not exist.
pub(crate) fn entries(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
