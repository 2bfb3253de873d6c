//! FastDepth's distribution of NYU Depth V2: one small HDF5 file a frame, as tar shards or as a folder.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use image::RgbImage;
use rayon::prelude::*;
use tar::Archive;

use crate::error::{ConvertError, Result, damaged, io};
use crate::folder::Folder;
use crate::frame::{DepthImage, RgbFormat};
use crate::hdf5::{H5File, Values};
use crate::lists;
use crate::manifest::{Manifest, Part};
use crate::names::{is_number, tail};
use crate::split::Split;
use crate::summary::{Converted, Observer, Progress};

const TAR: &str = "tar archive";
/// A frame's file has about 2 MB.
const MAX_MEMBER: u64 = 64 << 20;
/// Bytes of frames' files that are in memory at once, beside one file.
const IN_MEMORY: usize = 64 << 20;
/// How deep below the folder given frames may lie: `train/SCENE/00001.h5`, with a folder around.
const MAX_DEPTH: usize = 4;
/// The longest side of an image.
const MAX_SIDE: usize = 4096;
const EXPECTED: &str = "train/SCENE/00001.h5 or val/official/00001.h5";

/// What to convert, and to where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FastDepthOptions {
    /// A tar shard, such as `train-000000.tar` of the Hugging Face data set sayakpaul/nyu_depth_v2, or a folder with
    /// `train/SCENE/00001.h5` and `val/official/00001.h5`.
    pub source: PathBuf,
    /// What the frames are for where neither their paths nor the name of the shard or folder says it; validation
    /// frames are [`Split::Test`].
    pub split: Option<Split>,
    /// How colours are written.
    pub rgb: RgbFormat,
    /// The data folder.
    pub out: PathBuf,
}

/// Converts a shard, or a folder, of FastDepth's distribution, in parallel on rayon's current pool.
///
/// Each .h5 has `rgb` `[3,H,W]` (u8) and `depth` `[H,W]` (f32, metres). Writes `fastdepth/train/SCENE/rgb_00001.png` (or
/// `.jpg`) and `fastdepth/train/SCENE/sync_depth_00001.png` (16-bit millimetres, 0 = no measurement), those for
/// validation under `fastdepth/val/`; adds them to the lists `fastdepth_train.csv` and `fastdepth_val.csv`, which end
/// up the same in whatever order the shards come; and points `dataset.toml` to the training list, and to the
/// validation list where it names no test split yet.
///
/// A shard is read once, member by member. Files are written aside and renamed; a second call keeps the frames that
/// are there.
///
/// # Errors
/// A source that is missing, damaged, cut short or without frames; a frame of other contents; a folder that cannot be
/// written to or that another conversion is writing to; a full disk.
pub fn convert_fastdepth(options: &FastDepthOptions, observer: Observer) -> Result<Converted> {
    options.rgb.check()?;
    let source = &options.source;
    let is_folder = fs::metadata(source).map_err(io("read", source))?.is_dir();
    let folder = Folder::open(&options.out)?;
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
    /// Frames read, to be encoded together.
    batch: Vec<(Frame, Vec<u8>)>,
    batch_bytes: usize,
    /// The lists' lines.
    train: BTreeSet<String>,
    val: BTreeSet<String>,
    ignored: usize,
}

/// A frame's source, as errors call it, and its files.
struct Frame {
    source: PathBuf,
    rgb: String,
    depth: String,
}

