//! Recorded hashes: lines `HASH  path`, as `b3sum` writes them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::finding::{Finding, relative, without_path};
use super::listing::Listing;
use super::pair::InspectedPair;
use crate::wording::{count, shown};

/// Hexadecimal digits of a BLAKE3 hash.
const DIGITS: usize = 64;

/// Adds the hashes of a split's files and of its list.
pub(super) fn collect(
    listing: &Listing,
    pairs: &[InspectedPair],
    hashes: &mut BTreeMap<String, String>,
) {
    for pair in pairs {
        for (path, file) in [
            (&pair.listed.rgb, pair.rgb.as_ref()),
            (&pair.listed.depth, pair.depth_file()),
        ] {
            if let (Some(path), Some(hash)) = (path, file.and_then(|file| file.hash)) {
                hashes.insert(relative(Path::new(""), path), hash.to_string());
            }
        }
    }
    if let Ok(list) = fs::read(&listing.plan.list) {
        let path = relative(&listing.plan.root, &listing.plan.list);
        hashes.insert(path, blake3::hash(&list).to_string());
    }
}

/// Compares hashes with those recorded in a file. `all_splits`: whether every split was inspected.
pub(super) fn compare(
    file: &Path,
    found: &BTreeMap<String, String>,
    all_splits: bool,
    findings: &mut Vec<Finding>,
) {
    let shown_file = file.display().to_string();
    let wrong = |place: String, what: String| {
        let advice = "give a file that b3sum or `mde inspect --write-hashes` has written";
        Finding::error("hash-file", place, what, advice)
    };
    let text = match mde_files::read_text(file) {
        Ok(text) => text,
        Err(error) => {
            findings.push(wrong(shown_file, without_path(&error, file)));
            return;
        }
    };
    let mut recorded = BTreeMap::new();
    let lines = (1..).zip(text.lines());
    for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
        match parse(line) {
            Some((hash, path)) => {
                recorded.insert(path, hash);
            }
            None => {
                let what = format!(
                    "`{}` is not a hash of {DIGITS} digits, two blanks and a path",
                    shown(line)
                );
                findings.push(wrong(format!("{shown_file}, line {number}"), what));
            }
        }
    }
    for (path, hash) in found {
        if recorded.get(path).is_some_and(|recorded| recorded != hash) {
            findings.push(Finding::error(
                "hash-mismatch",
                path,
                format!("not the file whose hash is recorded in {shown_file}"),
                "copy or download the file again, or record new hashes if the change is intended",
            ));
        }
    }
    if !all_splits {
        return;
    }
    let unknown = recorded.keys().filter(|path| !found.contains_key(*path));
    let unrecorded = found.keys().filter(|path| !recorded.contains_key(*path));
    for (number, noun, what) in [
        (unknown.count(), "recorded file", "not in the data set"),
        (unrecorded.count(), "file", "without a recorded hash"),
    ] {
        if number > 0 {
            let what = format!("{} {what}", count(number, noun));
            findings.push(Finding::note("hash-file", &shown_file, what));
        }
    }
}

/// The hash of a line and its path, relative to the data folder.
fn parse(line: &str) -> Option<(String, String)> {
    // A backslash in front means that `\\` and `\n` in the path are escapes.
    let (escaped, line) = match line.strip_prefix('\\') {
        Some(line) => (true, line),
        None => (false, line),
    };
    let (hash, rest) = line.split_at_checked(DIGITS)?;
    let path = rest
        .strip_prefix("  ")
        .or_else(|| rest.strip_prefix(" *"))?;
    let path = path.strip_prefix("./").unwrap_or(path);
    if path.is_empty() || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let path = if escaped {
        // No path contains NUL, which stands for a backslash until `\n` is replaced.
        let path = path.replace("\\\\", "\0").replace("\\n", "\n");
        path.replace('\0', "\\")
    } else {
        path.to_owned()
    };
    Some((hash.to_ascii_lowercase(), path))
}
