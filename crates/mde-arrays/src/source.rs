//! An open file, and checks of declared sizes against its length.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::format::{self, Format};
use crate::numbers::Layout;
use crate::{ArrayError, Place};

/// Maximum number of values in an array from a compressed file: `.npz`, `.exr` or `.png`.
pub const MAX_COMPRESSED_VALUES: usize = 1 << 28;

/// Upper bound of the compression ratio: deflate reaches 1032, PXR24 a third more.
const MAX_COMPRESSION_RATIO: u64 = 2048;

/// Number of values to allocate for before reading an array whose size the file does not prove.
pub(crate) const INITIAL_CAPACITY: usize = 1 << 16;

/// An open file.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) reader: BufReader<File>,
    /// Size of the file in bytes.
    pub(crate) length: u64,
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self, ArrayError> {
        let open = || {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            if metadata.is_dir() {
                return Err(io::Error::from(io::ErrorKind::IsADirectory));
            }
            Ok(Self {
                path: path.to_owned(),
                reader: BufReader::new(file),
                length: metadata.len(),
            })
        };
        open().map_err(|source| ArrayError::Read {
            path: path.to_owned(),
            source,
        })
    }

    /// The format of the file. The reader is at the start before and after.
    pub(crate) fn format(&mut self) -> Result<Format, ArrayError> {
        let mut start = Vec::with_capacity(format::DETECTION_LENGTH);
        let mut first = (&mut self.reader).take(format::DETECTION_LENGTH as u64);
        first
            .read_to_end(&mut start)
            .map_err(|error| self.error(error))?;
        self.seek(0)?;
        format::detect(&self.path, &start)
    }

    pub(crate) fn seek(&mut self, at: u64) -> Result<(), ArrayError> {
        match self.reader.seek(SeekFrom::Start(at)) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.error(error)),
        }
    }

    pub(crate) fn place(&self, member: &str) -> Place {
        Place::member(&self.path, member)
    }

    /// The error for a failed read of the file.
    pub(crate) fn error(&self, error: io::Error) -> ArrayError {
        read_error(&self.place(""), error)
    }

    pub(crate) fn damaged(&self, reason: impl Into<String>) -> ArrayError {
        damaged(self.place(""), reason)
    }

    pub(crate) fn unsupported(&self, found: impl Into<String>, advice: &str) -> ArrayError {
        ArrayError::Unsupported {
            place: self.place(""),
            found: found.into(),
            advice: advice.to_owned(),
        }
    }

    /// Checks that an uncompressed array takes exactly `bytes` bytes.
    pub(crate) fn check_exact_size(
        &self,
        member: &str,
        shape: &[usize],
        layout: Layout,
        bytes: u64,
    ) -> Result<(), ArrayError> {
        let needed = count_of(shape).and_then(|count| layout.bytes(count));
        if needed == Some(bytes) {
            return Ok(());
        }
        let needed = needed.map_or("an impossible number of".to_owned(), |needed| {
            needed.to_string()
        });
        let kind = layout.number;
        let reason = format!(
            "an array of shape {shape:?} of {kind:?} takes {needed} bytes, but {bytes} follow its header"
        );
        Err(damaged(self.place(member), reason))
    }

    /// Checks that `compressed` bytes can decompress to an array of this shape, `size` bytes per
    /// value. `advice` says how to save a larger array.
    pub(crate) fn check_compressed_size(
        &self,
        member: &str,
        shape: &[usize],
        size: usize,
        compressed: u64,
        advice: &str,
    ) -> Result<(), ArrayError> {
        let count = count_of(shape).filter(|count| *count <= MAX_COMPRESSED_VALUES);
        let Some(count) = count else {
            return Err(ArrayError::TooLarge {
                place: self.place(member),
                shape: shape.to_vec(),
                max: MAX_COMPRESSED_VALUES,
                advice: advice.to_owned(),
            });
        };
        if (count * size) as u64 > compressed.saturating_mul(MAX_COMPRESSION_RATIO) {
            let reason =
                format!("an array of shape {shape:?} cannot be compressed to {compressed} bytes");
            return Err(damaged(self.place(member), reason));
        }
        Ok(())
    }
}

/// The number of values, or `None` if it overflows.
fn count_of(shape: &[usize]) -> Option<usize> {
    // Multiplied in order: sizes that overflow are refused even where a later size is 0.
    shape
        .iter()
        .try_fold(1usize, |count, size| count.checked_mul(*size))
}

pub(crate) fn damaged(place: Place, reason: impl Into<String>) -> ArrayError {
    ArrayError::Damaged {
        place,
        reason: reason.into(),
    }
}

/// The error for a failed read: [`ArrayError::Damaged`] for contents, else [`ArrayError::Read`].
pub(crate) fn read_error(place: &Place, error: io::Error) -> ArrayError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged(place.clone(), "it is truncated"),
        // These kinds come from decompressors and checksums.
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
            damaged(place.clone(), error.to_string())
        }
        _ => ArrayError::Read {
            path: place.path.clone(),
            source: error,
        },
    }
}
