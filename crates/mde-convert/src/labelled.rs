//! The 1449 labelled frames of `nyu_depth_v2_labeled.mat`, split by `splits.mat`.

use std::ops::Range;
use std::path::{Path, PathBuf};

use image::RgbImage;
use rayon::prelude::*;

use crate::error::{ConvertError, Result};
use crate::folder::Folder;
use crate::frame::{DepthImage, RgbFormat, rgb_image};
use crate::hdf5::{Array, H5File, Values};
use crate::lists;
use crate::manifest::{Manifest, Part};
use crate::names::is_scene;
use crate::split::{FrameSplit, Split};
use crate::summary::{Converted, Observer, Progress};

/// Maximum size of the frames in memory: 75 frames of 640x480 with raw depth.
///
/// Larger chunks are decompressed repeatedly.
const MAX_MEMORY: usize = 256 << 20;
/// Maximum number of frames: file names have five digits.
const MAX_FRAMES: usize = 100_000;
/// Maximum side of an image in pixels.
const MAX_SIDE: usize = 4096;

/// Options of [`convert_labelled`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledOptions {
    /// Path of `nyu_depth_v2_labeled.mat`.
    pub mat: PathBuf,
    /// Assignment of frames to splits.
    pub split: FrameSplit,
    /// File format of the colour images.
    pub rgb: RgbFormat,
    /// Output folder.
    pub out: PathBuf,
}

/// Converts the labelled frames of NYU Depth V2, in parallel on rayon's current pool.
///
/// Reads `images` `[N,3,W,H]` (u8), `depths` `[N,W,H]` and, if present, `rawDepths` `[N,W,H]` (f32,
/// metres). These are HDF5's axes; MATLAB reverses them. The scene type comes from `sceneTypes` or,
/// if missing, from `scenes` without its number.
///
/// Writes for frame NNNNN, counted from 0, `SPLIT/SCENE/rgb_NNNNN.png` (or `.jpg`),
/// `sync_depth_NNNNN.png` and `raw_depth_NNNNN.png` (16-bit millimetres, 0 = invalid), where SPLIT
/// is `train` or `test`. Then writes the lists `nyuv2_test.csv` and `nyuv2_labeled_train.csv` in
/// frame order, the same with `_raw` for raw depth, and `dataset.toml`. A split without frames gets
/// no list.
///
/// Memory depends on the frames in progress, not on the file size. Files appear only when complete.
/// A second call keeps existing frames, so it continues after a kill.
///
/// # Errors
/// If the file is missing, damaged or has other contents; if the split does not match; if the
/// folder is not writable or in use by another process; if the disk is full.
pub fn convert_labelled(options: &LabelledOptions, observer: Observer) -> Result<Converted> {
    options.rgb.check()?;
    let source = Source::open(&options.mat)?;
    let splits = options.split.assign(&options.mat, source.frames)?;
    let names = source.names(&splits, options.rgb)?;
    let folder = Folder::open(&options.out, observer)?;
    let mut manifest = Manifest::open(&folder)?;

    let progress = Progress::new(observer, Some(source.frames));
    let is_missing = |frame: &usize| !names[*frame].exist_in(&folder);
    let slabs: Vec<Range<usize>> = source.slabs();
    let slabs_at_once = (MAX_MEMORY / (source.slab * source.frame_bytes())).max(1);
    for slabs in slabs.chunks(slabs_at_once) {
        slabs.par_iter().try_for_each(|slab| {
            let missing: Vec<usize> = slab.clone().filter(is_missing).collect();
            (missing.len()..slab.len()).for_each(|_| progress.add_kept());
            let (Some(first), Some(last)) = (missing.first(), missing.last()) else {
                return Ok(());
            };
            let frames = source.read(*first..last + 1)?;
            missing.par_iter().try_for_each(|&frame| {
                let unstorable = frames.write(frame, &names[frame], options.rgb, &folder)?;
                progress.add_written(unstorable);
                Ok(())
            })
        })?;
    }
    let lists = write_lists(&folder, &mut manifest, &splits, &names)?;
    Ok(progress.finish(0, lists))
}

