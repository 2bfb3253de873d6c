//! An open weight file: names and shapes are read at once, values on demand.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::{DType, Device, Tensor};

use super::advice::{literal, python};
use super::checkpoint::Checkpoint;
use super::format::{Format, detect, in_parts};
use super::problem::Problem;
use crate::error::ModelError;
use crate::load_report::LoadReport;

/// The tensors of a weight file, in one dictionary or more.
pub(super) enum WeightFile {
    Tensors(BTreeMap<String, Tensor>),
    Torch(Box<Checkpoint>),
}

impl WeightFile {
    pub(super) fn open(path: &Path) -> Result<Self, ModelError> {
        open(path).map_err(|problem| problem.at(path))
    }

    pub(super) fn from_tensors(tensors: &HashMap<String, Tensor>) -> Self {
        let tensors = tensors
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor.clone()));
        Self::Tensors(tensors.collect())
    }

    /// Number of dictionaries.
    pub(super) fn dictionaries(&self) -> usize {
        match self {
            Self::Tensors(_) => 1,
            Self::Torch(checkpoint) => checkpoint.dictionaries(),
        }
    }

    /// Names and shapes in a dictionary, ordered by name. An entry without a shape is an object
    /// that was not built.
    pub(super) fn shapes(
        &self,
        dictionary: usize,
    ) -> Box<dyn Iterator<Item = (&str, Option<&[usize]>)> + '_> {
        match self {
            Self::Tensors(tensors) => Box::new(
                tensors
                    .iter()
                    .map(|(name, tensor)| (name.as_str(), Some(tensor.dims()))),
            ),
            Self::Torch(checkpoint) => Box::new(checkpoint.shapes(dictionary)),
        }
    }

    /// The keys that lead to a dictionary; empty at the top level.
    pub(super) fn place(&self, dictionary: usize) -> String {
        match self {
            Self::Tensors(_) => String::new(),
            Self::Torch(checkpoint) => checkpoint.place(dictionary),
        }
    }

    /// The tensors of a dictionary whose names begin with a prefix, for a message.
    pub(super) fn label(&self, dictionary: usize, prefix: &str) -> String {
        match (self.place(dictionary), prefix) {
            (place, "") if place.is_empty() => "names without a prefix".to_owned(),
            (place, "") => place,
            (place, prefix) if place.is_empty() => format!("{prefix}*"),
            (place, prefix) => format!("{place}: {prefix}*"),
        }
    }

    /// Adds to the report where the weights are and what else the file holds.
    pub(super) fn describe(&self, dictionary: usize, report: &mut LoadReport) {
        report.place = self.place(dictionary);
        if let Self::Torch(checkpoint) = self {
            report.skipped = checkpoint.code().into_iter().collect();
        }
    }

    /// A command that saves the tensors of a dictionary whose names begin with a prefix.
    pub(super) fn extraction(&self, dictionary: usize, prefix: &str, path: &Path) -> String {
        let start = literal(prefix);
        let with_prefix =
            |all: &str| format!("{{k: v for k, v in {all}.items() if k.startswith({start})}}");
        match self {
            Self::Tensors(_) => format!(
                "python3 -c \"from safetensors.torch import load_file, save_file; \
                 save_file({}, 'weights_1.safetensors')\"",
                with_prefix(&format!(
                    "load_file({})",
                    literal(&path.display().to_string())
                ))
            ),
            Self::Torch(checkpoint) => {
                let all = checkpoint.expression(dictionary, path);
                match prefix.is_empty() {
                    true => python(path, &all),
                    false => python(path, &with_prefix(&all)),
                }
            }
        }
    }

    /// Why nothing in the file can be read, if only code could build what it holds.
    pub(super) fn unreadable(&self, path: &Path) -> Option<Problem> {
        let Self::Torch(checkpoint) = self else {
            return None;
        };
        checkpoint.hidden_weights(path).or_else(|| {
            let callable = checkpoint.code().into_iter().next()?;
            let advice = String::new();
            let is_empty = (0..checkpoint.dictionaries())
                .all(|at| checkpoint.shapes(at).all(|(_, dims)| dims.is_none()));
            is_empty.then_some(Problem::Code { callable, advice })
        })
    }

    /// The error of a file that does not fit, if the reason is a tensor that cannot be read:
    /// `unbuilt`, or one that is damaged.
    pub(super) fn unreadable_tensor(
        &mut self,
        dictionary: usize,
        unbuilt: Option<&str>,
        path: &Path,
    ) -> Option<Problem> {
        match (unbuilt, &*self) {
            (Some(name), _) => self.read(dictionary, name, path).err(),
            (None, Self::Torch(checkpoint)) if dictionary < self.dictionaries() => {
                checkpoint.damaged(dictionary)
            }
            _ => None,
        }
    }

    /// A tensor's values as float32, and their type in the file.
    pub(super) fn read(
        &mut self,
        dictionary: usize,
        name: &str,
        path: &Path,
    ) -> Result<(Tensor, DType), Problem> {
        let tensor = match self {
            Self::Tensors(tensors) => tensors.get(name).cloned(),
            Self::Torch(checkpoint) => checkpoint.read(dictionary, name, path)?,
        };
        let tensor = tensor.ok_or_else(|| Problem::new(format!("tensor {name} is missing")))?;
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

fn open(path: &Path) -> Result<WeightFile, Problem> {
    if path.is_file()
        && let Some(parts) = in_parts(path)
    {
        return Err(Problem::new(parts));
    }
    Ok(match detect(path)?.map_err(Problem::new)? {
        Format::Safetensors => {
            let tensors = candle_core::safetensors::load(path, &Device::Cpu)
                .map_err(|error| Problem::new(format!("it is cut short or damaged ({error})")))?;
            WeightFile::Tensors(tensors.into_iter().collect())
        }
        Format::TorchZip => WeightFile::Torch(Box::new(Checkpoint::open_archive(path)?)),
        Format::TorchLegacy => WeightFile::Torch(Box::new(Checkpoint::open_legacy(path)?)),
    })
}

fn fits_f32(tensor: &Tensor) -> candle_core::Result<bool> {
    let values: Vec<f64> = tensor.flatten_all()?.to_vec1()?;
    let beyond = |value: f64| value.is_finite() && (value as f32).is_infinite();
    Ok(!values.into_iter().any(beyond))
}
