//! Writes rooms to disk in NYU Depth V2's layout, resumable at any moment.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{RgbdFrame, render_room};

/// Changes whenever the same seed gives another picture, so that one folder never mixes two generations of rooms.
const GENERATION: u32 = 1;
/// JPEG quality of the photographs.
const QUALITY: u8 = 92;
/// Test rooms are numbered from here: more training rooms never change a test room.
const FIRST_TEST_INDEX: u64 = 1 << 32;
/// Sides beyond this do not fit a JPEG.
const MAX_SIDE: u32 = 16_384;

/// Which rooms to write, and how large the pictures are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomsConfig {
    /// The world; each seed has its own rooms.
    pub seed: u64,
    /// Number of training rooms.
    pub train: usize,
    /// Number of test rooms.
    pub test: usize,
    /// Width of the pictures in pixels.
    pub width: u32,
    /// Height of the pictures in pixels.
    pub height: u32,
}

impl Default for RoomsConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            train: 800,
            test: 200,
            width: 320,
            height: 240,
        }
    }
}

/// What `rooms.json` holds.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    generation: u32,
    config: RoomsConfig,
}

/// Why rooms could not be written.
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
        /// The folder's `rooms.json`.
        path: PathBuf,
        /// The settings that differ, as found.
        found: String,
        /// The settings that differ, as asked for.
        expected: String,
    },
    /// The folder holds data, but no `rooms.json`: it was not made here.
    #[error(
        "{path} exists, but there is no rooms.json beside it: this folder holds other data, choose another one"
    )]
    ForeignFolder {
        /// The file or folder in the way.
        path: PathBuf,
    },
    /// `rooms.json` cannot be understood.
    #[error(
        "{path} is not a description of rooms ({message}): choose another folder, or delete this one"
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

/// News of [`write_rooms`], sent from any of its threads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RenderEvent {
    /// A room is on disk.
    Room {
        /// Rooms on disk by now, counting this one.
        done: usize,
        /// Rooms asked for.
        total: usize,
        /// Whether it was there already.
        kept: bool,
    },
}

/// What [`write_rooms`] did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RoomsSummary {
    /// Rooms rendered now.
    pub rendered: usize,
    /// Rooms that were there already.
    pub kept: usize,
    /// The list of training rooms, one `rgb,depth` a line, relative to the folder.
    pub train_list: PathBuf,
    /// The list of test rooms.
    pub test_list: PathBuf,
}

/// One room to write.
struct Job {
    index: u64,
    /// File name without its extension, relative to the folder.
    stem: String,
}

/// Renders the rooms of `config` into `dir` (made if need be), in parallel on rayon's current pool.
///
/// Layout: `rooms.json`, `train/room_00000.jpg` with `train/room_00000.png` (16-bit millimetres, 0 = no measurement),
/// the same under `test/`, and last `rooms_train.csv` and `rooms_test.csv`. Each file is written aside and renamed. A
/// second call with the same configuration keeps the files that are there and writes the others: after a kill at any
/// moment it ends in the same bytes as an undisturbed run.
///
/// # Errors
/// A count or a side of 0; a folder made with another configuration or holding other data; a folder that cannot be
/// written to; a full disk. Files under their final names are complete even then.
pub fn write_rooms(
    dir: &Path,
    config: &RoomsConfig,
    observer: &(dyn Fn(RenderEvent) + Sync),
) -> Result<RoomsSummary, SceneError> {
    check(config)?;
    claim(dir, config)?;
    for split in ["train", "test"] {
        create_dir(&dir.join(split))?;
    }
    let train = jobs("train", config.train, 0);
    let test = jobs("test", config.test, FIRST_TEST_INDEX);
    let total = train.len() + test.len();
    let (done, kept) = (AtomicUsize::new(0), AtomicUsize::new(0));
    train.par_iter().chain(&test).try_for_each(|job| {
        let was_there = write_room(dir, config, job)?;
        if was_there {
            kept.fetch_add(1, Ordering::Relaxed);
        }
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        observer(RenderEvent::Room {
            done,
            total,
            kept: was_there,
        });
        Ok(())
    })?;
    let (train_list, test_list) = (dir.join("rooms_train.csv"), dir.join("rooms_test.csv"));
    for (path, jobs) in [(&train_list, &train), (&test_list, &test)] {
        let lines: String = jobs
            .iter()
            .map(|job| format!("{0}.jpg,{0}.png\n", job.stem))
            .collect();
        write_file(path, lines.as_bytes())?;
    }
    let kept = kept.into_inner();
    Ok(RoomsSummary {
        rendered: total - kept,
        kept,
        train_list,
        test_list,
    })
}

fn check(config: &RoomsConfig) -> Result<(), SceneError> {
    for (field, found) in [("train", config.train), ("test", config.test)] {
        if found == 0 {
            return Err(SceneError::Config {
                field,
                found,
                expected: "at least 1 room".into(),
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

/// Makes sure that the folder is new or was made with the same configuration, and says so in `rooms.json`.
fn claim(dir: &Path, config: &RoomsConfig) -> Result<(), SceneError> {
    let wanted = Manifest {
        generation: GENERATION,
        config: config.clone(),
    };
    let path = dir.join("rooms.json");
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
    for name in ["train", "test", "rooms_train.csv", "rooms_test.csv"] {
        let path = dir.join(name);
        if path.exists() {
            return Err(SceneError::ForeignFolder { path });
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

fn jobs(split: &str, count: usize, first: u64) -> Vec<Job> {
    (0..count)
        .map(|i| Job {
            index: first + i as u64,
            stem: format!("{split}/room_{i:05}"),
        })
        .collect()
}

/// Writes what is missing of one room; answers whether nothing was.
fn write_room(dir: &Path, config: &RoomsConfig, job: &Job) -> Result<bool, SceneError> {
    let jpg = dir.join(format!("{}.jpg", job.stem));
    let png = dir.join(format!("{}.png", job.stem));
    if jpg.exists() && png.exists() {
        return Ok(true);
    }
    let frame = render_room(config.seed, job.index, config.width, config.height);
    if !jpg.exists() {
        write_file(
            &jpg,
            &encode_jpeg(&frame).map_err(|source| SceneError::Encode {
                path: jpg.clone(),
                source,
            })?,
        )?;
    }
    if !png.exists() {
        write_file(
            &png,
            &encode_png(&frame).map_err(|source| SceneError::Encode {
                path: png.clone(),
                source,
            })?,
        )?;
    }
    Ok(false)
}

fn encode_jpeg(frame: &RgbdFrame) -> Result<Vec<u8>, image::ImageError> {
    let mut bytes = Vec::new();
    let (width, height) = frame.rgb.dimensions();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY).write_image(
        frame.rgb.as_raw(),
        width,
        height,
        ExtendedColorType::Rgb8,
    )?;
    Ok(bytes)
}

fn encode_png(frame: &RgbdFrame) -> Result<Vec<u8>, image::ImageError> {
    let mut bytes = Cursor::new(Vec::new());
    frame
        .depth_mm
        .write_to(&mut bytes, image::ImageFormat::Png)?;
    Ok(bytes.into_inner())
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
