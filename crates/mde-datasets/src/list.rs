//! A list of RGB-D pairs on disk: opening, checking, loading, fingerprint, mean depth.

use std::io;
use std::path::{Path, PathBuf};

use mde_files::HashCache;
use rayon::prelude::*;

use crate::lines::{self, Entry, ListFormat};
use crate::plan::{Naming, Plan, SizeFit};
use crate::{DatasetError, DepthEncoding, DepthMap, Sample, Scene, Transform, decode, geometry};

/// Maximum number of missing files that an error names.
const MAX_MISSING_NAMED: usize = 10;

/// A list of RGB-D pairs whose files all existed when it was opened.
///
/// Paths are relative to the data folder. Absolute paths and `..` are refused: with them, ids and
/// results would depend on the machine, and the fingerprint would not cover the whole data set. Use
/// a symbolic link inside the data folder instead. A line may occur twice (oversampling). Focal
/// lengths are given on all lines or on none. A folder's description may name the pairs by patterns
/// instead ([`DataSpec`](crate::DataSpec)).
#[derive(Debug, Clone)]
pub struct RgbdList {
    plan: Plan,
    pairs: Vec<Pair>,
    without_depth: usize,
}

/// A line of the list with its files, relative to the data folder.
#[derive(Debug, Clone)]
struct Pair {
    id: String,
    rgb: PathBuf,
    depth: PathBuf,
    focal: Option<f32>,
}

impl RgbdList {
    /// Opens a list of indoor pairs: CSV without a header, lines `rgb,depth` or `rgb,depth,focal`.
    /// Every file must exist; none is read. [`max_depth`](Self::max_depth) is 10 m.
    ///
    /// `list` is the path of the list file itself, not relative to `root`.
    ///
    /// # Errors
    /// A list that is missing, unreadable, empty or malformed (with the line), or missing files
    /// (their number and the first ten).
    pub fn open(root: &Path, list: &Path, encoding: DepthEncoding) -> Result<Self, DatasetError> {
        let format = ListFormat::Csv;
        Self::from_plan(Plan::for_list(root, list, format, encoding, Scene::Indoor))
    }

    /// Opens a KITTI list: lines `rgb depth focal`, separated by blanks. Every file must exist;
    /// none is read. [`max_depth`](Self::max_depth) is 80 m.
    ///
    /// Lines with `None` for their depth, as BTS's lists have, are left out and counted. Colour
    /// images are searched in `root` and `root/raw_data`; depth maps in `root`,
    /// `root/data_depth_annotated` and its `train` and `val`, with or without the date that the
    /// listed path begins with.
    ///
    /// # Errors
    /// As [`open`](Self::open); also a list with `None` for every depth.
    pub fn open_kitti(
        root: &Path,
        list: &Path,
        encoding: DepthEncoding,
    ) -> Result<Self, DatasetError> {
        let format = ListFormat::Kitti;
        Self::from_plan(Plan::for_list(root, list, format, encoding, Scene::Street))
    }

