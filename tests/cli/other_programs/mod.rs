//! Predictions and activations stored by another program, and explanations of numbers.

mod axes;
mod explained;
mod features;
mod layers;
mod predictions;
mod python;
mod stored_reports;

use std::path::PathBuf;

use mde_arrays::Map;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use crate::place::Place;

/// A golden file, from the folder that the environment names, or from the repository.
pub(super) fn golden(name: &str) -> PathBuf {
    let folder = std::env::var_os("MDE_GOLDENS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens")),
        PathBuf::from,
    );
    folder.join(format!("{name}.safetensors"))
}

/// The float64 values of a golden tensor.
pub(super) fn doubles(file: &[u8], name: &str) -> Vec<f64> {
    let tensors = SafeTensors::deserialize(file).unwrap();
    let tensor = tensors.tensor(name).unwrap();
    let (numbers, _) = tensor.data().as_chunks();
    match tensor.dtype() {
        Dtype::F64 => numbers.iter().map(|n| f64::from_le_bytes(*n)).collect(),
        Dtype::I64 => numbers
            .iter()
            .map(|n| i64::from_le_bytes(*n) as f64)
            .collect(),
        other => panic!("{name} is {other}"),
    }
}

pub(super) fn assert_close(found: f64, expected: f64, what: &str) {
    let bound = 1e-5 * expected.abs().max(found.abs());
    assert!(
        (found - expected).abs() <= bound,
        "{what}: found {found}, expected {expected}"
    );
}

/// A 6x8 ground truth and predictions of it in many forms, all with the same depth.
pub(super) struct Guises {
    pub(super) place: Place,
}

pub(super) const SIZE: (usize, usize) = (6, 8);

pub(super) fn map(value: impl Fn(usize) -> f32) -> Map {
    Map {
        height: SIZE.0,
        width: SIZE.1,
        values: (0..SIZE.0 * SIZE.1).map(value).collect(),
    }
}

/// Depths from 1 to 5.7 m, the first pixel not measured.
pub(super) fn truth(pixel: usize) -> f32 {
    if pixel == 0 {
        0.0
    } else {
        1.0 + pixel as f32 / 10.0
    }
}

impl Guises {
    pub(super) fn new() -> Self {
        let place = Place::empty();
        for name in ["a/1", "a/2"] {
            place.write(&format!("gt/{name}.npy"), map(truth).to_npy());
        }
        Self { place }
    }

    /// Writes both predictions and evaluates them.
    pub(super) fn evaluate(
        &self,
        folder: &str,
        pred: impl Fn(usize) -> f32 + Copy,
        options: &str,
    ) -> Value {
        for name in ["1", "2"] {
            self.place
                .write(&format!("{folder}/{name}.npy"), map(pred).to_npy());
        }
        self.place.json(&format!(
            "evaluate --pred {folder} --gt gt --protocol nyu-full {options}"
        ))
    }
}
