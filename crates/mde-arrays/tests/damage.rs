//! Thousands of damaged files of every format: an array or an error that names the file, never a panic, and memory in
//! proportion to the file. A binary of its own, since it counts what is allocated.
#![allow(clippy::unwrap_used, missing_docs)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use mde_arrays::{ArrayError, ArrayFile, MapSet};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Counts the bytes that are allocated, and the most that ever were.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is handed on to the system's allocator unchanged.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(
            NOW.fetch_add(layout.size(), Relaxed) + layout.size(),
            Relaxed,
        );
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Fixtures and how much memory a damaged copy of one may take: so much for each of its bytes, beside some for buffers.
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
    // Its header is JSON, which takes more in memory.
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

/// A damaged copy: flipped bits, a number overwritten by an extreme one, a part cut out, doubled or swapped, the end cut off.
fn damaged(bytes: &[u8], random: &mut impl Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..random.random_range(1..4) {
        // Headers are where harm is done: half of all damage is in the first 200 bytes.
        let end = if random.random() {
            bytes.len().min(200)
        } else {
            bytes.len()
        };
        if end == 0 {
            break;
        }
        let at = random.random_range(0..end);
        match random.random_range(0..7) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = random.random(),
            2 => bytes.truncate(at),
            3 => {
                let extreme: u64 = [0, 1, u64::MAX, u64::MAX >> 1, 1 << 31, 1 << 32, 0xffff]
                    [random.random_range(0..7)];
                let size = [2, 4, 8][random.random_range(0..3)].min(bytes.len() - at);
                bytes[at..at + size].copy_from_slice(&extreme.to_le_bytes()[..size]);
            }
            4 => {
                // A digit more or another: sizes in headers that are text.
                if let Some(digit) = bytes[at..].iter().position(u8::is_ascii_digit) {
                    bytes[at + digit] = b'0' + random.random_range(0..10);
                }
            }
            5 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            _ => {
                let to = random.random_range(at..end);
                bytes.drain(at..to);
            }
        }
    }
    bytes
}

/// Writes a new file: to overwrite one takes many a file system a hundred times as long.
fn write(path: &Path, bytes: &[u8]) {
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
}

/// Reads all there is, in every way there is; whatever fails must name the file.
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

/// What was read; an error must name the file, in a message that one can read.
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
        let mut random = ChaCha8Rng::seed_from_u64(number as u64);
        let mut errors = 0;
        for round in 0..ROUNDS {
            let bytes = damaged(&sound, &mut random);
            write(&path, &bytes);
            let before = NOW.load(Relaxed);
            MOST.store(before, Relaxed);
            errors += usize::from(named(read_all(&path)).is_none());
            let taken = MOST.load(Relaxed) - before;
            assert!(
                taken <= factor * bytes.len() + BUFFERS,
                "{name}, round {round}: {taken} bytes for a file of {}",
                bytes.len()
            );
        }
        // Values may change unseen where there is no checksum; most damage must be seen.
        assert!(
            errors > ROUNDS / 2,
            "{name}: only {errors} of {ROUNDS} were seen"
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
