//! Data sets by name, such as `nyu:DIR`, with their lists and depth encodings, and folders that describe themselves.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::description::{self, Description};
use crate::lines::ListFormat;
use crate::plan::Plan;
use crate::{DataKind, DatasetError, DepthEncoding, RgbdList, Split};

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
                ListFormat::for_kind(kind),
                encoding,
                kind.scene(),
            )),
            None => Err(DatasetError::MissingList {
                tried,
                expected: ListFormat::for_kind(kind).expected(),
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
                    kind.scene().max_depth(),
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
        let unknown = |similar| DatasetError::UnknownData {
            text: text.to_owned(),
            similar,
        };
        let named = text.split_once(':');
        let (kind, root) = match named.map(|(name, root)| (name.parse::<DataKind>(), root)) {
            Some((Ok(kind), root)) => (Some(kind), root),
            // Few folder names have a colon, but every mistyped kind does.
            Some((Err(_), root)) if !Path::new(text).is_dir() => {
                let similar = named.and_then(|(name, _)| DataKind::similar_to(name));
                return Err(unknown(
                    similar.map(|kind| format!("{}:{root}", kind.name())),
                ));
            }
            _ => (None, text),
        };
        if root.is_empty() {
            return Err(unknown(None));
        }
        Ok(Self {
            kind,
            root: root.into(),
        })
    }
}
