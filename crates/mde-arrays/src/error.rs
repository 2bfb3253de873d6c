//! The error type. Every variant names the file concerned.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Maximum number of names in an error.
const MAX_NAMES: usize = 10;

/// Maximum number of characters of a name in an error.
const MAX_NAME_LENGTH: usize = 80;

/// The supported formats as errors name them.
pub(crate) const FORMATS: &str = ".npy, .npz, .safetensors, .exr, .pfm or greyscale .png";

/// A file, or one array of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Path of the file.
    pub path: PathBuf,
    /// Name of the array; empty where the format holds a single unnamed array.
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
            write!(f, ", array `{}`", printable(&self.member))?;
        }
        Ok(())
    }
}

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// A file or folder could not be read.
    #[error("{}: cannot be read: {source}", .path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// A file has an unsupported format.
    #[error("{}: {found}; expected {FORMATS}{}", .path.display(), after_colon(.advice))]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// What the file is.
        found: String,
        /// How to repair it; may be empty.
        advice: String,
    },
    /// A file is truncated or inconsistent.
    #[error("{place}: damaged: {reason}; copy the file again or rewrite it")]
    Damaged {
        /// The file and array.
        place: Place,
        /// The inconsistency found.
        reason: String,
    },
    /// An intact file holds something other than numbers on a full grid.
    #[error("{place}: found {found}; {advice}")]
    Unsupported {
        /// The file and array.
        place: Place,
        /// What the file holds.
        found: String,
        /// How to save it instead.
        advice: String,
    },
    /// A compressed array exceeds the size limit.
    #[error(
        "{place}: shape {shape:?} has more than {max} values, the limit for compressed files; {advice}"
    )]
    TooLarge {
        /// The file and array.
        place: Place,
        /// Shape of the array.
        shape: Vec<usize>,
        /// Maximum number of values.
        max: usize,
        /// How to save it instead.
        advice: String,
    },
    /// A file holds several arrays and no name was given.
    #[error("{}: holds {} arrays: {}; name one of them", .path.display(), .members.len(), join_names(.members))]
    SeveralMembers {
        /// The file.
        path: PathBuf,
        /// Names and shapes of the arrays.
        members: Vec<String>,
    },
    /// A file holds no array with the requested name.
    #[error("{}: holds no array `{wanted}`; it holds {}", .path.display(), join_names(.members))]
    NoSuchMember {
        /// The file.
        path: PathBuf,
        /// The requested name.
        wanted: String,
        /// Names and shapes of the arrays.
        members: Vec<String>,
    },
    /// An array is not a single map.
    #[error(
        "{place}: has shape {shape:?}; expected one map of shape [H, W], [1, H, W], [1, 1, H, W] or [H, W, 1] with at least one pixel"
    )]
    NotAMap {
        /// The file and array.
        place: Place,
        /// Shape of the array.
        shape: Vec<usize>,
    },
    /// The arrays of a file are neither one map each nor one stack of maps.
    #[error("{}: holds {}; expected one map [H, W] per array, or a single array [N, H, W], [N, 1, H, W] or [N, H, W, 1]; {}", .path.display(), join_names(.members), if .members.len() == 1 { "save one map per image" } else { "name the array to use" })]
    NotMaps {
        /// The file.
        path: PathBuf,
        /// Names and shapes of the arrays.
        members: Vec<String>,
    },
    /// An index is beyond the first axis of an array.
    #[error("{place}: index {index} is out of range for shape {shape:?}")]
    NoSuchIndex {
        /// The file and array.
        place: Place,
        /// The requested index.
        index: usize,
        /// Shape of the array.
        shape: Vec<usize>,
    },
    /// A folder holds no file of a supported format.
    #[error("{}: found no map in this folder or its subfolders ({others} other files); expected {FORMATS}", .path.display())]
    NoMaps {
        /// The folder.
        path: PathBuf,
        /// Number of files of other formats.
        others: usize,
    },
    /// Two files of a folder differ only in their extension.
    #[error("{} and {} have the same id `{id}`; remove one of them", .first.display(), .second.display())]
    SameId {
        /// The common id.
        id: String,
        /// The first file.
        first: PathBuf,
        /// The second file.
        second: PathBuf,
    },
    /// Names are matched to the maps of a stack, but their order is not certain.
    #[error(
        "{maps} maps without names are matched by position, but the order of the names is not certain: \
         from position {from}, {}; choose the order",
        join_orders(.orders)
    )]
    UncertainOrder {
        /// Number of maps.
        maps: usize,
        /// The first position, from 0, at which the orders differ.
        from: usize,
        /// What each order is, and its first names from there.
        orders: Vec<(&'static str, Vec<String>)>,
    },
    /// The numbers of predictions and ground truths differ, where they are matched by position.
    #[error(
        "maps without names are matched by position, but there are {}{} and {}{}; their numbers must be equal",
        count(*.predictions, "prediction"),
        if *.is_ground_truth { "" } else { " in a stack" },
        count(*.ground_truths, "ground truth"),
        if *.is_ground_truth { " in a stack" } else { "" }
    )]
    StackLength {
        /// Number of predictions.
        predictions: usize,
        /// Number of ground truths.
        ground_truths: usize,
        /// Whether the ground truth is the stack.
        is_ground_truth: bool,
    },
    /// Predictions are numbered from 0 and ground truths from 1, or the reverse.
    #[error(
        "{maps} predictions are numbered from {predictions} and {maps} ground truths from \
         {ground_truths}, so equal numbers are not the same image; choose an order"
    )]
    OtherNumbers {
        /// Number of maps of either.
        maps: usize,
        /// The first number of the predictions.
        predictions: u64,
        /// The first number of the ground truths.
        ground_truths: u64,
    },
    /// An order of names was chosen, but all maps have names.
    #[error(
        "an order of names needs a stack, or maps that are numbered from 0 or 1, as predictions or as ground truth; \
         these maps all have names and are matched by name"
    )]
    NoPositions,
    /// The files of a folder have no stored order.
    #[error(
        "the files of a folder have no stored order; choose the order by number or by text, or list the ids"
    )]
    NoStoredOrder,
    /// Listed ids are not among the maps.
    #[error("{count} of {wanted} listed ids match no map: {}; ids look like {}", join_names(.first), join_names(.known))]
    UnknownIds {
        /// Number of ids that match nothing.
        count: usize,
        /// Number of listed ids.
        wanted: usize,
        /// The first of them.
        first: Vec<String>,
        /// The first ids of the maps.
        known: Vec<String>,
    },
    /// The names of ground truths occur in two kinds of names of predictions.
    #[error(
        "two kinds of files match the ground truth equally well, such as `{first}` and `{second}`; \
         move one kind into another folder"
    )]
    SeveralKinds {
        /// A file of one kind.
        first: String,
        /// A file of the other kind.
        second: String,
    },
    /// No map has this id.
    #[error("{}: found no map `{id}` among {maps}; ids look like {}", .path.display(), join_names(.known))]
    UnknownId {
        /// The folder or file.
        path: PathBuf,
        /// The requested id.
        id: String,
        /// Number of maps.
        maps: usize,
        /// The first ids.
        known: Vec<String>,
    },
    /// Several ids match equally well.
    #[error("`{id}` matches {} equally well; use the same folder names for predictions and ground truth", join_names(.candidates))]
    AmbiguousId {
        /// The requested id.
        id: String,
        /// The ids that match.
        candidates: Vec<String>,
    },
    /// Some ground-truth maps have no prediction.
    #[error(
        "{count} of {ground_truths} ground-truth maps have no prediction: {}; predictions are named {}; a prediction needs the id of its ground truth, or at least the last part of it",
        join_names(.first), join_names(.predictions)
    )]
    MissingPredictions {
        /// Number of ground-truth maps without a prediction.
        count: usize,
        /// Number of ground-truth maps.
        ground_truths: usize,
        /// The first ten without a prediction, in the order of the ground truth.
        first: Vec<String>,
        /// The first predictions.
        predictions: Vec<String>,
    },
    /// One prediction matches two ground-truth maps.
    #[error(
        "prediction `{prediction}` matches both ground-truth maps `{first}` and `{second}`; use the same folder names for predictions and ground truth"
    )]
    SharedPrediction {
        /// The prediction.
        prediction: String,
        /// The first ground-truth map.
        first: String,
        /// The second ground-truth map.
        second: String,
    },
}

