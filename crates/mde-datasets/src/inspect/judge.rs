//! What the files of a split tell only beside each other.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::depth::Depths;
use super::image::{DepthFacts, FileFacts, RgbFacts};
use super::listing::{Listed, Listing};
use super::{Finding, Severity, SizeCount, relative};
use crate::plan::Fit;
use crate::{DataKind, DataSpec, Scene, Split};

/// A scene whose depths hardly reach this far, in metres, is stored in another unit.
const NEAREST_SCENE: f64 = 0.2;
/// More than one map in so many is no fault of single maps.
const MANY: usize = 3;
/// A map whose share of holes is farther than this from the usual...
const HOLES_APART: f64 = 0.3;
/// ...and than so many times what is usual for maps to be apart, is worth a look.
const TIMES_USUAL: f64 = 6.0;
/// What is usual cannot be told from fewer maps.
const FEWEST_MAPS: usize = 5;
/// Focal lengths of cameras, in widths of the image: from a fisheye's to a long lens's.
const FOCALS: std::ops::RangeInclusive<f32> = 0.25..=5.0;
/// How many files a note names.
const NAMED: usize = 3;

/// A pair after its files were looked into.
pub(super) struct Looked<'l> {
    pub(super) listed: &'l Listed,
    pub(super) rgb: Option<RgbFacts>,
    pub(super) depth: Option<DepthFacts>,
}

impl Looked<'_> {
    fn rgb_file(&self) -> Option<&FileFacts> {
        self.rgb.as_ref().map(|rgb| &rgb.file)
    }

    fn depth_file(&self) -> Option<&FileFacts> {
        self.depth.as_ref().map(|depth| &depth.file)
    }

    fn rgb_place(&self) -> String {
        format!("{}: {}", self.listed.place, self.listed.entry.rgb)
    }

    fn depth_place(&self) -> String {
        format!("{}: {}", self.listed.place, self.listed.entry.depth)
    }

    /// What is wrong with its files, each by itself.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let rgb = self
            .rgb_file()
            .and_then(|file| file.finding(&self.rgb_place()));
        let depth = self
            .depth_file()
            .and_then(|file| file.finding(&self.depth_place()));
        rgb.into_iter().chain(depth).collect()
    }
}

/// How many pairs have a depth map of which size, the most frequent first.
pub(super) fn sizes(pairs: &[Looked]) -> Vec<SizeCount> {
    let mut counts: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for size in pairs.iter().filter_map(|pair| pair.depth_file()?.size) {
        *counts.entry(size).or_default() += 1;
    }
    let mut sizes: Vec<SizeCount> = counts
        .into_iter()
        .map(|((height, width), pairs)| SizeCount {
            height,
            width,
            pairs,
        })
        .collect();
    sizes.sort_by_key(|size| std::cmp::Reverse(size.pairs));
    sizes
}

/// Compares the pairs of one split.
pub(super) fn within(
    data: &DataSpec,
    listing: &Listing,
    pairs: &[Looked],
    depths: &Depths,
    findings: &mut Vec<Finding>,
) {
    for pair in pairs {
        findings.extend(size_mismatch(listing, pair));
    }
    findings.extend(other_sizes(listing, pairs));
    focals(listing, pairs, findings);
    same_content(pairs, findings);
    depth_values(listing, pairs, depths, findings);
    hole_shares(pairs, findings);
    findings.extend(official_count(data, listing));
}

fn size_mismatch(listing: &Listing, pair: &Looked) -> Option<Finding> {
    let (rgb, depth) = (pair.rgb_file()?.size?, pair.depth_file()?.size?);
    let advice = match listing.plan.takes_sizes(rgb, depth) {
        Fit::Same | Fit::Resized => return None,
        Fit::OtherSize => {
            "bring both to one size; for data of your own see resize_rgb in docs/own-data.md"
        }
        Fit::OtherShape => "the two do not show the same view; cut or reproject one of them",
    };
    let what = format!(
        "the depth map is {}x{}, the colour image {}x{} (height x width)",
        depth.0, depth.1, rgb.0, rgb.1
    );
    let place = pair.depth_place();
    Some(Finding::new(
        Severity::Error,
        "size-mismatch",
        place,
        what,
        advice,
    ))
}

fn other_sizes(listing: &Listing, pairs: &[Looked]) -> Option<Finding> {
    let sizes = sizes(pairs);
    let [_, _, ..] = sizes.as_slice() else {
        return None;
    };
    let words = sizes
        .iter()
        .map(|size| format!("{}x{} ({} pairs)", size.height, size.width, size.pairs));
    let what = format!(
        "more than one size: {}",
        words.collect::<Vec<_>>().join(", ")
    );
    let place = listing.name();
    Some(Finding::new(Severity::Note, "sizes", place, what, ""))
}

