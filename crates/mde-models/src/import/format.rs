//! Detection of file formats by their first bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::advice::{literal, loaded, python, shell_word};

/// Supported formats of weight files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Safetensors,
    /// The zip format of `torch.save` since PyTorch 1.6.
    TorchZip,
    /// PyTorch's format before 1.6.
    TorchLegacy,
}

/// The magic number in the first pickle of PyTorch's legacy format, as an integer of ten bytes and,
/// in protocol 1, in digits.
const LEGACY: [&[u8]; 2] = [
    b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19",
    b"L119547037146038801333356L",
];

/// Names of the files in the tar archives that PyTorch wrote before 0.1.10.
const OLD_TAR: [&[u8]; 4] = [b"sys_info", b"storages", b"tensors", b"pickle"];

/// First bytes of other files and what to report about them.
const OTHERS: [(&[u8], &str); 6] = [
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

/// What a tar archive is, by the name of its first file.
fn tar(start: &[u8], path: &Path) -> String {
    let name = start.strip_prefix(b"./").unwrap_or(start);
    match OLD_TAR.iter().any(|old| name.starts_with(old)) {
        true => format!(
            "it is in PyTorch's oldest format, a tar archive. If you trust the file, save it \
             again: {}",
            python(path, &loaded(path))
        ),
        false => format!(
            "it is a tar archive. If the checkpoint is one of its files, unpack it first: tar xf {}",
            shell_word(&path.display().to_string())
        ),
    }
}

/// How to join weights in several files, if the file is one of them or their index: names such as
/// `model-00001-of-00003.safetensors` and `model.safetensors.index.json`.
pub(super) fn in_parts(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let (what, kind) = match name.strip_suffix(".index.json") {
        Some(whole) => ("it is the index of weights", whole.rsplit_once('.')?.1),
        None => {
            let (stem, kind) = name.rsplit_once('.')?;
            let (rest, parts) = stem.rsplit_once("-of-")?;
            let (_, part) = rest.rsplit_once('-')?;
            let is_part = part.parse::<u32>().is_ok() && parts.parse::<u32>().is_ok_and(|n| n > 1);
            if !is_part {
                return None;
            }
            ("it is one part of weights", kind)
        }
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let all = folder.join(format!("*-of-*.{kind}"));
    let all = format!("glob.glob({})", literal(&all.display().to_string()));
    let command = match kind {
        "safetensors" => format!(
            "python3 -c \"import glob; from safetensors.torch import load_file, save_file; \
             save_file({{k: v for f in {all} for k, v in load_file(f).items()}}, \
             'weights.safetensors')\""
        ),
        "bin" | "pth" | "pt" => format!(
            "python3 -c \"import glob, torch; torch.save({{k: v for f in {all} for k, v in \
             torch.load(f, map_location='cpu', weights_only=True).items()}}, 'weights.pth')\""
        ),
        _ => return None,
    };
    Some(format!("{what} in several files. Join them: {command}"))
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
        let bytes = match start.len() {
            1 => "1 byte".to_owned(),
            bytes => format!("{bytes} bytes"),
        };
        return Err(format!("it has only {bytes}: it is cut short"));
    }
    // The protocol of the pickle comes first, and in newer ones its length.
    let pickle = &start[..start.len().min(40)];
    if LEGACY
        .iter()
        .any(|magic| pickle.windows(magic.len()).any(|window| window == *magic))
    {
        return Ok(Format::TorchLegacy);
    }
    if start.get(257..262) == Some(b"ustar") {
        return Err(tar(start, path));
    }
    if start.starts_with(b"\x80") {
        let file = literal(&path.display().to_string());
        let object = format!("__import__('pickle').load(open({file}, 'rb'))");
        return Err(format!(
            "it is a plain Python pickle, not a file of torch.save. If you trust the file, save \
             what it holds as a checkpoint: {}",
            python(path, &object)
        ));
    }
    // Pages may begin with blank lines or a byte order mark.
    let page = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let page = page.trim_ascii_start();
    let known = OTHERS
        .iter()
        .find(|(mark, _)| start.starts_with(mark) || (*mark == b"<" && page.starts_with(mark)));
    Err(match known {
        Some((_, what)) => (*what).to_owned(),
        None => format!(
            "it is neither a safetensors file nor a PyTorch checkpoint{}",
            text(start)
        ),
    })
}

/// What a file of text begins with, such as the message of a server; empty for other files.
fn text(start: &[u8]) -> String {
    const SHOWN: usize = 60;
    let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    if !start.iter().all(is_text) {
        return String::new();
    }
    let words = String::from_utf8_lossy(start);
    let line = words.lines().map(str::trim).find(|line| !line.is_empty());
    let line: String = line.unwrap_or_default().chars().take(SHOWN).collect();
    format!(", but text that begins with {line:?}")
}
