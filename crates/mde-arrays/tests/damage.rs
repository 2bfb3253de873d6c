//! Reads thousands of damaged files of every format. Each gives an array or an error that names the
//! file, never a panic, and memory stays in proportion to the file. A separate binary, because it
//! counts allocations.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::Path;

use mde_arrays::{ArrayError, ArrayFile, MapSet};

#[global_allocator]
static ALLOCATOR: mde_test_kit::Counting = mde_test_kit::Counting;

/// Maximum memory per byte of a damaged file, besides buffers.
const UNCOMPRESSED: usize = 16;
const COMPRESSED: usize = 20 * 1000;
const BUFFERS: usize = 2 << 20;

const FILES: [(&str, usize); 21] = [
    ("version1.npy", UNCOMPRESSED),
    ("version3.npy", UNCOMPRESSED),
    ("fortran_3d.npy", UNCOMPRESSED),
    ("stack.npy", UNCOMPRESSED),
    ("little.pfm", UNCOMPRESSED),
    ("big.pfm", UNCOMPRESSED),
    // The JSON header takes more memory than its length.
    ("features.safetensors", 100),
    ("types.safetensors", 100),
    ("two.npz", COMPRESSED),
    ("stack.npz", COMPRESSED),
    ("compressed.npz", COMPRESSED),
    ("stack_compressed.npz", COMPRESSED),
    ("grey8.png", COMPRESSED),
    ("grey16.png", COMPRESSED),
    ("none.exr", COMPRESSED),
    ("rle.exr", COMPRESSED),
    ("zip.exr", COMPRESSED),
    ("piz.exr", COMPRESSED),
    ("pxr24.exr", COMPRESSED),
    ("tiled.exr", COMPRESSED),
    ("render.exr", COMPRESSED),
];

const ROUNDS: usize = 1500;

/// Writes a new file, because overwriting is a hundred times slower on some file systems.
fn write(path: &Path, bytes: &[u8]) {
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
}

/// Reads all arrays in every way; each error must name the file.
fn read_all(path: &Path) -> Result<(), ArrayError> {
    let file = ArrayFile::open(path)?;
    let mut result = Ok(());
    for (name, shape) in file.members() {
        match file.read(Some(name)) {
            Ok(array) => {
                assert_eq!(array.shape, shape);
                assert_eq!(array.values.len(), shape.iter().product::<usize>());
            }
            Err(error) => result = Err(error),
        }
        if shape.first().is_some_and(|count| *count > 0) {
            named(file.read_slice(Some(name), shape[0] - 1));
        }
    }
    if let Some(maps) = named(MapSet::open(path, None)) {
        for id in maps.ids().iter().take(10) {
            named(maps.load(id));
        }
    }
    result
}

/// Returns the result; an error must name the file in a short message.
fn named<T>(result: Result<T, ArrayError>) -> Option<T> {
    if let Err(error) = &result {
        let message = error.to_string();
        assert!(message.contains("damaged copy"), "{message}");
        assert!(message.len() < 2000, "{message}");
    }
    result.ok()
}

#[test]
fn damaged_files_are_errors_that_name_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged copy");
    for (number, (name, factor)) in FILES.iter().enumerate() {
        let sound = fs::read(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/fixtures")
                .join(name),
        )
        .unwrap();
        let mut random = mde_test_kit::rng(number as u64);
        let mut errors = 0;
        for round in 0..ROUNDS {
            let bytes = mde_test_kit::damaged(&sound, &mut random);
            write(&path, &bytes);
            let (read, taken) = mde_test_kit::peak_of(|| named(read_all(&path)));
            errors += usize::from(read.is_none());
            assert!(
                taken <= factor * bytes.len() + BUFFERS,
                "{name}, round {round}: {taken} bytes for a file of {}",
                bytes.len()
            );
        }
        // Changed values are not detected without a checksum, and most bytes are values.
        assert!(
            errors > ROUNDS / 3,
            "{name}: only {errors} of {ROUNDS} were detected"
        );
    }
}

#[test]
fn every_truncation_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged copy");
    for (name, _) in FILES {
        let sound = fs::read(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/fixtures")
                .join(name),
        )
        .unwrap();
        for length in 0..sound.len() {
            write(&path, &sound[..length]);
            let member = ArrayFile::open(&path).and_then(|file| {
                let names: Vec<String> = file.members().map(|(name, _)| name.to_owned()).collect();
                names
                    .iter()
                    .try_for_each(|name| file.read(Some(name)).map(drop))
            });
            assert!(
                member.is_err(),
                "{name} cut to {length} of {} bytes",
                sound.len()
            );
        }
    }
}
