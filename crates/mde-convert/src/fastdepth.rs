//! FastDepth's distribution of NYU Depth V2: one HDF5 file per frame, in tar shards or a folder.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use image::RgbImage;
use rayon::prelude::*;
use tar::Archive;

use crate::error::{ConvertError, Result, damaged, io};
use crate::folder::Folder;
use crate::frame::{DepthImage, RgbFormat, rgb_image};
use crate::hdf5::{H5File, Values};
use crate::lists;
use crate::manifest::{Manifest, Part};
use crate::names::{is_number, split_path};
use crate::split::Split;
use crate::summary::{Converted, Observer, Progress};

const TAR: &str = "tar archive";
/// Maximum size of a frame's file; about 2 MB is normal.
const MAX_MEMBER: u64 = 64 << 20;
/// Maximum size of the files in memory, besides one file.
const MAX_MEMORY: usize = 64 << 20;
/// Maximum depth of frames in a folder: `ANY/train/SCENE/00001.h5`.
const MAX_DEPTH: usize = 4;
/// Maximum side of an image in pixels.
const MAX_SIDE: usize = 4096;
const EXPECTED: &str = "train/SCENE/00001.h5 or val/official/00001.h5";

/// Options of [`convert_fastdepth`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FastDepthOptions {
    /// A tar shard, such as `train-000000.tar` of the Hugging Face data set sayakpaul/nyu_depth_v2,
    /// or a folder with `train/SCENE/00001.h5` and `val/official/00001.h5`.
    pub source: PathBuf,
    /// Split of frames whose path and source name do not give one. Validation frames are
    /// [`Split::Test`].
    pub split: Option<Split>,
    /// File format of the colour images.
    pub rgb: RgbFormat,
    /// Output folder.
    pub out: PathBuf,
}

/// Converts a shard or folder of FastDepth's distribution, in parallel on rayon's current pool.
///
/// Each `.h5` file has `rgb` `[3,H,W]` (u8) and `depth` `[H,W]` (f32, metres). Writes
/// `fastdepth/train/SCENE/rgb_00001.png` (or `.jpg`) and
/// `fastdepth/train/SCENE/sync_depth_00001.png` (16-bit millimetres, 0 = invalid); validation
/// frames go to `fastdepth/val/`. Adds them to the lists `fastdepth_train.csv` and
/// `fastdepth_val.csv`, which do not depend on the order of shards. Sets the training list of
/// `dataset.toml`, and its test list if there is none.
///
/// A shard is read once, member by member. Files appear only when complete. A second call keeps
/// existing frames.
///
/// # Errors
/// If the source is missing, damaged, truncated or without frames; if a frame has other contents;
/// if the folder is not writable or in use by another process; if the disk is full.
pub fn convert_fastdepth(options: &FastDepthOptions, observer: Observer) -> Result<Converted> {
    options.rgb.check()?;
    let source = &options.source;
    let is_folder = fs::metadata(source).map_err(io("read", source))?.is_dir();
    let folder = Folder::open(&options.out, observer)?;
    let mut conversion = Conversion {
        options,
        manifest: Manifest::open(&folder)?,
        folder,
        progress: Progress::new(observer, None),
        batch: Vec::new(),
        batch_bytes: 0,
        train: BTreeSet::new(),
        val: BTreeSet::new(),
        ignored: 0,
    };
    if is_folder {
        conversion.folder(source, MAX_DEPTH)?;
    } else {
        conversion.shard()?;
    }
    conversion.finish()
}

struct Conversion<'a> {
    options: &'a FastDepthOptions,
    folder: Folder,
    manifest: Manifest,
    progress: Progress<'a>,
    /// Frames read but not yet converted.
    batch: Vec<(Frame, Vec<u8>)>,
    batch_bytes: usize,
    /// Lines of the lists.
    train: BTreeSet<String>,
    val: BTreeSet<String>,
    ignored: usize,
}

/// A frame's source, as errors name it, and its output files.
struct Frame {
    source: PathBuf,
    rgb: String,
    depth: String,
}

