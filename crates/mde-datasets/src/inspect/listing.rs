//! Which pairs a split has, with everything that is wrong with its list.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use rayon::prelude::*;

use super::{Finding, InspectOptions, Severity, relative, without_path};
use crate::lines::{self, Entry, Focals, Line, ListFormat};
use crate::plan::{Naming, Plan};
use crate::{DataSpec, DatasetError, Split};

/// A split's pairs, as far as they could be found.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) split: Split,
    pub(super) plan: Plan,
    pub(super) pairs: Vec<Listed>,
    pub(super) without_depth: usize,
}

impl Listing {
    /// The list, or the description and the split, as findings name it.
    pub(super) fn name(&self) -> String {
        name(&self.plan, self.split)
    }
}

fn name(plan: &Plan, split: Split) -> String {
    let list = relative(&plan.root, &plan.list);
    match plan.naming {
        Naming::List(_) => list,
        Naming::Patterns(..) => format!("{list}, [{split}]"),
    }
}

/// A pair that a list names.
#[derive(Debug)]
pub(super) struct Listed {
    /// The list and the line, or the description and the split.
    pub(super) place: String,
    pub(super) entry: Entry,
    /// Where the files lie, relative to the data folder, if they are there.
    pub(super) rgb: Option<PathBuf>,
    pub(super) depth: Option<PathBuf>,
}

/// The splits that are there.
pub(super) fn list(
    data: &DataSpec,
    options: &InspectOptions,
    findings: &mut Vec<Finding>,
) -> Vec<Listing> {
    let asked = match options.split {
        Some(split) => vec![split],
        None => vec![Split::Train, Split::Test],
    };
    let (mut listings, mut faults) = (Vec::new(), Vec::new());
    for split in asked {
        match data.plan(split, options.encoding) {
            Ok(plan) => listings.push(listing(split, plan, findings)),
            Err(error) => faults.push(plan_fault(data, split, &error)),
        }
    }
    // A folder may hold one split alone.
    let one_is_there = !listings.is_empty();
    for fault in &mut faults {
        if one_is_there && fault.check == "missing-list" {
            fault.severity = Severity::Note;
        }
    }
    // A folder or a description that is wrong is so for both splits.
    faults.dedup_by(|a, b| a.check == b.check && a.place == b.place && a.check != "missing-list");
    findings.extend(faults);
    listings
}

fn plan_fault(data: &DataSpec, split: Split, error: &DatasetError) -> Finding {
    let (check, place, advice) = match error {
        DatasetError::MissingFolder { path, .. } => (
            "missing-folder",
            path.display().to_string(),
            "check the path, or fetch or render the data",
        ),
        DatasetError::MissingDescription { path } => (
            "missing-description",
            relative(&data.root, path),
            "write one (docs/own-data.md), or name the folder's layout: nyu:DIR, rooms:DIR, kitti:DIR or streets:DIR",
        ),
        DatasetError::MissingList { .. } | DatasetError::NotDescribed { .. } => (
            "missing-list",
            split.name().to_owned(),
            "put the list into the folder, or inspect the other split alone",
        ),
        DatasetError::BadDescription { path, .. } => (
            "bad-description",
            relative(&data.root, path),
            "correct the file; docs/own-data.md explains it",
        ),
        _ => (
            "unreadable",
            data.root.display().to_string(),
            "check the permissions and the disk",
        ),
    };
    let path = match error {
        DatasetError::MissingFolder { path, .. }
        | DatasetError::MissingDescription { path }
        | DatasetError::BadDescription { path, .. } => path,
        _ => &data.root,
    };
    let what = without_path(error, path);
    Finding::new(Severity::Error, check, place, what, advice)
}

