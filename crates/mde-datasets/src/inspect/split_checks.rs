//! Checks of one split: sizes, focal lengths, duplicates, the number of pairs.

use std::collections::{BTreeMap, HashMap};

use super::finding::Finding;
use super::listing::Listing;
use super::pair::InspectedPair;
use super::report::SizeCount;
use crate::error::turned;
use crate::plan::SizeFit;
use crate::wording::count;
use crate::{DataKind, DataSpec, Scene, Split};

/// Plausible focal lengths in widths of the image, from a fisheye's to a telephoto lens's.
const FOCALS: std::ops::RangeInclusive<f32> = 0.25..=5.0;

/// Checks the pairs of a split, except for their depth values.
pub(super) fn check(
    data: &DataSpec,
    listing: &Listing,
    pairs: &[InspectedPair],
    findings: &mut Vec<Finding>,
) {
    for pair in pairs {
        findings.extend(size_mismatch(listing, pair));
    }
    findings.extend(several_sizes(listing, pairs));
    focals(listing, pairs, findings);
    duplicates(pairs, findings);
    findings.extend(official_count(data, listing));
}

/// The sizes of the depth maps, the most frequent first.
pub(super) fn sizes(pairs: &[InspectedPair]) -> Vec<SizeCount> {
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

fn size_mismatch(listing: &Listing, pair: &InspectedPair) -> Option<Finding> {
    let (rgb, depth) = (pair.rgb.as_ref()?.size?, pair.depth_file()?.size?);
    let advice = match listing.plan.fit_sizes(rgb, depth) {
        SizeFit::Same | SizeFit::Resized => return None,
        SizeFit::OtherSize => {
            "resize one of them; for data of your own see resize_rgb in docs/own-data.md"
        }
        SizeFit::OtherAspectRatio => {
            "image and depth map differ in aspect ratio; crop or reproject one of them"
        }
    };
    let orientation = pair.rgb.as_ref()?.orientation;
    let what = format!(
        "the depth map is {}x{}, the colour image {}x{} (height x width){}",
        depth.0,
        depth.1,
        rgb.0,
        rgb.1,
        turned(orientation, &rgb, &depth)
    );
    let place = pair.depth_place();
    Some(Finding::error("size-mismatch", place, what, advice))
}

fn several_sizes(listing: &Listing, pairs: &[InspectedPair]) -> Option<Finding> {
    let sizes = sizes(pairs);
    if sizes.len() < 2 {
        return None;
    }
    let words = sizes.iter().map(|size| {
        let pairs = count(size.pairs, "pair");
        format!("{}x{} ({pairs})", size.height, size.width)
    });
    let words: Vec<_> = words.collect();
    let what = format!("more than one size: {}", words.join(", "));
    Some(Finding::note("sizes", listing.name(), what))
}

fn focals(listing: &Listing, pairs: &[InspectedPair], findings: &mut Vec<Finding>) {
    let focal = |pair: &InspectedPair| pair.listed.entry.focal.or(listing.plan.focal);
    if listing.plan.scene == Scene::Street && pairs.iter().any(|pair| focal(pair).is_none()) {
        findings.push(Finding::warning(
            "focal-missing",
            listing.name(),
            "no focal length, which BTS's networks for streets need",
            "add it to the lines of the list, or a [camera] to dataset.toml",
        ));
    }
    for pair in pairs {
        let size = pair.depth_file().and_then(|file| file.size);
        let (Some(focal), Some((_, width))) = (focal(pair), size) else {
            continue;
        };
        if !FOCALS.contains(&(focal / width as f32)) {
            findings.push(Finding::warning(
                "focal-implausible",
                pair.rgb_place(),
                format!("a focal length of {focal} pixels in an image {width} pixels wide"),
                "give it in pixels of the depth map",
            ));
        }
    }
}

/// Files of the same content under two names.
fn duplicates(pairs: &[InspectedPair], findings: &mut Vec<Finding>) {
    let (mut images, mut maps) = (HashMap::new(), HashMap::new());
    for pair in pairs {
        let entry = &pair.listed.entry;
        let image = pair.rgb.as_ref().and_then(|file| file.content);
        // Maps without any measurement are all equal; they are reported as such.
        let map = pair.depth.as_ref().filter(|depth| {
            let depths = depth.depths.as_ref();
            depths.is_some_and(|depths| depths.measured > 0)
        });
        let map = map.and_then(|depth| depth.file.content);
        let (rgb_place, depth_place) = (pair.rgb_place(), pair.depth_place());
        for (seen, content, name, place, check) in [
            (&mut images, image, &entry.rgb, rgb_place, "duplicate-image"),
            (&mut maps, map, &entry.depth, depth_place, "duplicate-depth"),
        ] {
            let Some(content) = content else { continue };
            let first: &String = seen.entry(content).or_insert(name);
            if first != name {
                let what = format!("the same content as {first}");
                let advice = "find out which of the two has the right content";
                findings.push(Finding::warning(check, place, what, advice));
            }
        }
    }
}

/// Compares the number of pairs with those of well-known lists.
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
    let number = listing.pairs.len() + listing.without_depth;
    let images = count(number, "image");
    let what = match known.iter().find(|(count, _)| *count == number) {
        Some((_, what)) => format!("{images}: {what}"),
        None => {
            let known = known
                .iter()
                .map(|(count, what)| format!("{count} ({what})"));
            let known: Vec<_> = known.collect();
            format!("{images}; known lists have {}", known.join(", "))
        }
    };
    Some(Finding::note("count", listing.name(), what))
}
