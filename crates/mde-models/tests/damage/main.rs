//! Thousands of damaged weight files: an error that names the file and changes no parameter, or a
//! complete load; never a panic, and memory in proportion to the file.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../weights/pth.rs"]
#[allow(dead_code)] // the other tests of weights use the rest
mod pth;

use std::collections::HashMap;
use std::fs;

use candle_core::{Device, Tensor};
use candle_nn::Init;
use mde_models::{LoadReport, Parameters};

#[global_allocator]
static ALLOCATOR: mde_test_kit::Counting = mde_test_kit::Counting;

const ROUNDS: u64 = 4000;
/// Memory limit per byte of a file: its numbers as stored and as float32, and the archive's tables.
const MEMORY_PER_BYTE: usize = 64;
const BUFFERS: usize = 1 << 20;

const SHAPES: [(&str, [usize; 2]); 3] = [
    ("conv.weight", [4, 6]),
    ("conv.bias", [1, 4]),
    ("bn.weight", [3, 1]),
];

fn parameters() -> Parameters {
    let parameters = Parameters::new(0, &Device::Cpu);
    let builder = parameters.builder();
    for (name, dims) in SHAPES {
        builder
            .get_with_hints(&dims, name, Init::Const(0.5))
            .unwrap();
    }
    parameters
}

fn untouched(parameters: &Parameters) -> bool {
    parameters.all().values().all(|values| {
        let values: Vec<f32> = values.flatten_all().unwrap().to_vec1().unwrap();
        values.iter().all(|&value| value == 0.5)
    })
}

fn entries() -> Vec<pth::Entry> {
    let entries = SHAPES.map(|(name, dims)| {
        let values: Vec<f32> = (0..dims[0] * dims[1]).map(|i| i as f32).collect();
        pth::floats(name, &dims, &values)
    });
    entries.into()
}

/// A checkpoint of the newest protocol with objects that only code could build.
fn with_objects() -> Vec<u8> {
    let object = pth::Pickle(Vec::new(), 5)
        .global("numpy._core.multiarray", "scalar")
        .raw(b"(K\x07t\x81}")
        .text("state")
        .raw(b"K\x01sb");
    let pickle = pth::dictionary(&[
        ("best", object),
        ("model", pth::state_dict_in(5, &entries())),
    ]);
    pth::checkpoint_of(pickle, &entries())
}

fn safetensors(folder: &std::path::Path) -> Vec<u8> {
    let tensors: HashMap<_, _> = SHAPES
        .map(|(name, dims)| {
            let values: Vec<f32> = (0..dims[0] * dims[1]).map(|i| i as f32).collect();
            (
                name.to_owned(),
                Tensor::from_vec(values, &dims, &Device::Cpu).unwrap(),
            )
        })
        .into_iter()
        .collect();
    let path = folder.join("whole.safetensors");
    candle_core::safetensors::save(&tensors, &path).unwrap();
    fs::read(path).unwrap()
}

/// The only test of this binary, because memory is counted over all threads.
#[test]
fn damaged_weights_are_refused_or_loaded_completely() {
    let folder = tempfile::tempdir().unwrap();
    for (name, whole) in [
        ("checkpoint.pth", pth::checkpoint(&entries())),
        ("objects.pth", with_objects()),
        ("legacy.pth", pth::legacy(&entries())),
        ("weights.safetensors", safetensors(folder.path())),
    ] {
        let path = folder.path().join(name);
        let (mut refused, mut taken) = (0, 0);
        for seed in 0..ROUNDS {
            let bytes = mde_test_kit::damaged(&whole, &mut mde_test_kit::rng(seed));
            fs::write(&path, &bytes).unwrap();
            let parameters = parameters();
            let (loaded, memory) = mde_test_kit::peak_of(|| parameters.load(&path));
            let bound = MEMORY_PER_BYTE * bytes.len() + BUFFERS;
            assert!(
                memory <= bound,
                "{name}, seed {seed}: {memory} bytes for {}",
                bytes.len()
            );
            match loaded {
                Ok(keys) => {
                    assert!(LoadReport::is_match(&keys), "{name}, seed {seed}");
                    taken += 1;
                }
                Err(error) => {
                    let message = error.to_string();
                    assert!(message.contains(name), "{name}, seed {seed}: {message}");
                    assert!(untouched(&parameters), "{name}, seed {seed}");
                    refused += 1;
                }
            }
            // The network has no encoder, so loading as a backbone is an error.
            assert!(parameters.load_backbone(&path).is_err());
        }
        // Damage to a number is not detected; most other damage is.
        assert!(
            refused > ROUNDS / 4 && taken > 0,
            "{name}: {refused} refused, {taken} taken"
        );
    }
}
