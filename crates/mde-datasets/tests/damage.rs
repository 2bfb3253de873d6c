//! Thousands of damaged files: no panic, memory in proportion to the file, and a message that names
//! it.
//!
//! The damage is a function of a number, so failures can be reproduced. A separate test binary,
//! since it counts allocations.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use image::{ImageBuffer, ImageFormat, Luma, Rgb, RgbImage};
use mde_datasets::{
    DataSpec, DatasetError, DepthEncoding, InspectOptions, RgbdList, Split, inspect, read_picture,
};

#[global_allocator]
static ALLOCATOR: mde_test_kit::Counting = mde_test_kit::Counting;

/// One test at a time, since they share the allocation count.
static ALONE: Mutex<()> = Mutex::new(());

/// Fixed memory of reading a file: the decoders' tables and buffers.
const FIXED: usize = 4 << 20;
/// Bytes per byte of text: a line becomes an entry, the paths of its files and a finding.
const PER_BYTE_OF_TEXT: usize = 1000;
/// Bytes per byte of an image: 1032 pixels per byte, each in RGB, as stored, and in metres.
const PER_BYTE_OF_IMAGE: usize = 12_000;

const SIZE: (u32, u32) = (24, 32);

/// A folder with two pairs, with a PNG and a JPEG colour image.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let rgb = RgbImage::from_fn(SIZE.1, SIZE.0, |x, y| {
        Rgb([(7 * x) as u8, (9 * y) as u8, 50])
    });
    rgb.save(dir.path().join("a.png")).unwrap();
    rgb.save(dir.path().join("b.jpg")).unwrap();
    let depth = ImageBuffer::from_fn(SIZE.1, SIZE.0, |x, y| Luma([(1000 + 9 * x + y) as u16]));
    for name in ["a_d.png", "b_d.png"] {
        depth.save(dir.path().join(name)).unwrap();
    }
    dir
}

/// Runs `read` on `count` damaged versions of `sound`, written to `path`. Every error must contain
/// one of `names`. Returns the number of errors.
fn damaged(
    path: &Path,
    sound: &[u8],
    count: u64,
    per_byte: usize,
    names: &[&str],
    read: impl Fn() -> Result<(), DatasetError>,
) -> usize {
    fs::write(path, sound).unwrap();
    read().unwrap(); // intact; also starts threads and builds tables
    let mut failed = 0;
    for number in 0..count {
        let bytes = mde_test_kit::damaged(sound, &mut mde_test_kit::rng(number));
        fs::write(path, &bytes).unwrap();
        let (result, taken) = mde_test_kit::peak_of(|| catch_unwind(AssertUnwindSafe(&read)));
        let shown = path.display();
        let result = result.unwrap_or_else(|_| panic!("{shown}, damage {number}: panicked"));
        let most = FIXED + per_byte * bytes.len();
        assert!(
            taken <= most,
            "{shown}, damage {number}: {taken} bytes for a file of {}",
            bytes.len()
        );
        if let Err(error) = result {
            failed += 1;
            let message = error.to_string();
            assert!(
                names.iter().any(|name| message.contains(name)),
                "{shown}, damage {number}: `{message}` names none of {names:?}"
            );
        }
    }
    fs::write(path, sound).unwrap();
    failed
}

fn load(list: Result<RgbdList, DatasetError>) -> Result<(), DatasetError> {
    let list = list?;
    list.frame_size()?;
    (0..list.len()).try_for_each(|index| list.load(index).map(|_| ()))
}

#[test]
fn lists() {
    let _alone = ALONE.lock();
    let dir = folder();
    let root = dir.path();
    let csv = root.join("list.csv");
    let text =
        "a.png,a_d.png,500\n\"b.jpg\",b_d.png,500.5\r\n# a comment\n\n./a.png, a_d.png ,1e2\n";
    let failed = damaged(
        &csv,
        text.as_bytes(),
        3000,
        PER_BYTE_OF_TEXT,
        &["list.csv", "a.png", "a_d.png"],
        || load(RgbdList::open(root, &csv, DepthEncoding::U16_MM)),
    );
    assert!(failed > 1000);
    let txt = root.join("list.txt");
    let text = "a.png a_d.png 721.5\n\nb.jpg\tb_d.png 700\r\nc.png None 700\n";
    let failed = damaged(
        &txt,
        text.as_bytes(),
        3000,
        PER_BYTE_OF_TEXT,
        &["list.txt"],
        || RgbdList::open_kitti(root, &txt, DepthEncoding::U16_MM).map(|_| ()),
    );
    assert!(failed > 1000);
    // The inspection reads the same lines.
    let rooms = root.join("rooms_test.csv");
    let spec: DataSpec = format!("rooms:{}", root.display()).parse().unwrap();
    damaged(
        &rooms,
        b"a.png,a_d.png\nb.jpg,b_d.png\n",
        1000,
        PER_BYTE_OF_TEXT,
        &[],
        || {
            inspect(&spec, &InspectOptions::default(), &|_| ());
            Ok(())
        },
    );
}

#[test]
fn descriptions() {
    let _alone = ALONE.lock();
    let dir = folder();
    let root = dir.path();
    let path = root.join("dataset.toml");
    let spec: DataSpec = root.to_str().unwrap().parse().unwrap();
    let text = "name = \"x\"\nscene = \"indoor\"\nresize_rgb = true\n[depth]\nencoding = \"u16/5000\"\nrange = [0.4, 8.0]\n[camera]\nfx = 535.4\ncy = 1\n[train]\nrgb = \"*.png\"\ndepth = \"*_d.png\"\nskip_unpaired = true\nonly = [\"a\"]\npart = [0.0, 1.0]\nevery = 1\n";
    let names = ["dataset.toml", root.to_str().unwrap()];
    let failed = damaged(
        &path,
        text.as_bytes(),
        3000,
        PER_BYTE_OF_TEXT,
        &names,
        || {
            spec.name()?;
            load(spec.open(Split::Train, None))
        },
    );
    assert!(failed > 1000);
    damaged(
        &path,
        text.as_bytes(),
        300,
        PER_BYTE_OF_TEXT,
        &names,
        || {
            inspect(&spec, &InspectOptions::default(), &|_| ());
            Ok(())
        },
    );
}

