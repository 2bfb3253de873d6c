//! A file that is being read, and what its size allows.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::format::{self, Format};
use crate::numbers::Layout;
use crate::{ArrayError, Place};

/// The most values of an array that is read from a compressed file: .npz, .exr or .png.
pub const MOST_COMPRESSED_VALUES: usize = 1 << 28;

/// No compression of these formats makes data smaller than this part: deflate reaches 1032, PXR24 a third more.
const DENSEST: u64 = 2048;

/// Memory taken before the first of an array's values is read where the file does not prove how many there are.
pub(crate) const UNPROVEN: usize = 1 << 16;

/// A file that is being read.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) reader: BufReader<File>,
    /// Its size in bytes.
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

    /// Its format; the reader is at its start before and after.
    pub(crate) fn format(&mut self) -> Result<Format, ArrayError> {
        let mut start = Vec::with_capacity(format::START);
        let mut first = (&mut self.reader).take(format::START as u64);
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

    /// What a failed read of the file means.
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

    /// Checks that an uncompressed array takes exactly these bytes.
    pub(crate) fn holds(
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
        let needed = needed.map_or("more than there can be".to_owned(), |needed| {
            needed.to_string()
        });
        let kind = layout.number;
        let reason = format!(
            "an array of shape {shape:?} of {kind:?} has {needed} bytes, but {bytes} follow its header"
        );
        Err(damaged(self.place(member), reason))
    }

    /// Checks that an array of this shape, of so many bytes a value, can come out of this many compressed bytes.
    pub(crate) fn may_hold(
        &self,
        member: &str,
        shape: &[usize],
        size: usize,
        compressed: u64,
    ) -> Result<(), ArrayError> {
        let count = count_of(shape).filter(|count| *count <= MOST_COMPRESSED_VALUES);
        let Some(count) = count else {
            return Err(ArrayError::TooLarge {
                place: self.place(member),
                shape: shape.to_vec(),
                most: MOST_COMPRESSED_VALUES,
            });
        };
        if (count * size) as u64 > compressed.saturating_mul(DENSEST) {
            let reason = format!(
                "an array of shape {shape:?} cannot be in {compressed} bytes, however compressed"
            );
            return Err(damaged(self.place(member), reason));
        }
        Ok(())
    }
}

/// The number of values, if it can be counted.
fn count_of(shape: &[usize]) -> Option<usize> {
    // A 0 among sizes that overflow is no array either: the sizes are multiplied as they come.
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

/// What a failed read means: the end of the file or its contents, or the disk.
pub(crate) fn read_error(place: &Place, error: io::Error) -> ArrayError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged(place.clone(), "it is cut short"),
        // What decompressors and checksums report.
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
            damaged(place.clone(), error.to_string())
        }
        _ => ArrayError::Read {
            path: place.path.clone(),
            source: error,
        },
    }
}