/// The beginning of a name from a file, with control characters escaped.
pub(crate) fn printable(name: &str) -> String {
    let mut text: String = name
        .chars()
        .take(MAX_NAME_LENGTH)
        .flat_map(char::escape_debug)
        .collect();
    if name.chars().nth(MAX_NAME_LENGTH).is_some() {
        text += "...";
    }
    text
}

/// `1 map`, `2 maps`.
fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// The first names, comma-separated, and the number of the others; "nothing" for none.
fn join_names(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let mut text = names[..names.len().min(MAX_NAMES)].join(", ");
    if names.len() > MAX_NAMES {
        text += &format!(" and {} more", names.len() - MAX_NAMES);
    }
    text
}

/// A colon and the advice, if there is any.
fn after_colon(advice: &str) -> String {
    if advice.is_empty() {
        return String::new();
    }
    format!(": {advice}")
}

/// Orders of names: `by number 2, 10; by text 10, 2`.
fn join_orders(orders: &[(&'static str, Vec<String>)]) -> String {
    let named = |(how, names): &(&str, Vec<String>)| format!("{how} {}", names.join(", "));
    orders.iter().map(named).collect::<Vec<_>>().join("; ")
}

/// The first names of a list, printable.
pub(crate) fn first_names(names: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
    let names = names.into_iter().take(MAX_NAMES);
    names.map(|name| printable(name.as_ref())).collect()
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
        assert!(join_names(&names).ends_with("9 and 2 more"));
    }
}
