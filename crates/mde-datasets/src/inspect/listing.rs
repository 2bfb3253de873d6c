//! The pairs of a split, and the faults of its list.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use rayon::prelude::*;

use super::finding::{Finding, Severity, relative, without_path};
use crate::error::count;
use crate::lines::{self, Entry, Focals, Line, ListFormat};
use crate::plan::{Naming, Plan};
use crate::{DataKind, DataSpec, DatasetError, DepthEncoding, Split};

/// The pairs of a split that could be found.
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
    /// Paths of the files relative to the data folder, if they exist.
    pub(super) rgb: Option<PathBuf>,
    pub(super) depth: Option<PathBuf>,
}

/// The splits that exist.
pub(super) fn list(
    data: &DataSpec,
    split: Option<Split>,
    encoding: Option<DepthEncoding>,
    findings: &mut Vec<Finding>,
) -> Vec<Listing> {
    let splits = split.map_or(vec![Split::Train, Split::Test], |split| vec![split]);
    let (mut listings, mut faults) = (Vec::new(), Vec::new());
    for split in splits {
        match data.plan(split, encoding) {
            Ok(plan) => listings.push(listing(split, plan, findings)),
            Err(error) => faults.push(plan_fault(data, split, &error)),
        }
    }
    // A folder may hold a single split.
    let one_exists = !listings.is_empty();
    for fault in &mut faults {
        if one_exists && fault.check == "missing-list" {
            fault.severity = Severity::Note;
        }
    }
    // A wrong folder or description concerns both splits; it is reported once.
    faults.dedup_by(|a, b| a.check == b.check && a.place == b.place && a.check != "missing-list");
    findings.extend(faults);
    listings
}

const CORRECT_DESCRIPTION: &str = "correct the file; docs/own-data.md explains it";

fn plan_fault(data: &DataSpec, split: Split, error: &DatasetError) -> Finding {
    let root = data.root.display().to_string();
    match error {
        DatasetError::MissingFolder { lists, kind, .. } => {
            let what = format!(
                "no such folder; expected a data set with {}",
                lists.join(" or ")
            );
            let advice = match kind {
                Some(DataKind::Rooms) => "check the path, or run `mde render rooms --out DIR`",
                Some(DataKind::Streets) => "check the path, or run `mde render streets --out DIR`",
                Some(DataKind::Nyu) => "check the path, or run `mde fetch data nyu`",
                Some(DataKind::Kitti) => "check the path, or run `mde fetch data kitti`",
                None => "check the path",
            };
            Finding::error("missing-folder", root, what, advice)
        }
        DatasetError::NotAFolder { .. } => {
            let what = "this is a file, not the folder of a data set";
            Finding::error("missing-folder", root, what, "give the folder of the file")
        }
        DatasetError::MissingDescription { path } => Finding::error(
            "missing-description",
            relative(&data.root, path),
            without_path(error, path),
            "write one (docs/own-data.md), or name the folder's layout: nyu:DIR, rooms:DIR, kitti:DIR or streets:DIR",
        ),
        DatasetError::BadDescription { path, .. } => Finding::error(
            "bad-description",
            relative(&data.root, path),
            without_path(error, path),
            CORRECT_DESCRIPTION,
        ),
        DatasetError::MissingList { other: Some(_), .. } => Finding::error(
            "missing-list",
            split.name(),
            without_path(error, &data.root),
            "name the layout whose lists the folder holds",
        ),
        DatasetError::MissingList { .. } | DatasetError::NotDescribed { .. } => Finding::error(
            "missing-list",
            split.name(),
            without_path(error, &data.root),
            "put the list into the folder, or inspect the other split only",
        ),
        _ => {
            let advice = "check the permissions and the disk";
            Finding::error("unreadable", root, without_path(error, &data.root), advice)
        }
    }
}

fn listing(split: Split, plan: Plan, findings: &mut Vec<Finding>) -> Listing {
    let (entries, without_depth) = match &plan.naming {
        Naming::List(format) => listed(&plan, *format, findings),
        Naming::Patterns(patterns, _) => match plan.match_pairs(patterns, split) {
            Ok(paired) => {
                let place = name(&plan, split);
                findings.extend(paired.unpaired.iter().map(|image| {
                    let check = "image-without-depth";
                    let what = format!("{image}: no depth map matches");
                    if patterns.may_be_unpaired() {
                        return Finding::note(check, &place, what);
                    }
                    let advice = "add the depth maps, or set skip_unpaired = true";
                    Finding::error(check, &place, what, advice)
                }));
                let entries = paired.entries.into_iter();
                let entries = entries.map(|entry| (place.clone(), entry)).collect();
                (entries, paired.unpaired.len())
            }
            Err(error) => {
                let place = relative(&plan.root, &plan.list);
                let what = without_path(&error, &plan.list);
                let check = "bad-description";
                findings.push(Finding::error(check, place, what, CORRECT_DESCRIPTION));
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
    duplicate_lines(&pairs, findings);
    missing_files(&plan, &pairs, findings);
    Listing {
        split,
        plan,
        pairs,
        without_depth,
    }
}

/// The pairs of a list's good lines, each with its place, and the number of images without depth.
fn listed(
    plan: &Plan,
    format: ListFormat,
    findings: &mut Vec<Finding>,
) -> (Vec<(String, Entry)>, usize) {
    let list = relative(&plan.root, &plan.list);
    let text = match fs::read(&plan.list) {
        Ok(text) => text,
        Err(error) => {
            let advice = "add the list, or check its permissions";
            let what = format!("cannot be read: {error}");
            findings.push(Finding::error("missing-list", list, what, advice));
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
            Finding::error(check, &place, what, advice)
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
            images => format!(
                "all {} are listed without depth (`None`)",
                count(images, "image")
            ),
        };
        let advice = "use a list with pairs";
        findings.push(Finding::error("empty-list", list, what, advice));
    }
    (entries, without_depth)
}

fn duplicate_lines(pairs: &[Listed], findings: &mut Vec<Finding>) {
    let mut seen: HashMap<&str, &Listed> = HashMap::new();
    for pair in pairs {
        let Some(first) = seen.get(pair.entry.rgb.as_str()) else {
            seen.insert(&pair.entry.rgb, pair);
            continue;
        };
        let other = if first.entry.depth == pair.entry.depth {
            ""
        } else {
            " with another depth map"
        };
        let what = format!(
            "{} was listed before{other}, in {}",
            pair.entry.rgb, first.place
        );
        findings.push(Finding::warning(
            "duplicate-line",
            &pair.place,
            what,
            "remove one of the lines, unless the pair has to count twice",
        ));
    }
}

fn missing_files(plan: &Plan, pairs: &[Listed], findings: &mut Vec<Finding>) {
    let also_in = match plan.also_in().as_slice() {
        [] => String::new(),
        folders => format!(" (nor in its {})", folders.join(", ")),
    };
    for pair in pairs {
        for (path, found) in [
            (&pair.entry.rgb, &pair.rgb),
            (&pair.entry.depth, &pair.depth),
        ] {
            if found.is_none() {
                findings.push(Finding::error(
                    "missing-file",
                    format!("{}: {path}", pair.place),
                    format!("no such file in the data folder{also_in}"),
                    "copy or download the missing files again, or remove their lines",
                ));
            }
        }
    }
}
