//! A list of RGB-D pairs on disk: opening, checking, loading, fingerprint, mean depth.

use std::fs;
use std::path::{Path, PathBuf};

use image::RgbImage;
use rayon::prelude::*;

use crate::lines::{self, Entry, ListFormat};
use crate::plan::{Fit, Naming, Plan};
use crate::{DatasetError, DepthEncoding, DepthMap, Scene, Transform, decode, geometry};

/// How many missing files an error names.
const MISSING_NAMED: usize = 10;

/// One RGB-D pair as it lies on disk.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The colour image's path in the list, without its extension, `/` between folders.
    pub id: String,
    /// 8-bit colours.
    pub rgb: RgbImage,
    /// Depth of the same size. It may be 0 (no measurement) everywhere: not an error here, since
    /// losses and metrics mask what was not measured.
    pub depth: DepthMap,
    /// Focal length in pixels, where the list or the description gives one.
    pub focal: Option<f32>,
}

/// A list of RGB-D pairs whose files were all present when it was opened.
///
/// Paths are relative to the data folder. Absolute paths and `..` are refused: ids, and with them all results, would
/// depend on the machine, and the folder with its fingerprint would no longer be the whole data set. Link a foreign
/// folder into the data folder instead. A line may occur twice (oversampling). Focal lengths are given on all lines or
/// on none. A folder's description may name the pairs by patterns instead ([`DataSpec`](crate::DataSpec)).
#[derive(Debug, Clone)]
pub struct RgbdList {
    plan: Plan,
    pairs: Vec<Pair>,
    without_depth: usize,
}

/// A line of the list, with its files found.
#[derive(Debug, Clone)]
struct Pair {
    id: String,
    rgb: PathBuf,
    depth: PathBuf,
    focal: Option<f32>,
}

impl RgbdList {
    /// Reads a list of indoor pairs and looks for every file that it names: CSV without a header, `rgb,depth` or
    /// `rgb,depth,focal`. Depths beyond 10 m do not count in [`mean_depth`].
    ///
    /// `list` is the list's own path, not relative to `root`.
    ///
    /// # Errors
    /// A list that is missing, unreadable, empty or malformed (with the line), or files that are
    /// missing (how many, and the first ten).
    pub fn open(root: &Path, list: &Path, encoding: DepthEncoding) -> Result<Self, DatasetError> {
        Self::of_plan(Plan::of_list(
            root,
            list,
            ListFormat::Csv,
            encoding,
            Scene::Indoor,
        ))
    }

    /// Reads a KITTI list and looks for every file that it names: lines `rgb depth focal`, separated by blanks. Lines
    /// with `None` for their depth, as BTS's lists have, are left out and counted. Depths beyond 80 m do not count in
    /// [`mean_depth`].
    ///
    /// Colour images are looked for under `root` and `root/raw_data`; depth maps under `root`,
    /// `root/data_depth_annotated` and the `train` and `val` in that, with or without the date that the listed path
    /// begins with.
    ///
    /// # Errors
    /// As [`open`](Self::open); a list whose every line has `None` for its depth.
    pub fn open_kitti(
        root: &Path,
        list: &Path,
        encoding: DepthEncoding,
    ) -> Result<Self, DatasetError> {
        Self::of_plan(Plan::of_list(
            root,
            list,
            ListFormat::Kitti,
            encoding,
            Scene::Street,
        ))
    }

    /// Finds the pairs that a plan names.
    pub(crate) fn of_plan(plan: Plan) -> Result<Self, DatasetError> {
        let (pairs, without_depth) = match &plan.naming {
            Naming::List(format) => listed(&plan, *format)?,
            Naming::Patterns(patterns, split) => {
                let paired = patterns.all_pairs(&plan, *split)?;
                let pairs = paired.entries.into_iter().map(Pair::as_listed);
                (pairs.collect(), paired.unpaired.len())
            }
        };
        let (list, encoding) = (plan.list.display(), plan.encoding);
        tracing::debug!(%list, pairs = pairs.len(), %encoding, "opened");
        Ok(Self {
            plan,
            pairs,
            without_depth,
        })
    }

    /// Number of pairs; at least 1.
    #[allow(clippy::len_without_is_empty)] // an empty list does not open
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// The folder that the list's paths are relative to.
    pub fn root(&self) -> &Path {
        &self.plan.root
    }

    /// The list file, or the description whose patterns name the pairs.
    pub fn list(&self) -> &Path {
        &self.plan.list
    }

    /// Images that were left out, since the list has `None` for their depth, or the description's patterns match none.
    pub fn without_depth(&self) -> usize {
        self.without_depth
    }

