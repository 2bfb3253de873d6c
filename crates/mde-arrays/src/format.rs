//! Detects the format of a file by its first bytes.

use std::path::Path;

use crate::npy;
use crate::{ArrayError, advice};

/// The supported formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Npy,
    Npz,
    Safetensors,
    Exr,
    Pfm,
    Png,
}

/// Extensions of files that a folder of maps lists, in lower case.
pub(crate) const EXTENSIONS: [&str; 6] = ["npy", "npz", "safetensors", "exr", "pfm", "png"];

/// Number of bytes that [`detect`] needs.
pub(crate) const DETECTION_LENGTH: usize = 32;

const SIGNATURES: [(&[u8], Format); 7] = [
    (npy::MAGIC, Format::Npy),
    (b"PK\x03\x04", Format::Npz),
    (b"PK\x05\x06", Format::Npz),
    (b"\x76\x2f\x31\x01", Format::Exr),
    (b"Pf", Format::Pfm),
    (b"PF", Format::Pfm),
    (b"\x89PNG", Format::Png),
];

/// How to convert a file.
type Advice = fn(&Path) -> String;

/// First bytes of files that are often given by mistake, their description, and how to convert
/// them.
const UNSUPPORTED: [(&[u8], &str, Advice); 9] = [
    (b"\xff\xd8\xff", "it is a JPEG, which is lossy", |_| {
        "save depth losslessly, as .npy".to_owned()
    }),
    (b"II*\0", "it is a TIFF", advice::tiff),
    (b"MM\0*", "it is a TIFF", advice::tiff),
    (b"\x89HDF", "it is an HDF5 file", advice::hdf5),
    (b"MATLAB", "it is a MATLAB file", advice::matlab),
    // The magic number of PyTorch's format before version 1.6.
    (
        b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9",
        "it is a file of torch.save",
        advice::pytorch,
    ),
    (b"\x80", "it is a Python pickle", advice::pickle),
    (
        b"version https://git-lfs",
        "it is a Git LFS pointer",
        |_| "fetch the file itself with git lfs pull".to_owned(),
    ),
    (
        b"<",
        "it is a web page or XML, perhaps from a failed download",
        |_| String::new(),
    ),
];

/// The format of the file that begins with `start`.
pub(crate) fn detect(path: &Path, start: &[u8]) -> Result<Format, ArrayError> {
    if let Some((_, format)) = SIGNATURES
        .iter()
        .find(|(signature, _)| start.starts_with(signature))
    {
        return Ok(*format);
    }
    // A safetensors file begins with the length of its JSON header in eight bytes.
    if start.get(8) == Some(&b'{') {
        return Ok(Format::Safetensors);
    }
    let known = (UNSUPPORTED.iter()).find(|(signature, ..)| start.starts_with(signature));
    let (found, advice) = match known {
        Some((_, found, advice)) => (*found, advice(path)),
        None if start.is_empty() => ("it is empty", "write the file again".to_owned()),
        None => ("its first bytes match no supported format", String::new()),
    };
    Err(ArrayError::UnknownFormat {
        path: path.to_owned(),
        found: found.to_owned(),
        advice,
    })
}
