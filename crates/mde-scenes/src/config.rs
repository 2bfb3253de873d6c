//! What to render, and the manifest that records it in the data folder.

use std::fs;
use std::path::Path;

use mde_files::write_atomic;
use serde::{Deserialize, Serialize};

use crate::camera::KITTI_SIZE;
use crate::error::{SceneError, io};
use crate::layout::Layout;

/// The largest side that fits a JPEG comfortably, in pixels.
const MAX_SIDE: u32 = 16_384;

/// Which rooms or streets to write, and the size of their images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenderConfig {
    /// The world: each seed has its own rooms and streets.
    pub seed: u64,
    /// Number of training images.
    pub train: usize,
    /// Number of test images.
    pub test: usize,
    /// Width of the images in pixels.
    pub width: u32,
    /// Height of the images in pixels.
    pub height: u32,
}

impl RenderConfig {
    /// 800 training and 200 test rooms at 320x240.
    pub const fn rooms() -> Self {
        Self {
            seed: 0,
            train: 800,
            test: 200,
            width: 320,
            height: 240,
        }
    }

    /// 400 training and 100 test streets at KITTI's 1242x375.
    pub const fn streets() -> Self {
        Self {
            seed: 0,
            train: 400,
            test: 100,
            width: KITTI_SIZE.0,
            height: KITTI_SIZE.1,
        }
    }

    pub(crate) fn check(&self) -> Result<(), SceneError> {
        let sides = format!("1 to {MAX_SIDE} pixels");
        for (field, found, most, expected) in [
            ("train", self.train, usize::MAX, "at least 1"),
            ("test", self.test, usize::MAX, "at least 1"),
            ("width", self.width as usize, MAX_SIDE as usize, &sides),
            ("height", self.height as usize, MAX_SIDE as usize, &sides),
        ] {
            if found == 0 || found > most {
                return Err(SceneError::Config {
                    field,
                    found,
                    expected: expected.to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// The content of `rooms.json` or `streets.json`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    generation: u32,
    config: RenderConfig,
}

impl Manifest {
    pub(crate) fn new(layout: Layout, config: &RenderConfig) -> Self {
        Self {
            generation: layout.generation(),
            config: config.clone(),
        }
    }

    /// Whether the folder was rendered with this manifest; `false` for a new folder.
    ///
    /// # Errors
    /// The folder was rendered with another manifest or holds other data.
    pub(crate) fn is_in(&self, layout: Layout, dir: &Path) -> Result<bool, SceneError> {
        let path = dir.join(layout.manifest());
        if path.exists() {
            let text = fs::read_to_string(&path).map_err(io("read", &path))?;
            let found: Self =
                serde_json::from_str(&text).map_err(|error| SceneError::Manifest {
                    path: path.clone(),
                    message: error.to_string(),
                })?;
            let (found, expected) = found.differences(self);
            if found.is_empty() {
                return Ok(true);
            }
            return Err(SceneError::OtherConfig {
                path,
                found,
                expected,
            });
        }
        let [train_list, test_list] = layout.lists();
        for name in ["train", "test", train_list, test_list] {
            let path = dir.join(name);
            if path.exists() {
                return Err(SceneError::ForeignFolder {
                    path,
                    manifest: layout.manifest().to_owned(),
                });
            }
        }
        Ok(false)
    }

    pub(crate) fn write(&self, layout: Layout, dir: &Path) -> Result<(), SceneError> {
        let path = dir.join(layout.manifest());
        let text = serde_json::to_string_pretty(self).map_err(|error| SceneError::Manifest {
            path: path.clone(),
            message: error.to_string(),
        })?;
        write_atomic(&path, format!("{text}\n").as_bytes()).map_err(io("write", &path))
    }

    /// The settings in which two manifests differ, as "seed 1, width 320", of each.
    fn differences(&self, other: &Self) -> (String, String) {
        let settings = |manifest: &Self| {
            let config = &manifest.config;
            [
                ("generation", u64::from(manifest.generation)),
                ("seed", config.seed),
                ("train", config.train as u64),
                ("test", config.test as u64),
                ("width", config.width.into()),
                ("height", config.height.into()),
            ]
        };
        let (ours, theirs): (Vec<_>, Vec<_>) = settings(self)
            .into_iter()
            .zip(settings(other))
            .filter(|(one, two)| one != two)
            .map(|((name, one), (_, two))| (format!("{name} {one}"), format!("{name} {two}")))
            .unzip();
        (ours.join(", "), theirs.join(", "))
    }
}
