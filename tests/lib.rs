//! Shared by the parity tests: the golden files and the formula of their inputs (see
//! `goldens/README.md`).
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::{Device, Tensor};
use mde_models::Parameters;

/// One golden file.
#[derive(Debug)]
pub struct Golden {
    tensors: HashMap<String, Tensor>,
    seed_tag: String,
}

impl Golden {
    /// Reads `NAME.safetensors` from `$MDE_GOLDENS`, or from the copy in the repository.
    pub fn open(name: &str) -> Self {
        let folder = std::env::var_os("MDE_GOLDENS").map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/goldens")),
            PathBuf::from,
        );
        let path = folder.join(format!("{name}.safetensors"));
        let bytes =
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        let seed_tag = header.metadata().as_ref().unwrap()["seed_tag"].clone();
        let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).unwrap();
        Self { tensors, seed_tag }
    }

    /// The same, or None with a note that the test was skipped, for files that sets made for
    /// earlier versions do not have.
    #[allow(clippy::print_stdout)]
    pub fn find(name: &str) -> Option<Self> {
        let folder = std::env::var_os("MDE_GOLDENS").map(PathBuf::from);
        if folder.is_some_and(|folder| !folder.join(format!("{name}.safetensors")).exists()) {
            println!("skipped: no {name} in MDE_GOLDENS");
            return None;
        }
        Some(Self::open(name))
    }

    /// The names of the tensors, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.tensors.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The parts of the names before their `/`, sorted: the cases of a file.
    pub fn cases(&self) -> Vec<&str> {
        let mut cases: Vec<_> = self
            .names()
            .iter()
            .filter_map(|name| Some(name.split_once('/')?.0))
            .collect();
        cases.dedup();
        assert!(!cases.is_empty());
        cases
    }

    /// A stored tensor.
    pub fn tensor(&self, name: &str) -> &Tensor {
        self.tensors
            .get(name)
            .unwrap_or_else(|| panic!("no golden tensor {name}"))
    }

    /// A stored tensor, if it exists.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// A stored number.
    pub fn scalar(&self, name: &str) -> f64 {
        self.tensor(name)
            .to_dtype(candle_core::DType::F64)
            .unwrap()
            .to_scalar()
            .unwrap()
    }

    /// `u(name, n)` of the formula: n values in [0, 1).
    pub fn uniform(&self, name: &str, n: usize) -> Vec<f32> {
        let seed = format!("{}/{name}", self.seed_tag)
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        (1..=n as u64)
            .map(|i| {
                let mut z = seed.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
                z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                z ^= z >> 31;
                (z >> 40) as f32 / (1u32 << 24) as f32
            })
            .collect()
    }

    /// `t(name, shape, low, high)` of the formula.
    pub fn input(&self, name: &str, shape: &[usize], low: f32, high: f32) -> Tensor {
        let values = self.uniform(name, shape.iter().product());
        let values: Vec<f32> = values.into_iter().map(|u| low + (high - low) * u).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    /// Gives every parameter of a network the formula's value.
    pub fn fill(&self, parameters: &Parameters) {
        self.fill_as(parameters, |name| Some(name));
    }

    /// The same for parameters whose name in the formula is `name_of(name)`; others are left.
    pub fn fill_as(&self, parameters: &Parameters, name_of: impl Fn(&str) -> Option<&str>) {
        for (name, var) in parameters.all() {
            let Some(name) = name_of(&name) else {
                continue;
            };
            let dims = var.dims().to_vec();
            let scale = |value: f32| match dims.len() {
                4 | 2 => {
                    (2.0 * value - 1.0) * (6.0 / dims[1..].iter().product::<usize>() as f32).sqrt()
                }
                _ if name.ends_with("running_var") => 0.5 + value,
                _ if name.ends_with("running_mean") => (2.0 * value - 1.0) * 0.2,
                _ if name.ends_with(".weight") => 0.4 + 0.4 * value,
                _ => (2.0 * value - 1.0) * 0.1,
            };
            let values = self.uniform(&format!("w/{name}"), var.elem_count());
            let values: Vec<f32> = values.into_iter().map(scale).collect();
            var.set(&Tensor::from_vec(values, dims.as_slice(), &Device::Cpu).unwrap())
                .unwrap();
        }
    }
}

/// Every `step`-th row and column, as the `_subS` tensors.
pub fn every(tensor: &Tensor, step: usize) -> Tensor {
    let (_, _, h, w) = tensor.dims4().unwrap();
    let index =
        |size: usize| Tensor::arange_step(0u32, size as u32, step as u32, &Device::Cpu).unwrap();
    tensor
        .index_select(&index(h), 2)
        .unwrap()
        .index_select(&index(w), 3)
        .unwrap()
}

/// Fails unless the largest difference is within `tolerance` of `expected`'s largest magnitude.
pub fn assert_close(what: &str, found: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(found.dims(), expected.dims(), "{what}");
    let largest = |tensor: &Tensor| {
        let values = tensor.abs().unwrap().flatten_all().unwrap().max(0).unwrap();
        values
            .to_dtype(candle_core::DType::F64)
            .unwrap()
            .to_scalar::<f64>()
            .unwrap()
    };
    let difference = largest(&(found - expected).unwrap()) / largest(expected);
    assert!(
        difference <= tolerance,
        "{what}: off by {difference:e} of the largest magnitude"
    );
}

/// Fails unless the numbers agree within a relative `tolerance`.
pub fn assert_relative(what: &str, found: f64, expected: f64, tolerance: f64) {
    let difference = (found - expected).abs() / expected.abs();
    assert!(
        difference <= tolerance,
        "{what}: {found} instead of {expected}, off by {difference:e}"
    );
}
