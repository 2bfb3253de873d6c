//! From files to values: every failure names the file and the command that writes it.

use std::io::ErrorKind;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};
use serde::de::DeserializeOwned;

use crate::ReportError;

/// A file of a run folder and the command that writes it.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub path: &'a Path,
    pub command: &'a str,
}

impl Source<'_> {
    pub(crate) fn malformed(&self, problem: impl Into<String>) -> ReportError {
        ReportError::Malformed {
            path: self.path.to_owned(),
            problem: problem.into(),
            command: self.command.to_owned(),
        }
    }

    pub(crate) fn bytes(&self) -> Result<Vec<u8>, ReportError> {
        self.bytes_if_there()?
            .ok_or_else(|| ReportError::StageMissing {
                path: self.path.to_owned(),
                command: self.command.to_owned(),
            })
    }

    /// `None` where there is no such file: the stage was not run.
    pub(crate) fn bytes_if_there(&self) -> Result<Option<Vec<u8>>, ReportError> {
        match std::fs::read(self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ReportError::Read {
                path: self.path.to_owned(),
                source,
            }),
        }
    }

    /// The document in `bytes`, once its format number is the expected one.
    pub(crate) fn json(
        &self,
        bytes: &[u8],
        expected: u32,
    ) -> Result<serde_json::Value, ReportError> {
        let json: serde_json::Value = serde_json::from_slice(bytes)
            .map_err(|error| self.malformed(format!("not valid JSON ({error})")))?;
        // The number is looked at before the rest, since another format may lack the fields that this one expects.
        match json.get("format") {
            Some(format) if *format == expected => Ok(json),
            found => Err(ReportError::Format {
                path: self.path.to_owned(),
                found: found.map_or("none".to_owned(), ToString::to_string),
                expected,
                command: self.command.to_owned(),
            }),
        }
    }

    pub(crate) fn parsed<T: DeserializeOwned>(
        &self,
        json: serde_json::Value,
    ) -> Result<T, ReportError> {
        serde_json::from_value(json)
            .map_err(|error| self.malformed(format!("not what this stage writes ({error})")))
    }

    /// The pictures in the safetensors file.
    pub(crate) fn pictures<T>(
        &self,
        parse: impl Fn(&Pictures<'_>) -> Result<T, String>,
    ) -> Result<T, ReportError> {
        let bytes = self.bytes()?;
        Pictures::open(&bytes)
            .and_then(|pictures| parse(&pictures))
            .map_err(|problem| self.malformed(problem))
    }
}

/// A safetensors file with pictures, whose metadata `ids` names them.
pub(crate) struct Pictures<'file> {
    tensors: SafeTensors<'file>,
    pub ids: Vec<String>,
}

impl<'file> Pictures<'file> {
    fn open(bytes: &'file [u8]) -> Result<Self, String> {
        let broken = |error| format!("not a whole safetensors file ({error})");
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(broken)?;
        let ids = metadata
            .metadata()
            .as_ref()
            .and_then(|entries| entries.get("ids"));
        let ids = ids.ok_or("the metadata has no \"ids\"")?;
        let ids = serde_json::from_str(ids)
            .map_err(|error| format!("the metadata's \"ids\" is no JSON array ({error})"))?;
        Ok(Self { tensors, ids })
    }

    /// Bytes and shape of a tensor of the expected element type.
    pub(crate) fn tensor(
        &self,
        name: &str,
        dtype: Dtype,
    ) -> Result<(&'file [u8], Vec<usize>), String> {
        let view = self
            .tensors
            .tensor(name)
            .map_err(|_| format!("tensor {name} is missing"))?;
        if view.dtype() != dtype {
            return Err(format!(
                "tensor {name} is {:?} where {dtype:?} is expected",
                view.dtype()
            ));
        }
        Ok((view.data(), view.shape().to_vec()))
    }

    /// A tensor of the expected shape.
    pub(crate) fn shaped(
        &self,
        name: &str,
        dtype: Dtype,
        expected: &[usize],
    ) -> Result<&'file [u8], String> {
        let (data, shape) = self.tensor(name, dtype)?;
        if shape != expected {
            return Err(format!(
                "{name} has shape {shape:?} where {expected:?} is expected"
            ));
        }
        Ok(data)
    }

    /// An f32 tensor of the expected shape.
    pub(crate) fn floats(&self, name: &str, expected: &[usize]) -> Result<Vec<f32>, String> {
        let data = self.shaped(name, Dtype::F32, expected)?;
        let (numbers, _) = data.as_chunks::<4>();
        Ok(numbers
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect())
    }

    /// An i32 tensor of the expected shape.
    pub(crate) fn integers(&self, name: &str, expected: &[usize]) -> Result<Vec<i32>, String> {
        let data = self.shaped(name, Dtype::I32, expected)?;
        let (numbers, _) = data.as_chunks::<4>();
        Ok(numbers
            .iter()
            .map(|bytes| i32::from_le_bytes(*bytes))
            .collect())
    }

    /// The photograph `INDEX/rgb`.
    pub(crate) fn photograph(&self, index: usize) -> Result<Photograph, String> {
        let name = format!("{index}/rgb");
        let (rgb, shape) = self.tensor(&name, Dtype::U8)?;
        let [height, width, 3] = shape[..] else {
            return Err(format!(
                "{name} has shape {shape:?} where [height, width, 3] is expected"
            ));
        };
        if height == 0 || width == 0 {
            return Err(format!("{name} is an empty image, shape {shape:?}"));
        }
        Ok(Photograph {
            id: self.ids[index].clone(),
            height,
            width,
            rgb: rgb.to_vec(),
        })
    }
}

/// A test image.
#[derive(Debug, Clone)]
pub struct Photograph {
    /// Identifier of the image in its list.
    pub id: String,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `[height, width, 3]`, 8-bit RGB.
    pub rgb: Vec<u8>,
}