fn write_lists(
    folder: &Folder,
    manifest: &mut Manifest,
    splits: &[Split],
    names: &[Names],
) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for (split, part, list, raw_list) in [
        (
            Split::Train,
            "train",
            "nyuv2_labeled_train.csv",
            "nyuv2_labeled_train_raw.csv",
        ),
        (Split::Test, "test", "nyuv2_test.csv", "nyuv2_test_raw.csv"),
    ] {
        let frames = || splits.iter().zip(names).filter(|(of, _)| **of == split);
        let lines: Vec<String> = frames()
            .map(|(_, names)| format!("{},{}", names.rgb, names.depth))
            .collect();
        let raw: Vec<String> = frames()
            .filter_map(|(_, names)| Some(format!("{},{}", names.rgb, names.raw.as_ref()?)))
            .collect();
        if lines.is_empty() {
            continue;
        }
        written.push(lists::write(folder, list, &lines)?);
        if !raw.is_empty() {
            written.push(lists::write(folder, raw_list, &raw)?);
        }
        manifest.set(part, &Part::millimetres(list))?;
    }
    manifest.write(folder)?;
    Ok(written)
}

/// The checked file of frames.
struct Source {
    path: PathBuf,
    images: Array,
    depths: Array,
    raw: Option<Array>,
    scenes: Vec<String>,
    frames: usize,
    width: usize,
    height: usize,
    /// Number of frames read together.
    slab: usize,
}

impl Source {
    fn open(path: &Path) -> Result<Self> {
        let file = H5File::open(path)?;
        let image_form = "[N,3,640,480] of u8, as in nyu_depth_v2_labeled.mat";
        let depth_form = "[N,640,480] of f32, as many and as large as `images`";
        let images = file.array("images", 4, Values::Colours, image_form)?;
        let wrong_images =
            || file.unexpected("images", format!("is {:?}", images.shape), image_form);
        let &[frames, 3, width, height] = images.shape.as_slice() else {
            return Err(wrong_images());
        };
        // A portrait image means that the axes are not in MATLAB's order.
        let sides = 1..=MAX_SIDE;
        let fits = sides.contains(&width) && sides.contains(&height) && width >= height;
        if !fits || !(1..=MAX_FRAMES).contains(&frames) {
            return Err(wrong_images());
        }
        let depths = file.array("depths", 3, Values::Metres, depth_form)?;
        let raw = file.optional_array("rawDepths", 3, Values::Metres, depth_form)?;
        for (name, maps) in [("depths", Some(&depths)), ("rawDepths", raw.as_ref())] {
            if let Some(maps) = maps.filter(|maps| maps.shape != [frames, width, height]) {
                return Err(file.unexpected(name, format!("is {:?}", maps.shape), depth_form));
            }
        }
        let chunks = [Some(&images), Some(&depths), raw.as_ref()].into_iter();
        let rows = chunks.flatten().map(|array| array.rows_per_chunk).max();
        let mut source = Self {
            path: path.to_owned(),
            slab: 1,
            scenes: scenes(&file, frames)?,
            images,
            depths,
            raw,
            frames,
            width,
            height,
        };
        let max = (MAX_MEMORY / source.frame_bytes()).max(1);
        source.slab = rows.unwrap_or(1).clamp(1, max);
        Ok(source)
    }

    /// Size of a frame in memory, in bytes.
    fn frame_bytes(&self) -> usize {
        let maps = 1 + usize::from(self.raw.is_some());
        self.width * self.height * (3 + 4 * maps)
    }

    /// Ranges of frames that are read together.
    fn slabs(&self) -> Vec<Range<usize>> {
        let starts = (0..self.frames).step_by(self.slab);
        starts
            .map(|start| start..(start + self.slab).min(self.frames))
            .collect()
    }

    fn read(&self, frames: Range<usize>) -> Result<Frames> {
        let (start, count) = (frames.start, frames.len());
        let raw = self.raw.as_ref();
        Ok(Frames {
            start,
            width: self.width,
            height: self.height,
            images: self.images.colours(start, count)?,
            depths: self.depths.metres(start, count)?,
            raw: raw.map(|raw| raw.metres(start, count)).transpose()?,
        })
    }

