//! Which colour image belongs to which depth map where two patterns name them, and which of the pairs a split takes.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use crate::lines::{Entry, id_of};
use crate::pattern::{Match, Pattern};
use crate::plan::Plan;
use crate::{DatasetError, Split};

/// How many images an error names.
const NAMED: usize = 10;

/// The pairs of a split, by patterns.
#[derive(Debug, Clone)]
pub(crate) struct Patterns {
    pub(crate) rgb: Pattern,
    pub(crate) depth: Pattern,
    pub(crate) pairing: Pairing,
    pub(crate) choice: Choice,
}

/// What makes two files a pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pairing {
    /// Each star stands for the same text in both.
    ByName {
        /// Leave out images without a depth map; otherwise they are an error.
        skip_unpaired: bool,
    },
    /// The last star is a time in seconds; the nearest depth map is taken, each once at most.
    ByTime {
        /// The most seconds between the two.
        max_gap: f64,
    },
}

/// Which of the pairs a split takes, in this order.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// Take only these texts of the first star.
    pub(crate) only: Option<HashSet<String>>,
    /// Leave out these texts of the first star.
    pub(crate) skip: HashSet<String>,
    /// From this share of the pairs, in their order, to below that: 0 to 1 is all.
    pub(crate) part: (f64, f64),
    /// The first of so many, in turn.
    pub(crate) every: usize,
}

/// The pairs that patterns name.
#[derive(Debug)]
pub(crate) struct Paired {
    /// In the natural order of their colour images.
    pub(crate) entries: Vec<Entry>,
    /// Images for which there is no depth map.
    pub(crate) unpaired: Vec<String>,
}

/// A fault, before it is known which file and split it is in.
pub(crate) enum PairingFault {
    /// Something could not be read.
    Read(DatasetError),
    /// In words.
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
    /// The pairs of the split; images without depth are an error, unless the description says otherwise.
    pub(crate) fn all_pairs(&self, plan: &Plan, split: Split) -> Result<Paired, DatasetError> {
        let paired = self.pairs(plan, split)?;
        if paired.unpaired.is_empty() || self.may_be_unpaired() {
            return Ok(paired);
        }
        Err(fault(plan, split, &unpaired_in_words(&paired.unpaired)))
    }

    /// The same with images without depth left out.
    pub(crate) fn pairs(&self, plan: &Plan, split: Split) -> Result<Paired, DatasetError> {
        self.paired(&plan.root).map_err(|found| match found {
            PairingFault::Read(error) => error,
            PairingFault::Reason(reason) => fault(plan, split, &reason),
        })
    }

    /// True if images without depth are to be left out.
    pub(crate) fn may_be_unpaired(&self) -> bool {
        self.pairing
            != Pairing::ByName {
                skip_unpaired: false,
            }
    }

    fn paired(&self, root: &Path) -> Result<Paired, PairingFault> {
        let images = self.chosen(root)?;
        let (pairs, unpaired) = match self.pairing {
            Pairing::ByName { .. } => self.by_name(root, images)?,
            Pairing::ByTime { max_gap } => self.by_time(root, images, max_gap)?,
        };
        if pairs.is_empty() {
            let examples = match self.pairing {
                Pairing::ByName { .. } => unpaired_in_words(&unpaired),
                Pairing::ByTime { max_gap } => format!(
                    "none of {} images has a depth map within {max_gap} s; check that both names are times in seconds, and `max_gap`",
                    unpaired.len()
                ),
            };
            return Err(examples.into());
        }
        let entries = self.choice.take(pairs);
        if entries.is_empty() {
            return Err("`part` leaves no pair of so few; widen it"
                .to_owned()
                .into());
        }
        Ok(Paired { entries, unpaired })
    }

    /// The colour images whose first star is asked for.
    fn chosen(&self, root: &Path) -> Result<Vec<Match>, PairingFault> {
        let mut images = self.rgb.files(root)?;
        if images.is_empty() {
            return Err(self.no_match(root, "rgb", &self.rgb).into());
        }
        let Choice { only, skip, .. } = &self.choice;
        // A name that is in no path is a slip, but not every scene of a long list need be downloaded.
        images.retain(|image| {
            let first = &image.stars[0];
            only.as_ref().is_none_or(|only| only.contains(first)) && !skip.contains(first)
        });
        if images.is_empty() {
            return Err(format!(
                "`only` and `skip` leave none of the images that rgb = \"{}\" matches; they name what its first * stands for",
                self.rgb.text()
            )
            .into());
        }
        Ok(images)
    }

    fn by_name(
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
                    "{} belongs to {depth} or to {other}: it is not clear what each * of rgb = \"{}\" stands for; write more of the names out",
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

    fn by_time(
        &self,
        root: &Path,
        images: Vec<Match>,
        max_gap: f64,
    ) -> Result<(Vec<Entry>, Vec<String>), PairingFault> {
        let depths = self.depth.files(root)?;
        if depths.is_empty() {
            return Err(self.no_match(root, "depth", &self.depth).into());
        }
        let mut sequences: BTreeMap<Vec<String>, [Vec<Timed>; 2]> = BTreeMap::new();
        // The order of the images' sequences is that of their names.
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
            let Some([images, depths]) = sequences.remove(&sequence) else {
                continue;
            };
            nearest_in_time(images, depths, max_gap, &mut pairs, &mut unpaired);
        }
        Ok((pairs, unpaired))
    }

    fn no_match(&self, root: &Path, key: &str, pattern: &Pattern) -> String {
        format!(
            "{key} = \"{}\" matches no file under {}; each * stands for text within one name, all else for itself",
            pattern.text(),
            root.display()
        )
    }
}

impl Choice {
    /// The part of the pairs, and every so many of it.
    fn take(&self, mut pairs: Vec<Entry>) -> Vec<Entry> {
        let at = |share: f64| (share * pairs.len() as f64).round() as usize;
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

/// The error of a description that does not fit the folder.
fn fault(plan: &Plan, split: Split, reason: &str) -> DatasetError {
    DatasetError::BadDescription {
        path: plan.list.clone(),
        line: None,
        reason: format!("[{split}]: {reason}"),
    }
}

fn unpaired_in_words(unpaired: &[String]) -> String {
    let dots = if unpaired.len() > NAMED { ", ..." } else { "" };
    format!(
        "{} images have no depth map: {}{dots}; add them, or leave such images out with skip_unpaired = true",
        unpaired.len(),
        unpaired[..unpaired.len().min(NAMED)].join(", ")
    )
}

/// A file with its time in seconds.
struct Timed {
    path: String,
    seconds: f64,
}

/// A file's sequence, which is what all stars but the last stand for, and its time.
fn timed(file: Match) -> Result<(Vec<String>, Timed), String> {
    let Match {
        path,
        mut stars,
        other_stars,
    } = file;
    if stars != other_stars {
        return Err(format!(
            "{path}: it is not clear what each * stands for; write more of the names out"
        ));
    }
    let time = stars.pop().unwrap_or_default();
    match time.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() => Ok((stars, Timed { path, seconds })),
        _ => Err(format!(
            "{path}: `{time}` is no time in seconds, as the last * is with pair = \"time\""
        )),
    }
}

/// Takes the pairs of the smallest gaps first, each file once.
fn nearest_in_time(
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
