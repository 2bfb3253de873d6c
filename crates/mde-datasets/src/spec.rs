//! Data sets by name: `nyu:DIR` and other known layouts, or a folder with a `dataset.toml`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::description::{self, Description};
use crate::list_format::ListFormat;
use crate::plan::Plan;
use crate::{DataKind, DatasetError, DepthEncoding, RgbdList, Split};

/// A data set on disk, written `nyu:DIR`, `rooms:DIR`, `kitti:DIR`, `streets:DIR`, or `DIR` for a
/// folder with a `dataset.toml` (docs/own-data.md).
///
/// A `dataset.toml` in a folder with a kind is used too: lists and encodings come from it, and its
/// scene must be that of the kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSpec {
    /// The layout, if given.
    pub kind: Option<DataKind>,
    /// The folder.
    pub root: PathBuf,
}

impl DataSpec {
    /// The name that results record: that of the kind, or of the description.
    ///
    /// # Errors
    /// A wrong description, or a missing one if there is no kind.
    pub fn name(&self) -> Result<String, DatasetError> {
        match self.kind {
            Some(kind) => Ok(kind.name().to_owned()),
            None => match self.description()? {
                Some(description) => Ok(description.name),
                None => Err(self.missing_description()),
            },
        }
    }

    /// Opens a split: every listed file must exist, none is read. `encoding` overrides that of the
    /// kind or the description.
    ///
    /// # Errors
    /// A missing or wrong folder, description or list, and those of [`RgbdList::open`] and
    /// [`RgbdList::open_kitti`].
    pub fn open(
        &self,
        split: Split,
        encoding: Option<DepthEncoding>,
    ) -> Result<RgbdList, DatasetError> {
        RgbdList::from_plan(self.plan(split, encoding)?)
    }

    /// How a split is read. The list file exists; the files that it names are not checked yet.
    pub(crate) fn plan(
        &self,
        split: Split,
        encoding: Option<DepthEncoding>,
    ) -> Result<Plan, DatasetError> {
        if self.root.is_file() {
            return Err(DatasetError::NotAFolder {
                path: self.root.clone(),
            });
        }
        if !self.root.is_dir() {
            return Err(self.missing_folder(split));
        }
        if let Some(description) = self.description()? {
            let of_kind = self.kind.map(|kind| kind.encoding(split));
            return Plan::for_description(&self.root, &description, split, encoding, of_kind);
        }
        let kind = self.kind.ok_or_else(|| self.missing_description())?;
        let names = kind.lists(split);
        let tried: Vec<PathBuf> = names.iter().map(|name| self.root.join(name)).collect();
        let encoding = encoding.unwrap_or_else(|| kind.encoding(split));
        match tried.iter().find(|path| path.exists()) {
            Some(list) => Ok(Plan::for_list(
                &self.root,
                list,
                ListFormat::for_kind(kind),
                encoding,
                kind.scene(),
            )),
            None => Err(DatasetError::MissingList {
                tried,
                expected: ListFormat::for_kind(kind).expected(),
                other: self.listed_kind(),
            }),
        }
    }

    /// The folder's description, if there is one. Its scene must be that of the kind.
    pub(crate) fn description(&self) -> Result<Option<Description>, DatasetError> {
        let described = Description::read(&self.root)?;
        if let (Some(description), Some(kind)) = (&described, self.kind)
            && description.scene != kind.scene()
        {
            return Err(DatasetError::BadDescription {
                path: description.path.clone(),
                line: None,
                reason: format!(
                    "scene = \"{}\", but {} has depth up to {} m (\"{}\"); omit the kind, or correct the scene",
                    description.scene.name(),
                    self,
                    kind.scene().max_depth(),
                    kind.scene().name(),
                ),
            });
        }
        Ok(described)
    }

    fn missing_description(&self) -> DatasetError {
        DatasetError::MissingDescription {
            path: self.root.join(description::FILE_NAME),
        }
    }

    /// The layout whose lists the folder holds.
    fn listed_kind(&self) -> Option<DataKind> {
        let is_listed = |kind: &DataKind| {
            let mut splits = [Split::Train, Split::Test].into_iter();
            splits.any(|split| {
                let mut names = kind.lists(split).iter();
                names.any(|name| self.root.join(name).is_file())
            })
        };
        let others = DataKind::ALL.into_iter();
        let mut others = others.filter(|kind| Some(*kind) != self.kind);
        others.find(is_listed)
    }

    fn missing_folder(&self, split: Split) -> DatasetError {
        let lists = self
            .kind
            .map_or(&[description::FILE_NAME][..], |kind| kind.lists(split));
        DatasetError::MissingFolder {
            path: self.root.clone(),
            lists: lists.iter().map(|&name| name.to_owned()).collect(),
            kind: self.kind,
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
