//! An open weight file: names and shapes are read at once, values on demand.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::{DType, Device, Tensor};

use super::format::{Format, detect};
use super::problem::Problem;
use super::torch::Archive;
use crate::error::ModelError;

/// The tensors of a weight file.
pub(super) struct WeightFile {
    source: Source,
    /// Prefix of all names, which is removed.
    prefix: &'static str,
}

enum Source {
    Tensors(BTreeMap<String, Tensor>),
    Torch(Archive),
}

/// Prefix that PyTorch's `DataParallel` adds to all names.
const DATA_PARALLEL: &str = "module.";

impl WeightFile {
    pub(super) fn open(path: &Path) -> Result<Self, ModelError> {
        let source = open(path).map_err(|problem| problem.at(path))?;
        Ok(Self::new(source))
    }

    pub(super) fn from_tensors(tensors: &HashMap<String, Tensor>) -> Self {
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

    /// Names and shapes, ordered by name.
    pub(super) fn shapes(&self) -> Box<dyn Iterator<Item = (&str, &[usize])> + '_> {
        let stripped = |name| strip(name, self.prefix);
        match &self.source {
            Source::Tensors(tensors) => Box::new(
                tensors
                    .iter()
                    .map(move |(name, tensor)| (stripped(name), tensor.dims())),
            ),
            Source::Torch(archive) => Box::new(
                archive
                    .shapes()
                    .map(move |(name, dims)| (stripped(name), dims)),
            ),
        }
    }

    /// A tensor's values as float32, and their type in the file.
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
                "{name} has type {}; parameters are floating-point numbers",
                dtype.as_str()
            )));
        }
        if dtype == DType::F64 && !fits_f32(&tensor)? {
            return Err(Problem::new(format!(
                "{name} contains float64 values beyond the range of float32"
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