fn listing(split: Split, plan: Plan, findings: &mut Vec<Finding>) -> Listing {
    let (entries, without_depth) = match &plan.naming {
        Naming::List(format) => listed(&plan, *format, findings),
        Naming::Patterns(patterns, _) => match patterns.pairs(&plan, split) {
            Ok(paired) => {
                let place = name(&plan, split);
                let unpaired = paired.unpaired.iter().map(|image| {
                    let (severity, advice) = if patterns.may_be_unpaired() {
                        (Severity::Note, "")
                    } else {
                        (
                            Severity::Error,
                            "add the depth maps, or set skip_unpaired = true",
                        )
                    };
                    let what = format!("{image}: no depth map belongs to it");
                    Finding::new(severity, "image-without-depth", &place, what, advice)
                });
                findings.extend(unpaired);
                let entries = paired.entries.into_iter();
                (
                    entries.map(|entry| (place.clone(), entry)).collect(),
                    paired.unpaired.len(),
                )
            }
            Err(error) => {
                let place = relative(&plan.root, &plan.list);
                let advice = "correct the file; docs/own-data.md explains it";
                findings.push(Finding::new(
                    Severity::Error,
                    "bad-description",
                    place,
                    without_path(&error, &plan.list),
                    advice,
                ));
                (Vec::new(), 0)
            }
        },
    };
    let pairs: Vec<Listed> = entries
        .into_par_iter()
        .map(|(place, entry)| Listed {
            rgb: plan.find_rgb(&entry.rgb),
            depth: plan.find_depth(&entry.depth),
            place,
            entry,
        })
        .collect();
    duplicates(&pairs, findings);
    missing(&plan, &pairs, findings);
    Listing {
        split,
        plan,
        pairs,
        without_depth,
    }
}

/// The pairs of a list's sound lines, each with its place.
fn listed(
    plan: &Plan,
    format: ListFormat,
    findings: &mut Vec<Finding>,
) -> (Vec<(String, Entry)>, usize) {
    let list = relative(&plan.root, &plan.list);
    let text = match fs::read(&plan.list) {
        Ok(text) => text,
        Err(error) => {
            let advice = "put the list there, or check its permissions";
            let what = format!("cannot be read: {error}");
            findings.push(Finding::new(
                Severity::Error,
                "missing-list",
                list,
                what,
                advice,
            ));
            return (Vec::new(), 0);
        }
    };
    let (mut entries, mut without_depth, mut focals) = (Vec::new(), 0, Focals::default());
    let mut any_line = false;
    for Line { number, content } in lines::read(&text, format) {
        any_line = true;
        let place = format!("{list}, line {number}");
        let wrong = |check, what| {
            let advice = "correct the line or remove it";
            Finding::new(Severity::Error, check, &place, what, advice)
        };
        match content {
            Ok(None) => without_depth += 1,
            Ok(Some(entry)) => {
                if let Err(reason) = focals.check(number, Some(&entry)) {
                    findings.push(wrong("focal-on-some-lines", reason));
                }
                entries.push((place, entry));
            }
            Err(reason) => {
                let what = format!("{reason}; expected {}", format.expected());
                findings.push(wrong("malformed-line", what));
            }
        }
    }
    if !any_line || (entries.is_empty() && without_depth > 0) {
        let what = match without_depth {
            0 => "the list is empty".to_owned(),
            images => format!("all {images} images are listed without depth (`None`)"),
        };
        let advice = "use a list with pairs";
        findings.push(Finding::new(
            Severity::Error,
            "empty-list",
            list,
            what,
            advice,
        ));
    }
    (entries, without_depth)
}

fn duplicates(pairs: &[Listed], findings: &mut Vec<Finding>) {
    let mut seen: HashMap<&str, &Listed> = HashMap::new();
    for pair in pairs {
        let Some(first) = seen.get(pair.entry.rgb.as_str()) else {
            seen.insert(&pair.entry.rgb, pair);
            continue;
        };
        let what = if first.entry.depth == pair.entry.depth {
            format!("{} is listed before, in {}", pair.entry.rgb, first.place)
        } else {
            format!(
                "{} is listed before with another depth map, in {}",
                pair.entry.rgb, first.place
            )
        };
        findings.push(Finding::new(
            Severity::Warning,
            "duplicate-line",
            &pair.place,
            what,
            "remove one of the lines, unless the pair is to count twice",
        ));
    }
}

fn missing(plan: &Plan, pairs: &[Listed], findings: &mut Vec<Finding>) {
    let also = match plan.also_in().as_slice() {
        [] => String::new(),
        folders => format!(" (nor below its {})", folders.join(", ")),
    };
    for pair in pairs {
        for (path, found) in [
            (&pair.entry.rgb, &pair.rgb),
            (&pair.entry.depth, &pair.depth),
        ] {
            if found.is_none() {
                findings.push(Finding::new(
                    Severity::Error,
                    "missing-file",
                    format!("{}: {path}", pair.place),
                    format!("no such file in the data folder{also}"),
                    "fetch or copy the missing files again, or remove their lines",
                ));
            }
        }
    }
}