fn focals(listing: &Listing, pairs: &[Looked], findings: &mut Vec<Finding>) {
    let focal = |pair: &Looked| pair.listed.entry.focal.or(listing.plan.focal);
    if listing.plan.scene == Scene::Street && pairs.iter().any(|pair| focal(pair).is_none()) {
        findings.push(Finding::new(
            Severity::Warning,
            "focal-missing",
            listing.name(),
            "no focal length, which BTS's networks for streets are given",
            "add it to the list's lines, or a [camera] to dataset.toml",
        ));
    }
    for pair in pairs {
        let (Some(focal), Some((_, width))) =
            (focal(pair), pair.depth_file().and_then(|file| file.size))
        else {
            continue;
        };
        if !FOCALS.contains(&(focal / width as f32)) {
            findings.push(Finding::new(
                Severity::Warning,
                "focal-implausible",
                pair.rgb_place(),
                format!("a focal length of {focal} pixels in an image {width} wide"),
                "give it in pixels of the depth map",
            ));
        }
    }
}

/// Files of one content under two names.
fn same_content(pairs: &[Looked], findings: &mut Vec<Finding>) {
    let (mut images, mut maps) = (HashMap::new(), HashMap::new());
    for pair in pairs {
        let entry = &pair.listed.entry;
        let image = pair.rgb_file().and_then(|file| file.content);
        // Maps without any measurement are alike, and are reported as such.
        let map = pair.depth.as_ref().filter(|depth| {
            let measured = depth.depths.as_ref().map(|depths| depths.measured);
            measured.is_some_and(|measured| measured > 0)
        });
        let map = map.and_then(|depth| depth.file.content);
        for (seen, content, name, place, check) in [
            (
                &mut images,
                image,
                &entry.rgb,
                pair.rgb_place(),
                "duplicate-image",
            ),
            (
                &mut maps,
                map,
                &entry.depth,
                pair.depth_place(),
                "duplicate-depth",
            ),
        ] {
            let Some(content) = content else { continue };
            let first: &String = seen.entry(content).or_insert(name);
            if first != name {
                let what = format!("the same picture as {first}");
                let advice = "find out which of the two is what its name says";
                findings.push(Finding::new(Severity::Warning, check, place, what, advice));
            }
        }
    }
}

fn depth_values(listing: &Listing, pairs: &[Looked], depths: &Depths, findings: &mut Vec<Finding>) {
    let reach = f64::from(listing.plan.scene.max_depth());
    let implausible = |place: String, median: f64, nearly_all: f64| {
        let what = if median > reach {
            format!("half of the depths are beyond {median:.2} m, in a scene of {reach} m")
        } else if nearly_all < NEAREST_SCENE {
            format!("99 of 100 depths are nearer than {nearly_all:.3} m")
        } else {
            return None;
        };
        let advice = "another unit? Say the encoding that the files were written with";
        let check = "implausible-depth";
        Some(Finding::new(Severity::Error, check, place, what, advice))
    };
    let mut whole = depths
        .summary()
        .and_then(|all| implausible(listing.name(), all.median, depths.nearly_all()));
    let mut each = Vec::new();
    for pair in pairs {
        let Some(map) = pair.depth.as_ref().and_then(|depth| depth.depths.as_ref()) else {
            continue;
        };
        if map.measured == 0 {
            findings.push(Finding::new(
                Severity::Warning,
                "no-measurement",
                pair.depth_place(),
                "not one pixel was measured",
                "remove the pair: nothing can be learnt from it or measured on it",
            ));
            continue;
        }
        if let Some(metres) = map.constant() {
            findings.push(Finding::new(
                Severity::Warning,
                "constant-depth",
                pair.depth_place(),
                format!("all measured pixels are {metres} m away: a frozen sensor?"),
                "look at the map; remove the pair if it is not real",
            ));
        }
        each.extend(implausible(pair.depth_place(), map.median, map.nearly_all));
    }
    // One wrong unit is one fault.
    if let (None, Some(first)) = (&whole, each.first())
        && each.len() > pairs.len() / MANY
    {
        whole = Some(Finding {
            place: listing.name(),
            what: format!(
                "{} of {} depth maps; the first is {}: {}",
                each.len(),
                pairs.len(),
                first.place,
                first.what
            ),
            ..first.clone()
        });
    }
    match whole {
        Some(whole) => findings.push(whole),
        None => findings.extend(each),
    }
}

