//! The training and test split of the labelled frames.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{ConvertError, Result, io};
use crate::mat5;

/// Maximum size of the split file; the official one has 4 kB.
const MAX_BYTES: u64 = 1 << 20;

/// A part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// Training split.
    Train,
    /// Test split.
    Test,
}

/// Assignment of the labelled frames to splits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameSplit {
    /// The `splits.mat` in the folder of the frames.
    Beside,
    /// A MATLAB 5 file with the 1-based `trainNdxs` and `testNdxs`.
    File(PathBuf),
    /// One split for all frames.
    All(Split),
}

impl FrameSplit {
    /// The split of each frame of `mat`.
    pub(crate) fn assign(&self, mat: &Path, frames: usize) -> Result<Vec<Split>> {
        match self {
            Self::All(split) => Ok(vec![*split; frames]),
            Self::File(path) => read(path, frames),
            Self::Beside => read(&mat.with_file_name("splits.mat"), frames),
        }
    }
}

fn read(path: &Path, frames: usize) -> Result<Vec<Split>> {
    let length = match fs::metadata(path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(ConvertError::MissingSplits {
                path: path.to_owned(),
            });
        }
        Err(error) => return Err(io("read", path)(error)),
    };
    let wrong = |reason| ConvertError::Splits {
        path: path.to_owned(),
        reason,
        frames,
    };
    if length > MAX_BYTES {
        return Err(wrong(format!("a file of {length} bytes is too large")));
    }
    let file = fs::read(path).map_err(io("read", path))?;
    assign(&file, frames).map_err(wrong)
}

fn assign(file: &[u8], frames: usize) -> std::result::Result<Vec<Split>, String> {
    let mut splits = vec![None; frames];
    for (name, split) in [("trainNdxs", Split::Train), ("testNdxs", Split::Test)] {
        let numbers = mat5::numbers(file, name)?.ok_or_else(|| format!("it has no {name}"))?;
        for number in numbers {
            // Fractions, 0 and negative numbers match no frame.
            let index = (number.fract() == 0.0).then(|| (number as usize).wrapping_sub(1));
            let place = index.and_then(|index| splits.get_mut(index));
            let place = place.ok_or_else(|| format!("{name} contains frame {number}"))?;
            if place.replace(split).is_some() {
                return Err(format!("frame {number} occurs twice"));
            }
        }
    }
    let named = |(index, split): (usize, Option<Split>)| {
        split.ok_or_else(|| format!("frame {} is in neither list", index + 1))
    };
    splits.into_iter().enumerate().map(named).collect()
}
