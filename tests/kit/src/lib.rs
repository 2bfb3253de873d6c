//! Shared by the tests of several crates: paths of real data, official splits, damaged files, and
//! peak memory.
//!
//! ```ignore
//! #[global_allocator]
//! static ALLOCATOR: mde_test_kit::Counting = mde_test_kit::Counting;
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A file or folder of the shared real data (`$MDE_DATA`, else `shared` next to the repository), or
/// None with a note that the test was skipped.
#[allow(clippy::print_stdout)]
pub fn real_data(path: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let path = std::env::var_os("MDE_DATA")
        .map_or(beside, PathBuf::from)
        .join(path);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: no data");
    None
}

/// A Python that has these modules: `$MDE_PYTHON`, else `python3`. None with a note that the test
/// was skipped.
///
/// # Panics
/// If there is none and `MDE_REQUIRE_PYTHON` is set, unless a module is not NumPy.
#[allow(clippy::print_stdout)]
pub fn python(modules: &[&str]) -> Option<PathBuf> {
    let program = std::env::var_os("MDE_PYTHON").map_or("python3".into(), PathBuf::from);
    let import = format!("import {}", modules.join(", "));
    let imported = Command::new(&program).args(["-c", &import]).output();
    if imported.is_ok_and(|output| output.status.success()) {
        return Some(program);
    }
    let required = std::env::var_os("MDE_REQUIRE_PYTHON").is_some();
    assert!(
        !required || modules != ["numpy"],
        "{}: no Python with NumPy",
        program.display()
    );
    println!("skipped: no Python with {}", modules.join(", "));
    None
}

/// NYU Depth V2's official split as a file: uncompressed MATLAB 5 with the 1-based indices of the
/// frames of both splits.
pub fn matlab_splits(train: &[u16], test: &[u16]) -> Vec<u8> {
    let mut file = vec![b' '; 124];
    file.extend([0, 1, b'I', b'M']);
    for (name, numbers) in [("trainNdxs", train), ("testNdxs", test)] {
        let mut parts = Vec::new();
        element(&mut parts, 6, &[6, 0, 0, 0, 0, 0, 0, 0]);
        let sides = [numbers.len() as i32, 1].map(i32::to_le_bytes).concat();
        element(&mut parts, 5, &sides);
        element(&mut parts, 1, name.as_bytes());
        // MATLAB stores float64 arrays of small integers as integers.
        let values: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        element(&mut parts, 4, &values);
        element(&mut file, 14, &parts);
    }
    file
}

fn element(file: &mut Vec<u8>, kind: u32, data: &[u8]) {
    file.extend(kind.to_le_bytes());
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file.resize(file.len().next_multiple_of(8), 0);
}

/// The system's allocator, with counters for [`peak_of`].
#[derive(Debug)]
pub struct Counting;

static USED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator with the arguments as they came.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    // Without this one, zeroed memory that is never touched would be written.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(memory, layout) }
    }
}

fn taken(bytes: usize) {
    let used = USED.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(used, Relaxed);
}

/// The result of `work`, and its peak memory in bytes beyond that before. Counts all threads, so a
/// test that measures must run alone in its binary, or under a lock.
pub fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = USED.load(Relaxed);
    PEAK.store(before, Relaxed);
    let done = work();
    (done, PEAK.load(Relaxed).saturating_sub(before))
}

/// The generator of one damaged file.
pub fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Separators of the text.
const SEPARATORS: &[u8] = b"\n,\" #*/.\0[=:";

/// A damaged copy: truncated, a part removed, zeroed or duplicated, an extra separator, flipped
/// bits, or extreme numbers. Half of all changes are in the first 200 bytes, where headers are.
pub fn damaged(whole: &[u8], rng: &mut impl Rng) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    if bytes.is_empty() {
        return bytes;
    }
    let at = rng.random_range(0..bytes.len());
    let part = at..(at + rng.random_range(1..=512)).min(bytes.len());
    match rng.random_range(0..10) {
        0 => bytes.truncate(at),
        1 => bytes[part].fill(0),
        2 => {
            bytes.drain(part);
        }
        3 => {
            let copy = bytes[part].to_vec();
            bytes.splice(at..at, copy);
        }
        4 => bytes.insert(at, SEPARATORS[rng.random_range(0..SEPARATORS.len())]),
        _ => {
            for _ in 0..rng.random_range(1..=3) {
                rewrite(&mut bytes, rng);
            }
        }
    }
    bytes
}

/// Flips bits of a byte, or writes an extreme number over one, two, four or eight bytes. Leaves
/// empty input unchanged.
pub fn rewrite(bytes: &mut [u8], rng: &mut impl Rng) {
    if bytes.is_empty() {
        return;
    }
    let reach = if rng.random() {
        bytes.len().min(200)
    } else {
        bytes.len()
    };
    let at = rng.random_range(0..reach);
    if rng.random_bool(0.4) {
        bytes[at] ^= rng.random_range(1..=u8::MAX);
        return;
    }
    let size = [1, 2, 4, 8][rng.random_range(0..4)];
    let end = (at + size).min(bytes.len());
    if bytes[at].is_ascii_digit() && rng.random() {
        // A size in a header that is text.
        bytes[at] = rng.random_range(b'0'..=b'9');
        return;
    }
    let value = match rng.random_range(0..6) {
        0 => 0,
        1 => u64::MAX,
        2 => u64::MAX >> 1,
        3 => 1u64 << rng.random_range(0..64),
        4 => bytes.len() as u64,
        _ => rng.random::<u64>(),
    };
    bytes[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    #[test]
    fn damage_changes_the_bytes_and_is_reproducible() {
        let whole: Vec<u8> = (0..600).map(|i| i as u8).collect();
        let copy = |seed| damaged(&whole, &mut rng(seed));
        let changed = (0..200).filter(|&seed| copy(seed) != whole).count();
        // Sometimes the new bytes equal the old ones.
        assert!(changed > 190, "{changed}");
        assert!((0..200).all(|seed| copy(seed) == copy(seed)));
        assert!(damaged(&[], &mut rng(0)).is_empty());
        let (kept, peak) = peak_of(|| vec![0u8; 1 << 20].len());
        assert_eq!(kept, 1 << 20);
        assert!((1 << 20..2 << 20).contains(&peak), "{peak}");
    }
}
