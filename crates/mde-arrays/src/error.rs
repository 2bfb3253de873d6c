//! What can go wrong between a file of another program and an array, each case with the file it concerns.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// How many names an error lists.
const LISTED: usize = 10;

/// How many characters of a name from a file an error shows.
const SHOWN: usize = 80;

/// The formats that are read, as errors name them.
pub(crate) const FORMATS: &str = ".npy, .npz, .safetensors, .exr, .pfm or a grey .png";

/// A file, or a member of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The array in it; empty where the format holds one array without a name.
    pub member: String,
}

impl Place {
    pub(crate) fn file(path: &Path) -> Self {
        Self::member(path, "")
    }

    pub(crate) fn member(path: &Path, member: &str) -> Self {
        Self {
            path: path.to_owned(),
            member: member.to_owned(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if !self.member.is_empty() {
            write!(f, ", array `{}`", shown(&self.member))?;
        }
        Ok(())
    }
}

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// A file or folder could not be read.
    #[error("{}: cannot be read: {source}", .path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file is of another kind than those that are read.
    #[error("{}: {found}; expected {FORMATS}{advice}", .path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
        /// What to do, beginning with a separator; may be empty.
        advice: &'static str,
    },
    /// A file contradicts itself or ends too early.
    #[error("{place}: damaged: {reason}; copy it or write it again")]
    Damaged {
        /// The file, and the array in it.
        place: Place,
        /// What is wrong with it.
        reason: String,
    },
    /// A sound file holds something else than plain numbers on a grid.
    #[error("{place}: found {found}; {advice}")]
    Unsupported {
        /// The file, and the array in it.
        place: Place,
        /// What it holds.
        found: String,
        /// How to save what is expected.
        advice: String,
    },
    /// An array has more values than are read.
    #[error(
        "{place}: {shape:?} are more values than the {most} that are read from a compressed file; save it uncompressed (.npy or .safetensors) or in parts"
    )]
    TooLarge {
        /// The file, and the array in it.
        place: Place,
        /// Its shape.
        shape: Vec<usize>,
        /// The most values that are read.
        most: usize,
    },
    /// A file holds several arrays and none was named.
    #[error("{}: holds {} arrays: {}; name the one that is meant", .path.display(), .members.len(), listed(.members))]
    SeveralMembers {
        /// The file.
        path: PathBuf,
        /// Their names and shapes.
        members: Vec<String>,
    },
    /// A file holds no array of the name asked for.
    #[error("{}: holds no array `{wanted}`; it holds {}", .path.display(), listed(.members))]
    NoSuchMember {
        /// The file.
        path: PathBuf,
        /// The name asked for.
        wanted: String,
        /// The names and shapes that it has.
        members: Vec<String>,
    },
    /// An array is not a single map.
    #[error(
        "{place}: has shape {shape:?}; expected one map of [H, W], [1, H, W], [1, 1, H, W] or [H, W, 1], none of them 0"
    )]
    NotAMap {
        /// The file, and the array in it.
        place: Place,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A file's arrays are not one map each, nor one stack of maps.
    #[error("{}: holds {}; expected one map [H, W] an array, or a single array [N, H, W] or [N, 1, H, W]: name the array that is meant", .path.display(), listed(.members))]
    NotMaps {
        /// The file.
        path: PathBuf,
        /// Names and shapes of its arrays.
        members: Vec<String>,
    },
    /// An index lies beyond an array's first axis.
    #[error("{place}: index {index} of shape {shape:?}")]
    NoSuchIndex {
        /// The file, and the array in it.
        place: Place,
        /// The index asked for.
        index: usize,
        /// The array's shape.
        shape: Vec<usize>,
    },
    /// A folder holds no file that could be a map.
    #[error("{}: no map in this folder or below ({others} other files); expected {FORMATS}", .path.display())]
    NoMaps {
        /// The folder.
        path: PathBuf,
        /// How many files of other kinds there are.
        others: usize,
    },
    /// Two files of a folder differ in nothing but their extension.
    #[error("{} and {} are both the map `{id}`; remove one", .first.display(), .second.display())]
    SameId {
        /// Their common id.
        id: String,
        /// A file.
        first: PathBuf,
        /// Another.
        second: PathBuf,
    },
    /// No map has this id.
    #[error("{}: no map `{id}` among its {maps}; they are called {}", .path.display(), listed(.known))]
    UnknownId {
        /// The folder or file.
        path: PathBuf,
        /// The id asked for.
        id: String,
        /// How many maps there are.
        maps: usize,
        /// The first ids.
        known: Vec<String>,
    },
    /// Several ids fit equally well.
    #[error("`{id}` could be any of {}; give it the same folders on both sides", listed(.candidates))]
    AmbiguousId {
        /// The id looked for.
        id: String,
        /// The ids that fit.
        candidates: Vec<String>,
    },
    /// Ground truths without a prediction.
    #[error(
        "{count} of {ground_truths} ground truths have no prediction: {}; predictions are called {}; a prediction has the id of its ground truth, or at least its last part",
        listed(.first), listed(.predictions)
    )]
    MissingPredictions {
        /// How many there are.
        count: usize,
        /// How many ground truths there are in all.
        ground_truths: usize,
        /// The first ten, in the ground truth's order.
        first: Vec<String>,
        /// The first predictions.
        predictions: Vec<String>,
    },
    /// One prediction would be that of two ground truths.
    #[error(
        "prediction `{prediction}` fits both ground truths `{first}` and `{second}`; give it the same folders on both sides"
    )]
    SharedPrediction {
        /// The prediction.
        prediction: String,
        /// A ground truth.
        first: String,
        /// Another.
        second: String,
    },
}

/// The start of a name that came from a file, printable.
pub(crate) fn shown(name: &str) -> String {
    let mut text: String = name
        .chars()
        .take(SHOWN)
        .flat_map(char::escape_debug)
        .collect();
    if name.chars().nth(SHOWN).is_some() {
        text += "...";
    }
    text
}

/// The first ten, or that there are none.
fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let mut text = names[..names.len().min(LISTED)].join(", ");
    if names.len() > LISTED {
        text += &format!(" and {} more", names.len() - LISTED);
    }
    text
}

/// At most ten of these, as errors keep them.
pub(crate) fn first_of(names: impl IntoIterator<Item = String>) -> Vec<String> {
    names.into_iter().take(LISTED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_printable() {
        let hostile = format!("\u{1b}[31m{}", "x".repeat(1000));
        let text = Place::member(Path::new("f.npz"), &hostile).to_string();
        assert!(text.len() < 200 && !text.contains('\u{1b}'), "{text}");
        let names: Vec<String> = (0..12).map(|n| n.to_string()).collect();
        assert!(listed(&names).ends_with("9 and 2 more"));
    }
}