    /// The output files of each frame.
    fn names(&self, splits: &[Split], rgb: RgbFormat) -> Result<Vec<Names>> {
        let frames = self.scenes.iter().zip(splits).enumerate();
        frames
            .map(|(frame, (scene, split))| {
                if !is_scene(scene) {
                    return Err(ConvertError::SceneName {
                        path: self.path.clone(),
                        frame,
                        scene: scene.clone(),
                    });
                }
                let folder = match split {
                    Split::Train => "train",
                    Split::Test => "test",
                };
                let name =
                    |kind, extension| format!("{folder}/{scene}/{kind}_{frame:05}.{extension}");
                Ok(Names {
                    rgb: name("rgb", rgb.extension()),
                    depth: name("sync_depth", "png"),
                    raw: self.raw.is_some().then(|| name("raw_depth", "png")),
                })
            })
            .collect()
    }
}

/// The scene type of each frame.
fn scenes(file: &H5File, frames: usize) -> Result<Vec<String>> {
    if let Some(types) = file.texts("sceneTypes", frames)? {
        return Ok(types);
    }
    let scenes = file.texts("scenes", frames)?;
    let scenes = scenes.ok_or_else(|| {
        let found = "is missing, and so is `scenes`".into();
        file.unexpected("sceneTypes", found, "the scene type of each frame")
    })?;
    Ok(scenes
        .iter()
        .map(|scene| scene_type(scene).to_owned())
        .collect())
}

/// A scene name without its number: `living_room` for `living_room_0012b`.
fn scene_type(scene: &str) -> &str {
    match scene.rsplit_once('_') {
        Some((kind, number)) if number.starts_with(|c: char| c.is_ascii_digit()) => kind,
        _ => scene,
    }
}

/// The output files of a frame.
struct Names {
    rgb: String,
    depth: String,
    raw: Option<String>,
}

impl Names {
    fn exist_in(&self, folder: &Folder) -> bool {
        let files = [Some(&self.rgb), Some(&self.depth), self.raw.as_ref()];
        files
            .into_iter()
            .flatten()
            .all(|name| folder.has_image(name))
    }
}

/// Consecutive frames as stored, column-major.
struct Frames {
    start: usize,
    width: usize,
    height: usize,
    images: Vec<u8>,
    depths: Vec<f32>,
    raw: Option<Vec<f32>>,
}

impl Frames {
    /// Writes the missing files of a frame; returns the number of unstorable depths.
    fn write(&self, frame: usize, names: &Names, rgb: RgbFormat, folder: &Folder) -> Result<u64> {
        let nth = frame - self.start;
        if !folder.has_image(&names.rgb) {
            let bytes = rgb.encode(&folder.path(&names.rgb), &self.image(nth))?;
            folder.write_image(&names.rgb, &bytes)?;
        }
        let raw = names.raw.as_ref().zip(self.raw.as_ref());
        let maps = [Some((&names.depth, &self.depths)), raw];
        let mut unstorable = 0;
        for (name, metres) in maps.into_iter().flatten() {
            if !folder.has_image(name) {
                let depth = self.depth(metres, nth);
                folder.write_image(name, &depth.encode(&folder.path(name))?)?;
                unstorable += depth.unstorable;
            }
        }
        Ok(unstorable)
    }

    /// The colours `[3,W,H]` of the `nth` frame.
    fn image(&self, nth: usize) -> RgbImage {
        let plane = self.width * self.height;
        let planes = &self.images[nth * 3 * plane..(nth + 1) * 3 * plane];
        rgb_image(self.width, self.height, planes, |x, y| x * self.height + y)
    }

    /// The depths `[W,H]` of the `nth` frame.
    fn depth(&self, metres: &[f32], nth: usize) -> DepthImage {
        let plane = self.width * self.height;
        let metres = &metres[nth * plane..(nth + 1) * plane];
        DepthImage::from_metres(self.width, self.height, |x, y| metres[x * self.height + y])
    }
}

#[cfg(test)]
mod tests {
    use super::scene_type;

    #[test]
    fn a_scene_type_has_no_number() {
        for (scene, kind) in [
            ("kitchen_0004", "kitchen"),
            ("living_room_0012b", "living_room"),
            ("nyu_office_0", "nyu_office"),
            ("home_office", "home_office"),
            ("foyer", "foyer"),
        ] {
            assert_eq!(scene_type(scene), kind);
        }
    }
}
