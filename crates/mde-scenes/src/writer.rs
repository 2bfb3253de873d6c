//! Writes rooms and streets to disk in the layouts of NYU Depth V2 and KITTI, resumable at any moment.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::camera::KITTI_SIZE;
use crate::layout::{Layout, Names};

/// Test pictures are numbered from here: more training pictures never change a test picture.
const FIRST_TEST_INDEX: u64 = 1 << 32;
/// Sides beyond this do not fit a JPEG.
const MAX_SIDE: u32 = 16_384;

/// Which rooms or streets to write, and how large the pictures are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenderConfig {
    /// The world; each seed has its own rooms and streets.
    pub seed: u64,
    /// Number of training pictures.
    pub train: usize,
    /// Number of test pictures.
    pub test: usize,
    /// Width of the pictures in pixels.
    pub width: u32,
    /// Height of the pictures in pixels.
    pub height: u32,
}

impl RenderConfig {
    /// 800 and 200 rooms at 320x240.
    pub const fn rooms() -> Self {
        Self {
            seed: 0,
            train: 800,
            test: 200,
            width: 320,
            height: 240,
        }
    }

    /// 400 and 100 streets at KITTI's 1242x375.
    pub const fn streets() -> Self {
        Self {
            seed: 0,
            train: 400,
            test: 100,
            width: KITTI_SIZE.0,
            height: KITTI_SIZE.1,
        }
    }
}

/// What `rooms.json` or `streets.json` holds.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    generation: u32,
    config: RenderConfig,
}

/// Why rooms or streets could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SceneError {
    /// The configuration asks for nothing, or for something too large.
    #[error("{field} is {found}, expected {expected}")]
    Config {
        /// The configuration's field.
        field: &'static str,
        /// Its value.
        found: usize,
        /// What it may be.
        expected: String,
    },
    /// The folder was made with another configuration.
    #[error(
        "{path} was made with {found}, but {expected} was asked for: \
         use the same settings, choose another folder, or delete this one"
    )]
    OtherConfig {
        /// The folder's `rooms.json` or `streets.json`.
        path: PathBuf,
        /// The settings that differ, as found.
        found: String,
        /// The settings that differ, as asked for.
        expected: String,
    },
    /// The folder holds data, but no `rooms.json` or `streets.json`: it was not made here.
    #[error(
        "{path} exists, but there is no {manifest} beside it: this folder holds other data, choose another one"
    )]
    ForeignFolder {
        /// The file or folder in the way.
        path: PathBuf,
        /// The file that would have said what the folder holds.
        manifest: String,
    },
    /// `rooms.json` or `streets.json` cannot be understood.
    #[error(
        "{path} does not say how the folder was made ({message}): choose another folder, or delete this one"
    )]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A file or folder could not be read or written.
    #[error(
        "cannot {action} {path}: {source}; check that the folder can be written to and that the disk is not full"
    )]
    Io {
        /// "create", "read" or "write".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A picture could not be encoded.
    #[error("cannot encode {path}: {source}")]
    Encode {
        /// The file meant.
        path: PathBuf,
        /// What the encoder said.
        source: image::ImageError,
    },
}

/// News of [`write_rooms`] and [`write_streets`], sent from any of their threads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RenderEvent {
    /// A room or street is on disk.
    Written {
        /// Rooms or streets on disk by now, counting this one.
        done: usize,
        /// Rooms or streets asked for.
        total: usize,
        /// Whether it was there already.
        kept: bool,
    },
}

/// What [`write_rooms`] or [`write_streets`] did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RenderSummary {
    /// Rooms or streets rendered now.
    pub rendered: usize,
    /// Rooms or streets that were there already.
    pub kept: usize,
    /// The list of training pairs, paths relative to the folder.
    pub train_list: PathBuf,
    /// The list of test pairs.
    pub test_list: PathBuf,
}

/// One pair to write.
struct Job {
    index: u64,
    names: Names,
}

/// Renders the rooms of `config` into `dir` (made if need be), in parallel on rayon's current pool.
///
/// Layout: `rooms.json`, `train/room_00000.jpg` with `train/room_00000.png` (16-bit millimetres, 0 = no measurement),
/// the same under `test/`, and last `rooms_train.csv` and `rooms_test.csv`, one `rgb,depth` a line. Each file is
/// written aside and renamed. A second call with the same configuration keeps the files that are there and writes the
/// others: after a kill at any moment it ends in the same bytes as an undisturbed run.
///
/// # Errors
/// A count or a side of 0; a folder made with another configuration or holding other data; a folder that cannot be
/// written to; a full disk. Files under their final names are complete even then.
pub fn write_rooms(
    dir: &Path,
    config: &RenderConfig,
    observer: &(dyn Fn(RenderEvent) + Sync),
) -> Result<RenderSummary, SceneError> {
    write(Layout::Rooms, dir, config, observer)
}

/// Renders the streets of `config` into `dir`, as [`write_rooms`] does with rooms.
///
/// Layout: `streets.json`, `train/image_02/data/0000000000.png` with
/// `train/proj_depth/groundtruth/image_02/0000000000.png` (16-bit, 1/256 m, 0 = no measurement), the same under `test/`,
/// and last `streets_train.txt` and `streets_test.txt`, one `rgb depth focal` a line: what lies in one of KITTI's
/// drives, and what its lists say.
///
/// # Errors
/// As [`write_rooms`].
pub fn write_streets(
    dir: &Path,
    config: &RenderConfig,
    observer: &(dyn Fn(RenderEvent) + Sync),
) -> Result<RenderSummary, SceneError> {
    write(Layout::Streets, dir, config, observer)
}