    /// Finds the pairs that a plan names.
    pub(crate) fn from_plan(plan: Plan) -> Result<Self, DatasetError> {
        let (pairs, without_depth) = match &plan.naming {
            Naming::List(format) => listed(&plan, *format)?,
            Naming::Patterns(patterns, split) => {
                let paired = plan.match_all(patterns, *split)?;
                let pairs = paired.entries.into_iter().map(Pair::from);
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

    /// Number of images left out for lack of a depth map: the list has `None` for it, or the
    /// description's patterns match none.
    pub fn without_depth(&self) -> usize {
        self.without_depth
    }

    /// The largest valid depth in metres; [`mean_depth`] ignores larger ones.
    pub fn max_depth(&self) -> f32 {
        self.plan.scene.max_depth()
    }

    /// Encoding of the depth files.
    pub fn encoding(&self) -> DepthEncoding {
        self.plan.encoding
    }

    /// Id of pair `index`: the path of its colour image without the extension.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn id(&self, index: usize) -> &str {
        &self.pairs[index].id
    }

    /// Reads pair `index`.
    ///
    /// # Errors
    /// A file that cannot be read, is not an image, is truncated or damaged, has a pixel type other
    /// than 8-bit RGB or the encoding's, or images of different sizes. Each error names the file.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn load(&self, index: usize) -> Result<Sample, DatasetError> {
        let pair = &self.pairs[index];
        let path = self.plan.root.join(&pair.rgb);
        let mut rgb = decode::read_rgb(&path)?;
        let depth = self.load_depth(index)?;
        let rgb_size = (rgb.height() as usize, rgb.width() as usize);
        self.check_fit(pair, rgb_size, depth.size())?;
        if rgb_size != depth.size() {
            rgb = geometry::resize_rgb(&rgb, depth.size()).into_owned();
        }
        Ok(Sample {
            id: pair.id.clone(),
            rgb,
            depth,
            focal: pair.focal.or(self.plan.focal),
        })
    }

    /// Reads the depth of pair `index` alone. Depth outside the description's range becomes 0.
    ///
    /// # Errors
    /// As [`load`](Self::load), for the depth file.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn load_depth(&self, index: usize) -> Result<DepthMap, DatasetError> {
        let path = self.plan.root.join(&self.pairs[index].depth);
        let mut depth = decode::read_depth(&path, self.plan.encoding)?;
        self.plan.drop_out_of_range(&mut depth);
        Ok(depth)
    }

    /// Checks the files of every pair, in parallel: complete, of the right pixel type, of one size,
    /// and of a size that `transform` accepts. Files are read but not decoded, so damage inside
    /// goes unnoticed.
    ///
    /// # Errors
    /// As [`load`](Self::load) and [`Transform::check_size`], for the first bad pair of the list.
    pub fn check(&self, transform: &dyn Transform) -> Result<(), DatasetError> {
        let check = |pair: &Pair| {
            let rgb_size = decode::read_rgb_size(&self.plan.root.join(&pair.rgb))?;
            let depth = self.plan.root.join(&pair.depth);
            let depth_size = decode::read_depth_size(&depth, self.plan.encoding)?;
            self.check_fit(pair, rgb_size, depth_size)?;
            transform.check_size(&pair.id, depth_size)
        };
        let checked: Vec<Result<(), DatasetError>> = self.pairs.par_iter().map(check).collect();
        checked.into_iter().collect()
    }

    /// (height, width) of the first pair; others in the list may differ.
    ///
    /// # Errors
    /// If its file cannot be read.
    pub fn frame_size(&self) -> Result<(usize, usize), DatasetError> {
        // A list is never empty.
        let pair = &self.pairs[0];
        if self.plan.resize_rgb {
            decode::read_depth_size(&self.plan.root.join(&pair.depth), self.plan.encoding)
        } else {
            decode::read_rgb_size(&self.plan.root.join(&pair.rgb))
        }
    }

    fn check_fit(
        &self,
        pair: &Pair,
        rgb_size: (usize, usize),
        depth_size: (usize, usize),
    ) -> Result<(), DatasetError> {
        let (rgb, depth) = (
            self.plan.root.join(&pair.rgb),
            self.plan.root.join(&pair.depth),
        );
        match self.plan.fit_sizes(rgb_size, depth_size) {
            SizeFit::Same | SizeFit::Resized => Ok(()),
            SizeFit::OtherSize => Err(DatasetError::SizeMismatch {
                rgb,
                rgb_size,
                depth,
                depth_size,
            }),
            SizeFit::OtherAspectRatio => Err(DatasetError::AspectRatioMismatch {
                rgb,
                rgb_size,
                depth,
                depth_size,
            }),
        }
    }

