//! Text files of any system as UTF-8 with `\n` at the ends of lines.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::shell::replace_command;

/// Largest text file in bytes. A list of a million pairs has about 150 MB.
const MAX_BYTES: u64 = 512 << 20;

/// A text file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// The system cannot read the file.
    #[error("{}: cannot be read: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file is not a text, or not in an encoding that is recognised.
    #[error("{}{fault}{}", place(.path, .fault), repair(.path, .fault))]
    NotText {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: NotText,
    },
}

/// Why bytes are not a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotText {
    /// More bytes than any list has.
    #[error("more than {} MiB, too large for a text file; give the text file itself", MAX_BYTES >> 20)]
    TooLarge,
    /// A byte sequence that UTF-8 does not have: another 8-bit encoding.
    #[error("not UTF-8 text (byte 0x{byte:02X}); save the file as UTF-8")]
    NotUtf8 {
        /// Line number, from 1.
        line: u64,
        /// The first wrong byte.
        byte: u8,
        /// `iconv`'s name of an 8-bit encoding that has all bytes of the file.
        encoding: &'static str,
    },
    /// A NUL byte: a binary file, or two encodings in one file.
    #[error(
        "a NUL byte; expected a text file (PowerShell's >> appends UTF-16 to a UTF-8 file: write the file anew, as UTF-8)"
    )]
    Nul {
        /// Line number, from 1.
        line: u64,
    },
    /// UTF-16 text that is damaged.
    #[error("UTF-16 text that is cut short or damaged; write the file anew, as UTF-8")]
    BadUtf16,
    /// UTF-32 text.
    #[error("UTF-32 text; save the file as UTF-8")]
    Utf32,
}

impl NotText {
    /// The line at fault, from 1, if a single line is.
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::NotUtf8 { line, .. } | Self::Nul { line } => Some(*line),
            Self::TooLarge | Self::BadUtf16 | Self::Utf32 => None,
        }
    }
}

fn place(path: &Path, fault: &NotText) -> String {
    match fault.line() {
        Some(line) => format!("{}, line {line}: ", path.display()),
        None => format!("{}: ", path.display()),
    }
}

/// A command that converts the file, where one is known.
fn repair(path: &Path, fault: &NotText) -> String {
    let (of, encoding) = match fault {
        NotText::NotUtf8 { encoding, .. } => (" if it is Western European text", *encoding),
        NotText::Utf32 => ("", "UTF-32"),
        _ => return String::new(),
    };
    let convert = format!("iconv -f {encoding} -t UTF-8");
    format!(",{of} with `{}`", replace_command(path, &[&convert]))
}

/// Reads a text file: see [`decode_text`].
///
/// # Errors
/// A file that cannot be read, has more than 512 MiB, or is not a text.
pub fn read_text(path: &Path) -> Result<String, TextError> {
    let read = || {
        let mut bytes = Vec::new();
        let file = File::open(path)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|source| TextError::Read {
        path: path.to_owned(),
        source,
    })?;
    let text = match bytes.len() as u64 > MAX_BYTES {
        true => Err(NotText::TooLarge),
        false => decode_text(&bytes),
    };
    text.map_err(|fault| TextError::NotText {
        path: path.to_owned(),
        fault,
    })
}

/// Decodes UTF-8 and UTF-16 text.
///
/// Byte order marks are removed, also those that joined files have at the beginning of other
/// lines. Every line end (`\r\n`, `\r`) becomes `\n`. UTF-16 without a byte order mark is
/// recognised by its NUL bytes, which text in UTF-8 never has.
///
/// # Errors
/// Bytes that are not such a text.
pub fn decode_text(bytes: &[u8]) -> Result<String, NotText> {
    let text = match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => return Err(NotText::Utf32),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        _ => match bytes.iter().position(|&byte| byte == 0) {
            Some(nul) => utf16_by_its_nuls(bytes).ok_or(NotText::Nul {
                line: line_of(bytes, nul),
            })?,
            None => utf8(bytes)?.to_owned(),
        },
    };
    if let Some(nul) = text.find('\0') {
        let line = line_of(text.as_bytes(), nul);
        return Err(NotText::Nul { line });
    }
    Ok(with_plain_line_ends(text))
}