fn write(
    layout: Layout,
    dir: &Path,
    config: &RenderConfig,
    observer: &(dyn Fn(RenderEvent) + Sync),
) -> Result<RenderSummary, SceneError> {
    check(config)?;
    claim(layout, dir, config)?;
    for folder in ["train", "test"]
        .into_iter()
        .flat_map(|split| layout.folders(split))
    {
        create_dir(&dir.join(folder))?;
    }
    let train = jobs(layout, "train", config.train, 0);
    let test = jobs(layout, "test", config.test, FIRST_TEST_INDEX);
    let total = train.len() + test.len();
    let (done, kept) = (AtomicUsize::new(0), AtomicUsize::new(0));
    train.par_iter().chain(&test).try_for_each(|job| {
        let was_there = write_pair(layout, dir, config, job)?;
        if was_there {
            kept.fetch_add(1, Ordering::Relaxed);
        }
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        observer(RenderEvent::Written {
            done,
            total,
            kept: was_there,
        });
        Ok(())
    })?;
    let [train_list, test_list] = layout.lists().map(|name| dir.join(name));
    for (path, jobs) in [(&train_list, &train), (&test_list, &test)] {
        let lines: String = jobs
            .iter()
            .map(|job| layout.line(&job.names, config.width))
            .collect();
        write_file(path, lines.as_bytes())?;
    }
    let kept = kept.into_inner();
    Ok(RenderSummary {
        rendered: total - kept,
        kept,
        train_list,
        test_list,
    })
}

fn check(config: &RenderConfig) -> Result<(), SceneError> {
    for (field, found) in [("train", config.train), ("test", config.test)] {
        if found == 0 {
            return Err(SceneError::Config {
                field,
                found,
                expected: "at least 1".into(),
            });
        }
    }
    for (field, found) in [("width", config.width), ("height", config.height)] {
        if found == 0 || found > MAX_SIDE {
            let expected = format!("1 to {MAX_SIDE} pixels");
            return Err(SceneError::Config {
                field,
                found: found as usize,
                expected,
            });
        }
    }
    Ok(())
}

/// Makes sure that the folder is new or was made with the same configuration, and says so in the manifest.
fn claim(layout: Layout, dir: &Path, config: &RenderConfig) -> Result<(), SceneError> {
    let wanted = Manifest {
        generation: layout.generation(),
        config: config.clone(),
    };
    let path = dir.join(layout.manifest());
    if path.exists() {
        let text = fs::read_to_string(&path).map_err(io("read", &path))?;
        let found: Manifest =
            serde_json::from_str(&text).map_err(|error| SceneError::Manifest {
                path: path.clone(),
                message: error.to_string(),
            })?;
        if found != wanted {
            let (found, expected) = differences(&found, &wanted);
            return Err(SceneError::OtherConfig {
                path,
                found,
                expected,
            });
        }
        return Ok(());
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
    create_dir(dir)?;
    let mut text = serde_json::to_string_pretty(&wanted).map_err(|error| SceneError::Manifest {
        path: path.clone(),
        message: error.to_string(),
    })?;
    text.push('\n');
    write_file(&path, text.as_bytes())
}

/// The settings in which two manifests differ, as "seed 1, width 320".
fn differences(found: &Manifest, wanted: &Manifest) -> (String, String) {
    let fields = |m: &Manifest| {
        let c = &m.config;
        [
            ("generation", u64::from(m.generation)),
            ("seed", c.seed),
            ("train", c.train as u64),
            ("test", c.test as u64),
            ("width", u64::from(c.width)),
            ("height", u64::from(c.height)),
        ]
    };
    let (one, two) = (fields(found), fields(wanted));
    let list = |of: &[(&str, u64); 6]| -> String {
        let differing = of.iter().enumerate().filter(|&(i, _)| one[i] != two[i]);
        differing
            .map(|(_, (name, value))| format!("{name} {value}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    (list(&one), list(&two))
}

fn jobs(layout: Layout, split: &str, count: usize, first: u64) -> Vec<Job> {
    (0..count)
        .map(|i| Job {
            index: first + i as u64,
            names: layout.names(split, i),
        })
        .collect()
}

/// Writes what is missing of one pair; answers whether nothing was.
fn write_pair(
    layout: Layout,
    dir: &Path,
    config: &RenderConfig,
    job: &Job,
) -> Result<bool, SceneError> {
    let (rgb, depth) = (dir.join(&job.names.rgb), dir.join(&job.names.depth));
    if rgb.exists() && depth.exists() {
        return Ok(true);
    }
    let pair = layout.render(config.seed, job.index, config.width, config.height);
    let encoding = |path: &PathBuf| {
        let path = path.clone();
        |source| SceneError::Encode { path, source }
    };
    if !rgb.exists() {
        write_file(&rgb, &layout.encode_rgb(&pair).map_err(encoding(&rgb))?)?;
    }
    if !depth.exists() {
        write_file(
            &depth,
            &layout.encode_depth(&pair).map_err(encoding(&depth))?,
        )?;
    }
    Ok(false)
}

fn create_dir(path: &Path) -> Result<(), SceneError> {
    fs::create_dir_all(path).map_err(io("create", path))
}

/// Writes aside and renames: a file under its final name is complete.
fn write_file(path: &Path, bytes: &[u8]) -> Result<(), SceneError> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".incomplete");
    let aside = PathBuf::from(aside);
    let written = fs::write(&aside, bytes).and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        // Frees what a full disk still took; the first error is the one to tell.
        let _ = fs::remove_file(&aside);
    }
    written.map_err(io("write", path))
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> SceneError {
    let path = path.to_owned();
    move |source| SceneError::Io {
        action,
        path,
        source,
    }
}
