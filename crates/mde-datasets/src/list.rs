//! A list of RGB-D pairs on disk: opening, checking, loading, fingerprint.

use std::io;
use std::path::{Path, PathBuf};

use mde_files::HashCache;
use rayon::prelude::*;

use crate::faults::WrongLines;
use crate::lines::{self, Entry, List};
use crate::list_format::ListFormat;
use crate::plan::{Found, Naming, Plan, SizeFit};
use crate::wording::count;
use crate::{
    DatasetError, DepthEncoding, DepthMap, Sample, Scene, Transform, decode, geometry, missing,
};

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
    /// BLAKE3 of what names the pairs: the list's text, or the paths that patterns match.
    names: blake3::Hash,
    leftovers: Leftovers,
}

/// What belongs to no pair, and what was assumed.
#[derive(Debug, Clone, Default)]
struct Leftovers {
    /// Lines of a list with `None` for the depth.
    lines: usize,
    /// Images that patterns match, without a depth map.
    images: Vec<String>,
    /// Depth maps that patterns match, without an image.
    depth_maps: Vec<String>,
    /// What a list was read as, and names of `only` and `skip` that match nothing.
    assumed: Vec<String>,
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
        let (pairs, names, leftovers) = match &plan.naming {
            Naming::List(format) => listed(&plan, *format)?,
            Naming::Patterns(patterns, split) => {
                let paired = plan.match_all(patterns, *split)?;
                let images = paired.images.into_iter().map(|unpaired| unpaired.image);
                let leftovers = Leftovers {
                    images: images.collect(),
                    depth_maps: paired.depth_maps,
                    assumed: paired.unknown.iter().map(ToString::to_string).collect(),
                    ..Leftovers::default()
                };
                let pairs: Vec<Pair> = paired.entries.into_iter().map(Pair::from).collect();
                let names = hash_of_matches(&pairs);
                (pairs, names, leftovers)
            }
        };
        let (list, encoding) = (plan.list.display(), plan.encoding);
        tracing::debug!(%list, pairs = pairs.len(), %encoding, "opened");
        Ok(Self {
            plan,
            pairs,
            names,
            leftovers,
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
        self.leftovers.lines + self.leftovers.images.len()
    }

    /// What belongs to no pair (images without depth, depth maps without an image), and what was
    /// assumed when the list was read; each one clause of a sentence. Empty if there is nothing to
    /// say.
    pub fn remarks(&self) -> Vec<String> {
        let Leftovers {
            lines,
            images,
            depth_maps,
            assumed,
        } = &self.leftovers;
        let mut remarks = Vec::new();
        if *lines > 0 {
            remarks.push(format!("{} without depth (`None`)", count(*lines, "line")));
        }
        let sides = [(images.len(), "image"), (depth_maps.len(), "depth map")];
        let sides = sides.into_iter().filter(|(number, _)| *number > 0);
        let sides: Vec<String> = sides.map(|(number, noun)| count(number, noun)).collect();
        if !sides.is_empty() {
            let verb = if images.len() + depth_maps.len() == 1 {
                "matches"
            } else {
                "match"
            };
            let first = [first_few(images), first_few(depth_maps)].concat();
            let sides = sides.join(" and ");
            remarks.push(format!("{sides} {verb} nothing: {}", first.join(", ")));
        }
        remarks.extend(assumed.iter().cloned());
        remarks
    }

    /// The scene's largest valid depth in metres. Larger depths count as not measured, unless
    /// [`with_depth_limit`](Self::with_depth_limit) says otherwise.
    pub fn max_depth(&self) -> f32 {
        self.plan.scene.max_depth()
    }

    /// The same list with depth up to `limit` metres kept. Infinite for evaluation, whose protocol
    /// masks depth by itself and may reach further than the scene. A description's range still
    /// applies.
    #[must_use]
    pub fn with_depth_limit(mut self, limit: f32) -> Self {
        self.plan.limit = limit;
        self
    }

    /// The smallest and the largest depth in metres that the description calls valid, if it does.
    pub fn range(&self) -> Option<(f32, f32)> {
        self.plan.range
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

    /// Reads the depth of pair `index` alone. Depth outside the description's range or beyond
    /// [`max_depth`](Self::max_depth) becomes 0.
    ///
    /// # Errors
    /// As [`load`](Self::load), for the depth file.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn load_depth(&self, index: usize) -> Result<DepthMap, DatasetError> {
        let mut depth = self.load_stored_depth(index)?;
        self.plan.drop_out_of_reach(&mut depth);
        Ok(depth)
    }

    /// The same before depth out of reach becomes 0.
    pub(crate) fn load_stored_depth(&self, index: usize) -> Result<DepthMap, DatasetError> {
        let path = self.plan.root.join(&self.pairs[index].depth);
        decode::read_depth(&path, self.plan.encoding)
    }

    /// How the list is read.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
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

    /// (height, width) of the depth of pair `index`.
    ///
    /// # Errors
    /// If its file cannot be read.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn depth_size(&self, index: usize) -> Result<(usize, usize), DatasetError> {
        let path = self.plan.root.join(&self.pairs[index].depth);
        decode::read_depth_size(&path, self.plan.encoding)
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
                orientation: decode::read_orientation(&rgb),
                rgb,
                rgb_size,
                depth,
                depth_size,
            }),
            SizeFit::OtherAspectRatio => Err(DatasetError::AspectRatioMismatch {
                orientation: decode::read_orientation(&rgb),
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
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.plan.encoding.to_string().as_bytes());
        // The names enter by their hash, a fixed length: no list can imitate the files after it.
        hasher.update(self.names.as_bytes());
        for hash in &hashes {
            hasher.update(hash.as_bytes());
        }
        // Empty for a plain list: a description that adds nothing keeps the list's fingerprint.
        hasher.update(self.plan.additions().as_bytes());
        Ok(hasher.finalize().to_hex().to_string())
    }
}