#[test]
fn hash_files() {
    let _alone = ALONE.lock();
    let dir = folder();
    let root = dir.path();
    fs::write(
        root.join("rooms_test.csv"),
        "a.png,a_d.png\nb.jpg,b_d.png\n",
    )
    .unwrap();
    let spec: DataSpec = format!("rooms:{}", root.display()).parse().unwrap();
    let hashes = inspect(&spec, &InspectOptions::default(), &|_| ()).hashes;
    let text: String = hashes
        .iter()
        .map(|(path, hash)| format!("{hash}  {path}\n"))
        .collect();
    let file = root.join("hashes.b3");
    let options = InspectOptions {
        hashes: Some(file.clone()),
        ..InspectOptions::default()
    };
    let found = AtomicUsize::new(0);
    damaged(&file, text.as_bytes(), 2000, PER_BYTE_OF_TEXT, &[], || {
        let findings = inspect(&spec, &options, &|_| ()).findings;
        found.fetch_add(usize::from(!findings.is_empty()), Ordering::Relaxed);
        Ok(())
    });
    assert!(found.into_inner() > 1500);
}

/// Reads a file in every way.
fn read_image(root: &Path, path: &Path, list: &RgbdList) -> Result<(), DatasetError> {
    let _ = read_picture(path);
    let spec: DataSpec = format!("rooms:{}", root.display()).parse().unwrap();
    let options = InspectOptions {
        decode: true,
        ..InspectOptions::default()
    };
    inspect(&spec, &options, &|_| ());
    list.frame_size()?;
    list.load(0).map(|_| ())
}

/// Damages the colour image or the depth map of the only pair.
fn images(rgb: &str, depth: &str, broken: &str) -> usize {
    let dir = folder();
    let root = dir.path();
    let list = root.join("rooms_test.csv");
    fs::write(&list, format!("{rgb},{depth}\n")).unwrap();
    let list = RgbdList::open(root, &list, DepthEncoding::U16_MM).unwrap();
    let path = root.join(broken);
    let sound = fs::read(&path).unwrap();
    let read = || read_image(root, &path, &list);
    let failed = damaged(&path, &sound, 800, PER_BYTE_OF_IMAGE, &[broken], read);
    // With correct checksums, the damage gets past them to the decoder.
    let mended = || {
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, with_checksums(bytes)).unwrap();
        read_image(root, &path, &list)
    };
    failed + damaged(&path, &sound, 800, PER_BYTE_OF_IMAGE, &[broken], mended)
}

#[test]
fn pictures_and_depth_maps() {
    let _alone = ALONE.lock();
    assert!(images("a.png", "a_d.png", "a.png") > 800);
    assert!(images("a.png", "a_d.png", "a_d.png") > 800);
    // A JPEG has no checksums, so much damage is not detected.
    assert!(images("b.jpg", "b_d.png", "b.jpg") > 250);
}

#[test]
fn a_claim_of_many_pixels_takes_no_memory() {
    let _alone = ALONE.lock();
    let dir = folder();
    let root = dir.path();
    fs::write(root.join("list.csv"), "a.png,a_d.png\n").unwrap();
    let open = || RgbdList::open(root, &root.join("list.csv"), DepthEncoding::U16_MM).unwrap();
    load(Ok(open())).unwrap();
    for side in [60_000u32, 11_000, 2000] {
        for name in ["a.png", "a_d.png"] {
            let dir = folder();
            let path: PathBuf = dir.path().join(name);
            let mut bytes = fs::read(&path).unwrap();
            for at in [16, 20] {
                bytes[at..at + 4].copy_from_slice(&side.to_be_bytes());
            }
            fs::write(&path, with_checksums(bytes)).unwrap();
            fs::copy(&path, root.join(name)).unwrap();
            let list = open();
            let (loaded, taken) = mde_test_kit::peak_of(|| list.load(0));
            let message = loaded.unwrap_err().to_string();
            assert!(taken < FIXED, "{side}: {taken} bytes");
            assert!(message.contains(name), "{message}");
            fs::copy(folder().path().join(name), root.join(name)).unwrap();
        }
    }
    // Few bytes can hold many pixels if they are all equal.
    let mut png = Cursor::new(Vec::new());
    RgbImage::new(2000, 1500)
        .write_to(&mut png, ImageFormat::Png)
        .unwrap();
    fs::write(root.join("a.png"), png.into_inner()).unwrap();
    assert_eq!(open().frame_size().unwrap(), (1500, 2000));
}

/// A PNG with corrected checksums (CRC-32 of a chunk's name and content; PNG specification, section
/// 5.5).
fn with_checksums(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut at = 8;
    while let Some(length) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        let Some(chunk) = bytes.get(at + 4..at + 8 + length) else {
            break;
        };
        let sum = crc32(chunk).to_be_bytes();
        let Some(place) = bytes.get_mut(at + 8 + length..at + 12 + length) else {
            break;
        };
        place.copy_from_slice(&sum);
        at += 12 + length;
    }
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            (sum >> 1) ^ if sum & 1 == 1 { 0xEDB8_8320 } else { 0 }
        })
    })
}
