//! What to examine, and what the program inspects for it.

use std::ffi::OsString;
use std::path::Path;

use serde_json::Value;

/// What to examine.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct DoctorOptions {
    /// Additional data set to examine: KIND:DIR, or DIR with a dataset.toml; repeatable.
    #[cfg_attr(feature = "cli", arg(long, value_name = "[KIND:]DIR"))]
    pub data: Vec<String>,
    /// Decode every image and depth map, which takes minutes for a large data set.
    #[cfg_attr(feature = "cli", arg(long))]
    pub decode: bool,
}

/// What a program inspects for an examination, as its command `mde inspect` does.
#[derive(Debug, Clone, Copy)]
pub enum Inspected<'a> {
    /// A data set.
    Data {
        /// KIND:DIR, or DIR with a dataset.toml.
        spec: &'a str,
        /// Whether to decode every image.
        decode: bool,
    },
    /// A file of weights.
    Weights {
        /// The file.
        file: &'a Path,
        /// The network that it should fit.
        model: &'a str,
    },
}

impl Inspected<'_> {
    /// The command line of `mde` that inspects it, without the program's name.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["inspect".into()];
        match *self {
            Self::Data { spec, decode } => {
                arguments.extend(["--data", spec].map(OsString::from));
                arguments.extend(decode.then_some("--decode".into()));
            }
            Self::Weights { file, model } => {
                arguments.extend(["--weights".into(), file.as_os_str().to_owned()]);
                arguments.extend(["--model", model].map(OsString::from));
            }
        }
        arguments
    }
}

/// Why a program could not inspect.
#[derive(Debug, Clone)]
pub enum InspectError {
    /// The program that inspects cannot be built; nothing else is inspected.
    NoProgram(String),
    /// This inspection failed.
    Failed(String),
}

/// What a program does for an inspection: it returns the document of `mde inspect --json`.
pub type Inspect<'a> = dyn Fn(Inspected<'_>) -> Result<Value, InspectError> + 'a;
