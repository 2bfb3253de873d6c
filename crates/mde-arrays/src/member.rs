//! One array of a file, as the file's header describes it.

use crate::npy::NotNumbers;
use crate::numbers::{Layout, Order};

/// Name, shape and location of an array.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// Empty where the format holds a single unnamed array.
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) storage: Storage,
}

/// Where the values of an array are stored.
#[derive(Debug, Clone)]
pub(crate) enum Storage {
    /// Uncompressed, starting at byte `at`.
    Plain {
        layout: Layout,
        at: u64,
    },
    /// In an entry of a zip archive, after `header` bytes.
    Zipped {
        layout: Layout,
        entry: usize,
        header: u64,
        stored: bool,
    },
    Png,
    /// A channel of one part of an OpenEXR file.
    Exr {
        part: usize,
        channel: usize,
    },
    /// Not plain numbers; reading gives an error.
    Refused(NotNumbers),
}

impl Member {
    /// Whether the values are stored as integers. Channels of an EXR count as floats.
    pub(crate) fn is_integer(&self) -> bool {
        match &self.storage {
            Storage::Plain { layout, .. } | Storage::Zipped { layout, .. } => {
                layout.number.is_integer()
            }
            Storage::Png => true,
            Storage::Exr { .. } | Storage::Refused(_) => false,
        }
    }

    /// Whether a slice can be read without reading what precedes it.
    pub(crate) fn has_random_access(&self) -> bool {
        match self.storage {
            Storage::Plain { layout, .. } => layout.order == Order::RowMajor,
            Storage::Zipped { layout, stored, .. } => stored && layout.order == Order::RowMajor,
            _ => false,
        }
    }
}
