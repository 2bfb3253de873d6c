//! Checks of the whole data set: images in both splits, images in no list.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::finding::{Finding, relative};
use super::listing::Listing;
use super::pair::InspectedPair;
use crate::DataSpec;
use crate::paths::plain;
use crate::wording::count;

/// Maximum number of files that a note names.
const MAX_NAMED: usize = 3;
const IMAGES: &[&str] = &["png", "jpg", "jpeg"];
/// Depth maps of the encoding `float`.
const ARRAYS: &[&str] = &["npy", "exr", "pfm"];

/// Reports images that are in the training and in the test split.
pub(super) fn leaks(train: &[InspectedPair], test: &[InspectedPair], findings: &mut Vec<Finding>) {
    let content = |pair: &InspectedPair| pair.rgb.as_ref().and_then(|file| file.content);
    let mut trained_on = HashMap::new();
    for pair in train {
        if let Some(content) = content(pair) {
            trained_on
                .entry(content)
                .or_insert_with(|| pair.rgb_place());
        }
    }
    for pair in test {
        if let Some(place) = content(pair).and_then(|content| trained_on.get(&content)) {
            findings.push(Finding::error(
                "leak",
                pair.rgb_place(),
                format!("the same image is in the training split: {place}"),
                "remove it from one of the splits; errors on training images do not measure generalisation",
            ));
        }
    }
}

/// Reports images that are shown turned or mirrored.
pub(super) fn turned(listing: &Listing, pairs: &[InspectedPair], findings: &mut Vec<Finding>) {
    let orientation = |pair: &InspectedPair| pair.rgb.as_ref().map_or(1, |file| file.orientation);
    let mut turned = pairs
        .iter()
        .filter(|pair| orientation(pair) != 1)
        .peekable();
    let Some(first) = turned.peek() else { return };
    let (place, first) = (first.rgb_place(), orientation(first));
    let number = turned.count();
    let what = format!(
        "{} shown turned or mirrored by {} EXIF orientation, the first by orientation {first} ({place}); the depth map belongs to the image as it is shown",
        count(number, "image"),
        if number == 1 { "its" } else { "their" },
    );
    findings.push(Finding::note("turned-images", listing.name(), what));
}

/// Reports images in the folder that no list names.
pub(super) fn unlisted(data: &DataSpec, listings: &[Listing], findings: &mut Vec<Finding>) {
    let mut named: HashSet<String> = HashSet::new();
    for pair in listings.iter().flat_map(|listing| &listing.pairs) {
        let files = pair.rgb.iter().chain(&pair.depth);
        named.extend(files.map(|file| relative(Path::new(""), file)));
    }
    let arrays = listings
        .iter()
        .any(|listing| listing.plan.encoding.bits().is_none());
    let mut others = images_in(&data.root, if arrays { ARRAYS } else { &[] });
    others.retain(|path| !named.contains(path));
    if others.is_empty() {
        return;
    }
    let named = named_by_any_list(&data.root);
    others.retain(|path| !named.contains(path));
    if others.is_empty() {
        return;
    }
    others.sort();
    let what = format!(
        "{} not named by any list: {}{}",
        count(others.len(), "image"),
        others[..others.len().min(MAX_NAMED)].join(", "),
        if others.len() > MAX_NAMED {
            ", ..."
        } else {
            ""
        }
    );
    let place = data.root.display().to_string();
    findings.push(Finding::note("unlisted", place, what));
}

/// All images, and files with these other extensions, in a folder and its subfolders, relative to
/// it.
fn images_in(root: &Path, others: &[&str]) -> Vec<String> {
    let mut images = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            // Such as `._1.png`, which macOS writes beside 1.png. Patterns leave them out too.
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            // Symbolic links to folders are not followed: they may be circular.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if has_extension(&path, IMAGES) || has_extension(&path, others) {
                images.push(relative(root, &path));
            }
        }
    }
    images
}

/// Files that any list in the folder names, also lists of neither split.
fn named_by_any_list(root: &Path) -> HashSet<String> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let lists = entries.map(|entry| entry.path()).filter(|path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("csv" | "txt")) && path.is_file()
    });
    let mut named = HashSet::new();
    for list in lists {
        // A file that is not text names nothing.
        let text = mde_files::read_text(&list).unwrap_or_default();
        let fields = text.split([',', ';', ' ', '\t', '\n']);
        let fields = fields.filter(|field| !field.is_empty());
        named.extend(fields.map(|field| plain(field).into_owned()));
    }
    named
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let extension = extension.unwrap_or_default();
    let mut extensions = extensions.iter();
    extensions.any(|other| extension.eq_ignore_ascii_case(other))
}
