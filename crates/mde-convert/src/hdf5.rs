//! Reads HDF5 files; declared sizes are checked before anything is read.
//!
//! Only this module uses the HDF5 library. Each public function calls it through `run_contained`.

use std::fs;
use std::path::{Path, PathBuf};

use hdf5_pure::{DType, Dataset, File, FormatError, Layout, Object};

use crate::contained::run_contained;
use crate::error::{ConvertError, Result, damaged, io};

const KIND: &str = "HDF5 file";
/// Maximum compression ratio of deflate; a file that declares more is damaged.
const MAX_EXPANSION: u64 = 1032;
/// Maximum size of a decompressed chunk; the published files stay far below.
const MAX_CHUNK_BYTES: u64 = 512 << 20;
/// Maximum length of a type description in an error.
const MAX_TYPE_LENGTH: usize = 80;
/// Maximum length of a scene name.
const MAX_TEXT_LENGTH: u64 = 256;

/// An open HDF5 file.
pub(crate) struct H5File {
    path: PathBuf,
    bytes: u64,
    file: File,
}

/// Expected values of a data set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    /// 8-bit colours.
    Colours,
    /// Depth in metres.
    Metres,
}

/// A data set whose size fits the file and whose values are complete.
pub(crate) struct Array {
    path: PathBuf,
    dataset: Dataset,
    /// Sizes of the axes, slowest first.
    pub(crate) shape: Vec<usize>,
    /// Number of rows of the first axis per chunk.
    pub(crate) rows_per_chunk: usize,
}

impl H5File {
    /// Opens a file on disk; data is read on request.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let bytes = fs::metadata(path).map_err(io("read", path))?.len();
        let file = run_contained(path, KIND, || {
            File::open_streaming(path).map_err(damaged(path, KIND))
        })?;
        Ok(Self {
            path: path.to_owned(),
            bytes,
            file,
        })
    }

    /// Opens a file in memory; errors name `path`.
    pub(crate) fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        let length = bytes.len() as u64;
        let file = run_contained(path, KIND, || {
            File::from_bytes(bytes).map_err(damaged(path, KIND))
        })?;
        Ok(Self {
            path: path.to_owned(),
            bytes: length,
            file,
        })
    }

    /// The data set `name`, checked.
    pub(crate) fn array(
        &self,
        name: &'static str,
        rank: usize,
        values: Values,
        expected: &'static str,
    ) -> Result<Array> {
        let found = self.optional_array(name, rank, values, expected)?;
        found.ok_or_else(|| self.unexpected(name, "is missing".into(), expected))
    }

    /// The data set `name`, checked, or `None` if it does not exist.
    pub(crate) fn optional_array(
        &self,
        name: &'static str,
        rank: usize,
        values: Values,
        expected: &'static str,
    ) -> Result<Option<Array>> {
        run_contained(&self.path, KIND, || match self.dataset(name)? {
            Some(dataset) => self
                .checked(name, dataset, rank, values, expected)
                .map(Some),
            None => Ok(None),
        })
    }

    fn checked(
        &self,
        name: &'static str,
        dataset: Dataset,
        rank: usize,
        values: Values,
        expected: &'static str,
    ) -> Result<Array> {
        let (dtype, shape) = self.type_and_shape(&dataset)?;
        let is_expected = match values {
            Values::Colours => dtype == DType::U8,
            Values::Metres => matches!(dtype, DType::F32 | DType::F64),
        };
        if shape.len() != rank || !is_expected {
            let found = format!("is {shape:?} of {}", described(&dtype));
            return Err(self.unexpected(name, found, expected));
        }
        let element = if dtype == DType::F64 {
            8
        } else {
            values.bytes()
        };
        let chunk = self.check_stored(name, &dataset, &shape, element)?;
        Ok(Array {
            path: self.path.clone(),
            dataset,
            rows_per_chunk: chunk.first().map_or(1, |&rows| rows as usize),
            shape: shape.iter().map(|&side| side as usize).collect(),
        })
    }

    /// The `count` strings of a MATLAB cell array, or `None` if the data set does not exist.
    pub(crate) fn texts(&self, name: &'static str, count: usize) -> Result<Option<Vec<String>>> {
        run_contained(&self.path, KIND, || {
            let Some(dataset) = self.dataset(name)? else {
                return Ok(None);
            };
            let shape = dataset.shape().map_err(self.unreadable())?;
            if elements(&shape) != Some(count as u64) {
                let found = format!("is {shape:?}");
                return Err(self.unexpected(name, found, "one string per frame"));
            }
            self.check_fits(name, &shape, 8, 1)?;
            let objects = dataset.dereference().map_err(self.unreadable())?;
            let texts = objects.into_iter().map(|object| self.text(name, object));
            texts.collect::<Result<_>>().map(Some)
        })
    }

    /// One string, stored as UTF-16.
    fn text(&self, name: &'static str, object: Object) -> Result<String> {
        let expected = "references to strings of 1 to 256 characters";
        let wrong = |found: String| self.unexpected(name, found, expected);
        let Object::Dataset(dataset) = object else {
            return Err(wrong("refers to a group".into()));
        };
        let (dtype, shape) = self.type_and_shape(&dataset)?;
        let length = elements(&shape).unwrap_or(u64::MAX);
        if dtype != DType::U16 || !(1..=MAX_TEXT_LENGTH).contains(&length) {
            return Err(wrong(format!(
                "refers to {shape:?} of {}",
                described(&dtype)
            )));
        }
        let units = dataset.read_u16().map_err(self.unreadable())?;
        String::from_utf16(&units).map_err(|_| wrong("refers to invalid UTF-16".into()))
    }

    fn dataset(&self, name: &str) -> Result<Option<Dataset>> {
        match self.file.dataset(name) {
            Ok(dataset) => Ok(Some(dataset)),
            Err(hdf5_pure::Error::Format(FormatError::PathNotFound(_))) => Ok(None),
            Err(error) => Err(self.unreadable()(error)),
        }
    }

    fn type_and_shape(&self, dataset: &Dataset) -> Result<(DType, Vec<u64>)> {
        let dtype = dataset.dtype().map_err(self.unreadable())?;
        Ok((dtype, dataset.shape().map_err(self.unreadable())?))
    }

    /// Rejects sizes that the file cannot hold at a compression ratio of `expansion`.
    fn check_fits(&self, name: &str, shape: &[u64], element: u64, expansion: u64) -> Result<()> {
        let most = self.bytes.saturating_mul(expansion);
        match elements(shape).and_then(|elements| elements.checked_mul(element)) {
            Some(declared) if declared <= most => Ok(()),
            _ => Err(self.bad(format!(
                "`{name}` is declared as {shape:?}, more than a file of {} bytes can hold",
                self.bytes
            ))),
        }
    }

    /// Rejects a data set with missing chunks, which would read as 0; returns the shape of its
    /// chunks.
    fn check_stored(
        &self,
        name: &str,
        dataset: &Dataset,
        shape: &[u64],
        element: u64,
    ) -> Result<Vec<u64>> {
        let layout = dataset.layout().map_err(self.unreadable())?;
        let chunk = match layout {
            Layout::Chunked { chunk_shape, .. } => chunk_shape,
            Layout::Contiguous { address: None, .. } | Layout::Virtual => {
                return Err(self.bad(format!("`{name}` has no values")));
            }
            _ => {
                self.check_fits(name, shape, element, 1)?;
                return Ok(vec![1]);
            }
        };
        self.check_fits(name, shape, element, MAX_EXPANSION)?;
        self.check_fits(name, &chunk, element, MAX_EXPANSION)?;
        let chunk_bytes = elements(&chunk).map_or(u64::MAX, |chunk| chunk * element);
        if chunk_bytes == 0 || chunk_bytes > MAX_CHUNK_BYTES || chunk.len() != shape.len() {
            return Err(self.bad(format!(
                "`{name}` is stored in chunks of {chunk:?}, expected chunks of up to 512 MiB"
            )));
        }
        let sides = || shape.iter().zip(&chunk);
        let expected: u64 = sides().map(|(side, of)| side.div_ceil(*of)).product();
        let mut chunks = dataset.chunks().map_err(self.unreadable())?;
        // Each position of the grid counts once.
        chunks.retain(|found| {
            let places = found.offset.iter().zip(sides());
            found.offset.len() == shape.len()
                && places
                    .into_iter()
                    .all(|(at, (side, of))| at < side && at % of == 0)
        });
        chunks.sort_unstable_by(|one, other| one.offset.cmp(&other.offset));
        chunks.dedup_by(|one, other| one.offset == other.offset);
        if chunks.len() as u64 != expected {
            return Err(self.bad(format!(
                "`{name}` has {} of its {expected} chunks",
                chunks.len()
            )));
        }
        Ok(chunk)
    }

    /// The error for a data set other than expected.
    pub(crate) fn unexpected(
        &self,
        dataset: &'static str,
        found: String,
        expected: &'static str,
    ) -> ConvertError {
        ConvertError::Contents {
            path: self.path.clone(),
            dataset,
            found,
            expected,
        }
    }

    fn unreadable(&self) -> impl FnOnce(hdf5_pure::Error) -> ConvertError {
        damaged(&self.path, KIND)
    }

    fn bad(&self, reason: String) -> ConvertError {
        damaged(&self.path, KIND)(reason)
    }
}

