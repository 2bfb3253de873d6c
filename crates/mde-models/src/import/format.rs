//! Detection of file formats by their first bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Supported formats of weight files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Safetensors,
    /// The zip format of `torch.save` since PyTorch 1.6.
    TorchZip,
}

/// Advice to convert an old checkpoint.
fn resave(path: &Path) -> String {
    // Inside quotes of Python and of the shell; other names are left to the user.
    let shown = path.display().to_string();
    let is_plain = !shown.contains(['\'', '"', '\\', '$', '`', '!']);
    let old = if is_plain { shown.as_str() } else { "OLD" };
    format!(
        "save it again with a newer PyTorch: python -c \"import torch; \
         torch.save(torch.load('{old}', map_location='cpu', weights_only=True), 'NEW.pth')\""
    )
}

/// Start of files that `torch.save` wrote before PyTorch 1.6: a pickle of a magic number.
const LEGACY: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

/// First bytes of other files and what to report about them.
const OTHERS: [(&[u8], &str); 7] = [
    (
        b"\x80",
        "it is a plain Python pickle, not a file of torch.save",
    ),
    (b"\x89HDF", "it is an HDF5 file, perhaps from Keras"),
    (b"\x1f\x8b", "it is compressed with gzip: unpack it first"),
    (
        b"<",
        "it is a web page: the download returned a page instead of the file",
    ),
    (
        b"version https://git-lfs",
        "it is a Git LFS pointer: fetch the file itself with git lfs pull",
    ),
    (b"PK\x05\x06", "it is an empty zip archive"),
    (b"\x93NUMPY", "it is a NumPy array"),
];

/// The file's format, or a description of what it is instead.
pub(super) fn detect(path: &Path) -> io::Result<Result<Format, String>> {
    // Enough for all signatures; that of a tar archive is at 257.
    let mut start = Vec::with_capacity(512);
    File::open(path)?.take(512).read_to_end(&mut start)?;
    Ok(detect_bytes(&start, path))
}

fn detect_bytes(start: &[u8], path: &Path) -> Result<Format, String> {
    if start.starts_with(b"PK\x03\x04") {
        return Ok(Format::TorchZip);
    }
    // A safetensors file starts with the length of its JSON header.
    if start.get(8) == Some(&b'{') {
        return Ok(Format::Safetensors);
    }
    if start.len() <= 8 {
        return Err(format!(
            "it has only {} bytes: it is cut short",
            start.len()
        ));
    }
    if start.starts_with(LEGACY) {
        return Err(format!(
            "it is in PyTorch's legacy format, from before version 1.6: {}",
            resave(path)
        ));
    }
    if start.get(257..262) == Some(b"ustar") {
        return Err(format!(
            "it is a tar archive; if a very old PyTorch wrote it, {}",
            resave(path)
        ));
    }
    let known = OTHERS.iter().find(|(mark, _)| start.starts_with(mark));
    Err(match known {
        Some((_, what)) => (*what).to_owned(),
        None => "it is neither a safetensors file nor a PyTorch zip file".to_owned(),
    })
}
