//! Converts thousands of damaged sources. Each is converted or gives an error that names it,
//! without a panic, and with memory in proportion to the file size.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../convert/common.rs"]
mod common;

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use hdf5_pure::{Datatype, FileBuilder};
use mde_convert::{
    ArchiveOptions, ConvertError, Converted, FastDepthOptions, FrameSplit, RgbFormat, Split,
    convert_fastdepth, convert_labelled, extract_bts,
};
use tempfile::TempDir;

use common::*;

#[global_allocator]
static ALLOCATOR: mde_test_kit::Counting = mde_test_kit::Counting;

/// Memory for a source of any size: buffers of encoders, and 4.4 MB that the HDF5 library allocates
/// for a compound type of up to 65,535 members.
const BASE: usize = 6 << 20;
/// Additional memory per byte of the source: deflate's maximum ratio.
const PER_BYTE: usize = 1032;

/// Tests run one at a time, because memory is counted over all threads.
static TURN: Mutex<()> = Mutex::new(());
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// `MDE_DAMAGE=20` tests 20 times as many variants.
fn effort() -> u64 {
    let times = std::env::var("MDE_DAMAGE").ok();
    times.and_then(|times| times.parse().ok()).unwrap_or(1)
}

type Convert = dyn Fn(&Path, &Path) -> Result<Converted, ConvertError>;

/// A folder in memory where available, because the test writes many small files.
fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// Converts `count` damaged variants of the source `name`; returns how many were refused.
fn damage(name: &str, whole: &[u8], count: u64, convert: &Convert) -> u64 {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // Panics that the crate turns into errors also count; none is known.
    std::panic::set_hook(Box::new(|_| {
        PANICS.fetch_add(1, Ordering::Relaxed);
    }));
    let dir = scratch();
    let source = dir.path().join(name);
    let mut refused = 0;
    let mut faults = Vec::new();
    for seed in 0..count * effort() {
        let damaged = mde_test_kit::damaged(whole, &mut mde_test_kit::rng(seed));
        fs::write(&source, &damaged).unwrap();
        let out = dir.path().join("data");
        let (result, used) = mde_test_kit::peak_of(|| convert(&source, &out));
        let most = BASE + PER_BYTE * damaged.len();
        if used > most {
            faults.push(format!("seed {seed}: {used} bytes for {}", damaged.len()));
        }
        if let Err(error) = result {
            refused += 1;
            if !error.to_string().contains(name) && !error.to_string().contains("data") {
                faults.push(format!("seed {seed}: {error}"));
            }
        }
        if PANICS.swap(0, Ordering::Relaxed) > 0 {
            faults.push(format!("seed {seed}: panicked"));
        }
        let _ = fs::remove_dir_all(&out);
    }
    let _ = std::panic::take_hook();
    assert!(faults.is_empty(), "{name}: {faults:#?}");
    refused
}

fn labelled(mat: &Path, out: &Path) -> Result<Converted, ConvertError> {
    let split = FrameSplit::All(Split::Test);
    convert_labelled(&labelled_options(mat.to_owned(), split, out), &silent)
}

fn fastdepth(source: &Path, out: &Path) -> Result<Converted, ConvertError> {
    let options = FastDepthOptions {
        source: source.to_owned(),
        split: None,
        rgb: RgbFormat::Png,
        out: out.to_owned(),
    };
    convert_fastdepth(&options, &silent)
}

#[test]
fn frames_of_the_oldest_format_behind_matlab_s_header() {
    let refused = damage("nyu.mat", &fixture("labelled.mat"), 1000, &labelled);
    assert!(refused > 100, "{refused} refused");
}

#[test]
fn frames_of_the_newest_format() {
    for chunk in [Some(2), None] {
        let source = Labelled {
            chunk,
            ..Labelled::default()
        };
        let refused = damage("nyu.mat", &source.bytes(), 400, &labelled);
        assert!(refused > 40, "{refused} refused");
    }
}

#[test]
fn splits() {
    let frames = Labelled::default().bytes();
    let convert = move |splits: &Path, out: &Path| {
        let mat = splits.with_file_name("frames.h5");
        fs::write(&mat, &frames).unwrap();
        convert_labelled(
            &labelled_options(mat, FrameSplit::File(splits.to_owned()), out),
            &silent,
        )
    };
    for file in [fixture("splits.mat"), fixture("splits_plain.mat")] {
        let refused = damage("splits.mat", &file, 500, &convert);
        assert!(refused > 200, "{refused} refused");
    }
}

