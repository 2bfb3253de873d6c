//! Pairs of colour images and depth maps that two patterns name, and the choice of a split's pairs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::path::Path;

use crate::DatasetError;
use crate::lines::{Entry, id_of};
use crate::pattern::{Match, Pattern};
use crate::wording::count;

/// Maximum number of images that an error names.
const MAX_NAMED: usize = 10;

/// The pairs of a split, by patterns.
#[derive(Debug, Clone)]
pub(crate) struct Patterns {
    pub(crate) rgb: Pattern,
    pub(crate) depth: Pattern,
    pub(crate) pairing: Pairing,
    pub(crate) choice: Choice,
}

/// How a depth map is found for a colour image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pairing {
    /// Each star has the same text in both paths.
    ByName {
        /// Whether to leave out images without a depth map; otherwise they are an error.
        skip_unpaired: bool,
    },
    /// The last star is a time in seconds; the nearest depth map is taken, each at most once.
    ByTime {
        /// Maximum number of seconds between the two.
        max_gap: f64,
    },
}

/// The pairs that a split uses, chosen in the order of the fields.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// Use only these texts of the first star.
    pub(crate) only: Option<HashSet<String>>,
    /// Leave out these texts of the first star.
    pub(crate) skip: HashSet<String>,
    /// Range of the pairs as fractions: (0, 1) is all.
    pub(crate) part: (f64, f64),
    /// Use one of this number of consecutive pairs.
    pub(crate) every: usize,
}

/// The pairs that patterns match, and what they leave over.
#[derive(Debug)]
pub(crate) struct Paired {
    /// In the natural order of their colour images.
    pub(crate) entries: Vec<Entry>,
    /// Images without a depth map.
    pub(crate) images: Vec<Unpaired>,
    /// Depth maps without an image.
    pub(crate) depth_maps: Vec<String>,
    /// Names of `only` and of `skip` that match nothing.
    pub(crate) unknown: Vec<UnknownNames>,
}

/// An image without a depth map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unpaired {
    pub(crate) image: String,
    /// The path that its depth map would have, if there is only one.
    pub(crate) expected: Option<String>,
}

impl fmt::Display for Unpaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.expected {
            Some(depth) => write!(f, "{} (no {depth})", self.image),
            None => f.write_str(&self.image),
        }
    }
}

/// Names of a choice that are not the first `*` of any image.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UnknownNames {
    /// `only` or `skip`.
    pub(crate) key: &'static str,
    /// Sorted; not empty.
    pub(crate) names: Vec<String>,
    /// Number of names of the key.
    pub(crate) of: usize,
    /// A text that would match.
    pub(crate) example: String,
}

impl fmt::Display for UnknownNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, names, of, .. } = self;
        let match_ = if names.len() == 1 { "matches" } else { "match" };
        let (number, first) = (names.len(), first_of(names));
        write!(
            f,
            "{key}: {number} of {} {match_} no image: {first}",
            count(*of, "name")
        )
    }
}

/// The first few names, and whether there are more.
pub(crate) fn first_of<T: ToString>(names: &[T]) -> String {
    let first: Vec<String> = names.iter().take(MAX_NAMED).map(T::to_string).collect();
    let more = if names.len() > MAX_NAMED { ", ..." } else { "" };
    first.join(", ") + more
}

/// Pairs, images without a depth map, depth maps without an image.
type Joined = (Vec<Entry>, Vec<Unpaired>, Vec<String>);

/// A fault of the patterns, or of reading the folder. The caller knows the file and the split.
pub(crate) enum PairingFault {
    Read(DatasetError),
    Reason(String),
}

impl From<DatasetError> for PairingFault {
    fn from(error: DatasetError) -> Self {
        Self::Read(error)
    }
}

impl From<String> for PairingFault {
    fn from(reason: String) -> Self {
        Self::Reason(reason)
    }
}

impl Patterns {
    /// True if images without a depth map are left out.
    pub(crate) fn may_be_unpaired(&self) -> bool {
        self.pairing
            != Pairing::ByName {
                skip_unpaired: false,
            }
    }

    /// The pairs below a data folder; images without a depth map are left out.
    pub(crate) fn pairs(&self, root: &Path) -> Result<Paired, PairingFault> {
        let (images, unknown) = self.chosen(root)?;
        let depths = files(root, &self.depth)?;
        let (pairs, images, depth_maps) = match self.pairing {
            Pairing::ByName { .. } => self.pair_by_name(root, images, depths)?,
            Pairing::ByTime { max_gap } => self.pair_by_time(root, images, depths, max_gap)?,
        };
        if pairs.is_empty() {
            let reason = match self.pairing {
                Pairing::ByName { .. } => describe_unpaired(&images),
                Pairing::ByTime { max_gap } => format!(
                    "no image of {} has a depth map within {max_gap} s; check that both names are times in seconds, and `max_gap`",
                    images.len()
                ),
            };
            return Err(reason.into());
        }
        let entries = self.choice.take(pairs);
        if entries.is_empty() {
            let reason = "`part` selects no pair; there are too few: widen it".to_owned();
            return Err(reason.into());
        }
        Ok(Paired {
            entries,
            images,
            depth_maps,
            unknown,
        })
    }