    /// The largest depth that counts in [`mean_depth`], in metres.
    pub fn max_depth(&self) -> f32 {
        self.plan.scene.max_depth()
    }

    /// How the depth files write metres.
    pub fn encoding(&self) -> DepthEncoding {
        self.plan.encoding
    }

    /// The id of pair `index`: its colour image's path without the extension.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn id(&self, index: usize) -> &str {
        &self.pairs[index].id
    }

    /// Reads pair `index`.
    ///
    /// # Errors
    /// A file that cannot be read, is no image, is cut short, has another pixel type than 8-bit RGB
    /// or the encoding's, or sizes that differ. Each names the file.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn load(&self, index: usize) -> Result<Sample, DatasetError> {
        let pair = &self.pairs[index];
        let path = self.plan.root.join(&pair.rgb);
        let rgb = decode::read_rgb(&path)?;
        let depth = self.load_depth(index)?;
        let rgb_size = (rgb.height() as usize, rgb.width() as usize);
        self.fits(
            path,
            rgb_size,
            self.plan.root.join(&pair.depth),
            depth.size(),
        )?;
        let rgb = if rgb_size == depth.size() {
            rgb
        } else {
            geometry::resize_rgb(&rgb, depth.size()).into_owned()
        };
        Ok(Sample {
            id: pair.id.clone(),
            rgb,
            depth,
            focal: pair.focal.or(self.plan.focal),
        })
    }

    /// Looks into the files of every pair, in parallel: whether they are whole, of the right pixel
    /// type and of one size, and whether `transform` takes that size. Nothing is decoded, so damage inside a whole file
    /// goes unseen.
    ///
    /// # Errors
    /// As [`load`](Self::load) and [`Transform::check_size`], for the first pair in the list's order that is at fault.
    pub fn check(&self, transform: &dyn Transform) -> Result<(), DatasetError> {
        let faults: Vec<Result<(), DatasetError>> = self
            .pairs
            .par_iter()
            .map(|pair| {
                let (rgb, depth) = (
                    self.plan.root.join(&pair.rgb),
                    self.plan.root.join(&pair.depth),
                );
                let rgb_size = decode::rgb_size(&rgb)?;
                let depth_size = decode::depth_size(&depth, self.plan.encoding)?;
                self.fits(rgb, rgb_size, depth, depth_size)?;
                transform.check_size(&pair.id, depth_size)
            })
            .collect();
        faults.into_iter().collect()
    }

    /// (height, width) of the first pair; others of the list may differ.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn frame_size(&self) -> Result<(usize, usize), DatasetError> {
        // A list is never empty.
        let pair = &self.pairs[0];
        if self.plan.resize_rgb {
            decode::depth_size(&self.plan.root.join(&pair.depth), self.plan.encoding)
        } else {
            decode::rgb_size(&self.plan.root.join(&pair.rgb))
        }
    }

    /// Reads the depth of pair `index` alone. What lies outside the description's range is 0.
    ///
    /// # Errors
    /// As [`load`](Self::load), for the depth file.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn load_depth(&self, index: usize) -> Result<DepthMap, DatasetError> {
        let path = self.plan.root.join(&self.pairs[index].depth);
        let mut depth = decode::read_depth(&path, self.plan.encoding)?;
        self.plan.leave_out_of_range(&mut depth);
        Ok(depth)
    }

    /// That a colour image fits its depth map, where need be by being resized.
    fn fits(
        &self,
        rgb: PathBuf,
        rgb_size: (usize, usize),
        depth: PathBuf,
        depth_size: (usize, usize),
    ) -> Result<(), DatasetError> {
        match self.plan.takes_sizes(rgb_size, depth_size) {
            Fit::Same | Fit::Resized => Ok(()),
            Fit::OtherSize => Err(DatasetError::SizeMismatch {
                rgb,
                rgb_size,
                depth,
                depth_size,
            }),
            Fit::OtherShape => Err(DatasetError::OtherShape {
                rgb,
                rgb_size,
                depth,
                depth_size,
            }),
        }
    }

    /// BLAKE3 hash (64 hexadecimal digits) of what a run reads: the depth encoding, the list, the content of every file in it, and
    /// what a description says of them: range, camera, resizing, and the pairs that its patterns match. It does not depend on where the
    /// data lie, nor on a description's name and comments.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn fingerprint(&self) -> Result<String, DatasetError> {
        let files: Vec<&Path> = self
            .pairs
            .iter()
            .flat_map(|pair| [pair.rgb.as_path(), pair.depth.as_path()])
            .collect();
        let hashes: Vec<blake3::Hash> = files
            .par_iter()
            .map(|file| Ok(blake3::hash(&read(&self.plan.root.join(file))?)))
            .collect::<Result<_, DatasetError>>()?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.plan.encoding.to_string().as_bytes());
        // The list by its hash: a fixed length, so that no list can imitate the files after it.
        hasher.update(self.hash_of_listing()?.as_bytes());
        for hash in &hashes {
            hasher.update(hash.as_bytes());
        }
        // Nothing for a list alone, whose hash is the same with a description that adds nothing.
        hasher.update(self.plan.additions().as_bytes());
        Ok(hasher.finalize().to_hex().to_string())
    }

    fn hash_of_listing(&self) -> Result<blake3::Hash, DatasetError> {
        if matches!(self.plan.naming, Naming::List(_)) {
            return Ok(blake3::hash(&read(&self.plan.list)?));
        }
        let lines = self.pairs.iter().map(|pair| {
            let line = format!("{}\0{}\n", pair.rgb.display(), pair.depth.display());
            line.into_bytes()
        });
        Ok(blake3::hash(&lines.collect::<Vec<_>>().concat()))
    }
}