#[test]
fn frames_of_fastdepth_s() {
    for file in [fixture("frame.h5"), frame_h5(0)] {
        let convert = |source: &Path, out: &Path| {
            let scene = source.with_file_name("train").join("cafe_0001");
            fs::create_dir_all(&scene).unwrap();
            fs::copy(source, scene.join("00001.h5")).unwrap();
            fastdepth(&source.with_file_name("train"), out)
        };
        let refused = damage("00001.h5", &file, 500, &convert);
        assert!(refused > 60, "{refused} refused");
    }
}

/// Nested types are read recursively: as many as fit in a header must not exhaust the stack.
#[test]
fn a_type_as_deep_as_a_header_can_hold() {
    let build = || {
        let mut kind = hdf5_pure::make_u8_type();
        for _ in 0..8000 {
            kind = Datatype::VariableLength {
                is_string: false,
                padding: None,
                charset: None,
                base_type: Box::new(kind),
            };
        }
        let mut file = FileBuilder::new();
        file.create_dataset("rgb")
            .with_raw_data(kind, vec![0; 16], 1);
        file.finish().unwrap()
    };
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let thread = std::thread::Builder::new().stack_size(256 << 20);
    let file = thread.spawn(build).unwrap().join().unwrap();
    let dir = scratch();
    let shard = dir.path().join("train-000000.tar");
    fs::write(&shard, tar_of(&[("train/cafe_0001/00001.h5", file)])).unwrap();
    let text = fastdepth(&shard, &dir.path().join("data"))
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("00001.h5: `rgb` is [1] of other(vlen<") && text.len() < 400,
        "{text}"
    );
}

#[test]
fn shards() {
    let members = [
        ("train/cafe_0001/00001.h5", frame_h5(0)),
        ("train/cafe_0001/00002.h5", frame_h5(1)),
    ];
    let refused = damage("train-000000.tar", &tar_of(&members), 400, &fastdepth);
    assert!(refused > 50, "{refused} refused");
}

#[test]
fn zip_archives() {
    let names = [
        "sync/a/rgb_0.jpg",
        "sync/a/sync_depth_0.png",
        "sync/b/rgb_0.jpg",
        "sync/b/sync_depth_0.png",
    ];
    let archive = zip_of(&names.map(|name| (name, name.repeat(20).into_bytes())));
    let convert = |source: &Path, out: &Path| {
        let options = ArchiveOptions {
            archive: source.to_owned(),
            list: None,
            out: out.to_owned(),
        };
        extract_bts(&options, &silent)
    };
    let refused = damage("sync.zip", &archive, 800, &convert);
    assert!(refused > 250, "{refused} refused");
}

/// The real sample with a damaged structure. Its frames exist already, so only the structure is
/// read.
#[test]
fn a_real_file_s_structure() {
    let Some(sample) = real_data("nyu-mat-sample") else {
        return;
    };
    let dir = scratch();
    let (mat, out) = (dir.path().join("nyu.mat"), dir.path().join("data"));
    let whole = fs::read(sample.join("nyu_depth_v2_labeled_6.mat")).unwrap();
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    fs::write(&mat, &whole).unwrap();
    labelled(&mat, &out).unwrap();
    // Positions of these signatures, and the headers before them.
    let marks = [&b"\x89HDF"[..], b"TREE", b"HEAP", b"SNOD"];
    let places =
        (0..whole.len()).filter(|&at| marks.iter().any(|mark| whole[at..].starts_with(mark)));
    let places: Vec<usize> = places.collect();
    assert!(places.len() > 5, "{places:?}");
    let mut refused = 0;
    for seed in 0..80 * effort() {
        let mut rng = mde_test_kit::rng(seed);
        let mut damaged = whole.clone();
        let place = places[seed as usize % places.len()];
        let end = whole.len().min(place + 600);
        mde_test_kit::rewrite(&mut damaged[place.saturating_sub(400)..end], &mut rng);
        fs::write(&mat, &damaged).unwrap();
        drop(damaged);
        let (result, used) = mde_test_kit::peak_of(|| labelled(&mat, &out));
        // Missing frames are read: at most all six, with their images.
        assert!(used < 96 << 20, "seed {seed}: {used} bytes");
        if let Err(error) = result {
            refused += 1;
            assert!(
                error.to_string().contains("nyu.mat"),
                "seed {seed}: {error}"
            );
        }
    }
    assert!(refused > 5, "{refused} refused");
}