impl Conversion<'_> {
    /// Converts the frames of a shard.
    fn shard(&mut self) -> Result<()> {
        let path = &self.options.source;
        let mut file = File::open(path).map_err(io("read", path))?;
        check_end(path, &mut file)?;
        let mut archive = Archive::new(BufReader::new(file));
        for entry in archive.entries().map_err(damaged(path, TAR))? {
            let mut entry = entry.map_err(damaged(path, TAR))?;
            let member = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let Some(frame) = self.frame(path.join(&member), &member)? else {
                continue;
            };
            let size = entry.size();
            self.add(frame, size, &mut entry)?;
        }
        Ok(())
    }

    /// Converts the frames of a folder, in the order of their names.
    fn folder(&mut self, path: &Path, depth: usize) -> Result<()> {
        let entries = fs::read_dir(path).map_err(io("read", path))?;
        let paths = entries.map(|entry| Ok(entry?.path()));
        let mut paths: Vec<PathBuf> = paths
            .collect::<std::io::Result<_>>()
            .map_err(io("read", path))?;
        paths.sort_unstable();
        for path in paths {
            if path.is_dir() {
                if depth > 1 {
                    self.folder(&path, depth - 1)?;
                }
                continue;
            }
            let member = path.strip_prefix(&self.options.source).unwrap_or(&path);
            let member = member.to_string_lossy().into_owned();
            let Some(frame) = self.frame(path.clone(), &member)? else {
                continue;
            };
            let mut file = File::open(&path).map_err(io("read", &path))?;
            let size = file.metadata().map_err(io("read", &path))?.len();
            self.add(frame, size, &mut file)?;
        }
        Ok(())
    }

    /// Adds a member to its list and names its output files; `None` if it is not a frame.
    fn frame(&mut self, source: PathBuf, member: &str) -> Result<Option<Frame>> {
        let parts = split_path(member).and_then(|(above, scene, file)| {
            let number = file
                .strip_suffix(".h5")
                .filter(|number| is_number(number))?;
            Some((above, scene, number))
        });
        let Some((above, scene, number)) = parts else {
            self.ignored += 1;
            return Ok(None);
        };
        let split = above.and_then(split_of_folder).or(self.options.split);
        let split = split.or_else(|| split_of_source(&self.options.source));
        let (split, list) = match split {
            Some(Split::Train) => ("train", &mut self.train),
            Some(Split::Test) => ("val", &mut self.val),
            None => {
                return Err(ConvertError::UnknownSplit {
                    path: self.options.source.clone(),
                    member: member.to_owned(),
                });
            }
        };
        let extension = self.options.rgb.extension();
        let rgb = format!("fastdepth/{split}/{scene}/rgb_{number}.{extension}");
        let depth = format!("fastdepth/{split}/{scene}/sync_depth_{number}.png");
        list.insert(format!("{rgb},{depth}"));
        Ok(Some(Frame { source, rgb, depth }))
    }

    /// Reads a frame unless it exists; converts the batch when it is full.
    fn add(&mut self, frame: Frame, size: u64, from: &mut impl Read) -> Result<()> {
        if self.folder.has_image(&frame.rgb) && self.folder.has_image(&frame.depth) {
            self.progress.add_kept();
            return Ok(());
        }
        let bad = |reason: String| damaged(&frame.source, "frame of FastDepth")(reason);
        if size > MAX_MEMBER {
            return Err(bad(format!("it has {size} bytes, expected about 2 MB")));
        }
        let mut bytes = Vec::new();
        let read = from.take(MAX_MEMBER).read_to_end(&mut bytes);
        read.map_err(|error| bad(error.to_string()))?;
        if bytes.len() as u64 != size {
            return Err(bad(format!("it has {} of {size} bytes", bytes.len())));
        }
        self.batch_bytes += bytes.len();
        self.batch.push((frame, bytes));
        if self.batch_bytes >= MAX_MEMORY {
            self.convert_batch()?;
        }
        Ok(())
    }

    fn convert_batch(&mut self) -> Result<()> {
        self.batch_bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        batch.into_par_iter().try_for_each(|(frame, bytes)| {
            let (rgb, depth) = decode(&frame.source, bytes)?;
            let (folder, format) = (&self.folder, self.options.rgb);
            let encoded = format.encode(&folder.path(&frame.rgb), &rgb)?;
            folder.write_image(&frame.rgb, &encoded)?;
            folder.write_image(&frame.depth, &depth.encode(&folder.path(&frame.depth))?)?;
            self.progress.add_written(depth.unstorable);
            Ok(())
        })
    }

    fn finish(mut self) -> Result<Converted> {
        self.convert_batch()?;
        if self.train.is_empty() && self.val.is_empty() {
            return Err(ConvertError::Empty {
                path: self.options.source.clone(),
                expected: EXPECTED,
            });
        }
        let mut written = Vec::new();
        let train = (self.train, "train", "fastdepth_train.csv");
        let val = (self.val, "test", "fastdepth_val.csv");
        for (lines, part, list) in [train, val] {
            if lines.is_empty() {
                continue;
            }
            written.push(lists::merge(&self.folder, list, lines)?);
            if part == "train" || !self.manifest.has(part) {
                self.manifest.set(part, &Part::millimetres(list))?;
            }
        }
        self.manifest.write(&self.folder)?;
        Ok(self.progress.finish(self.ignored, written))
    }
}

