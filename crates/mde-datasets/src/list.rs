//! A list of RGB-D pairs on disk: opening, checking, loading, fingerprint, mean depth.

use std::fs;
use std::path::{Path, PathBuf};

use image::RgbImage;
use rayon::prelude::*;

use crate::lines::{self, Entry, ListFormat};
use crate::{DatasetError, DepthEncoding, DepthMap, Transform, decode, kitti};

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
    /// Focal length in pixels, where the list gives one.
    pub focal: Option<f32>,
}

/// A list of RGB-D pairs whose files were all present when it was opened.
///
/// Paths are relative to the data folder. Absolute paths and `..` are refused: ids, and with them all results, would
/// depend on the machine, and the folder with its fingerprint would no longer be the whole data set. Link a foreign
/// folder into the data folder instead. A line may occur twice (oversampling). Focal lengths are given on all lines or
/// on none.
#[derive(Debug, Clone)]
pub struct RgbdList {
    root: PathBuf,
    list: PathBuf,
    encoding: DepthEncoding,
    max_depth: f32,
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
        Self::read_list(root, list, ListFormat::Csv, encoding, MAX_INDOOR_DEPTH)
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
        Self::read_list(root, list, ListFormat::Kitti, encoding, MAX_KITTI_DEPTH)
    }

    fn read_list(
        root: &Path,
        list: &Path,
        format: ListFormat,
        encoding: DepthEncoding,
        max_depth: f32,
    ) -> Result<Self, DatasetError> {
        if !list.exists() {
            return Err(DatasetError::MissingList {
                tried: vec![list.to_owned()],
                expected: format.expected(),
            });
        }
        let parsed = lines::parse(list, &read(list)?, format)?;
        if parsed.entries.is_empty() {
            let list = list.to_owned();
            return Err(match parsed.without_depth {
                0 => DatasetError::EmptyList {
                    list,
                    expected: format.expected(),
                },
                images => DatasetError::NoDepthListed { list, images },
            });
        }
        let opened = Self {
            root: root.to_owned(),
            list: list.to_owned(),
            encoding,
            max_depth,
            pairs: find_files(root, list, parsed.entries, format)?,
            without_depth: parsed.without_depth,
        };
        tracing::debug!(list = %list.display(), pairs = opened.len(), %encoding, "opened");
        Ok(opened)
    }

    /// Number of pairs; at least 1.
    #[allow(clippy::len_without_is_empty)] // an empty list does not open
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// The folder that the list's paths are relative to.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The list file.
    pub fn list(&self) -> &Path {
        &self.list
    }

    /// Lines that were left out, since they have `None` for their depth.
    pub fn without_depth(&self) -> usize {
        self.without_depth
    }

    /// The largest depth that counts in [`mean_depth`], in metres.
    pub fn max_depth(&self) -> f32 {
        self.max_depth
    }

    /// How the depth files write metres.
    pub fn encoding(&self) -> DepthEncoding {
        self.encoding
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
        let path = self.root.join(&pair.rgb);
        let rgb = decode::read_rgb(&path)?;
        let depth = self.load_depth(index)?;
        let rgb_size = (rgb.height() as usize, rgb.width() as usize);
        same_size(path, rgb_size, self.root.join(&pair.depth), depth.size())?;
        Ok(Sample {
            id: pair.id.clone(),
            rgb,
            depth,
            focal: pair.focal,
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
                let (rgb, depth) = (self.root.join(&pair.rgb), self.root.join(&pair.depth));
                let rgb_size = decode::rgb_size(&rgb)?;
                let depth_size = decode::depth_size(&depth, self.encoding)?;
                same_size(rgb, rgb_size, depth, depth_size)?;
                transform.check_size(&pair.id, rgb_size)
            })
            .collect();
        faults.into_iter().collect()
    }

    /// (height, width) of the first pair's colour image; others of the list may differ.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn frame_size(&self) -> Result<(usize, usize), DatasetError> {
        // A list is never empty.
        decode::rgb_size(&self.root.join(&self.pairs[0].rgb))
    }

    /// Reads the depth of pair `index` alone.
    ///
    /// # Errors
    /// As [`load`](Self::load), for the depth file.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn load_depth(&self, index: usize) -> Result<DepthMap, DatasetError> {
        decode::read_depth(&self.root.join(&self.pairs[index].depth), self.encoding)
    }

    /// BLAKE3 hash (64 hexadecimal digits) of what a run reads: the depth encoding, the list and
    /// the content of every file in it. It does not depend on where the data lie.
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
            .map(|file| Ok(blake3::hash(&read(&self.root.join(file))?)))
            .collect::<Result<_, DatasetError>>()?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.encoding.name().as_bytes());
        // The list by its hash: a fixed length, so that no list can imitate the files after it.
        hasher.update(blake3::hash(&read(&self.list)?).as_bytes());
        for hash in &hashes {
            hasher.update(hash.as_bytes());
        }
        Ok(hasher.finalize().to_hex().to_string())
    }
}

/// Looks for both files of every line.
fn find_files(
    root: &Path,
    list: &Path,
    entries: Vec<Entry>,
    format: ListFormat,
) -> Result<Vec<Pair>, DatasetError> {
    let as_listed = |path: &str| root.join(path).is_file().then(|| PathBuf::from(path));
    let found: Vec<(Option<PathBuf>, Option<PathBuf>)> = entries
        .par_iter()
        .map(|Entry { rgb, depth, .. }| match format {
            ListFormat::Csv => (as_listed(rgb), as_listed(depth)),
            ListFormat::Kitti => (kitti::find_rgb(root, rgb), kitti::find_depth(root, depth)),
        })
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
        list: list.to_owned(),
        root: root.to_owned(),
        also_in: match format {
            ListFormat::Csv => Vec::new(),
            ListFormat::Kitti => [&kitti::RGB_FOLDERS[1..], &kitti::DEPTH_FOLDERS[1..]].concat(),
        },
        first: missing,
        count,
    })
}

/// The range of indoor data, in metres.
const MAX_INDOOR_DEPTH: f32 = 10.0;
/// The range in which KITTI is evaluated, in metres.
const MAX_KITTI_DEPTH: f32 = 80.0;

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
                .filter(|&&d| d > 0.0 && d <= list.max_depth);
            Ok(valid.fold((0.0, 0), |(sum, count), &d| (sum + f64::from(d), count + 1)))
        })
        .collect::<Result<_, DatasetError>>()?;
    let (sum, count) = per_image
        .iter()
        .fold((0.0, 0), |(sum, count), (s, c)| (sum + s, count + c));
    if count == 0 {
        return Err(DatasetError::NoValidDepth {
            list: list.list.clone(),
            images: list.len(),
            max: list.max_depth,
        });
    }
    Ok(sum / count as f64)
}

fn same_size(
    rgb: PathBuf,
    rgb_size: (usize, usize),
    depth: PathBuf,
    depth_size: (usize, usize),
) -> Result<(), DatasetError> {
    if rgb_size == depth_size {
        return Ok(());
    }
    Err(DatasetError::SizeMismatch {
        rgb,
        rgb_size,
        depth,
        depth_size,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, DatasetError> {
    fs::read(path).map_err(|source| DatasetError::Read {
        path: path.to_owned(),
        source,
    })
}
