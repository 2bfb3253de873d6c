//! Stages of a run folder; a stage whose inputs have not changed is not run again.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use mde_results::FORMAT;
use mde_train::hash_file;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::output::shown;

/// A stage's record, `stages/NAME.json`: what it was computed from, and what came out.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    format: u32,
    /// blake3 of `inputs`.
    hash: String,
    inputs: serde_json::Value,
    /// blake3 of every output, by path relative to the folder.
    outputs: BTreeMap<String, String>,
}

/// Where the results about something go: a folder, or nowhere.
#[derive(Debug, Clone)]
pub(crate) struct Results {
    pub(crate) folder: Option<PathBuf>,
    /// What the results are about, as a person reads it.
    pub(crate) of: String,
}

impl Results {
    /// Results that are printed only.
    pub(crate) fn unkept(of: &str) -> Self {
        Self {
            folder: None,
            of: of.to_owned(),
        }
    }

    /// A file of the folder, as a person reads it; what the results are about where nothing is kept.
    pub(crate) fn place(&self, file: &str) -> String {
        match &self.folder {
            Some(folder) => folder.join(file).display().to_string(),
            None => self.of.clone(),
        }
    }

    /// The same for a document: the file, if it is kept.
    pub(crate) fn kept(&self, file: &str) -> Option<String> {
        let folder = self.folder.as_ref()?;
        Some(shown(&folder.join(file)))
    }

    /// Reads a result that an earlier call has left.
    pub(crate) fn read<T: DeserializeOwned>(&self, file: &str) -> anyhow::Result<T> {
        let folder = self.folder.as_deref().unwrap_or(Path::new("."));
        read(&folder.join(file))
    }
}

/// One stage of a run folder, or one whose results are not kept.
pub(crate) struct Stage {
    folder: Option<PathBuf>,
    name: &'static str,
    inputs: serde_json::Value,
}

impl Stage {
    /// A stage computed from `inputs`, which must determine its outputs. Without a folder it is never done and keeps
    /// nothing.
    pub(crate) fn new(
        folder: Option<&Path>,
        name: &'static str,
        inputs: impl Serialize,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            folder: folder.map(Path::to_owned),
            name,
            // Results of another format are not results.
            inputs: serde_json::json!({ "results_format": FORMAT, "of": inputs }),
        })
    }

    /// True if the outputs are there, unchanged, and from these inputs.
    pub(crate) fn is_done(&self) -> bool {
        let Some(folder) = &self.folder else {
            return false;
        };
        let Ok(bytes) = fs::read(self.record(folder)) else {
            return false;
        };
        let Ok(record) = serde_json::from_slice::<Record>(&bytes) else {
            return false;
        };
        record.hash == self.hash()
            && record
                .outputs
                .iter()
                .all(|(file, hash)| hash_file(&folder.join(file)).is_ok_and(|found| found == *hash))
    }

    /// Writes the outputs, each whole or not at all, then the record.
    pub(crate) fn finish(&self, outputs: &[(String, Vec<u8>)]) -> anyhow::Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let mut hashes = BTreeMap::new();
        for (file, content) in outputs {
            write(&folder.join(file), content)?;
            hashes.insert(file.clone(), blake3::hash(content).to_string());
        }
        let record = Record {
            format: 1,
            hash: self.hash(),
            inputs: self.inputs.clone(),
            outputs: hashes,
        };
        write(&self.record(folder), &json(&record)?)
    }

    fn hash(&self) -> String {
        blake3::hash(self.inputs.to_string().as_bytes()).to_string()
    }

    fn record(&self, folder: &Path) -> PathBuf {
        folder.join("stages").join(format!("{}.json", self.name))
    }
}

/// Indented JSON with a final line break.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    let mut json = serde_json::to_vec_pretty(value)?;
    json.push(b'\n');
    Ok(json)
}

/// Reads a result that an earlier call has left.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is not what this program wrote", path.display()))
}

/// Reads a result that another command has left, and gives blake3 of its file too; `command` is the one that makes it.
pub(crate) fn read_result<T: DeserializeOwned>(
    path: &Path,
    command: &str,
) -> anyhow::Result<(T, String)> {
    let shown = path.display();
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("{shown} is missing; run `{command}` first")
        }
        read => read.with_context(|| format!("cannot read {shown}"))?,
    };
    let damaged = || format!("{shown} is damaged or half-written; run `{command}` again");
    let json: serde_json::Value = serde_json::from_slice(&bytes).with_context(damaged)?;
    // The number is looked at before the rest, since another format may lack the fields that this one has.
    if json["format"] != FORMAT {
        bail!(
            "{shown}: format {}, but this version reads format {FORMAT}; run `{command}` again with this version",
            json["format"]
        );
    }
    let result = serde_json::from_value(json).with_context(damaged)?;
    Ok((result, blake3::hash(&bytes).to_string()))
}

/// Writes a file whole or not at all, into a folder that is made if need be.
pub(crate) fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    mde_train::write_aside(path, content)
        .with_context(|| format!("cannot write {}", path.display()))
}