/// The split of a folder above the scenes.
fn split_of_folder(folder: &str) -> Option<Split> {
    match folder {
        "train" => Some(Split::Train),
        "val" => Some(Split::Test),
        _ => None,
    }
}

/// The split at the beginning of a shard's or folder's name: `train-000000.tar`.
fn split_of_source(source: &Path) -> Option<Split> {
    let name = source.file_name()?.to_str()?;
    let letters = name.split(|c: char| !c.is_ascii_alphabetic()).next()?;
    split_of_folder(letters)
}

/// Checks for the two empty blocks at the end of a tar archive, to detect truncation between
/// members.
fn check_end(path: &Path, file: &mut File) -> Result<()> {
    let cut = || damaged(path, TAR)("it does not end like a tar archive");
    let mut end = [0; 1024];
    let length = file.metadata().map_err(io("read", path))?.len();
    if length < end.len() as u64 {
        return Err(cut());
    }
    file.seek(SeekFrom::End(-(end.len() as i64)))
        .and_then(|_| file.read_exact(&mut end))
        .and_then(|()| file.rewind())
        .map_err(io("read", path))?;
    if end.iter().any(|&byte| byte != 0) {
        return Err(cut());
    }
    Ok(())
}

/// Decodes the image and depth of one `.h5` file.
fn decode(path: &Path, bytes: Vec<u8>) -> Result<(RgbImage, DepthImage)> {
    let file = H5File::from_bytes(path, bytes)?;
    let (rgb_form, depth_form) = ("[3,480,640] of u8", "[480,640] of f32, as large as `rgb`");
    let rgb = file.array("rgb", 3, Values::Colours, rgb_form)?;
    let depth = file.array("depth", 2, Values::Metres, depth_form)?;
    let wrong_rgb = || file.unexpected("rgb", format!("is {:?}", rgb.shape), rgb_form);
    let &[3, height, width] = rgb.shape.as_slice() else {
        return Err(wrong_rgb());
    };
    if width == 0 || height == 0 || width.max(height) > MAX_SIDE {
        return Err(wrong_rgb());
    }
    if depth.shape != [height, width] {
        return Err(file.unexpected("depth", format!("is {:?}", depth.shape), depth_form));
    }
    let planes = rgb.colours(0, 3)?;
    let metres = depth.metres(0, height)?;
    let position = |x, y| y * width + x;
    let image = rgb_image(width, height, &planes, position);
    let depth = DepthImage::from_metres(width, height, |x, y| metres[position(x, y)]);
    Ok((image, depth))
}
