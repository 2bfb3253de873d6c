//! How a split is read: where its pairs are named, and how their files are stored.

use std::path::{Path, PathBuf};

use crate::description::{Description, Source};
use crate::lines::Entry;
use crate::list_format::ListFormat;
use crate::pairing::{Paired, PairingFault, Patterns, describe_unpaired};
use crate::paths::find_in_any_case;
use crate::{DatasetError, DepthEncoding, DepthMap, Scene, Split, encoding, kitti};

/// How a split is read.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The folder that paths are relative to.
    pub(crate) root: PathBuf,
    /// The list file, or the description whose patterns name the pairs.
    pub(crate) list: PathBuf,
    pub(crate) naming: Naming,
    pub(crate) encoding: DepthEncoding,
    pub(crate) scene: Scene,
    /// Depth outside this range in metres counts as not measured.
    pub(crate) range: Option<(f32, f32)>,
    /// Depth beyond this in metres counts as not measured: by default the scene's largest valid
    /// depth.
    pub(crate) limit: f32,
    /// Whether colour images are resized to the size of their depth maps.
    pub(crate) resize_rgb: bool,
    /// Focal length of pairs that have none of their own.
    pub(crate) focal: Option<f32>,
}

/// What names the pairs.
#[derive(Debug, Clone)]
pub(crate) enum Naming {
    /// The lines of a list.
    List(ListFormat),
    /// The patterns of a description, for this split.
    Patterns(Box<Patterns>, Split),
}

impl Plan {
    /// The plan of a list without a description.
    pub(crate) fn for_list(
        root: &Path,
        list: &Path,
        format: ListFormat,
        encoding: DepthEncoding,
        scene: Scene,
    ) -> Self {
        Self {
            root: root.to_owned(),
            list: list.to_owned(),
            naming: Naming::List(format),
            encoding,
            scene,
            range: None,
            limit: scene.max_depth(),
            resize_rgb: false,
            focal: None,
        }
    }

    /// The plan of a described split. `kind_encoding` is used if neither `encoding` nor the
    /// description gives one.
    pub(crate) fn for_description(
        root: &Path,
        description: &Description,
        split: Split,
        encoding: Option<DepthEncoding>,
        kind_encoding: Option<DepthEncoding>,
    ) -> Result<Self, DatasetError> {
        let described = description
            .split(split)
            .ok_or_else(|| DatasetError::NotDescribed {
                path: description.path.clone(),
                split,
            })?;
        let encoding = encoding.or(described.encoding).or(kind_encoding);
        let encoding = encoding.ok_or_else(|| {
            let reason = format!(
                "no `encoding`; add it here or to [depth]: {}",
                encoding::NAMES
            );
            DatasetError::bad_split(&description.path, split, &reason)
        })?;
        let (list, naming) = match &described.source {
            Source::List(list) => {
                let list = root.join(list);
                let format = ListFormat::for_file(&list);
                (list, Naming::List(format))
            }
            Source::Patterns(patterns) => (
                description.path.clone(),
                Naming::Patterns(patterns.clone(), split),
            ),
        };
        Ok(Self {
            root: root.to_owned(),
            list,
            naming,
            encoding,
            scene: description.scene,
            range: described.range,
            limit: description.scene.max_depth(),
            resize_rgb: description.resize_rgb,
            focal: description.camera.map(|camera| camera.fx),
        })
    }

    /// The pairs that patterns match; images without a depth map are left out.
    pub(crate) fn match_pairs(
        &self,
        patterns: &Patterns,
        split: Split,
    ) -> Result<Paired, DatasetError> {
        patterns.pairs(&self.root).map_err(|fault| match fault {
            PairingFault::Read(error) => error,
            PairingFault::Reason(reason) => DatasetError::bad_split(&self.list, split, &reason),
        })
    }

    /// The same; images without a depth map are an error unless the description allows them.
    pub(crate) fn match_all(
        &self,
        patterns: &Patterns,
        split: Split,
    ) -> Result<Paired, DatasetError> {
        let paired = self.match_pairs(patterns, split)?;
        if paired.images.is_empty() || patterns.may_be_unpaired() {
            return Ok(paired);
        }
        let reason = describe_unpaired(&paired.images);
        Err(DatasetError::bad_split(&self.list, split, &reason))
    }

    /// The smallest and the largest depth in metres that count as measured.
    pub(crate) fn reach(&self) -> (f32, f32) {
        let (near, far) = self.range.unwrap_or((0.0, f32::INFINITY));
        (near, far.min(self.limit))
    }