impl Pair {
    fn as_listed(entry: Entry) -> Self {
        Self {
            id: entry.id,
            rgb: entry.rgb.into(),
            depth: entry.depth.into(),
            focal: entry.focal,
        }
    }
}

/// The pairs of a list file, and how many images it lists without depth.
fn listed(plan: &Plan, format: ListFormat) -> Result<(Vec<Pair>, usize), DatasetError> {
    let (list, expected) = (&plan.list, format.expected());
    if !list.exists() {
        return Err(DatasetError::MissingList {
            tried: vec![list.clone()],
            expected,
        });
    }
    let parsed = lines::parse(list, &read(list)?, format)?;
    if parsed.entries.is_empty() {
        let list = list.clone();
        return Err(match parsed.without_depth {
            0 => DatasetError::EmptyList { list, expected },
            images => DatasetError::NoDepthListed { list, images },
        });
    }
    Ok((find_files(plan, parsed.entries)?, parsed.without_depth))
}

/// Looks for both files of every line.
fn find_files(plan: &Plan, entries: Vec<Entry>) -> Result<Vec<Pair>, DatasetError> {
    let found: Vec<(Option<PathBuf>, Option<PathBuf>)> = entries
        .par_iter()
        .map(|entry| (plan.find_rgb(&entry.rgb), plan.find_depth(&entry.depth)))
        .collect();
    let (mut pairs, mut missing) = (Vec::with_capacity(entries.len()), Vec::new());
    for (entry, files) in entries.into_iter().zip(found) {
        match files {
            (Some(rgb), Some(depth)) => pairs.push(Pair {
                id: entry.id,
                rgb,
                depth,
                focal: entry.focal,
            }),
            (rgb, depth) => {
                missing.extend(rgb.is_none().then_some(entry.rgb));
                missing.extend(depth.is_none().then_some(entry.depth));
            }
        }
    }
    if missing.is_empty() {
        return Ok(pairs);
    }
    let count = missing.len();
    missing.truncate(MISSING_NAMED);
    Err(DatasetError::MissingFiles {
        list: plan.list.clone(),
        root: plan.root.clone(),
        also_in: plan.also_in(),
        first: missing,
        count,
    })
}

/// Mean over all valid depths (0 < d <= [`RgbdList::max_depth`]) of all images of a list, in metres: every pixel
/// counts once. The answer of the constant predictor that a network has to beat.
///
/// Sums are f64 per image and added in the list's order: the same on any number of threads.
///
/// # Errors
/// A depth file that does not load, or no valid depth in the whole list.
pub fn mean_depth(list: &RgbdList) -> Result<f64, DatasetError> {
    let per_image: Vec<(f64, u64)> = (0..list.len())
        .into_par_iter()
        .map(|index| {
            let depth = list.load_depth(index)?;
            let valid = depth
                .metres
                .iter()
                .filter(|&&d| d > 0.0 && d <= list.max_depth());
            Ok(valid.fold((0.0, 0), |(sum, count), &d| (sum + f64::from(d), count + 1)))
        })
        .collect::<Result<_, DatasetError>>()?;
    let (sum, count) = per_image
        .iter()
        .fold((0.0, 0), |(sum, count), (s, c)| (sum + s, count + c));
    if count == 0 {
        return Err(DatasetError::NoValidDepth {
            list: list.plan.list.clone(),
            images: list.len(),
            max: list.max_depth(),
        });
    }
    Ok(sum / count as f64)
}

fn read(path: &Path) -> Result<Vec<u8>, DatasetError> {
    fs::read(path).map_err(|source| DatasetError::Read {
        path: path.to_owned(),
        source,
    })
}
