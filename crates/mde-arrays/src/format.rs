//! Detects the format of a file by its first bytes.

use std::path::Path;

use crate::ArrayError;
use crate::npy;

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

/// First bytes of files that are often given by mistake, their description, and how to repair it.
const UNSUPPORTED: [(&[u8], &str, &str); 8] = [
    (
        b"\xff\xd8\xff",
        "it is a JPEG, which is lossy",
        ": save depth losslessly",
    ),
    (
        b"II*\0",
        "it is a TIFF",
        ": save it as 16-bit PNG, or as .npy with np.save(path, tifffile.imread(x))",
    ),
    (
        b"MM\0*",
        "it is a TIFF",
        ": save it as 16-bit PNG, or as .npy with np.save(path, tifffile.imread(x))",
    ),
    (
        b"\x89HDF",
        "it is an HDF5 file",
        ": save its array with np.save(path, np.asarray(file['NAME'], dtype=np.float32))",
    ),
    (
        b"MATLAB",
        "it is a MATLAB file",
        ": save its array with np.save",
    ),
    (
        b"\x80",
        "it is a Python pickle",
        ": save its array with np.save(path, np.asarray(x, dtype=np.float32))",
    ),
    (
        b"version https://git-lfs",
        "it is a Git LFS pointer",
        ": fetch the file itself with git lfs pull",
    ),
    (
        b"<",
        "it is a web page or XML, perhaps from a failed download",
        "",
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
        Some((_, found, advice)) => (*found, *advice),
        None if start.is_empty() => ("it is empty", ": write the file again"),
        None => ("its first bytes match no supported format", ""),
    };
    Err(ArrayError::UnknownFormat {
        path: path.to_owned(),
        found: found.to_owned(),
        advice,
    })
}