/// Maps with far more or fewer holes than the others.
fn hole_shares(pairs: &[Looked], findings: &mut Vec<Finding>) {
    let shares: Vec<(&Looked, f64)> = pairs
        .iter()
        .filter_map(|pair| {
            let map = pair.depth.as_ref()?.depths.as_ref()?;
            (map.measured > 0).then(|| (pair, map.holes()))
        })
        .collect();
    if shares.len() < FEWEST_MAPS {
        return;
    }
    let usual = median(shares.iter().map(|(_, share)| *share));
    let apart = median(shares.iter().map(|(_, share)| (share - usual).abs()));
    for (pair, share) in shares {
        if (share - usual).abs() > HOLES_APART.max(TIMES_USUAL * apart) {
            findings.push(Finding::new(
                Severity::Warning,
                "holes",
                pair.depth_place(),
                format!(
                    "{:.1} % of the pixels were not measured; {:.1} % are usual here",
                    100.0 * share,
                    100.0 * usual
                ),
                "look at the map",
            ));
        }
    }
}

/// The middle of at least one value.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How many pairs well-known lists have.
fn official_count(data: &DataSpec, listing: &Listing) -> Option<Finding> {
    let known: &[(usize, &str)] = match (data.kind?, listing.split) {
        (DataKind::Nyu, Split::Test) => &[(654, "the official test set")],
        (DataKind::Nyu, Split::Train) => &[
            (795, "the official labelled training set"),
            (50_688, "MFF's training set"),
            (24_231, "BTS's training set"),
        ],
        (DataKind::Kitti, Split::Test) => &[
            (652, "Eigen's test images with ground truth"),
            (697, "Eigen's test images"),
        ],
        _ => return None,
    };
    let found = listing.pairs.len() + listing.without_depth;
    let what = match known.iter().find(|(count, _)| *count == found) {
        Some((count, what)) => format!("{count} images: {what}"),
        None => {
            let known = known
                .iter()
                .map(|(count, what)| format!("{count} ({what})"));
            let known: Vec<_> = known.collect();
            format!("{found} images; known lists have {}", known.join(", "))
        }
    };
    Some(Finding::new(
        Severity::Note,
        "count",
        listing.name(),
        what,
        "",
    ))
}

/// Images that are in training and in test.
pub(super) fn between(splits: &[(&Listing, Vec<Looked>)], findings: &mut Vec<Finding>) {
    let [(_, train), (_, test)] = splits else {
        return;
    };
    let mut learnt = HashMap::new();
    for pair in train {
        if let Some(content) = pair.rgb_file().and_then(|file| file.content) {
            learnt.entry(content).or_insert_with(|| pair.rgb_place());
        }
    }
    for pair in test {
        let content = pair.rgb_file().and_then(|file| file.content);
        if let Some(place) = content.and_then(|content| learnt.get(&content)) {
            findings.push(Finding::new(
                Severity::Error,
                "leak",
                pair.rgb_place(),
                format!("the same picture is trained on: {place}"),
                "remove it from one of the two; what is measured on it means nothing",
            ));
        }
    }
}

/// Images in the folder that neither a split nor another list names.
pub(super) fn unlisted(data: &DataSpec, listings: &[Listing], findings: &mut Vec<Finding>) {
    let mut named: HashSet<String> = HashSet::new();
    for pair in listings.iter().flat_map(|listing| &listing.pairs) {
        let files = pair.rgb.iter().chain(&pair.depth);
        named.extend(files.map(|file| relative(Path::new(""), file)));
    }
    let mut others = Vec::new();
    let mut folders: Vec<PathBuf> = vec![data.root.clone()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            // Links to folders are not followed: they may lead in circles.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if is_image(&path) {
                let path = relative(&data.root, &path);
                others.extend((!named.contains(&path)).then_some(path));
            }
        }
    }
    if others.is_empty() {
        return;
    }
    let known = named_by_any_list(&data.root);
    others.retain(|path| !known.contains(path));
    if others.is_empty() {
        return;
    }
    others.sort();
    let dots = if others.len() > NAMED { ", ..." } else { "" };
    let first = others[..others.len().min(NAMED)].join(", ");
    let what = format!("{} images that no list names: {first}{dots}", others.len());
    let place = data.root.display().to_string();
    findings.push(Finding::new(Severity::Note, "unlisted", place, what, ""));
}

/// What the lists in the folder name, also those of no split: of other training sets, of depth with its holes.
fn named_by_any_list(root: &Path) -> HashSet<String> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let lists = entries.map(|entry| entry.path()).filter(|path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("csv" | "txt")) && path.is_file()
    });
    let mut named = HashSet::new();
    for list in lists {
        // One that is no text names nothing.
        let text = fs::read_to_string(list).unwrap_or_default();
        let fields = text.split([',', ' ', '\t', '\n', '\r']);
        named.extend(fields.filter(|field| !field.is_empty()).map(str::to_owned));
    }
    named
}

fn is_image(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| {
        ["png", "jpg", "jpeg"]
            .iter()
            .any(|image| extension.eq_ignore_ascii_case(image))
    })
}