    /// The colour images that `only` and `skip` select, and their names that match none.
    fn chosen(&self, root: &Path) -> Result<(Vec<Match>, Vec<UnknownNames>), PairingFault> {
        let mut images = files(root, &self.rgb)?;
        let Some(example) = images.first().map(|image| image.stars[0].clone()) else {
            return Err(no_match(root, "rgb", &self.rgb).into());
        };
        // Names that match no path are allowed: not every scene of a long list is on disk.
        let unknown = self.choice.unknown(&images, &example);
        images.retain(|image| self.choice.selects(&image.stars[0]));
        if images.is_empty() {
            let unknown: String = (unknown.iter())
                .map(|unknown| format!("; {unknown}"))
                .collect();
            return Err(format!(
                "`only` and `skip` leave none of the images that rgb = \"{}\" matches{unknown}; they list texts of its first *, such as `{example}`",
                self.rgb.text()
            )
            .into());
        }
        Ok((images, unknown))
    }

    fn pair_by_name(
        &self,
        root: &Path,
        images: Vec<Match>,
        depths: Vec<Match>,
    ) -> Result<Joined, PairingFault> {
        let by_name = depths
            .iter()
            .map(|file| (self.depth.fill(&file.stars), &file.path));
        let by_name: HashMap<String, &String> = by_name.collect();
        let (mut pairs, mut unpaired) = (Vec::new(), Vec::new());
        for image in &images {
            let depth = self.depth.fill(&image.stars);
            let other = self.depth.fill(&image.other_stars);
            if depth != other {
                return Err(format!(
                    "{} belongs to {depth} or to {other}: the text of each * of rgb = \"{}\" is ambiguous; write out more of the names",
                    image.path,
                    self.rgb.text()
                )
                .into());
            }
            let found = by_name.get(&depth).map(|&path| path.clone());
            match found.or_else(|| root.join(&depth).is_file().then(|| depth.clone())) {
                Some(depth) => pairs.push(entry(image.path.clone(), depth)),
                None => unpaired.push(Unpaired {
                    image: image.path.clone(),
                    expected: Some(depth),
                }),
            }
        }
        // The pattern of one may match the files of the other.
        let partners: HashSet<&String> = pairs.iter().map(|pair| &pair.depth).collect();
        unpaired.retain(|unpaired| !partners.contains(&unpaired.image));
        let image_paths: HashSet<&String> = images.iter().map(|image| &image.path).collect();
        let alone = depths.iter().filter(|depth| {
            self.choice.selects(&depth.stars[0])
                && !partners.contains(&depth.path)
                && !image_paths.contains(&depth.path)
        });
        let alone = alone.map(|depth| depth.path.clone()).collect();
        Ok((pairs, unpaired, alone))
    }

    fn pair_by_time(
        &self,
        root: &Path,
        images: Vec<Match>,
        mut depths: Vec<Match>,
        max_gap: f64,
    ) -> Result<Joined, PairingFault> {
        if depths.is_empty() {
            return Err(no_match(root, "depth", &self.depth).into());
        }
        // With a single star, its text is the time, which images and depth maps do not share.
        if self.depth.stars() > 1 {
            depths.retain(|depth| self.choice.selects(&depth.stars[0]));
        }
        let mut sequences: BTreeMap<Vec<String>, [Vec<Timed>; 2]> = BTreeMap::new();
        // Sequences keep the order of their names.
        let mut order: Vec<Vec<String>> = Vec::new();
        for (which, files) in [images, depths].into_iter().enumerate() {
            for file in files {
                let (sequence, timed) = timed(file)?;
                if !sequences.contains_key(&sequence) {
                    order.push(sequence.clone());
                }
                sequences.entry(sequence).or_default()[which].push(timed);
            }
        }
        let mut joined: Joined = (Vec::new(), Vec::new(), Vec::new());
        for sequence in order {
            if let Some([images, depths]) = sequences.remove(&sequence) {
                pair_nearest(images, depths, max_gap, &mut joined);
            }
        }
        Ok(joined)
    }
}

/// The files that a pattern matches; two that differ only in their extension are an error.
fn files(root: &Path, pattern: &Pattern) -> Result<Vec<Match>, PairingFault> {
    let files = pattern.files(root)?;
    let mut seen: HashMap<String, &str> = HashMap::with_capacity(files.len());
    for file in &files {
        if let Some(first) = seen.insert(pattern.fill(&file.stars), &file.path) {
            return Err(same_id(first, &file.path).into());
        }
    }
    Ok(files)
}

