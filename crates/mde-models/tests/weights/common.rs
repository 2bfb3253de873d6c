//! Parameters and files for the tests.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use candle_nn::Init;
use mde_models::{LoadReport, ModelError, Parameters};
use tempfile::TempDir;

/// Parameters of these names and shapes, all of them 0.5.
pub(crate) fn parameters<S: AsRef<str>>(shapes: &[(S, Vec<usize>)]) -> Parameters {
    let parameters = Parameters::new(0, &Device::Cpu);
    let builder = parameters.builder();
    for (name, dims) in shapes {
        builder
            .get_with_hints(dims.as_slice(), name.as_ref(), Init::Const(0.5))
            .unwrap();
    }
    parameters
}

/// Parameters with these names and one value each.
pub(crate) fn named<S: AsRef<str>>(names: &[S]) -> Parameters {
    let shapes: Vec<_> = names.iter().map(|name| (name.as_ref(), vec![1])).collect();
    parameters(&shapes)
}

pub(crate) fn values(parameters: &Parameters, name: &str) -> Vec<f32> {
    let var = &parameters.all()[name];
    var.flatten_all().unwrap().to_vec1().unwrap()
}

pub(crate) fn untouched(parameters: &Parameters) -> bool {
    let all = parameters.all();
    all.keys()
        .all(|name| values(parameters, name).iter().all(|&value| value == 0.5))
}

/// A file in its own temporary folder.
pub(crate) struct Saved {
    _dir: TempDir,
    pub(crate) path: PathBuf,
}

pub(crate) fn saved(name: &str, bytes: &[u8]) -> Saved {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    Saved { _dir: dir, path }
}

pub(crate) fn safetensors(tensors: &HashMap<String, Tensor>) -> Saved {
    let saved = saved("weights.safetensors", b"");
    candle_core::safetensors::save(tensors, &saved.path).unwrap();
    saved
}

/// One value under each name, the first 0, the next 1 and so on.
pub(crate) fn numbered<S: AsRef<str>>(names: &[S]) -> HashMap<String, Tensor> {
    let tensor = |value: usize| Tensor::new(&[value as f32], &Device::Cpu).unwrap();
    let numbered = names.iter().enumerate();
    numbered
        .map(|(value, name)| (name.as_ref().to_owned(), tensor(value)))
        .collect()
}

pub(crate) fn load(parameters: &Parameters, bytes: &[u8]) -> Result<LoadReport, ModelError> {
    parameters.load(&saved("checkpoint.pth", bytes).path)
}

/// The message of a failed load, after checking that it names the file and that no parameter
/// changed.
pub(crate) fn refused(parameters: &Parameters, bytes: &[u8]) -> String {
    let file = saved("checkpoint.pth", bytes);
    refusal(parameters, &file.path, parameters.load(&file.path))
}

pub(crate) fn refusal(
    parameters: &Parameters,
    path: &Path,
    loaded: Result<LoadReport, ModelError>,
) -> String {
    let message = loaded.unwrap_err().to_string();
    assert!(message.contains(&path.display().to_string()), "{message}");
    assert!(untouched(parameters), "{message}");
    message
}

#[track_caller]
pub(crate) fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

pub(crate) use mde_test_kit::real_data as shared;