impl Conversion<'_> {
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
            self.take(frame, size, &mut entry)?;
        }
        Ok(())
    }

    /// The frames of a folder, in the order of their names.
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
            self.take(frame, size, &mut file)?;
        }
        Ok(())
    }

    /// Enters a member into its list and names its files; `None` if it is no frame.
    fn frame(&mut self, source: PathBuf, member: &str) -> Result<Option<Frame>> {
        let parts = tail(member).and_then(|(above, scene, file)| {
            let number = file
                .strip_suffix(".h5")
                .filter(|number| is_number(number))?;
            Some((above, scene, number))
        });
        let Some((above, scene, number)) = parts else {
            self.ignored += 1;
            return Ok(None);
        };
        let split = above.and_then(split_called).or(self.options.split);
        let split = split.or_else(|| split_named(&self.options.source));
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

    /// Reads a frame that is not there yet; converts those read when they are many.
    fn take(&mut self, frame: Frame, size: u64, from: &mut impl Read) -> Result<()> {
        if self.folder.has_image(&frame.rgb) && self.folder.has_image(&frame.depth) {
            self.progress.kept();
            return Ok(());
        }
        let bad = |reason: String| damaged(&frame.source, "frame of FastDepth's")(reason);
        if size > MAX_MEMBER {
            return Err(bad(format!("{size} bytes, expected about 2 MB")));
        }
        let mut bytes = Vec::new();
        let read = from.take(MAX_MEMBER).read_to_end(&mut bytes);
        read.map_err(|error| bad(error.to_string()))?;
        if bytes.len() as u64 != size {
            return Err(bad(format!("{} of {size} bytes", bytes.len())));
        }
        self.batch_bytes += bytes.len();
        self.batch.push((frame, bytes));
        if self.batch_bytes >= IN_MEMORY {
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
            folder.write(&frame.rgb, &encoded)?;
            folder.write(&frame.depth, &depth.encode(&folder.path(&frame.depth))?)?;
            self.progress.written(depth.unstorable);
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

/// The split that a folder above a scene names.
fn split_called(folder: &str) -> Option<Split> {
    match folder {
        "train" => Some(Split::Train),
        "val" => Some(Split::Test),
        _ => None,
    }
}

/// The split that the name of a shard or folder begins with: `train-000000.tar`.
fn split_named(source: &Path) -> Option<Split> {
    let name = source.file_name()?.to_str()?;
    let letters = name.split(|c: char| !c.is_ascii_alphabetic()).next()?;
    split_called(letters)
}

/// A tar archive ends in two empty blocks; one that was cut at a member's border would otherwise pass for whole.
fn check_end(path: &Path, file: &mut File) -> Result<()> {
    let cut = || damaged(path, TAR)("it does not end as a tar archive does");
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

/// The image and depth of one .h5.
fn decode(path: &Path, bytes: Vec<u8>) -> Result<(RgbImage, DepthImage)> {
    let file = H5File::from_bytes(path, bytes)?;
    let (rgb_form, depth_form) = ("[3,480,640] of u8", "[480,640] of f32, as large as `rgb`");
    let contents = |dataset, found: String, expected| ConvertError::Contents {
        path: path.to_owned(),
        dataset,
        found,
        expected,
    };
    let missing = |dataset, expected| contents(dataset, "is missing".into(), expected);
    let rgb = file.array("rgb", 3, Values::Colours, rgb_form)?;
    let rgb = rgb.ok_or_else(|| missing("rgb", rgb_form))?;
    let depth = file.array("depth", 2, Values::Metres, depth_form)?;
    let depth = depth.ok_or_else(|| missing("depth", depth_form))?;
    let wrong_rgb = || contents("rgb", format!("is {:?}", rgb.shape), rgb_form);
    let &[3, height, width] = rgb.shape.as_slice() else {
        return Err(wrong_rgb());
    };
    if width == 0 || height == 0 || width.max(height) > MAX_SIDE {
        return Err(wrong_rgb());
    }
    if depth.shape != [height, width] {
        return Err(contents(
            "depth",
            format!("is {:?}", depth.shape),
            depth_form,
        ));
    }
    let planes = rgb.colours(0, 3)?;
    let metres = depth.metres(0, height)?;
    let plane = width * height;
    let (columns, rows) = (width as u32, height as u32);
    let image = RgbImage::from_fn(columns, rows, |x, y| {
        let at = y as usize * width + x as usize;
        image::Rgb([planes[at], planes[plane + at], planes[2 * plane + at]])
    });
    let depth = DepthImage::from_metres(columns, rows, |x, y| metres[y * width + x]);
    Ok((image, depth))
}
