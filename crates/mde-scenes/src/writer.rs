//! Writes rooms and streets in the layouts of NYU Depth V2 and KITTI; a killed run can go on.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use image::ImageError;
use mde_files::{FolderLock, remove_leftovers, write_atomic, write_atomic_unsynced};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::config::{Manifest, RenderConfig};
use crate::error::{SceneError, io};
use crate::layout::{Layout, Names};

/// Index of the first test image. Test images do not depend on the number of training images.
const FIRST_TEST_INDEX: u64 = 1 << 32;

/// Progress of [`write_rooms`] and [`write_streets`]: one more pair is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderEvent {
    /// Number of pairs on disk, including this one.
    pub done: usize,
    /// Number of pairs requested.
    pub total: usize,
    /// Whether the pair was there already.
    pub kept: bool,
}

/// The result of [`write_rooms`] or [`write_streets`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RenderSummary {
    /// Number of pairs rendered by this call.
    pub rendered: usize,
    /// Number of pairs that were there already.
    pub kept: usize,
    /// The list of training pairs; its paths are relative to the folder.
    pub train_list: PathBuf,
    /// The list of test pairs.
    pub test_list: PathBuf,
}

/// A pair to write.
struct Job {
    index: u64,
    names: Names,
}

/// Renders the rooms of `config` into `dir`, in parallel on rayon's current pool.
///
/// `dir` is created if it does not exist, and locked against other processes. It gets `rooms.json`,
/// `train/room_00000.jpg` with `train/room_00000.png` (16-bit millimetres, 0 = invalid), the same
/// under `test/`, and last `rooms_train.csv` and `rooms_test.csv` with one `rgb,depth` per line. A
/// second call with the same configuration keeps existing files and writes the missing ones. After
/// a kill at any moment, it ends in the same bytes as an uninterrupted run.
///
/// `observer` is called from any thread of the pool.
///
/// # Errors
/// A count or side of 0; a folder rendered with another configuration, with other data, or in use;
/// a file that cannot be written. Files under their final names are complete even then.
pub fn write_rooms(
    dir: &Path,
    config: &RenderConfig,
    observer: &(dyn Fn(RenderEvent) + Sync),
) -> Result<RenderSummary, SceneError> {
    write(Layout::Rooms, dir, config, observer)
}

/// Renders the streets of `config` into `dir`, as [`write_rooms`] does with rooms.
///
/// `dir` gets `streets.json`, `train/image_02/data/0000000000.png` with
/// `train/proj_depth/groundtruth/image_02/0000000000.png` (16-bit, 1/256 m, 0 = invalid), the same
/// under `test/`, and last `streets_train.txt` and `streets_test.txt` with one `rgb depth focal`
/// per line. These are the layouts of a KITTI drive and of its lists.
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
    config.check()?;
    let manifest = Manifest::new(layout, config);
    // A folder of other data gets no lock file, so it is tested before and after locking.
    manifest.is_in(layout, dir)?;
    fs::create_dir_all(dir).map_err(io("create", dir))?;
    let _lock = FolderLock::try_acquire(dir)?;
    remove_leftovers(dir).map_err(io("clean", dir))?;
    if !manifest.is_in(layout, dir)? {
        manifest.write(layout, dir)?;
    }
    for folder in ["train", "test"]
        .map(|split| layout.folders(split))
        .concat()
    {
        let folder = dir.join(folder);
        fs::create_dir_all(&folder).map_err(io("create", &folder))?;
        remove_leftovers(&folder).map_err(io("clean", &folder))?;
    }
    let train = jobs(layout, "train", config.train, 0);
    let test = jobs(layout, "test", config.test, FIRST_TEST_INDEX);
    let total = train.len() + test.len();
    let (done, kept) = (AtomicUsize::new(0), AtomicUsize::new(0));
    train.par_iter().chain(&test).try_for_each(|job| {
        let was_there = write_pair(layout, dir, config, job)?;
        kept.fetch_add(usize::from(was_there), Ordering::Relaxed);
        observer(RenderEvent {
            done: done.fetch_add(1, Ordering::Relaxed) + 1,
            total,
            kept: was_there,
        });
        Ok::<_, SceneError>(())
    })?;
    let [train_list, test_list] = layout.lists().map(|name| dir.join(name));
    for (path, jobs) in [(&train_list, &train), (&test_list, &test)] {
        let lines = jobs.iter().map(|job| layout.line(&job.names, config.width));
        let lines: String = lines.collect();
        write_atomic(path, lines.as_bytes()).map_err(io("write", path))?;
    }
    let kept = kept.into_inner();
    Ok(RenderSummary {
        rendered: total - kept,
        kept,
        train_list,
        test_list,
    })
}

fn jobs(layout: Layout, split: &str, count: usize, first: u64) -> Vec<Job> {
    (0..count)
        .map(|i| Job {
            index: first + i as u64,
            names: layout.names(split, i),
        })
        .collect()
}

/// Writes the missing files of a pair. Returns whether none was missing.
fn write_pair(
    layout: Layout,
    dir: &Path,
    config: &RenderConfig,
    job: &Job,
) -> Result<bool, SceneError> {
    let (rgb, depth) = (dir.join(&job.names.rgb), dir.join(&job.names.depth));
    if rgb.is_file() && depth.is_file() {
        return Ok(true);
    }
    let frame = layout.render(config.seed, job.index, config.width, config.height);
    let write = |path: &Path, bytes: Result<Vec<u8>, ImageError>| {
        let bytes = bytes.map_err(|source| SceneError::Encode {
            path: path.to_owned(),
            source,
        })?;
        write_atomic_unsynced(path, &bytes).map_err(io("write", path))
    };
    if !rgb.is_file() {
        write(&rgb, layout.encode_rgb(&frame))?;
    }
    if !depth.is_file() {
        write(&depth, layout.encode_depth(&frame))?;
    }
    Ok(false)
}
