//! HDF5 files from outside: what they declare is checked before anything is read.
//!
//! This is the only file that knows the HDF5 library, and each public function calls it in a container.

use std::fs;
use std::path::{Path, PathBuf};

use hdf5_pure::{DType, Dataset, File, FormatError, Layout, Object};

use crate::contained::contained;
use crate::error::{ConvertError, Result, damaged, io};

const KIND: &str = "HDF5 file";
/// deflate gives at most this many bytes for one; a file that declares more than that cannot hold it.
const MAX_EXPANSION: u64 = 1032;
/// What may be decompressed at once. The published files have chunks far below.
const MAX_CHUNK_BYTES: u64 = 512 << 20;
/// How much of a type's description an error shows.
const MAX_TYPE: usize = 80;
/// The longest name of a scene.
const MAX_TEXT: u64 = 256;

/// An open HDF5 file.
pub(crate) struct H5File {
    path: PathBuf,
    bytes: u64,
    file: File,
}

/// What a data set's values are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    /// 8-bit colours.
    Colours,
    /// Depth in metres.
    Metres,
}

/// A data set whose declared size the file can hold and whose values are all there.
pub(crate) struct Array {
    path: PathBuf,
    dataset: Dataset,
    /// Its sides, slowest first.
    pub(crate) shape: Vec<usize>,
    /// How many rows of the first axis are compressed together.
    pub(crate) rows_per_chunk: usize,
}

impl H5File {
    /// Opens a file on disk, of which only what is asked for will be read.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let bytes = fs::metadata(path).map_err(io("read", path))?.len();
        let file = contained(path, KIND, || {
            File::open_streaming(path).map_err(damaged(path, KIND))
        })?;
        Ok(Self {
            path: path.to_owned(),
            bytes,
            file,
        })
    }

    /// Opens a file in memory; errors call it `path`.
    pub(crate) fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        let length = bytes.len() as u64;
        let file = contained(path, KIND, || {
            File::from_bytes(bytes).map_err(damaged(path, KIND))
        })?;
        Ok(Self {
            path: path.to_owned(),
            bytes: length,
            file,
        })
    }

    /// The data set of that name, `None` if there is none.
    pub(crate) fn array(
        &self,
        name: &'static str,
        rank: usize,
        values: Values,
        expected: &'static str,
    ) -> Result<Option<Array>> {
        contained(&self.path, KIND, || match self.dataset(name)? {
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
        let wrong = |found| ConvertError::Contents {
            path: self.path.clone(),
            dataset: name,
            found,
            expected,
        };
        let (dtype, shape) = self.form(&dataset)?;
        let is_expected = match values {
            Values::Colours => dtype == DType::U8,
            Values::Metres => matches!(dtype, DType::F32 | DType::F64),
        };
        if shape.len() != rank || !is_expected {
            return Err(wrong(format!("is {shape:?} of {}", described(&dtype))));
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

    /// The strings of a MATLAB cell array of `count` strings, `None` if there is no such data set.
    pub(crate) fn texts(&self, name: &'static str, count: usize) -> Result<Option<Vec<String>>> {
        contained(&self.path, KIND, || {
            let Some(dataset) = self.dataset(name)? else {
                return Ok(None);
            };
            let shape = dataset.shape().map_err(self.unreadable())?;
            if elements(&shape) != Some(count as u64) {
                return Err(ConvertError::Contents {
                    path: self.path.clone(),
                    dataset: name,
                    found: format!("is {shape:?}"),
                    expected: "one string for each frame",
                });
            }
            self.check_fits(name, &shape, 8, 1)?;
            let objects = dataset.dereference().map_err(self.unreadable())?;
            let texts = objects.into_iter().map(|object| self.text(name, object));
            texts.collect::<Result<_>>().map(Some)
        })
    }

    /// One string: MATLAB stores UTF-16.
    fn text(&self, name: &'static str, object: Object) -> Result<String> {
        let wrong = |found: String| ConvertError::Contents {
            path: self.path.clone(),
            dataset: name,
            found,
            expected: "references to strings of 1 to 256 characters",
        };
        let Object::Dataset(dataset) = object else {
            return Err(wrong("refers to a group".into()));
        };
        let (dtype, shape) = self.form(&dataset)?;
        let length = elements(&shape).unwrap_or(u64::MAX);
        if dtype != DType::U16 || !(1..=MAX_TEXT).contains(&length) {
            return Err(wrong(format!(
                "refers to {shape:?} of {}",
                described(&dtype)
            )));
        }
        let units = dataset.read_u16().map_err(self.unreadable())?;
        String::from_utf16(&units).map_err(|_| wrong("refers to broken UTF-16".into()))
    }

    fn dataset(&self, name: &str) -> Result<Option<Dataset>> {
        match self.file.dataset(name) {
            Ok(dataset) => Ok(Some(dataset)),
            Err(hdf5_pure::Error::Format(FormatError::PathNotFound(_))) => Ok(None),
            Err(error) => Err(self.unreadable()(error)),
        }
    }

    fn form(&self, dataset: &Dataset) -> Result<(DType, Vec<u64>)> {
        let dtype = dataset.dtype().map_err(self.unreadable())?;
        Ok((dtype, dataset.shape().map_err(self.unreadable())?))
    }

    /// Refuses sizes that the file cannot hold where each of its bytes gives at most `expansion`.
    fn check_fits(&self, name: &str, shape: &[u64], element: u64, expansion: u64) -> Result<()> {
        let most = self.bytes.saturating_mul(expansion);
        match elements(shape).and_then(|elements| elements.checked_mul(element)) {
            Some(declared) if declared <= most => Ok(()),
            _ => Err(self.bad(format!(
                "`{name}` is declared as {shape:?}, more than a file of {} bytes holds",
                self.bytes
            ))),
        }
    }

    /// Refuses a data set of which parts were never written, which would read as 0; answers the shape of its chunks.
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
        // One at each place of the grid, and no two at the same.
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
    /// The values of `count` rows of the first axis. Decompresses the chunks that these rows touch, and no others.
    pub(crate) fn colours(&self, start: usize, count: usize) -> Result<Vec<u8>> {
        self.rows(start, count, Dataset::read_u8_rows)
    }

    /// As [`Array::colours`], of depths.
    pub(crate) fn metres(&self, start: usize, count: usize) -> Result<Vec<f32>> {
        self.rows(start, count, Dataset::read_f32_rows)
    }

    fn rows<T: Send>(
        &self,
        start: usize,
        count: usize,
        read: fn(&Dataset, u64, u64) -> std::result::Result<Vec<T>, hdf5_pure::Error>,
    ) -> Result<Vec<T>> {
        let values = contained(&self.path, KIND, || {
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

/// The beginning of a type's description, which is as long as the type is deep.
fn described(dtype: &DType) -> String {
    dtype.to_string().chars().take(MAX_TYPE).collect()
}

fn elements(shape: &[u64]) -> Option<u64> {
    shape
        .iter()
        .try_fold(1u64, |all, &side| all.checked_mul(side))
}
