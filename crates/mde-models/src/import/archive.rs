//! PyTorch's zip format: an archive with a pickle `NAME/data.pkl` that describes the tensors, and
//! one file `NAME/data/KEY` per storage.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::advice::{listed, literal, python, shell_word};
use super::pickle::{MAX_PICKLE, Values};
use super::problem::Problem;

/// The open archive.
pub(super) struct Archive {
    zip: ZipArchive<BufReader<File>>,
    /// Path before `data.pkl` in the archive.
    prefix: String,
    /// True if a big-endian machine wrote the numbers.
    pub(super) is_big_endian: bool,
}

impl Archive {
    /// The archive and its pickle.
    pub(super) fn open(path: &Path) -> Result<(Self, Values), Problem> {
        let mut zip = ZipArchive::new(BufReader::new(File::open(path)?)).map_err(damaged)?;
        let prefix = prefix(&zip, path)?;
        let order = entry(&mut zip, &format!("{prefix}byteorder"), 16);
        let is_big_endian = order.is_ok_and(|order| order == b"big");
        let pickle = entry(&mut zip, &format!("{prefix}data.pkl"), MAX_PICKLE)?;
        let (values, _) = Values::read(&pickle)?;
        let archive = Self {
            zip,
            prefix,
            is_big_endian,
        };
        Ok((archive, values))
    }

    /// The bytes of a storage, with their checksum verified.
    pub(super) fn storage(&mut self, key: &str, size: u64) -> Result<Vec<u8>, Problem> {
        let path = format!("{}data/{key}", self.prefix);
        let bytes = entry(&mut self.zip, &path, size)?;
        if bytes.len() as u64 != size {
            return Err(Problem::new(format!(
                "{path} in the archive has {} bytes, expected {size}",
                bytes.len()
            )));
        }
        Ok(bytes)
    }
}

/// The folder of the archive's only `data.pkl`.
fn prefix(zip: &ZipArchive<BufReader<File>>, path: &Path) -> Result<String, Problem> {
    let mut found = None;
    let mut names = Vec::new();
    for name in zip.file_names() {
        let name = name.map_err(damaged)?;
        match name.strip_suffix("data.pkl") {
            Some(prefix) if prefix.is_empty() || prefix.ends_with('/') => {
                if found.replace(prefix.to_owned()).is_some() {
                    return Err(Problem::new(
                        "it is a zip archive with more than one data.pkl",
                    ));
                }
            }
            _ => names.push(name.into_owned()),
        }
    }
    let Some(prefix) = found else {
        return Err(Problem::new(without_pickle(&names, path)));
    };
    // TorchScript keeps the network's code beside its weights.
    let code = format!("{prefix}code/");
    if names.iter().any(|name| name.starts_with(&code)) {
        return Err(Problem::new(format!(
            "it is a TorchScript archive, a network with its code. Save its weights alone: {}",
            python(
                path,
                &format!(
                    "torch.jit.load({}, map_location='cpu').state_dict()",
                    literal(&path.display().to_string())
                )
            )
        )));
    }
    Ok(prefix)
}

/// Names of checkpoints: those of BTS are called `model`.
const CHECKPOINTS: [&str; 7] = [
    "model",
    ".pth",
    ".pt",
    ".ckpt",
    ".tar",
    ".bin",
    ".safetensors",
];

/// What an archive is that is not a checkpoint, and how to unpack the checkpoint in it.
fn without_pickle(names: &[String], path: &Path) -> String {
    let what = "it is a zip archive without data.pkl, not a PyTorch checkpoint";
    let inner = names
        .iter()
        .find(|name| CHECKPOINTS.iter().any(|end| name.ends_with(end)));
    match inner {
        Some(inner) => format!(
            "{what}, but its file {0} may be one. Unpack it and give that file: unzip {1} {0}",
            shell_word(inner),
            shell_word(&path.display().to_string())
        ),
        None => format!(
            "{what}. If the checkpoint is one of its files ({}), unpack it first",
            listed(names.iter().map(String::as_str))
        ),
    }
}

/// One file of the archive, at most `limit` bytes long, with its checksum verified.
fn entry(
    zip: &mut ZipArchive<BufReader<File>>,
    name: &str,
    limit: u64,
) -> Result<Vec<u8>, Problem> {
    let file = zip.by_name(name).map_err(|error| match error {
        ZipError::FileNotFound => Problem::new(format!("the archive lacks its file {name}")),
        other => damaged(other),
    })?;
    // PyTorch stores without compression, so no entry can be larger than the file on disk.
    if file.compression() != CompressionMethod::Stored {
        return Err(Problem::new(format!(
            "{name} in the archive is compressed, which torch.save never does; save it again \
             with PyTorch"
        )));
    }
    if file.size() > limit {
        return Err(Problem::new(format!(
            "{name} in the archive has {} bytes; at most {limit} are expected",
            file.size()
        )));
    }
    let mut bytes = Vec::new();
    // One byte beyond the limit, so the reader reaches the end and verifies the checksum.
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| Problem::new(format!("{name} in the archive is damaged: {error}")))?;
    Ok(bytes)
}

fn damaged(error: ZipError) -> Problem {
    Problem::new(format!("the zip archive is cut short or damaged ({error})"))
}
