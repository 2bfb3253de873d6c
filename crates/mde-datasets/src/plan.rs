//! Where the pairs of a split are named and how their files are read, before any file of a pair is looked for.

use std::path::{Path, PathBuf};

use crate::description::{Description, Source};
use crate::lines::ListFormat;
use crate::pairing::Patterns;
use crate::{DatasetError, DepthEncoding, DepthMap, Scene, Split, kitti};

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
    /// Depths outside count as not measured, in metres.
    pub(crate) range: Option<(f32, f32)>,
    /// Colour images are brought to their depth maps' size.
    pub(crate) resize_rgb: bool,
    /// The focal length of pairs that have none of their own.
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
    /// A list alone.
    pub(crate) fn of_list(
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
            resize_rgb: false,
            focal: None,
        }
    }

    /// What a description says of a split; `by_kind` is the encoding if neither `encoding` nor the description says one.
    pub(crate) fn described(
        root: &Path,
        description: &Description,
        split: Split,
        encoding: Option<DepthEncoding>,
        by_kind: Option<DepthEncoding>,
    ) -> Result<Self, DatasetError> {
        let said = description
            .split(split)
            .ok_or_else(|| DatasetError::NotDescribed {
                path: description.path.clone(),
                split,
            })?;
        let encoding = encoding.or(said.encoding).or(by_kind).ok_or_else(|| {
            let reason = "no `encoding`; add it here or to [depth]: u8/25.5, u16-mm, or u16/N with N stored units a metre";
            description.fault(split, reason)
        })?;
        let (list, naming) = match &said.source {
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
            range: said.range,
            resize_rgb: description.resize_rgb,
            focal: description.camera.map(|camera| camera.fx),
        })
    }

    /// Makes 0 of depths outside the description's range.
    pub(crate) fn leave_out_of_range(&self, depth: &mut DepthMap) {
        if let Some((near, far)) = self.range {
            for metres in &mut depth.metres {
                if !(near..=far).contains(metres) {
                    *metres = 0.0;
                }
            }
        }
    }

    /// Folders below the data folder in which KITTI's downloads put files, if these are KITTI's; none for other data.
    pub(crate) fn also_in(&self) -> Vec<&'static str> {
        if self.is_kitti() {
            [&kitti::RGB_FOLDERS[1..], &kitti::DEPTH_FOLDERS[1..]].concat()
        } else {
            Vec::new()
        }
    }

    /// Where a listed colour image lies, relative to the data folder, if it is there.
    pub(crate) fn find_rgb(&self, listed: &str) -> Option<PathBuf> {
        if self.is_kitti() {
            kitti::find_rgb(&self.root, listed)
        } else {
            self.find(listed)
        }
    }

    /// Where a listed depth map lies, relative to the data folder, if it is there.
    pub(crate) fn find_depth(&self, listed: &str) -> Option<PathBuf> {
        if self.is_kitti() {
            kitti::find_depth(&self.root, listed)
        } else {
            self.find(listed)
        }
    }

    fn find(&self, listed: &str) -> Option<PathBuf> {
        self.root.join(listed).is_file().then(|| listed.into())
    }

    /// Streets by a list in KITTI's form may lie where KITTI's downloads put them.
    fn is_kitti(&self) -> bool {
        self.scene == Scene::Street
            && matches!(
                self.naming,
                Naming::List(ListFormat::Kitti | ListFormat::Blanks)
            )
    }

    /// What a description adds to a list, for the fingerprint; empty if it adds nothing.
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

    /// Whether a colour image of one size and a depth map of another make a pair.
    pub(crate) fn takes_sizes(&self, rgb: (usize, usize), depth: (usize, usize)) -> Fit {
        if rgb == depth {
            Fit::Same
        } else if !self.resize_rgb {
            Fit::OtherSize
        } else if same_shape(rgb, depth) {
            Fit::Resized
        } else {
            Fit::OtherShape
        }
    }
}

/// How the sizes of a pair go together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fit {
    Same,
    /// As the description asks for.
    Resized,
    /// Not a pair.
    OtherSize,
    /// Not a pair either way.
    OtherShape,
}

/// True if one size is the other resized: the sides' ratios differ by less than a fiftieth (ScanNet's 1296x968 and 640x480 differ by
/// a two-hundredth).
fn same_shape(a: (usize, usize), b: (usize, usize)) -> bool {
    let (left, right) = ((a.0 * b.1) as f64, (a.1 * b.0) as f64);
    (left - right).abs() < 0.02 * left.max(right)
}
