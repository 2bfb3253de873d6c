//! Files that are not weights: the message names their format and has advice.

use crate::common::{assert_says, named, refused};

#[test]
fn other_files_are_named() {
    let mut tar = vec![0; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    let html = b"<!DOCTYPE html><html><title>Google Drive - Virus scan warning</title></html>";
    for (bytes, part) in [
        (b"".as_slice(), "0 bytes"),
        (b"PK", "2 bytes"),
        (html, "web page"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0",
            "Git LFS",
        ),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "gzip"),
        (b"\x89HDF\r\n\x1a\n\x00\x00", "HDF5"),
        (
            b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00",
            "plain Python pickle",
        ),
        (b"\x93NUMPY\x01\x00v\x00", "NumPy"),
        (b"PK\x05\x06\x00\x00\x00\x00\x00\x00", "empty zip"),
        (tar.as_slice(), "tar archive"),
        (b"epoch,loss\n1,0.5\n", "neither a safetensors file nor"),
    ] {
        assert_says(&refused(&named(&["w"]), bytes), &[part]);
    }
}

#[test]
fn a_folder_or_missing_file_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_owned(), dir.path().join("absent.pth")] {
        let message = named(&["w"]).load(&path).unwrap_err().to_string();
        assert_says(&message, &[&path.display().to_string()]);
    }
}

#[test]
fn a_safetensors_header_that_claims_too_much_is_an_error() {
    for length in [u64::MAX, 1 << 40, 1 << 20] {
        let mut bytes = length.to_le_bytes().to_vec();
        bytes
            .extend_from_slice(b"{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}");
        refused(&named(&["w"]), &bytes);
    }
}
