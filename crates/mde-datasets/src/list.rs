//! A list of RGB-D pairs on disk: parsing, checking, loading, fingerprint, mean depth.

use std::fs;
use std::path::{Component, Path, PathBuf};

use image::RgbImage;
use rayon::prelude::*;

use crate::{DatasetError, DepthEncoding, DepthMap, decode};

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
/// The list is CSV without a header: `rgb,depth` or `rgb,depth,focal`, paths relative to the data
/// folder. Absolute paths and `..` are refused: ids, and with them all results, would depend on the
/// machine, and the folder with its fingerprint would no longer be the whole data set. Link a
/// foreign folder into the data folder instead. A line may occur twice (oversampling).
#[derive(Debug, Clone)]
pub struct RgbdList {
    root: PathBuf,
    list: PathBuf,
    encoding: DepthEncoding,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    id: String,
    rgb: String,
    depth: String,
    focal: Option<f32>,
}

impl RgbdList {
    /// Reads a list and looks for every file that it names.
    ///
    /// `list` is the list's own path, not relative to `root`.
    ///
    /// # Errors
    /// A list that is missing, unreadable, empty or malformed (with the line), or files that are
    /// missing (how many, and the first ten).
    pub fn open(root: &Path, list: &Path, encoding: DepthEncoding) -> Result<Self, DatasetError> {
        if !list.exists() {
            return Err(DatasetError::MissingList {
                tried: vec![list.to_owned()],
            });
        }
        let entries = parse(list, &read(list)?)?;
        if entries.is_empty() {
            return Err(DatasetError::EmptyList {
                list: list.to_owned(),
            });
        }
        let opened = Self {
            root: root.to_owned(),
            list: list.to_owned(),
            encoding,
            entries,
        };
        opened.check_files()?;
        tracing::debug!(list = %list.display(), pairs = opened.len(), %encoding, "opened");
        Ok(opened)
    }

    /// Number of pairs; at least 1.
    #[allow(clippy::len_without_is_empty)] // an empty list does not open
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The folder that the list's paths are relative to.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The list file.
    pub fn list(&self) -> &Path {
        &self.list
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
        &self.entries[index].id
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
        let entry = &self.entries[index];
        let path = self.root.join(&entry.rgb);
        let rgb = decode::read_rgb(&path)?;
        let depth = self.load_depth(index)?;
        let rgb_size = (rgb.height() as usize, rgb.width() as usize);
        same_size(path, rgb_size, self.root.join(&entry.depth), depth.size())?;
        Ok(Sample {
            id: entry.id.clone(),
            rgb,
            depth,
            focal: entry.focal,
        })
    }

    /// Looks into the files of every pair, in parallel: whether they are whole, of the right pixel
    /// type and of one size. Nothing is decoded, so damage inside a whole file goes unseen.
    ///
    /// # Errors
    /// As [`load`](Self::load), for the first pair in the list's order that is at fault.
    pub fn check(&self) -> Result<(), DatasetError> {
        let faults: Vec<Result<(), DatasetError>> = self
            .entries
            .par_iter()
            .map(|entry| {
                let (rgb, depth) = (self.root.join(&entry.rgb), self.root.join(&entry.depth));
                let rgb_size = decode::rgb_size(&rgb)?;
                let depth_size = decode::depth_size(&depth, self.encoding)?;
                same_size(rgb, rgb_size, depth, depth_size)
            })
            .collect();
        faults.into_iter().collect()
    }

    /// Reads the depth of pair `index` alone.
    ///
    /// # Errors
    /// As [`load`](Self::load), for the depth file.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn load_depth(&self, index: usize) -> Result<DepthMap, DatasetError> {
        decode::read_depth(&self.root.join(&self.entries[index].depth), self.encoding)
    }

    /// BLAKE3 hash (64 hexadecimal digits) of what a run reads: the depth encoding, the list and
    /// the content of every file in it. It does not depend on where the data lie.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn fingerprint(&self) -> Result<String, DatasetError> {
        let files: Vec<&str> = self.files().collect();
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

    /// Every file of the list, as the list writes it.
    fn files(&self) -> impl Iterator<Item = &str> {
        self.entries
            .iter()
            .flat_map(|entry| [entry.rgb.as_str(), entry.depth.as_str()])
    }

    fn check_files(&self) -> Result<(), DatasetError> {
        let files: Vec<&str> = self.files().collect();
        let missing: Vec<&str> = files
            .into_par_iter()
            .filter(|file| !self.root.join(file).is_file())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(DatasetError::MissingFiles {
            list: self.list.clone(),
            root: self.root.clone(),
            first: missing
                .iter()
                .take(MISSING_NAMED)
                .map(|&file| file.to_owned())
                .collect(),
            count: missing.len(),
        })
    }
}

/// Depths beyond this are left out of [`mean_depth`], in metres: the range of indoor data.
pub const MAX_MEAN_DEPTH: f32 = 10.0;

/// Mean over all valid depths (0 < d <= 10 m) of all images of a list, in metres: every pixel
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
                .filter(|&&d| d > 0.0 && d <= MAX_MEAN_DEPTH);
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
            max: MAX_MEAN_DEPTH,
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

fn parse(list: &Path, text: &[u8]) -> Result<Vec<Entry>, DatasetError> {
    let malformed = |line: u64, reason: String| DatasetError::MalformedLine {
        list: list.to_owned(),
        line,
        reason,
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true) // wrong field counts are reported below, with what was expected
        .trim(csv::Trim::All)
        .from_reader(text);
    let mut entries = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| {
            malformed(
                error.position().map_or(0, csv::Position::line),
                "not UTF-8 text".to_owned(),
            )
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        let entry = parse_line(&record).map_err(|reason| malformed(line, reason))?;
        entries.push(entry);
    }
    Ok(entries)
}

fn parse_line(record: &csv::StringRecord) -> Result<Entry, String> {
    if !(2..=3).contains(&record.len()) {
        return Err(match record.len() {
            1 => format!("1 field (`{}`)", &record[0]),
            n => format!("{n} fields"),
        });
    }
    let rgb = inside(&record[0])?;
    let depth = inside(&record[1])?;
    let focal = match record.get(2) {
        None => None,
        Some(text) => match text.parse::<f32>() {
            Ok(focal) if focal.is_finite() && focal > 0.0 => Some(focal),
            _ => {
                return Err(format!(
                    "the focal length `{text}` is not a positive number"
                ));
            }
        },
    };
    Ok(Entry {
        id: id_of(rgb),
        rgb: rgb.to_owned(),
        depth: depth.to_owned(),
        focal,
    })
}

/// A path that stays inside the data folder.
fn inside(path: &str) -> Result<&str, String> {
    if path.is_empty() {
        return Err("an empty path".to_owned());
    }
    let stays = Path::new(path)
        .components()
        .all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if stays {
        Ok(path)
    } else {
        Err(format!("`{path}` leads out of the data folder"))
    }
}

fn id_of(rgb: &str) -> String {
    let stem = Path::new(rgb).with_extension("");
    let parts: Vec<_> = stem
        .components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    parts.join("/")
}