    /// Sets depth out of reach to 0.
    pub(crate) fn drop_out_of_reach(&self, depth: &mut DepthMap) {
        let (near, far) = self.reach();
        for metres in &mut depth.metres {
            if !(near..=far).contains(metres) {
                *metres = 0.0;
            }
        }
    }

    /// The folders of KITTI's downloads in the data folder; none for other data.
    pub(crate) fn also_in(&self) -> Vec<&'static str> {
        if self.is_kitti() {
            [&kitti::RGB_FOLDERS[1..], &kitti::DEPTH_FOLDERS[1..]].concat()
        } else {
            Vec::new()
        }
    }

    /// The files of a pair.
    pub(crate) fn find_pair(&self, entry: &Entry) -> Found {
        let (rgb, depth) = (self.find_rgb(&entry.rgb), self.find_depth(&entry.depth));
        let outside = entry.rooted
            && [(&entry.rgb, &rgb), (&entry.depth, &depth)]
                .into_iter()
                .any(|(listed, found)| self.is_outside(listed, found.as_deref()));
        Found {
            rgb,
            depth,
            outside,
        }
    }

    /// Whether a path that is listed with a slash in front is a file outside of the data folder.
    fn is_outside(&self, listed: &str, found: Option<&Path>) -> bool {
        let Ok(file) = Path::new("/").join(listed).canonicalize() else {
            return false;
        };
        let found = found.and_then(|found| self.root.join(found).canonicalize().ok());
        let is_below = || {
            let root = self.root.canonicalize();
            root.is_ok_and(|root| file.starts_with(root))
        };
        file.is_file() && found.is_none_or(|found| found != file) && !is_below()
    }

    /// Path of a listed colour image relative to the data folder, if it exists.
    pub(crate) fn find_rgb(&self, listed: &str) -> Option<PathBuf> {
        find_in_any_case(listed, |listed| match self.is_kitti() {
            true => kitti::find_rgb(&self.root, listed),
            false => self.find(listed),
        })
    }

    /// Path of a listed depth map relative to the data folder, if it exists.
    pub(crate) fn find_depth(&self, listed: &str) -> Option<PathBuf> {
        find_in_any_case(listed, |listed| match self.is_kitti() {
            true => kitti::find_depth(&self.root, listed),
            false => self.find(listed),
        })
    }

    fn find(&self, listed: &str) -> Option<PathBuf> {
        self.root.join(listed).is_file().then(|| listed.into())
    }

    /// Whether the files may be in the folders of KITTI's downloads.
    fn is_kitti(&self) -> bool {
        self.scene == Scene::Street
            && matches!(
                self.naming,
                Naming::List(ListFormat::Kitti | ListFormat::Blanks)
            )
    }

    /// What a description adds to a list, for the fingerprint; empty if nothing.
    pub(crate) fn additions(&self) -> String {
        let mut words = String::new();
        if matches!(self.naming, Naming::Patterns(..)) {
            words += "patterns;";
        }
        if let Some((near, far)) = self.range {
            words += &format!("range {near} {far};");
        }
        if self.resize_rgb {
            words += "resize_rgb;";
        }
        if let Some(focal) = self.focal {
            words += &format!("focal {focal};");
        }
        words
    }

    /// Whether the sizes of a colour image and a depth map fit each other.
    pub(crate) fn fit_sizes(&self, rgb: (usize, usize), depth: (usize, usize)) -> SizeFit {
        if rgb == depth {
            SizeFit::Same
        } else if !self.resize_rgb {
            SizeFit::OtherSize
        } else if same_aspect_ratio(rgb, depth) {
            SizeFit::Resized
        } else {
            SizeFit::OtherAspectRatio
        }
    }
}

/// The files of a listed pair, relative to the data folder, if they exist.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) rgb: Option<PathBuf>,
    pub(crate) depth: Option<PathBuf>,
    /// Whether a listed path is that of a file outside of the data folder.
    pub(crate) outside: bool,
}

/// How the sizes of a colour image and a depth map fit each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum SizeFit {
    Same,
    /// The colour image is resized, as the description demands.
    Resized,
    /// Not a pair.
    OtherSize,
    /// Not a pair, even if resized.
    OtherAspectRatio,
}

/// True if the aspect ratios differ by less than 2 % (ScanNet's 1296x968 and 640x480: 0.4 %).
fn same_aspect_ratio(a: (usize, usize), b: (usize, usize)) -> bool {
    let (left, right) = ((a.0 * b.1) as f64, (a.1 * b.0) as f64);
    (left - right).abs() < 0.02 * left.max(right)
}
