//! Files that are not numeric arrays, and files with false sizes.

use std::fs;
use std::path::PathBuf;

use mde_arrays::{ArrayError, ArrayFile, MAX_COMPRESSED_VALUES, read_array};
use tempfile::TempDir;

use crate::common::{assert_says, fixture};

/// Writes these bytes to a file in a new folder.
fn saved(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn refusal(name: &str, bytes: &[u8]) -> ArrayError {
    let (_folder, path) = saved(name, bytes);
    read_array(&path, None).expect_err(name)
}

/// A `.npy` of version 1 with this header, followed by `after` bytes.
fn npy(header: &str, after: usize) -> Vec<u8> {
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.resize(file.len() + after, 0);
    file
}

#[test]
fn errors_of_other_contents_explain_how_to_save_numbers() {
    let file = ArrayFile::open(fixture("refused.npz")).unwrap();
    for (member, found, advice) in [
        ("object", "Python objects", "allow_pickle=True)['object']"),
        (
            "complex",
            "complex numbers, dtype '<c8'",
            "refused.npz')['complex']).astype(np.float32)",
        ),
        ("structured", "a structured array", "['structured']['a']"),
        ("text", "text, dtype '<U7'", "expected numbers"),
        ("date", "dates", "expected numbers"),
        ("void", "probably bfloat16", "<< 16"),
    ] {
        let error = file.read(Some(member)).unwrap_err();
        assert_says(&error, &["refused.npz", member, found, advice]);
    }
    let error = read_array(fixture("object.npy"), None).unwrap_err();
    assert_says(&error, &["object.npy: found an object array", "np.save"]);
}

#[test]
fn an_array_must_exist_and_be_named() {
    let error = read_array(fixture("mixed.npz"), None).unwrap_err();
    assert_says(
        &error,
        &[
            "mixed.npz: holds 3 arrays: `depth` [3, 5], `name` (text, dtype '<U7'), `features` [2, 3, 4]",
        ],
    );
    let error = read_array(fixture("mixed.npz"), Some("pred")).unwrap_err();
    assert_says(&error, &["mixed.npz", "no array `pred`", "`depth` [3, 5]"]);
    let error = read_array(fixture("grey8.png"), Some("depth")).unwrap_err();
    assert_says(&error, &["grey8.png", "no array `depth`"]);
}

#[test]
fn images_that_are_not_depth() {
    for (name, found) in [
        ("colour.png", "Rgb, 8 bit"),
        ("palette.png", "Indexed"),
        ("colour.pfm", "colour PFM"),
        ("dwa.exr", "lossy compression DWA; save it with ZIP"),
        ("cropped.exr", "pixels of 3x5 in an image of 10x10"),
    ] {
        let error = read_array(fixture(name), None).unwrap_err();
        assert!(matches!(error, ArrayError::Unsupported { .. }), "{error}");
        assert_says(&error, &[name, found]);
    }
}

#[test]
fn other_file_formats_are_named() {
    for (bytes, found) in [
        (&b""[..], "it is empty"),
        (b"\xff\xd8\xff\xe0", "a JPEG"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"MATLAB 5.0 MAT-file", "MATLAB"),
        (
            b"version https://git-lfs.github.com/spec/v1",
            "git lfs pull",
        ),
        (b"<!DOCTYPE html>", "web page"),
        (b"depth depth depth", "no supported format"),
    ] {
        let error = refusal("pred.npy", bytes);
        assert_says(&error, &["pred.npy", found, "expected .npy, .npz"]);
    }
    let error = read_array("no/such/file.npy", None).unwrap_err();
    assert_says(&error, &["no/such/file.npy: cannot be read"]);
    let folder = tempfile::tempdir().unwrap();
    let error = read_array(folder.path(), None).unwrap_err();
    assert_says(&error, &["cannot be read", "directory"]);
}

#[test]
fn a_wrong_extension_does_not_matter() {
    let (_folder, path) = saved("depth.exr", &fs::read(fixture("version1.npy")).unwrap());
    assert_eq!(read_array(path, None).unwrap().shape, [3, 5]);
}

#[test]
fn headers_are_checked_against_the_file_size() {
    let header =
        |shape: &str| format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
    for (shape, after, said) in [
        (
            "(1000000, 1000000)",
            60,
            "4000000000000 bytes, but 60 follow",
        ),
        ("(4294967296, 4294967296)", 60, "an impossible number"),
        ("(3, 5)", 59, "60 bytes, but 59 follow"),
        // Perhaps two arrays saved to one file.
        ("(3, 5)", 61, "60 bytes, but 61 follow"),
    ] {
        let error = refusal("lies.npy", &npy(&header(shape), after));
        assert_says(&error, &["lies.npy: damaged", said]);
    }
    let mut long = b"\x93NUMPY\x02\x00".to_vec();
    long.extend(u32::MAX.to_le_bytes());
    assert_says(
        &refusal("long.npy", &long),
        &["long.npy", "4294967295 bytes"],
    );
    let future = [&b"\x93NUMPY\x04\x00"[..], &[0; 80]].concat();
    assert_says(&refusal("future.npy", &future), &["version is 4"]);
    let deep = npy(&"(".repeat(60_000), 0);
    assert_says(
        &refusal("deep.npy", &deep),
        &["deep.npy", "does not describe an array"],
    );

    let pfm = refusal("lies.pfm", b"Pf\n1000000 1000000\n-1\n\0\0\0\0");
    assert_says(&pfm, &["lies.pfm", "4000000000000 bytes, but 4 follow"]);
    assert_says(
        &refusal("bad.pfm", b"Pf\n-5 3\n-1\n"),
        &["bad.pfm", "width"],
    );
    assert_says(
        &refusal("zero.pfm", b"Pf\n1 1\n0\n\0\0\0\0"),
        &["non-zero scale"],
    );

    let json = br#"{"x":{"dtype":"F32","shape":[1000000],"data_offsets":[0,4000000]}}"#;
    let tensors = [&(json.len() as u64).to_le_bytes()[..], json, &[0; 40]].concat();
    let error = refusal("lies.safetensors", &tensors);
    assert_says(
        &error,
        &["lies.safetensors", "4000000 bytes, but 40 follow"],
    );
    let endless = [&u64::MAX.to_le_bytes()[..], b"{"].concat();
    assert_says(
        &refusal("endless.safetensors", &endless),
        &["its header claims"],
    );
}

#[test]
fn compressed_sizes_are_checked_against_the_compression_ratio() {
    // Replaces the sizes in the headers of a PNG and an EXR, and repairs the PNG's checksum.
    let png = fs::read(fixture("grey8.png")).unwrap();
    for (size, said) in [
        (30_000u32, "the limit for compressed files"),
        (10_000, "cannot be compressed to"),
    ] {
        let mut bytes = png.clone();
        bytes[16..20].copy_from_slice(&size.to_be_bytes());
        bytes[20..24].copy_from_slice(&size.to_be_bytes());
        let checksum = crc32(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
        assert_says(&refusal("lies.png", &bytes), &["lies.png", said]);
    }
    assert!(30_000usize.pow(2) > MAX_COMPRESSED_VALUES);

    let exr = fs::read(fixture("zip.exr")).unwrap();
    for (size, said) in [
        (30_000i32, "the limit for compressed files"),
        (10_000, "cannot be compressed to"),
    ] {
        let mut bytes = exr.clone();
        for name in ["dataWindow\0box2i\0", "displayWindow\0box2i\0"] {
            let at = bytes
                .windows(name.len())
                .position(|window| window == name.as_bytes())
                .unwrap();
            let last = at + name.len() + 4 + 8;
            bytes[last..][..4].copy_from_slice(&(size - 1).to_le_bytes());
            bytes[last + 4..][..4].copy_from_slice(&(size - 1).to_le_bytes());
        }
        assert_says(&refusal("lies.exr", &bytes), &["lies.exr", said]);
    }
}

/// The checksum of PNG, computed bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 * (crc & 1));
        }
    }
    !crc
}

#[test]
fn archives_of_other_contents() {
    let mut empty = b"PK\x05\x06".to_vec();
    empty.resize(22, 0);
    assert_says(
        &refusal("empty.npz", &empty),
        &["empty.npz", "without .npy files", "np.savez"],
    );
    // An archive with a changed value, so that a checksum fails.
    let mut bytes = fs::read(fixture("one.npz")).unwrap();
    let at = bytes
        .windows(4)
        .rposition(|window| window == 0.5f32.to_le_bytes())
        .unwrap();
    bytes[at] ^= 1;
    assert_says(
        &refusal("broken.npz", &bytes),
        &["broken.npz", "arr_0", "damaged", "hecksum"],
    );
}