fn utf8(bytes: &[u8]) -> Result<&str, NotText> {
    std::str::from_utf8(bytes).map_err(|error| NotText::NotUtf8 {
        line: line_of(bytes, error.valid_up_to()),
        byte: bytes[error.valid_up_to()],
        encoding: match bytes.iter().any(|byte| (0x80..0xA0).contains(byte)) {
            // Only control characters have these bytes in Latin-1; Windows has letters there,
            // except for five bytes.
            true if !bytes
                .iter()
                .any(|byte| b"\x81\x8D\x8F\x90\x9D".contains(byte)) =>
            {
                "CP1252"
            }
            _ => "LATIN1",
        },
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, NotText> {
    let (units, rest) = bytes.as_chunks::<2>();
    let decoded = char::decode_utf16(units.iter().map(|&bytes| unit(bytes)));
    match decoded.collect::<Result<String, _>>() {
        Ok(text) if rest.is_empty() => Ok(text),
        _ => Err(NotText::BadUtf16),
    }
}

/// UTF-16 text without a byte order mark whose characters are mostly ASCII: more than half of the
/// high bytes are 0, and no low byte is.
///
/// A line end as a high byte is that of UTF-8 text to which UTF-16 was appended.
fn utf16_by_its_nuls(bytes: &[u8]) -> Option<String> {
    let (units, _) = bytes.as_chunks::<2>();
    let zeros = |at: usize| units.iter().filter(|unit| unit[at] == 0).count();
    let unit = match (zeros(0), zeros(1)) {
        (0, high) if high > units.len() / 2 => u16::from_le_bytes,
        (high, 0) if high > units.len() / 2 => u16::from_be_bytes,
        _ => return None,
    };
    let is_line_end = |&bytes: &[u8; 2]| matches!(unit(bytes) >> 8, 0x0A | 0x0D);
    if units.iter().any(is_line_end) {
        return None;
    }
    let text = utf16(bytes, unit).ok()?;
    let is_text = |c: char| !c.is_control() || c.is_whitespace();
    text.chars().all(is_text).then_some(text)
}

/// Number of the line that holds byte `at`, from 1.
fn line_of(bytes: &[u8], at: usize) -> u64 {
    let before = &bytes[..at];
    let is_end = |(index, &byte): (usize, &u8)| {
        byte == b'\n' || (byte == b'\r' && before.get(index + 1).is_some_and(|&next| next != b'\n'))
    };
    1 + before.iter().enumerate().filter(|&at| is_end(at)).count() as u64
}

fn with_plain_line_ends(text: String) -> String {
    const MARK: char = '\u{feff}';
    if !text.contains(['\r', MARK]) {
        return text;
    }
    let ends = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines = ends.split('\n').map(|line| line.trim_start_matches(MARK));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, missing_docs)]
    use super::*;

    fn encoded(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn the_same_text_is_read_from_every_system() {
        const TEXT: &str = "scène/0.png\n# 深度\n\nb c\n";
        let windows = TEXT.replace('\n', "\r\n");
        let marked = format!("\u{feff}{windows}");
        for bytes in [
            TEXT.as_bytes().to_vec(),
            windows.as_bytes().to_vec(),
            marked.as_bytes().to_vec(),
            format!("\u{feff}{marked}").into_bytes(),
            TEXT.replace('\n', "\r").into_bytes(),
            encoded(&marked, u16::to_le_bytes),
            encoded(&marked, u16::to_be_bytes),
            encoded(&windows, u16::to_le_bytes),
            encoded(&windows, u16::to_be_bytes),
        ] {
            assert_eq!(decode_text(&bytes).unwrap(), TEXT, "{bytes:02X?}");
        }
        assert_eq!(decode_text(b"").unwrap(), "");
        // Two files with byte order marks, joined by `cat`.
        let joined = "\u{feff}a\n\u{feff}b\n";
        assert_eq!(decode_text(joined.as_bytes()).unwrap(), "a\nb\n");
    }

    #[test]
    fn other_bytes_are_refused_with_their_line() {
        let marked = encoded("\u{feff}a,b\n", u16::to_le_bytes);
        let unmarked = encoded("c,d\n", u16::to_le_bytes);
        let (line, byte, encoding) = (2, 0xFC, "LATIN1");
        for (bytes, fault) in [
            (
                b"a\nf\xFCr\n".to_vec(),
                NotText::NotUtf8 {
                    line,
                    byte,
                    encoding,
                },
            ),
            (
                b"\x80uro\r\x9D".to_vec(),
                NotText::NotUtf8 {
                    line: 1,
                    byte: 0x80,
                    encoding: "LATIN1",
                },
            ),
            (
                b"a\rb\r\n\x80uro".to_vec(),
                NotText::NotUtf8 {
                    line: 3,
                    byte: 0x80,
                    encoding: "CP1252",
                },
            ),
            (marked[..marked.len() - 1].to_vec(), NotText::BadUtf16),
            (
                [&b"a,b\n"[..], &unmarked].concat(),
                NotText::Nul { line: 2 },
            ),
            (b"\x7FELF\0\0\0\0".to_vec(), NotText::Nul { line: 1 }),
            (b"\xFF\xFE\0\0a\0\0\0".to_vec(), NotText::Utf32),
            (b"\xFF\xFEa\0\0\0".to_vec(), NotText::Nul { line: 1 }),
        ] {
            assert_eq!(decode_text(&bytes).unwrap_err(), fault, "{bytes:02X?}");
        }
    }

    #[test]
    fn the_printed_command_converts_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("it's a list.csv");
        for (bytes, text) in [
            (&b"Stra\xDFe,f\xFCr\r\n"[..], "Straße,für\n"),
            (b"5 \x80\r\n", "5 €\n"),
            (b"\xFF\xFE\0\0a\0\0\0\n\0\0\0", "a\n"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let message = read_text(&path).unwrap_err().to_string();
            let command = message.split('`').nth(1).unwrap();
            let shell = std::process::Command::new("sh")
                .args(["-c", command])
                .status();
            assert!(shell.unwrap().success(), "{command}");
            assert_eq!(read_text(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read_text(Path::new("no/list.txt")).unwrap_err().to_string();
        assert!(
            error.starts_with("no/list.txt: cannot be read: "),
            "{error}"
        );
    }
}
