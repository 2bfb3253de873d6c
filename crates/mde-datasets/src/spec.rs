//! Data sets by name, such as `nyu:DIR`, with their lists and depth encodings.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::lines::ListFormat;
use crate::{DatasetError, DepthEncoding, RgbdList};

/// The part of a data set that a network learns from, or is judged on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// For learning.
    Train,
    /// For judging.
    Test,
}

impl Split {
    /// `train` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The data sets whose layout is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DataKind {
    /// NYU Depth V2 in the paper's layout: training depth 8-bit / 25.5, test depth 16-bit mm.
    Nyu,
    /// Rendered rooms: 16-bit mm throughout.
    Rooms,
    /// KITTI with the lists of Eigen's split: sparse depth, 16-bit / 256, and focal lengths.
    Kitti,
    /// Rendered streets, in KITTI's layout.
    Streets,
}

impl DataKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Nyu, Self::Rooms, Self::Kitti, Self::Streets];

    /// `nyu`, `rooms`, `kitti` or `streets`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nyu => "nyu",
            Self::Rooms => "rooms",
            Self::Kitti => "kitti",
            Self::Streets => "streets",
        }
    }

    /// List files of a split inside the data folder; the first that exists is taken.
    pub fn lists(self, split: Split) -> &'static [&'static str] {
        match (self, split) {
            // The full training set if it is there, else the 795 labelled pairs.
            (Self::Nyu, Split::Train) => &["nyuv2_train.csv", "nyuv2_labeled_train.csv"],
            (Self::Nyu, Split::Test) => &["nyuv2_test.csv"],
            (Self::Rooms, Split::Train) => &["rooms_train.csv"],
            (Self::Rooms, Split::Test) => &["rooms_test.csv"],
            (Self::Kitti, Split::Train) => &["eigen_train_files_with_gt.txt"],
            // The 652 images with ground truth if they are listed, else BTS's 697, of which 45 have none.
            (Self::Kitti, Split::Test) => &[
                "eigen_test_files_with_gt_652.txt",
                "eigen_test_files_with_gt.txt",
            ],
            (Self::Streets, Split::Train) => &["streets_train.txt"],
            (Self::Streets, Split::Test) => &["streets_test.txt"],
        }
    }

    /// How the split's depth files write metres.
    pub fn encoding(self, split: Split) -> DepthEncoding {
        match (self, split) {
            (Self::Nyu, Split::Train) => DepthEncoding::U8Over25_5,
            (Self::Nyu, Split::Test) | (Self::Rooms, _) => DepthEncoding::U16Millimetres,
            (Self::Kitti | Self::Streets, _) => DepthEncoding::U16Over256,
        }
    }

    fn format(self) -> ListFormat {
        match self {
            Self::Nyu | Self::Rooms => ListFormat::Csv,
            Self::Kitti | Self::Streets => ListFormat::Kitti,
        }
    }
}

/// A data set on disk: its kind and its folder. Written `nyu:DIR`, `rooms:DIR`, `kitti:DIR` or `streets:DIR`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSpec {
    /// The layout.
    pub kind: DataKind,
    /// The folder.
    pub root: PathBuf,
}

impl DataSpec {
    /// The kind's name, as results record it.
    pub fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// Opens a split. `encoding` overrides the kind's own, for files that were converted.
    ///
    /// # Errors
    /// A folder or list that does not exist, and whatever [`RgbdList::open`] or [`RgbdList::open_kitti`] finds.
    pub fn open(
        &self,
        split: Split,
        encoding: Option<DepthEncoding>,
    ) -> Result<RgbdList, DatasetError> {
        let names = self.kind.lists(split);
        if !self.root.is_dir() {
            return Err(DatasetError::MissingFolder {
                path: self.root.clone(),
                lists: names.iter().map(|&name| name.to_owned()).collect(),
            });
        }
        let tried: Vec<PathBuf> = names.iter().map(|name| self.root.join(name)).collect();
        let encoding = encoding.unwrap_or_else(|| self.kind.encoding(split));
        match tried.iter().find(|path| path.exists()) {
            Some(list) => match self.kind.format() {
                ListFormat::Csv => RgbdList::open(&self.root, list, encoding),
                ListFormat::Kitti => RgbdList::open_kitti(&self.root, list, encoding),
            },
            None => Err(DatasetError::MissingList {
                tried,
                expected: self.kind.format().expected(),
            }),
        }
    }
}

impl fmt::Display for DataSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name(), self.root.display())
    }
}

impl FromStr for DataSpec {
    type Err = DatasetError;

    fn from_str(text: &str) -> Result<Self, DatasetError> {
        let unknown = || DatasetError::UnknownData(text.to_owned());
        let (name, root) = text.split_once(':').ok_or_else(unknown)?;
        let kind = DataKind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(unknown)?;
        if root.is_empty() {
            return Err(unknown());
        }
        Ok(Self {
            kind,
            root: Path::new(root).to_owned(),
        })
    }
}
