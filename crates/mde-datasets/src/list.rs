//! A list of RGB-D pairs on disk: opening, checking, loading, fingerprint, mean depth.

use std::fs;
use std::path::{Path, PathBuf};

use image::RgbImage;
use rayon::prelude::*;

use crate::description::{Description, Source};
use crate::lines::{self, Entry, ListFormat};
use crate::pairing::PairingFault;
use crate::{
    DatasetError, DepthEncoding, DepthMap, Scene, Split, Transform, decode, geometry, kitti,
};

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
    root: PathBuf,
    list: PathBuf,
    encoding: DepthEncoding,
    scene: Scene,
    described: Described,
    pairs: Vec<Pair>,
    without_depth: usize,
}

/// What a description adds to a list; by default nothing.
#[derive(Debug, Clone, Default)]
struct Described {
    /// Patterns name the pairs; there is no list file.
    by_patterns: bool,
    /// Depths outside count as not measured, in metres.
    range: Option<(f32, f32)>,
    /// Colour images are brought to their depth maps' size.
    resize_rgb: bool,
    /// The focal length of pairs that have none of their own.
    focal: Option<f32>,
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
        Self::read_list(root, list, ListFormat::Csv, encoding, Scene::Indoor)
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
        Self::read_list(root, list, ListFormat::Kitti, encoding, Scene::Street)
    }

    /// Opens what a description says of a split; `by_kind` is the encoding if neither `encoding` nor the description says one.
    pub(crate) fn open_described(
        root: &Path,
        description: &Description,
        split: Split,
        encoding: Option<DepthEncoding>,
        by_kind: Option<DepthEncoding>,
    ) -> Result<Self, DatasetError> {
        let said = description.split(split).ok_or_else(|| {
            let reason = "not described; add this table, with `list`, or with `rgb` and `depth`";
            description.fault(split, reason)
        })?;
        let encoding = encoding.or(said.encoding).or(by_kind).ok_or_else(|| {
            let reason = "no `encoding`; add it here or to [depth]: u8/25.5, u16-mm, or u16/N with N stored units a metre";
            description.fault(split, reason)
        })?;
        let mut opened = match &said.source {
            Source::List(list) => {
                let list = root.join(list);
                let format = ListFormat::of(&list);
                Self::read_list(root, &list, format, encoding, description.scene)?
            }
            Source::Patterns(patterns) => {
                let paired = patterns.pairs(root).map_err(|fault| match fault {
                    PairingFault::Read(error) => error,
                    PairingFault::Reason(reason) => description.fault(split, &reason),
                })?;
                Self {
                    root: root.to_owned(),
                    list: description.path.clone(),
                    encoding,
                    scene: description.scene,
                    described: Described::default(),
                    pairs: paired.entries.into_iter().map(Pair::as_listed).collect(),
                    without_depth: paired.without_depth,
                }
            }
        };
        opened.described = Described {
            by_patterns: matches!(said.source, Source::Patterns(_)),
            range: said.range,
            resize_rgb: description.resize_rgb,
            focal: description.camera.map(|camera| camera.fx),
        };
        Ok(opened)
    }

    fn read_list(
        root: &Path,
        list: &Path,
        format: ListFormat,
        encoding: DepthEncoding,
        scene: Scene,
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
        let places = Places::of(scene, format);
        let opened = Self {
            root: root.to_owned(),
            list: list.to_owned(),
            encoding,
            scene,
            described: Described::default(),
            pairs: find_files(root, list, parsed.entries, places)?,
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

    /// The list file, or the description whose patterns name the pairs.
    pub fn list(&self) -> &Path {
        &self.list
    }

    /// Images that were left out, since the list has `None` for their depth, or the description's patterns match none.
    pub fn without_depth(&self) -> usize {
        self.without_depth
    }

    /// The largest depth that counts in [`mean_depth`], in metres.
    pub fn max_depth(&self) -> f32 {
        self.scene.reach()
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
        self.fits(path, rgb_size, self.root.join(&pair.depth), depth.size())?;
        let rgb = if rgb_size == depth.size() {
            rgb
        } else {
            geometry::resize_rgb(&rgb, depth.size()).into_owned()
        };
        Ok(Sample {
            id: pair.id.clone(),
            rgb,
            depth,
            focal: pair.focal.or(self.described.focal),
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
        if self.described.resize_rgb {
            decode::depth_size(&self.root.join(&pair.depth), self.encoding)
        } else {
            decode::rgb_size(&self.root.join(&pair.rgb))
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
        let path = self.root.join(&self.pairs[index].depth);
        let mut depth = decode::read_depth(&path, self.encoding)?;
        if let Some((near, far)) = self.described.range {
            for metres in &mut depth.metres {
                if !(near..=far).contains(metres) {
                    *metres = 0.0;
                }
            }
        }
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
        if rgb_size == depth_size {
            return Ok(());
        }
        if !self.described.resize_rgb {
            return Err(DatasetError::SizeMismatch {
                rgb,
                rgb_size,
                depth,
                depth_size,
            });
        }
        if same_shape(rgb_size, depth_size) {
            return Ok(());
        }
        Err(DatasetError::OtherShape {
            rgb,
            rgb_size,
            depth,
            depth_size,
        })
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
            .map(|file| Ok(blake3::hash(&read(&self.root.join(file))?)))
            .collect::<Result<_, DatasetError>>()?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.encoding.to_string().as_bytes());
        // The list by its hash: a fixed length, so that no list can imitate the files after it.
        hasher.update(self.hash_of_listing()?.as_bytes());
        for hash in &hashes {
            hasher.update(hash.as_bytes());
        }
        // Nothing for a list alone, whose hash is the same with a description that adds nothing.
        hasher.update(self.described.in_words().as_bytes());
        Ok(hasher.finalize().to_hex().to_string())
    }

    fn hash_of_listing(&self) -> Result<blake3::Hash, DatasetError> {
        if !self.described.by_patterns {
            return Ok(blake3::hash(&read(&self.list)?));
        }
        let lines = self.pairs.iter().map(|pair| {
            let line = format!("{}\0{}\n", pair.rgb.display(), pair.depth.display());
            line.into_bytes()
        });
        Ok(blake3::hash(&lines.collect::<Vec<_>>().concat()))
    }
}

impl Described {
    /// What it adds, for the fingerprint.
    fn in_words(&self) -> String {
        let mut words = String::new();
        if self.by_patterns {
            words += "patterns;";
        }
        if let Some((near, far)) = self.range {
            words += &format!("range {near} {far};");
        }
        if self.resize_rgb {
            words += "resize_rgb;";
        }
        if let Some(focal) = self.focal {
            words += &format!("focal {focal};");
        }
        words
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

/// True if one size is the other resized: the sides' ratios differ by less than a fiftieth (ScanNet's 1296x968 and 640x480 differ by
/// a two-hundredth).
fn same_shape(a: (usize, usize), b: (usize, usize)) -> bool {
    let (left, right) = ((a.0 * b.1) as f64, (a.1 * b.0) as f64);
    (left - right).abs() < 0.02 * left.max(right)
}

/// In which folders listed files are looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Places {
    AsListed,
    /// There, and where KITTI's downloads put them.
    Kitti,
}

impl Places {
    fn of(scene: Scene, format: ListFormat) -> Self {
        match (scene, format) {
            (Scene::Indoor, _) | (_, ListFormat::Csv) => Self::AsListed,
            (Scene::Street, ListFormat::Kitti | ListFormat::Blanks) => Self::Kitti,
        }
    }
}

/// Looks for both files of every line.
fn find_files(
    root: &Path,
    list: &Path,
    entries: Vec<Entry>,
    places: Places,
) -> Result<Vec<Pair>, DatasetError> {
    let as_listed = |path: &str| root.join(path).is_file().then(|| PathBuf::from(path));
    let found: Vec<(Option<PathBuf>, Option<PathBuf>)> = entries
        .par_iter()
        .map(|Entry { rgb, depth, .. }| match places {
            Places::AsListed => (as_listed(rgb), as_listed(depth)),
            Places::Kitti => (kitti::find_rgb(root, rgb), kitti::find_depth(root, depth)),
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
        also_in: match places {
            Places::AsListed => Vec::new(),
            Places::Kitti => [&kitti::RGB_FOLDERS[1..], &kitti::DEPTH_FOLDERS[1..]].concat(),
        },
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
            list: list.list.clone(),
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
