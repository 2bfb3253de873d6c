//! An open file of weights: names and shapes at once, values when asked for.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::{DType, Device, Tensor};

use super::format::{Format, detect};
use super::torch::Archive;
use crate::ModelError;

/// Why a file is not read; [`Problem::at`] adds which.
#[derive(Debug)]
pub(super) enum Problem {
    /// A pickle names code.
    Unsafe(String),
    Other(candle_core::Error),
}

impl Problem {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Problem::Other(candle_core::Error::Msg(reason.into()))
    }

    pub(super) fn at(self, path: &Path) -> ModelError {
        let path = path.to_owned();
        match self {
            Problem::Unsafe(callable) => ModelError::UnsafePickle { path, callable },
            Problem::Other(source) => ModelError::Unreadable { path, source },
        }
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Problem::Other(candle_core::Error::Io(error))
    }
}

impl From<candle_core::Error> for Problem {
    fn from(error: candle_core::Error) -> Self {
        Problem::Other(error)
    }
}

/// The tensors of a file.
pub(super) struct WeightFile {
    source: Source,
    /// What stands before every name and is passed over.
    prefix: &'static str,
}

enum Source {
    Tensors(BTreeMap<String, Tensor>),
    Torch(Archive),
}

/// What PyTorch's `DataParallel` puts before every name.
const DATA_PARALLEL: &str = "module.";

impl WeightFile {
    pub(super) fn open(path: &Path) -> Result<Self, ModelError> {
        let source = open(path).map_err(|problem| problem.at(path))?;
        Ok(Self::new(source))
    }

    pub(super) fn of_tensors(tensors: &HashMap<String, Tensor>) -> Self {
        let tensors = tensors
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor.clone()));
        Self::new(Source::Tensors(tensors.collect()))
    }

    fn new(source: Source) -> Self {
        let file = Self { source, prefix: "" };
        let parallel = file
            .shapes()
            .all(|(name, _)| name.starts_with(DATA_PARALLEL));
        Self {
            prefix: if parallel { DATA_PARALLEL } else { "" },
            ..file
        }
    }

    /// Names and shapes, in the order of the names.
    pub(super) fn shapes(&self) -> Box<dyn Iterator<Item = (&str, &[usize])> + '_> {
        let bare = |name| strip(name, self.prefix);
        match &self.source {
            Source::Tensors(tensors) => Box::new(
                tensors
                    .iter()
                    .map(move |(name, tensor)| (bare(name), tensor.dims())),
            ),
            Source::Torch(archive) => {
                Box::new(archive.shapes().map(move |(name, dims)| (bare(name), dims)))
            }
        }
    }

    /// A tensor's values in float32, and the type that the file has them in.
    pub(super) fn read(&mut self, name: &str) -> Result<(Tensor, DType), Problem> {
        let full = format!("{}{name}", self.prefix);
        let tensor = match &mut self.source {
            Source::Tensors(tensors) => tensors.get(&full).cloned(),
            Source::Torch(archive) => archive.read(&full)?,
        };
        let tensor = tensor.ok_or_else(|| Problem::new(format!("there is no tensor {full}")))?;
        let dtype = tensor.dtype();
        if !dtype.is_float() {
            return Err(Problem::new(format!(
                "{name} is of type {}, and parameters are floating-point numbers",
                dtype.as_str()
            )));
        }
        if dtype == DType::F64 && !fits_f32(&tensor)? {
            return Err(Problem::new(format!(
                "{name} holds float64 numbers beyond the range of float32"
            )));
        }
        Ok((tensor.to_dtype(DType::F32)?, dtype))
    }
}

fn open(path: &Path) -> Result<Source, Problem> {
    match detect(path)?.map_err(Problem::new)? {
        Format::Safetensors => {
            let tensors = candle_core::safetensors::load(path, &Device::Cpu)?;
            Ok(Source::Tensors(tensors.into_iter().collect()))
        }
        Format::TorchZip => Ok(Source::Torch(Archive::open(path)?)),
    }
}

fn strip<'a>(name: &'a str, prefix: &str) -> &'a str {
    name.strip_prefix(prefix).unwrap_or(name)
}

fn fits_f32(tensor: &Tensor) -> candle_core::Result<bool> {
    let values: Vec<f64> = tensor.flatten_all()?.to_vec1()?;
    let beyond = |value: f64| value.is_finite() && (value as f32).is_infinite();
    Ok(!values.into_iter().any(beyond))
}
