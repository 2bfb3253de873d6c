//! PyTorch's legacy format, from before version 1.6: five pickles one after the other, then the
//! storages.
//!
//! The pickles hold a magic number, the version of the format, the sizes of the machine's types,
//! the checkpoint, and the keys of the storages in the order in which they follow. A storage is
//! the number of its elements, 8 bytes, and the elements. All are little-endian on every machine:
//! PyTorch ignores the byte order in the third pickle when it reads.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::pickle::{MAX_PICKLE, Value, Values};
use super::problem::Problem;

/// Version of the format, the second pickle. There is no other.
const VERSION: i64 = 1001;

/// The open file.
pub(super) struct Legacy {
    file: File,
    /// By key: position of the first element, and bytes.
    storages: HashMap<String, (u64, u64)>,
}

impl Legacy {
    /// The file and the checkpoint's pickle.
    pub(super) fn open(path: &Path) -> Result<(Self, Values), Problem> {
        let mut file = File::open(path)?;
        // A file is never shorter than its pickles.
        let mut start = Vec::new();
        file.by_ref().take(MAX_PICKLE).read_to_end(&mut start)?;
        let mut at = 0;
        let is_cut = start.len() as u64 == MAX_PICKLE;
        let mut next = || -> Result<Values, Problem> {
            let (values, length) = match Values::read(&start[at..]) {
                Err(_) if is_cut => {
                    return Err(Problem::new(format!(
                        "its pickles are damaged, or longer than {MAX_PICKLE} bytes"
                    )));
                }
                read => read?,
            };
            at += length;
            Ok(values)
        };
        // The magic number decided on the format.
        next()?;
        let version = next()?;
        let Value::Int(VERSION) = version.get(version.root()) else {
            return Err(Problem::new(
                "it is in an unknown version of PyTorch's legacy format",
            ));
        };
        next()?;
        let (checkpoint, keys) = (next()?, next()?);
        let storages = storages(&mut file, at as u64, &checkpoint, &keys)?;
        Ok((Self { file, storages }, checkpoint))
    }

    /// The bytes of a storage.
    pub(super) fn storage(&mut self, key: &str, size: u64) -> Result<Vec<u8>, Problem> {
        let Some(&(start, bytes)) = self.storages.get(key) else {
            return Err(Problem::new(format!("storage {key:.60} is missing")));
        };
        if bytes != size {
            return Err(Problem::new(format!(
                "the storage {key:.60} has {bytes} bytes, expected {size}"
            )));
        }
        self.file.seek(SeekFrom::Start(start))?;
        let mut values = Vec::new();
        self.file.by_ref().take(size).read_to_end(&mut values)?;
        if values.len() as u64 != size {
            return Err(cut_short());
        }
        Ok(values)
    }
}

fn cut_short() -> Problem {
    Problem::new("it is cut short or damaged: a storage reaches beyond the end of the file")
}

/// The places of all storages, of which only the lengths are read.
fn storages(
    file: &mut File,
    mut at: u64,
    checkpoint: &Values,
    keys: &Values,
) -> Result<HashMap<String, (u64, u64)>, Problem> {
    let end = file.metadata()?.len();
    let widths: HashMap<&str, usize> = checkpoint
        .all()
        .iter()
        .filter_map(|value| match value {
            Value::Storage(storage) => {
                Some((checkpoint.text(storage.key)?, storage.element.width()))
            }
            _ => None,
        })
        .collect();
    let Value::List(order) = keys.get(keys.root()) else {
        return Err(Problem::new("its list of storages is damaged"));
    };
    let mut storages = HashMap::new();
    for &key in order {
        let known = keys
            .text(key)
            .and_then(|key| Some((key, *widths.get(key)?)));
        let Some((key, width)) = known else {
            return Err(Problem::new(
                "its list of storages names one that no tensor has: it is damaged",
            ));
        };
        file.seek(SeekFrom::Start(at))?;
        let mut count = [0; 8];
        file.read_exact(&mut count).map_err(|_| cut_short())?;
        let bytes = u64::from_le_bytes(count).checked_mul(width as u64);
        let start = at + 8;
        let next = bytes.and_then(|bytes| start.checked_add(bytes));
        let (Some(bytes), Some(next)) = (bytes, next.filter(|next| *next <= end)) else {
            return Err(cut_short());
        };
        if storages.insert(key.to_owned(), (start, bytes)).is_some() {
            return Err(Problem::new(format!(
                "its list of storages names {key:.60} twice: it is damaged"
            )));
        }
        at = next;
    }
    Ok(storages)
}
