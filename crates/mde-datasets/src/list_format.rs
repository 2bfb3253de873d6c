//! The forms that the lines of a list may have.

use std::path::Path;

use crate::DataKind;
use crate::rows::Separator;

/// The form of a list's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListFormat {
    /// `rgb,depth` or `rgb,depth,focal`: lists named `*.csv`.
    Csv,
    /// `rgb depth focal`, separated by blanks: KITTI.
    Kitti,
    /// `rgb depth` or `rgb depth focal`, separated by blanks: lists of a `dataset.toml`.
    Blanks,
}

impl ListFormat {
    /// The format of the lists of a known layout.
    pub(crate) fn for_kind(kind: DataKind) -> Self {
        match kind {
            DataKind::Nyu | DataKind::Rooms => Self::Csv,
            DataKind::Kitti | DataKind::Streets => Self::Kitti,
        }
    }

    /// The format of a `dataset.toml`'s list, by its file name.
    pub(crate) fn for_file(list: &Path) -> Self {
        match list.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("csv") => Self::Csv,
            _ => Self::Blanks,
        }
    }

    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Csv => "`rgb,depth[,focal]` with paths relative to the data folder",
            Self::Kitti => {
                "`rgb depth focal`, separated by blanks, with paths relative to the data folder"
            }
            Self::Blanks => {
                "`rgb depth [focal]`, separated by blanks or commas, with paths relative to the data folder"
            }
        }
    }

    /// The usual separator, then the others.
    pub(crate) fn separators(self) -> [Separator; 4] {
        let [comma, blanks, semicolon, tab] = Separator::ALL;
        match self {
            Self::Csv => [comma, blanks, semicolon, tab],
            Self::Kitti | Self::Blanks => [blanks, comma, semicolon, tab],
        }
    }
}

/// A positive number.
pub(crate) fn focal_of(text: &str) -> Option<f32> {
    let focal = text.parse::<f32>().ok()?;
    (focal.is_finite() && focal > 0.0).then_some(focal)
}
