//! Data sets by name, such as `nyu:DIR`, with their lists and depth encodings, and folders that describe themselves.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::description::{self, Description};
use crate::lines::ListFormat;
use crate::plan::Plan;
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

/// How far the depths of a data set reach, which decides the networks that are made for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scene {
    /// Rooms: to 10 m.
    Indoor,
    /// Streets: to 80 m, the range in which KITTI is evaluated.
    Street,
}

impl Scene {
    /// `indoor` or `street`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Indoor => "indoor",
            Self::Street => "street",
        }
    }

    /// The largest depth that counts, in metres.
    pub fn reach(self) -> f32 {
        match self {
            Self::Indoor => 10.0,
            Self::Street => 80.0,
        }
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
            (Self::Nyu, Split::Test) | (Self::Rooms, _) => DepthEncoding::U16_MM,
            (Self::Kitti | Self::Streets, _) => DepthEncoding::U16_OVER_256,
        }
    }

    /// What the pictures show.
    pub fn scene(self) -> Scene {
        match self {
            Self::Nyu | Self::Rooms => Scene::Indoor,
            Self::Kitti | Self::Streets => Scene::Street,
        }
    }

    pub(crate) fn format(self) -> ListFormat {
        match self {
            Self::Nyu | Self::Rooms => ListFormat::Csv,
            Self::Kitti | Self::Streets => ListFormat::Kitti,
        }
    }
}

/// A data set on disk. Written `nyu:DIR`, `rooms:DIR`, `kitti:DIR`, `streets:DIR`, or `DIR` alone, where `DIR/dataset.toml` says what
/// is in it (docs/own-data.md).
///
/// If there is a `dataset.toml` in the folder of a kind, it decides too: lists and encodings come from it, and its scene must be the kind's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSpec {
    /// The layout, if it is named.
    pub kind: Option<DataKind>,
    /// The folder.
    pub root: PathBuf,
}

impl DataSpec {
    /// The name that results record: the kind's, or the description's.
    ///
    /// # Errors
    /// A description that is missing where there is no kind, or wrong.
    pub fn name(&self) -> Result<String, DatasetError> {
        match self.kind {
            Some(kind) => Ok(kind.name().to_owned()),
            None => match self.description()? {
                Some(description) => Ok(description.name),
                None => Err(self.undescribed()),
            },
        }
    }

    /// Opens a split. `encoding` overrides what the kind or the description says, for files that were converted.
    ///
    /// # Errors
    /// A folder, description or list that does not exist or is wrong, and whatever [`RgbdList::open`] or [`RgbdList::open_kitti`] finds.
    pub fn open(
        &self,
        split: Split,
        encoding: Option<DepthEncoding>,
    ) -> Result<RgbdList, DatasetError> {
        RgbdList::of_plan(self.plan(split, encoding)?)
    }

    /// How a split is read: its list is there, the files that it names are not looked for yet.
    pub(crate) fn plan(
        &self,
        split: Split,
        encoding: Option<DepthEncoding>,
    ) -> Result<Plan, DatasetError> {
        if !self.root.is_dir() {
            return Err(self.missing_folder(split));
        }
        if let Some(description) = self.description()? {
            let by_kind = self.kind.map(|kind| kind.encoding(split));
            return Plan::described(&self.root, &description, split, encoding, by_kind);
        }
        let kind = self.kind.ok_or_else(|| self.undescribed())?;
        let names = kind.lists(split);
        let tried: Vec<PathBuf> = names.iter().map(|name| self.root.join(name)).collect();
        let encoding = encoding.unwrap_or_else(|| kind.encoding(split));
        match tried.iter().find(|path| path.exists()) {
            Some(list) => Ok(Plan::of_list(
                &self.root,
                list,
                kind.format(),
                encoding,
                kind.scene(),
            )),
            None => Err(DatasetError::MissingList {
                tried,
                expected: kind.format().expected(),
            }),
        }
    }

    /// The folder's description, if it has one, which must be about the kind's scenes.
    pub(crate) fn description(&self) -> Result<Option<Description>, DatasetError> {
        let described = Description::read(&self.root)?;
        if let (Some(description), Some(kind)) = (&described, self.kind)
            && description.scene != kind.scene()
        {
            return Err(DatasetError::BadDescription {
                path: description.path.clone(),
                line: None,
                reason: format!(
                    "scene = \"{}\", but {} is data of a kind that reaches to {} m (\"{}\"); name the folder without its kind, or correct the scene",
                    description.scene.name(),
                    self,
                    kind.scene().reach(),
                    kind.scene().name(),
                ),
            });
        }
        Ok(described)
    }

    fn undescribed(&self) -> DatasetError {
        DatasetError::MissingDescription {
            path: self.root.join(description::FILE),
        }
    }

    fn missing_folder(&self, split: Split) -> DatasetError {
        let lists = self
            .kind
            .map_or(&[description::FILE][..], |kind| kind.lists(split));
        DatasetError::MissingFolder {
            path: self.root.clone(),
            lists: lists.iter().map(|&name| name.to_owned()).collect(),
        }
    }
}

impl fmt::Display for DataSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Some(kind) => write!(f, "{}:{}", kind.name(), self.root.display()),
            None => write!(f, "{}", self.root.display()),
        }
    }
}

impl FromStr for DataSpec {
    type Err = DatasetError;

    fn from_str(text: &str) -> Result<Self, DatasetError> {
        let unknown = || DatasetError::UnknownData(text.to_owned());
        let named = text.split_once(':').and_then(|(name, root)| {
            let kind = DataKind::ALL.into_iter().find(|kind| kind.name() == name);
            Some((kind?, root))
        });
        let (kind, root) = match named {
            Some((kind, root)) => (Some(kind), root),
            // A colon is in few folders' names, but in every mistyped kind.
            None if text.contains(':') && !Path::new(text).is_dir() => return Err(unknown()),
            None => (None, text),
        };
        if root.is_empty() {
            return Err(unknown());
        }
        Ok(Self {
            kind,
            root: root.into(),
        })
    }
}
