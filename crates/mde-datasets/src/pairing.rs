//! Pairs of colour images and depth maps that two patterns name, and the choice of a split's pairs.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use crate::DatasetError;
use crate::error::count;
use crate::lines::{Entry, id_of};
use crate::pattern::{Match, Pattern};

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

/// The pairs that patterns match.
#[derive(Debug)]
pub(crate) struct Paired {
    /// In the natural order of their colour images.
    pub(crate) entries: Vec<Entry>,
    /// Images without a depth map.
    pub(crate) unpaired: Vec<String>,
}

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
        let images = self.chosen(root)?;
        let (pairs, unpaired) = match self.pairing {
            Pairing::ByName { .. } => self.pair_by_name(root, images)?,
            Pairing::ByTime { max_gap } => self.pair_by_time(root, images, max_gap)?,
        };
        if pairs.is_empty() {
            let reason = match self.pairing {
                Pairing::ByName { .. } => describe_unpaired(&unpaired),
                Pairing::ByTime { max_gap } => format!(
                    "no image of {} has a depth map within {max_gap} s; check that both names are times in seconds, and `max_gap`",
                    unpaired.len()
                ),
            };
            return Err(reason.into());
        }
        let entries = self.choice.take(pairs);
        if entries.is_empty() {
            let reason = "`part` selects no pair; there are too few: widen it".to_owned();
            return Err(reason.into());
        }
        Ok(Paired { entries, unpaired })
    }

    /// The colour images that `only` and `skip` select.
    fn chosen(&self, root: &Path) -> Result<Vec<Match>, PairingFault> {
        let mut images = self.rgb.files(root)?;
        if images.is_empty() {
            return Err(no_match(root, "rgb", &self.rgb).into());
        }
        let Choice { only, skip, .. } = &self.choice;
        // Names that match no path are allowed: not every scene of a long list is on disk.
        images.retain(|image| {
            let first = &image.stars[0];
            only.as_ref().is_none_or(|only| only.contains(first)) && !skip.contains(first)
        });
        if images.is_empty() {
            return Err(format!(
                "`only` and `skip` leave none of the images that rgb = \"{}\" matches; they list texts of its first *",
                self.rgb.text()
            )
            .into());
        }
        Ok(images)
    }

    fn pair_by_name(
        &self,
        root: &Path,
        images: Vec<Match>,
    ) -> Result<(Vec<Entry>, Vec<String>), PairingFault> {
        let (mut pairs, mut unpaired) = (Vec::new(), Vec::new());
        for image in images {
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
            if root.join(&depth).is_file() {
                pairs.push(entry(image.path, depth));
            } else {
                unpaired.push(format!("{} (no {depth})", image.path));
            }
        }
        Ok((pairs, unpaired))
    }

    fn pair_by_time(
        &self,
        root: &Path,
        images: Vec<Match>,
        max_gap: f64,
    ) -> Result<(Vec<Entry>, Vec<String>), PairingFault> {
        let depths = self.depth.files(root)?;
        if depths.is_empty() {
            return Err(no_match(root, "depth", &self.depth).into());
        }
        let mut sequences: BTreeMap<Vec<String>, [Vec<Timed>; 2]> = BTreeMap::new();
        // Sequences keep the order of their names.
        let mut order: Vec<Vec<String>> = Vec::new();
        for (which, files) in [images, depths].into_iter().enumerate() {
            for file in files {
                let (sequence, timed) = timed(file)?;
                if which == 0 && !sequences.contains_key(&sequence) {
                    order.push(sequence.clone());
                }
                sequences.entry(sequence).or_default()[which].push(timed);
            }
        }
        let (mut pairs, mut unpaired) = (Vec::new(), Vec::new());
        for sequence in order {
            if let Some([images, depths]) = sequences.remove(&sequence) {
                pair_nearest(images, depths, max_gap, &mut pairs, &mut unpaired);
            }
        }
        Ok((pairs, unpaired))
    }
}

impl Choice {
    /// The pairs that `part` and `every` select.
    fn take(&self, mut pairs: Vec<Entry>) -> Vec<Entry> {
        let at = |fraction: f64| (fraction * pairs.len() as f64).round() as usize;
        let (from, to) = (at(self.part.0), at(self.part.1));
        pairs.truncate(to);
        pairs.into_iter().skip(from).step_by(self.every).collect()
    }
}

fn entry(rgb: String, depth: String) -> Entry {
    Entry {
        id: id_of(&rgb),
        rgb,
        depth,
        focal: None,
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
pub(crate) fn describe_unpaired(unpaired: &[String]) -> String {
    let more = unpaired.len() > MAX_NAMED;
    format!(
        "{} without a depth map: {}{}; add the depth maps, or leave such images out with skip_unpaired = true",
        count(unpaired.len(), "image"),
        unpaired[..unpaired.len().min(MAX_NAMED)].join(", "),
        if more { ", ..." } else { "" }
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
    pairs: &mut Vec<Entry>,
    unpaired: &mut Vec<String>,
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
            None => unpaired.push(image.path),
        }
    }
}
