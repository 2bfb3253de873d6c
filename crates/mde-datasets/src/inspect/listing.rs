//! The pairs of a split, and the faults of its list.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use mde_files::TextError;
use rayon::prelude::*;

use super::finding::{Finding, Severity, relative, without_path};
use crate::faults::Fault;
use crate::lines::{self, Entry, List};
use crate::list_format::ListFormat;
use crate::pairing::{Paired, Patterns, first_of};
use crate::plan::{Found, Naming, Plan};
use crate::wording::{count, thousands};
use crate::{DataKind, DataSpec, DatasetError, DepthEncoding, Split, missing};

/// Maximum number of findings of one kind that are reported one by one.
const MAX_SINGLE: usize = 10;

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
    // Both splits may have the same list.
    let mut seen = HashSet::new();
    findings.retain(|finding| seen.insert((finding.place.clone(), finding.what.clone())));
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
                leftovers(patterns, &paired, &place, findings);
                let entries = paired.entries.into_iter();
                let entries = entries.map(|entry| (place.clone(), entry)).collect();
                (entries, paired.images.len())
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
        .map(|(place, entry)| {
            let Found { rgb, depth, .. } = plan.find_pair(&entry);
            Listed {
                rgb,
                depth,
                place,
                entry,
            }
        })
        .collect();
    duplicate_lines(&plan, &pairs, findings);
    Listing {
        split,
        plan,
        pairs,
        without_depth,
    }
}

/// Reports what patterns leave over.
fn leftovers(patterns: &Patterns, paired: &Paired, place: &str, findings: &mut Vec<Finding>) {
    findings.extend(paired.images.iter().map(|unpaired| {
        let check = "image-without-depth";
        let what = format!("{unpaired}: no depth map matches");
        if patterns.may_be_unpaired() {
            return Finding::note(check, place, what);
        }
        let advice = "add the depth maps, or set skip_unpaired = true";
        Finding::error(check, place, what, advice)
    }));
    if !paired.depth_maps.is_empty() {
        let number = count(paired.depth_maps.len(), "depth map");
        let what = format!(
            "{number} without an image: {}",
            first_of(&paired.depth_maps)
        );
        findings.push(Finding::note("depth-without-image", place, what));
    }
    for unknown in &paired.unknown {
        let check = "unknown-name";
        if unknown.names.len() < unknown.of {
            findings.push(Finding::note(check, place, unknown.to_string()));
            continue;
        }
        let example = &unknown.example;
        let advice = format!("list texts of the first * of rgb, such as `{example}`");
        findings.push(Finding::warning(check, place, unknown.to_string(), advice));
    }
}

/// The pairs of a list's good lines, each with its place, and the number of images without depth.
fn listed(
    plan: &Plan,
    format: ListFormat,
    findings: &mut Vec<Finding>,
) -> (Vec<(String, Entry)>, usize) {
    let name = relative(&plan.root, &plan.list);
    let text = match mde_files::read_text(&plan.list) {
        Ok(text) => text,
        Err(error) => {
            let what = without_path(&error, &plan.list);
            let finding = match error {
                TextError::Read { .. } => {
                    let advice = "add the list, or check its permissions";
                    Finding::error("missing-list", name, what, advice)
                }
                _ => Finding::error("not-text", name, what, "save the list as UTF-8"),
            };
            findings.push(finding);
            return (Vec::new(), 0);
        }
    };
    let list = lines::read(&text, format);
    let found = list
        .entries
        .par_iter()
        .map(|(_, entry)| plan.find_pair(entry));
    let found: Vec<Found> = found.collect();
    for wrong in list.wrong.iter().chain(&missing::outside(&list, &found)) {
        let check = match wrong.fault {
            Fault::SomeFocals => "focal-on-some-lines",
            _ => "malformed-line",
        };
        let place = format!("{name}, {}", wrong.place());
        let mut remedy = wrong.remedy(&plan.list, list.separator, format);
        if remedy.starts_with("expected ") {
            remedy = format!("correct or remove the lines: {remedy}");
        }
        findings.push(Finding::error(check, place, wrong.reason(), remedy));
    }
    if let Some(reason) = missing::same_id(&list) {
        let advice = "rename or remove one of the files";
        findings.push(Finding::error("same-id", &name, reason, advice));
    }
    for assumed in &list.assumed {
        findings.push(Finding::note("list-form", &name, assumed.as_str()));
    }
    missing_files(plan, &list, &found, findings);
    if list.entries.is_empty() && list.wrong.is_empty() {
        let what = match list.without_depth {
            0 => "the list is empty".to_owned(),
            images => format!(
                "all {} are listed without depth (`None`)",
                count(images, "image")
            ),
        };
        let advice = "use a list with pairs";
        findings.push(Finding::error("empty-list", &name, what, advice));
    }
    let entries = list.entries.into_iter();
    let entries = entries.map(|(number, entry)| (format!("{name}, line {number}"), entry));
    (entries.collect(), list.without_depth)
}

fn duplicate_lines(plan: &Plan, pairs: &[Listed], findings: &mut Vec<Finding>) {
    let before = findings.len();
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
    let duplicates = findings.len() - before;
    if duplicates > MAX_SINGLE {
        let what = format!(
            "{} of {} lines list an image again; the first: {}",
            thousands(duplicates),
            thousands(pairs.len()),
            findings[before].what
        );
        let advice = "remove such lines, unless the pairs have to count twice";
        findings.truncate(before);
        let place = relative(&plan.root, &plan.list);
        findings.push(Finding::warning("duplicate-line", place, what, advice));
    }
}

/// Reports the missing files: once, if one reason explains all or most files are missing.
fn missing_files(plan: &Plan, list: &List, found: &[Found], findings: &mut Vec<Finding>) {
    const CHECK: &str = "missing-file";
    let also_in = match plan.also_in().as_slice() {
        [] => String::new(),
        folders => format!(" (nor in its {})", folders.join(", ")),
    };
    let name = relative(&plan.root, &plan.list);
    let missing = missing::paths(list, found);
    if missing.is_empty() {
        return;
    }
    let advice = missing::advice(plan, list, found);
    let mostly = missing.len() > MAX_SINGLE && missing.len() > list.entries.len();
    if mostly || missing::explain(plan, list, found).is_some() {
        let what = format!(
            "{} of {} listed files are not in the data folder{also_in}: {}",
            thousands(missing.len()),
            thousands(2 * list.entries.len()),
            first_of(&missing)
        );
        findings.push(Finding::error(CHECK, name, what, advice));
        return;
    }
    let pairs = list.entries.iter().zip(found);
    for ((number, entry), found) in pairs.filter(|(_, found)| !found.outside) {
        for (path, found) in [(&entry.rgb, &found.rgb), (&entry.depth, &found.depth)] {
            if found.is_none() {
                let place = format!("{name}, line {number}: {path}");
                let what = format!("no such file in the data folder{also_in}");
                findings.push(Finding::error(CHECK, place, what, advice.clone()));
            }
        }
    }
}
