//! Recorded hashes: lines `HASH  path`, as `b3sum` writes them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::judge::Looked;
use super::listing::Listing;
use super::{Finding, Severity, relative};
use crate::lines::shown;

/// Hexadecimal digits of a BLAKE3 hash.
const DIGITS: usize = 64;

/// Adds the hashes of a split's files and of its list.
pub(super) fn collect(listing: &Listing, pairs: &[Looked], hashes: &mut BTreeMap<String, String>) {
    for pair in pairs {
        let rgb = pair.rgb.as_ref().map(|rgb| &rgb.file);
        let depth = pair.depth.as_ref().map(|depth| &depth.file);
        for (path, file) in [(&pair.listed.rgb, rgb), (&pair.listed.depth, depth)] {
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

/// Compares with a file of recorded hashes; `whole` if all splits were looked at.
pub(super) fn compare(
    file: &Path,
    found: &BTreeMap<String, String>,
    whole: bool,
    findings: &mut Vec<Finding>,
) {
    let shown_file = file.display().to_string();
    let wrong = |place: String, what: String| {
        let advice = "give a file that b3sum or `mde inspect --write-hashes` has written";
        Finding::new(Severity::Error, "hash-file", place, what, advice)
    };
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            findings.push(wrong(shown_file, format!("cannot be read: {error}")));
            return;
        }
    };
    let mut recorded = BTreeMap::new();
    for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        match std::str::from_utf8(line).ok().and_then(parse) {
            Some((hash, path)) => {
                recorded.insert(path, hash);
            }
            None => {
                let what = format!(
                    "`{}` is no hash of {DIGITS} digits, two blanks and a path",
                    shown(&String::from_utf8_lossy(line))
                );
                findings.push(wrong(format!("{shown_file}, line {number}"), what));
            }
        }
    }
    for (path, hash) in found {
        if recorded.get(path).is_some_and(|recorded| recorded != hash) {
            findings.push(Finding::new(
                Severity::Error,
                "hash-mismatch",
                path,
                format!("not the file whose hash was recorded in {shown_file}"),
                "copy or download the file again, or record anew what is meant to be there",
            ));
        }
    }
    let unknown = recorded
        .keys()
        .filter(|path| !found.contains_key(*path))
        .count();
    let unrecorded = found
        .keys()
        .filter(|path| !recorded.contains_key(*path))
        .count();
    for (count, what) in [
        (unknown, "recorded files are not part of the data"),
        (unrecorded, "files of the data have no recorded hash"),
    ] {
        if whole && count > 0 {
            let what = format!("{count} {what}");
            findings.push(Finding::new(
                Severity::Note,
                "hash-file",
                &shown_file,
                what,
                "",
            ));
        }
    }
}

/// A line's hash and path, which is relative to the data folder.
fn parse(line: &str) -> Option<(String, String)> {
    // A backslash in front says that those in the path are doubled, and that `\n` is a line break.
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
        path.replace("\\n", "\n").replace("\\\\", "\\")
    } else {
        path.to_owned()
    };
    Some((hash.to_ascii_lowercase(), path))
}
