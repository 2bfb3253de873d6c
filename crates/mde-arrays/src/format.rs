//! What a file is, by its first bytes.

use std::path::Path;

use crate::ArrayError;
use crate::npy;

/// The formats that arrays are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Npy,
    Npz,
    Safetensors,
    Exr,
    Pfm,
    Png,
}

/// Extensions of files that a folder's listing counts as maps, in lower case.
pub(crate) const EXTENSIONS: [&str; 6] = ["npy", "npz", "safetensors", "exr", "pfm", "png"];

/// How many bytes [`detect`] wants to see.
pub(crate) const START: usize = 32;

const MARKS: [(&[u8], Format); 7] = [
    (npy::MAGIC, Format::Npy),
    (b"PK\x03\x04", Format::Npz),
    (b"PK\x05\x06", Format::Npz),
    (b"\x76\x2f\x31\x01", Format::Exr),
    (b"Pf", Format::Pfm),
    (b"PF", Format::Pfm),
    (b"\x89PNG", Format::Png),
];

/// First bytes of other files that are met in place of arrays, what they are, and what to do.
const OTHERS: [(&[u8], &str, &str); 8] = [
    (
        b"\xff\xd8\xff",
        "it is a JPEG, which loses depth",
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
        ": save the array in it with np.save(path, np.asarray(file['NAME'], dtype=np.float32))",
    ),
    (
        b"MATLAB",
        "it is a MATLAB file",
        ": save the array in it with np.save",
    ),
    (
        b"\x80",
        "it is a Python pickle",
        ": save the array in it with np.save(path, np.asarray(x, dtype=np.float32))",
    ),
    (
        b"version https://git-lfs",
        "it is a Git LFS pointer",
        ": fetch the file itself with git lfs pull",
    ),
    (
        b"<",
        "it is a web page or XML: perhaps a download gave a page in place of the file",
        "",
    ),
];

/// The format of the file that begins with `start`.
pub(crate) fn detect(path: &Path, start: &[u8]) -> Result<Format, ArrayError> {
    if let Some((_, format)) = MARKS.iter().find(|(mark, _)| start.starts_with(mark)) {
        return Ok(*format);
    }
    // A safetensors file begins with the length of its header, which is JSON.
    if start.get(8) == Some(&b'{') {
        return Ok(Format::Safetensors);
    }
    let known = OTHERS.iter().find(|(mark, ..)| start.starts_with(mark));
    let (found, advice) = match known {
        Some((_, found, advice)) => (*found, *advice),
        None if start.is_empty() => ("it is empty", ": write it again"),
        None => ("its first bytes are those of no format that is read", ""),
    };
    Err(ArrayError::UnknownFormat {
        path: path.to_owned(),
        found: found.to_owned(),
        advice,
    })
}
