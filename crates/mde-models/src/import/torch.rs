//! PyTorch's zip format: an archive with a pickle `NAME/data.pkl` that describes the tensors, and
//! one file `NAME/data/KEY` per storage.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use candle_core::{Device, Tensor};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::pickle::{PickleError, Value, Values};
use super::problem::Problem;
use super::tensor_entry::{Element, TensorEntry, ValueId};

/// Maximum length of a pickle. A tensor takes about 200 bytes.
const MAX_PICKLE: u64 = 16 << 20;
/// Keys of the state dict in checkpoints that also store optimiser state, epoch and so on.
const STATE_DICT_KEYS: [&str; 3] = ["model", "state_dict", "model_state_dict"];
/// Maximum depth of nesting: `{"model": {"state_dict": …}}` occurs.
const MAX_NESTING: usize = 3;

/// An open checkpoint.
pub(super) struct Archive {
    zip: ZipArchive<BufReader<File>>,
    /// Path before `data.pkl` in the archive.
    prefix: String,
    values: Values,
    tensors: BTreeMap<String, ValueId>,
}

impl Archive {
    pub(super) fn open(path: &Path) -> Result<Self, Problem> {
        let mut zip = ZipArchive::new(BufReader::new(File::open(path)?)).map_err(damaged)?;
        let prefix = prefix(&zip)?;
        if let Ok(order) = entry(&mut zip, &format!("{prefix}byteorder"), 16)
            && order != b"little"
        {
            return Err(Problem::new(
                "its numbers are stored in big-endian order, which is not supported",
            ));
        }
        let pickle = entry(&mut zip, &format!("{prefix}data.pkl"), MAX_PICKLE)?;
        let values = Values::read(&pickle).map_err(|error| match error {
            PickleError::Unsafe(name) => Problem::Unsafe(name),
            PickleError::Broken(reason) => Problem::new(reason),
        })?;
        let tensors = state_dict(&values)?;
        Ok(Self {
            zip,
            prefix,
            values,
            tensors,
        })
    }

    /// Names and shapes.
    pub(super) fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.tensors.iter().filter_map(|(name, id)| {
            let entry = entry_of(&self.values, *id)?;
            Some((name.as_str(), entry.dims.as_slice()))
        })
    }

    /// A tensor in its stored type; `None` if there is no such name.
    pub(super) fn read(&mut self, name: &str) -> Result<Option<Tensor>, Problem> {
        let Some(tensor) = self
            .tensors
            .get(name)
            .and_then(|&id| entry_of(&self.values, id))
        else {
            return Ok(None);
        };
        let storage = tensor.storage;
        let Element::Float(dtype) = storage.element else {
            return Err(Problem::new(format!(
                "{name} contains integers; parameters are floating-point numbers"
            )));
        };
        let key = self.values.text(storage.key).unwrap_or_default();
        let path = format!("{}data/{key}", self.prefix);
        let size = (storage.len as u64).saturating_mul(dtype.size_in_bytes() as u64);
        let bytes = entry(&mut self.zip, &path, size)?;
        if bytes.len() as u64 != size {
            return Err(Problem::new(format!(
                "the values of {name} have {} bytes, expected {size}",
                bytes.len()
            )));
        }
        let bytes = gather(tensor, dtype.size_in_bytes(), &bytes);
        let tensor = Tensor::from_raw_buffer(&bytes, dtype, &tensor.dims, &Device::Cpu)?;
        Ok(Some(tensor))
    }
}

fn entry_of(values: &Values, id: ValueId) -> Option<&TensorEntry> {
    match values.get(id) {
        Value::Tensor(entry) => Some(entry),
        _ => None,
    }
}

/// The folder of the archive's only `data.pkl`.
fn prefix(zip: &ZipArchive<BufReader<File>>) -> Result<String, Problem> {
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
    found.ok_or_else(|| {
        Problem::new(format!(
            "it is a zip archive without data.pkl, not a PyTorch checkpoint. If the checkpoint \
             is one of its files ({}), unpack it first",
            listed(names.iter().map(String::as_str))
        ))
    })
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

/// The tensors of the state dict by name, at the top level or nested.
fn state_dict(values: &Values) -> Result<BTreeMap<String, ValueId>, Problem> {
    let mut at = values.root();
    for _ in 0..=MAX_NESTING {
        let Value::Dict(entries) = values.get(at) else {
            break;
        };
        let named = || {
            entries
                .iter()
                .filter_map(|&(key, value)| Some((values.text(key)?, value)))
        };
        let tensors: BTreeMap<String, ValueId> = named()
            .filter(|(_, value)| matches!(values.get(*value), Value::Tensor(_)))
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let nested = STATE_DICT_KEYS.iter().find_map(|wanted| {
            named().find(|(name, value)| {
                name == wanted && matches!(values.get(*value), Value::Dict(_))
            })
        });
        match nested {
            Some((_, value)) => at = value,
            None if tensors.is_empty() => {
                return Err(Problem::new(format!(
                    "it contains no named tensors: its keys are {}; a state dict is expected there \
                     or under {}",
                    listed(named().map(|(name, _)| name)),
                    STATE_DICT_KEYS.join(", ")
                )));
            }
            None => return Ok(tensors),
        }
    }
    Err(Problem::new(
        "it contains no state dict; save model.state_dict(), not the model",
    ))
}

/// The first few names for a message.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 10;
    let mut names: Vec<String> = names
        .take(SHOWN + 1)
        .map(|name| name.escape_debug().take(60).collect())
        .collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    if names.len() > SHOWN {
        names[SHOWN] = "…".to_owned();
    }
    names.join(", ")
}

/// The bytes of a tensor's elements in row-major order; each element has `width` bytes.
fn gather(tensor: &TensorEntry, width: usize, storage: &[u8]) -> Vec<u8> {
    let elements = tensor.elements().unwrap_or(0);
    if elements == 0 {
        return Vec::new();
    }
    if tensor.is_contiguous() {
        return storage[tensor.offset * width..][..elements * width].to_vec();
    }
    let mut bytes = Vec::with_capacity(elements * width);
    let mut index = vec![0; tensor.dims.len()];
    for _ in 0..elements {
        let offset: usize = index.iter().zip(&tensor.strides).map(|(i, s)| i * s).sum();
        bytes.extend_from_slice(&storage[(tensor.offset + offset) * width..][..width]);
        for (index, dim) in index.iter_mut().zip(&tensor.dims).rev() {
            *index += 1;
            if *index < *dim {
                break;
            }
            *index = 0;
        }
    }
    bytes
}