    /// BLAKE3 hash (64 hexadecimal digits) of everything that a run reads: the depth encoding, the
    /// list, the content of its files, and what a description adds (range, camera, resizing, the
    /// pairs that its patterns match).
    ///
    /// It depends neither on where the data are stored nor on a description's name and comments.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn fingerprint(&self) -> Result<String, DatasetError> {
        self.fingerprint_by(&|path| Ok(blake3::hash(&decode::read(path)?)))
    }

    /// The same value as [`fingerprint`](Self::fingerprint). Files whose hash is in `cache` are not
    /// read. The caller saves the cache.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn fingerprint_cached(&self, cache: &HashCache) -> Result<String, DatasetError> {
        self.fingerprint_by(&|path| {
            let hash = cache.hash(path).and_then(|hex| {
                let hash = blake3::Hash::from_hex(hex);
                hash.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
            });
            hash.map_err(|source| DatasetError::Read {
                path: path.to_owned(),
                source,
            })
        })
    }

    /// `hash` gives the BLAKE3 hash of a file's content.
    fn fingerprint_by(
        &self,
        hash: &(dyn Fn(&Path) -> Result<blake3::Hash, DatasetError> + Sync),
    ) -> Result<String, DatasetError> {
        let files = self
            .pairs
            .par_iter()
            .flat_map_iter(|pair| [&pair.rgb, &pair.depth]);
        let hashes: Vec<blake3::Hash> = files
            .map(|file| hash(&self.plan.root.join(file)))
            .collect::<Result<_, DatasetError>>()?;
        // The list enters by its hash, a fixed length: no list can imitate the files after it.
        let list = match self.plan.naming {
            Naming::List(_) => hash(&self.plan.list)?,
            Naming::Patterns(..) => self.hash_of_matches(),
        };
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.plan.encoding.to_string().as_bytes());
        hasher.update(list.as_bytes());
        for hash in &hashes {
            hasher.update(hash.as_bytes());
        }
        // Empty for a plain list: a description that adds nothing keeps the list's fingerprint.
        hasher.update(self.plan.additions().as_bytes());
        Ok(hasher.finalize().to_hex().to_string())
    }

    fn hash_of_matches(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        for pair in &self.pairs {
            let line = format!("{}\0{}\n", pair.rgb.display(), pair.depth.display());
            hasher.update(line.as_bytes());
        }
        hasher.finalize()
    }
}

impl From<Entry> for Pair {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id,
            rgb: entry.rgb.into(),
            depth: entry.depth.into(),
            focal: entry.focal,
        }
    }
}

/// The pairs of a list file, and the number of images that it lists without depth.
fn listed(plan: &Plan, format: ListFormat) -> Result<(Vec<Pair>, usize), DatasetError> {
    let (list, expected) = (&plan.list, format.expected());
    if !list.exists() {
        return Err(DatasetError::MissingList {
            tried: vec![list.clone()],
            expected,
            other: None,
        });
    }
    let parsed = lines::parse(list, &decode::read(list)?, format)?;
    if parsed.entries.is_empty() {
        let list = list.clone();
        return Err(match parsed.without_depth {
            0 => DatasetError::EmptyList { list, expected },
            images => DatasetError::NoDepthListed { list, images },
        });
    }
    Ok((find_files(plan, parsed.entries)?, parsed.without_depth))
}

/// Searches both files of every line.
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
    missing.truncate(MAX_MISSING_NAMED);
    Err(DatasetError::MissingFiles {
        list: plan.list.clone(),
        root: plan.root.clone(),
        also_in: plan.also_in(),
        first: missing,
        count,
    })
}

/// Mean of all valid depths (0 < d <= [`RgbdList::max_depth`]) of a list, in metres: the prediction
/// of the constant baseline.
///
/// Every pixel counts once. Sums are f64 per image and added in the list's order: the result is the
/// same for any number of threads.
///
/// # Errors
/// A depth file that does not load, or a list without any valid depth.
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