/// The fault of two files whose pairs would have one id.
pub(crate) fn same_id(first: &str, second: &str) -> String {
    format!(
        "{first} and {second} differ only in their extension, so their pairs have the same id; rename or remove one of them"
    )
}

impl Choice {
    /// The pairs that `part` and `every` select.
    fn take(&self, mut pairs: Vec<Entry>) -> Vec<Entry> {
        let at = |fraction: f64| (fraction * pairs.len() as f64).round() as usize;
        let (from, to) = (at(self.part.0), at(self.part.1));
        pairs.truncate(to);
        pairs.into_iter().skip(from).step_by(self.every).collect()
    }

    /// Whether `only` and `skip` select a text of the first star.
    fn selects(&self, first: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(first)) && !self.skip.contains(first)
    }

    /// The names that are no image's first star.
    fn unknown(&self, images: &[Match], example: &str) -> Vec<UnknownNames> {
        let known: HashSet<&String> = images.iter().map(|image| &image.stars[0]).collect();
        let empty = HashSet::new();
        let keys = [
            ("only", self.only.as_ref().unwrap_or(&empty)),
            ("skip", &self.skip),
        ];
        let unknown = keys.into_iter().map(|(key, listed)| {
            let names = listed.iter().filter(|name| !known.contains(name));
            let mut names: Vec<String> = names.cloned().collect();
            names.sort();
            let of = listed.len();
            let example = example.to_owned();
            UnknownNames {
                key,
                names,
                of,
                example,
            }
        });
        unknown
            .filter(|unknown| !unknown.names.is_empty())
            .collect()
    }
}

fn entry(rgb: String, depth: String) -> Entry {
    Entry {
        id: id_of(&rgb),
        rgb,
        depth,
        focal: None,
        rooted: false,
    }
}

fn no_match(root: &Path, key: &str, pattern: &Pattern) -> String {
    format!(
        "{key} = \"{}\" matches no file in {}; each * matches text within one name",
        pattern.text(),
        root.display()
    )
}

/// The error for images without a depth map.
pub(crate) fn describe_unpaired(unpaired: &[Unpaired]) -> String {
    format!(
        "{} without a depth map: {}; add the depth maps, or leave such images out with skip_unpaired = true",
        count(unpaired.len(), "image"),
        first_of(unpaired)
    )
}

/// A file with its time in seconds.
struct Timed {
    path: String,
    seconds: f64,
}

/// The sequence of a file, which is the text of all stars but the last, and its time.
fn timed(file: Match) -> Result<(Vec<String>, Timed), String> {
    let Match {
        path,
        mut stars,
        other_stars,
    } = file;
    if stars != other_stars {
        return Err(format!(
            "{path}: the text of each * is ambiguous; write out more of the names"
        ));
    }
    let time = stars.pop().unwrap_or_default();
    match time.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() => Ok((stars, Timed { path, seconds })),
        _ => Err(format!(
            "{path}: `{time}` is not a time in seconds, which pair = \"time\" expects for the last *"
        )),
    }
}

/// Pairs each image with a depth map, smallest gap first, each file at most once.
fn pair_nearest(
    mut images: Vec<Timed>,
    mut depths: Vec<Timed>,
    max_gap: f64,
    (pairs, unpaired, alone): &mut Joined,
) {
    for files in [&mut images, &mut depths] {
        files.sort_by(|a, b| a.seconds.total_cmp(&b.seconds).then(a.path.cmp(&b.path)));
    }
    let mut near: Vec<(f64, usize, usize)> = Vec::new();
    for (i, image) in images.iter().enumerate() {
        let first = depths.partition_point(|depth| depth.seconds < image.seconds - max_gap);
        for (j, depth) in depths.iter().enumerate().skip(first) {
            let gap = (depth.seconds - image.seconds).abs();
            if depth.seconds > image.seconds + max_gap {
                break;
            }
            near.push((gap, i, j));
        }
    }
    near.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut partner: Vec<Option<usize>> = vec![None; images.len()];
    let mut taken = vec![false; depths.len()];
    for (_, i, j) in near {
        if partner[i].is_none() && !taken[j] {
            (partner[i], taken[j]) = (Some(j), true);
        }
    }
    for (image, partner) in images.into_iter().zip(partner) {
        match partner {
            Some(j) => pairs.push(entry(image.path, depths[j].path.clone())),
            None => unpaired.push(Unpaired {
                image: image.path,
                expected: None,
            }),
        }
    }
    let depths = depths.into_iter().zip(taken);
    alone.extend(
        depths
            .filter(|(_, taken)| !taken)
            .map(|(depth, _)| depth.path),
    );
}
