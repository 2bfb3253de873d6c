//! Splits, scenes and the data sets whose folder layout is known.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::DepthEncoding;

/// The part of a data set that a network is trained or evaluated on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Training split.
    Train,
    /// Test split.
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

/// Indoor or street scenes: sets the depth range, and with it which networks fit the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scene {
    /// Depth up to 10 m, as in NYU Depth V2.
    Indoor,
    /// Depth up to 80 m, the range in which KITTI is evaluated.
    Street,
}

impl Scene {
    /// The scene of a network or data set with this maximum depth in metres: streets above 10 m.
    pub fn for_max_depth(max_depth: f64) -> Self {
        if max_depth > f64::from(Self::Indoor.max_depth()) {
            Self::Street
        } else {
            Self::Indoor
        }
    }

    /// `indoor` or `street`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Indoor => "indoor",
            Self::Street => "street",
        }
    }

    /// The largest depth that counts as valid, in metres.
    pub fn max_depth(self) -> f32 {
        match self {
            Self::Indoor => 10.0,
            Self::Street => 80.0,
        }
    }
}

/// A data set whose folder layout is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataKind {
    /// NYU Depth V2 in the paper's layout: training depth 8-bit / 25.5, test depth 16-bit mm.
    Nyu,
    /// Rendered rooms: 16-bit mm in both splits.
    Rooms,
    /// KITTI with the lists of Eigen's split: sparse depth, 16-bit / 256, and focal lengths.
    Kitti,
    /// Rendered streets in KITTI's layout.
    Streets,
}

impl DataKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Nyu, Self::Rooms, Self::Kitti, Self::Streets];

    /// `nyu`, `rooms`, `kitti` or `streets`: what [`FromStr`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nyu => "nyu",
            Self::Rooms => "rooms",
            Self::Kitti => "kitti",
            Self::Streets => "streets",
        }
    }

    /// File names of a split's list in the data folder. The first file that exists is used.
    pub fn lists(self, split: Split) -> &'static [&'static str] {
        match (self, split) {
            // The full training set if present, else the 795 labelled pairs.
            (Self::Nyu, Split::Train) => &["nyuv2_train.csv", "nyuv2_labeled_train.csv"],
            (Self::Nyu, Split::Test) => &["nyuv2_test.csv"],
            (Self::Rooms, Split::Train) => &["rooms_train.csv"],
            (Self::Rooms, Split::Test) => &["rooms_test.csv"],
            (Self::Kitti, Split::Train) => &["eigen_train_files_with_gt.txt"],
            // The 652 images with ground truth if listed, else BTS's 697, of which 45 have none.
            (Self::Kitti, Split::Test) => &[
                "eigen_test_files_with_gt_652.txt",
                "eigen_test_files_with_gt.txt",
            ],
            (Self::Streets, Split::Train) => &["streets_train.txt"],
            (Self::Streets, Split::Test) => &["streets_test.txt"],
        }
    }

    /// Encoding of the split's depth files.
    pub fn encoding(self, split: Split) -> DepthEncoding {
        match (self, split) {
            (Self::Nyu, Split::Train) => DepthEncoding::U8_OVER_25_5,
            (Self::Nyu, Split::Test) | (Self::Rooms, _) => DepthEncoding::U16_MM,
            (Self::Kitti | Self::Streets, _) => DepthEncoding::U16_OVER_256,
        }
    }

    /// Indoor or street scenes.
    pub fn scene(self) -> Scene {
        match self {
            Self::Nyu | Self::Rooms => Scene::Indoor,
            Self::Kitti | Self::Streets => Scene::Street,
        }
    }

    /// The kind whose name is most similar to a mistyped one, if any is similar enough.
    pub(crate) fn similar_to(name: &str) -> Option<Self> {
        const LEAST_SIMILARITY: f64 = 0.7;
        let name = name.to_lowercase();
        let scored = Self::ALL.map(|kind| (strsim::jaro_winkler(&name, kind.name()), kind));
        let best = scored.into_iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
        (best.0 >= LEAST_SIMILARITY).then_some(best.1)
    }
}

/// A text that names no kind of data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind of data `{name}`; expected nyu, rooms, kitti or streets{}", did_you_mean(.similar.map(DataKind::name)))]
pub struct UnknownKind {
    /// The name given.
    pub name: String,
    /// The kind with the most similar name, if any is similar.
    pub similar: Option<DataKind>,
}

/// The end of an error message that suggests a similar name; empty without one.
pub(crate) fn did_you_mean(similar: Option<&str>) -> String {
    similar.map_or_else(String::new, |similar| {
        format!("; did you mean `{similar}`?")
    })
}

impl FromStr for DataKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| UnknownKind {
            name: name.to_owned(),
            similar: Self::similar_to(name),
        })
    }
}