/// The first files of one side, and whether there are more.
fn first_few(files: &[String]) -> Vec<String> {
    const FEW: usize = 3;
    let more = (files.len() > FEW).then(|| "...".to_owned());
    files.iter().take(FEW).cloned().chain(more).collect()
}

fn hash_of_matches(pairs: &[Pair]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for pair in pairs {
        let line = format!("{}\0{}\n", pair.rgb.display(), pair.depth.display());
        hasher.update(line.as_bytes());
    }
    hasher.finalize()
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

/// The pairs of a list file, the hash of its text, and what it leaves over.
fn listed(
    plan: &Plan,
    format: ListFormat,
) -> Result<(Vec<Pair>, blake3::Hash, Leftovers), DatasetError> {
    let (path, expected) = (&plan.list, format.expected());
    if !path.exists() {
        return Err(DatasetError::MissingList {
            tried: vec![path.clone()],
            expected,
            other: None,
        });
    }
    let text = mde_files::read_text(path)?;
    let list = lines::read(&text, format);
    if let Some(wrong) = list.wrong.first() {
        return Err(wrong_lines(plan, wrong, &list, format));
    }
    if list.entries.is_empty() {
        let path = path.clone();
        return Err(match list.without_depth {
            0 => DatasetError::EmptyList {
                list: path,
                expected,
            },
            images => DatasetError::NoDepthListed { list: path, images },
        });
    }
    // The same pairs have the same hash, whatever system wrote the list.
    let names = blake3::hash(lines::with_plain_paths(&text, list.separator).as_bytes());
    let leftovers = Leftovers {
        lines: list.without_depth,
        assumed: list.assumed.clone(),
        ..Leftovers::default()
    };
    Ok((find_files(plan, list, format)?, names, leftovers))
}

fn wrong_lines(plan: &Plan, wrong: &WrongLines, list: &List, format: ListFormat) -> DatasetError {
    DatasetError::WrongLines {
        list: plan.list.clone(),
        lines: wrong.place(),
        reason: wrong.reason(),
        remedy: wrong.remedy(&plan.list, list.separator, format),
    }
}

/// Searches both files of every line.
fn find_files(plan: &Plan, list: List, format: ListFormat) -> Result<Vec<Pair>, DatasetError> {
    let found = list
        .entries
        .par_iter()
        .map(|(_, entry)| plan.find_pair(entry));
    let found: Vec<Found> = found.collect();
    if let Some(outside) = missing::outside(&list, &found) {
        return Err(wrong_lines(plan, &outside, &list, format));
    }
    let missing = missing::paths(&list, &found);
    if !missing.is_empty() {
        let count = missing.len();
        let first = missing.into_iter().take(MAX_MISSING_NAMED);
        return Err(DatasetError::MissingFiles {
            list: plan.list.clone(),
            root: plan.root.clone(),
            also_in: plan.also_in().into(),
            first: first.map(str::to_owned).collect(),
            count,
            advice: missing::advice(plan, &list, &found),
        });
    }
    if let Some(reason) = missing::same_id(&list) {
        let list = plan.list.clone();
        return Err(DatasetError::SameId { list, reason });
    }
    let pairs = list.entries.into_iter().zip(found);
    let pairs = pairs.filter_map(|((_, entry), found)| {
        Some(Pair {
            id: entry.id,
            rgb: found.rgb?,
            depth: found.depth?,
            focal: entry.focal,
        })
    });
    Ok(pairs.collect())
}
