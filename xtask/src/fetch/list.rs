//! `--list`: what there is and what is here.

use std::fs;
use std::path::Path;

use indicatif::DecimalBytes;

use super::manifest::{Entry, Manifest, Source};
use super::partial::Partial;

/// Where a file stands.
pub(crate) enum State {
    Present,
    /// So many bytes of it.
    Partial(u64),
    Absent,
}

impl State {
    /// By the file's name alone: what has its name is whole.
    pub(crate) fn of(target: &Path) -> Self {
        if target.is_file() {
            return State::Present;
        }
        match Partial::of(target).len() {
            Ok(bytes) if bytes > 0 => State::Partial(bytes),
            _ => State::Absent,
        }
    }
}

/// A line for each file, and what the columns mean.
pub(crate) fn table(manifest: &Manifest, out: &Path) -> String {
    let mut rows = vec![["name", "size", "state", "licence", "for"].map(str::to_owned)];
    for (name, weights) in &manifest.weights {
        rows.push([
            name.clone(),
            size(weights),
            state(weights, &out.join(name).join(&weights.file)),
            weights.licence.clone(),
            weights.models.join(", "),
        ]);
    }
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let line: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text += line.join("  ").trim_end();
        text.push('\n');
    }
    text
}

fn size(weights: &Entry) -> String {
    match (weights.size, weights.about) {
        (Some(size), _) => DecimalBytes(size).to_string(),
        (None, Some(about)) => format!("about {}", DecimalBytes(about)),
        (None, None) => "unknown".to_owned(),
    }
}

fn state(weights: &Entry, target: &Path) -> String {
    match State::of(target) {
        State::Present => match fs::metadata(target) {
            Ok(metadata) if weights.size.is_some_and(|size| size != metadata.len()) => {
                "present, of another size".to_owned()
            }
            _ => "present".to_owned(),
        },
        State::Partial(bytes) => format!("partial, {}", DecimalBytes(bytes)),
        State::Absent => match weights.source {
            Source::Manual(_) => "absent, by hand".to_owned(),
            _ => "absent".to_owned(),
        },
    }
}