impl Values {
    fn bytes(self) -> u64 {
        match self {
            Self::Colours => 1,
            Self::Metres => 4,
        }
    }
}

impl Array {
    /// The values of `count` rows of the first axis. Decompresses only their chunks.
    pub(crate) fn colours(&self, start: usize, count: usize) -> Result<Vec<u8>> {
        self.rows(start, count, Dataset::read_u8_rows)
    }

    /// Depths of `count` rows; see [`Array::colours`].
    pub(crate) fn metres(&self, start: usize, count: usize) -> Result<Vec<f32>> {
        self.rows(start, count, Dataset::read_f32_rows)
    }

    fn rows<T: Send>(
        &self,
        start: usize,
        count: usize,
        read: fn(&Dataset, u64, u64) -> std::result::Result<Vec<T>, hdf5_pure::Error>,
    ) -> Result<Vec<T>> {
        let values = run_contained(&self.path, KIND, || {
            read(&self.dataset, start as u64, count as u64).map_err(damaged(&self.path, KIND))
        })?;
        let expected = count * self.shape.iter().skip(1).product::<usize>();
        if values.len() != expected {
            let reason = format!("{} values, expected {expected}", values.len());
            return Err(damaged(&self.path, KIND)(reason));
        }
        Ok(values)
    }
}

/// The beginning of a type's description, whose length depends on the nesting.
fn described(dtype: &DType) -> String {
    dtype.to_string().chars().take(MAX_TYPE_LENGTH).collect()
}

/// The number of elements, or `None` if it overflows.
fn elements(shape: &[u64]) -> Option<u64> {
    shape
        .iter()
        .try_fold(1u64, |all, &side| all.checked_mul(side))
}
