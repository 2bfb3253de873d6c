//! Checks of the whole data set: images in both splits, images in no list.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::finding::{Finding, relative};
use super::listing::Listing;
use super::pair::InspectedPair;
use crate::DataSpec;
use crate::error::count;

/// Maximum number of files that a note names.
const MAX_NAMED: usize = 3;

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

/// Reports images in the folder that no list names.
pub(super) fn unlisted(data: &DataSpec, listings: &[Listing], findings: &mut Vec<Finding>) {
    let mut named: HashSet<String> = HashSet::new();
    for pair in listings.iter().flat_map(|listing| &listing.pairs) {
        let files = pair.rgb.iter().chain(&pair.depth);
        named.extend(files.map(|file| relative(Path::new(""), file)));
    }
    let mut others = images_in(&data.root);
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

/// All images in a folder and its subfolders, relative to it.
fn images_in(root: &Path) -> Vec<String> {
    let mut images = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            // Symbolic links to folders are not followed: they may be circular.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if is_image(&path) {
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
