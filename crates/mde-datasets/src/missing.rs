//! Why listed files are missing, where one reason explains all of them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use mde_files::{repair_command, shell_word};

use crate::faults::{Fault, WrongLines};
use crate::lines::{Entry, List};
use crate::pairing;
use crate::paths::same_extension;
use crate::plan::{Found, Plan};
use crate::rows::Row;

/// Maximum number of folders in which a missing file is searched.
const MAX_FOLDERS: usize = 1000;
/// Maximum number of lines that a printed command removes.
const MAX_REMOVED: usize = 20;

/// The missing files, in the list's order.
pub(crate) fn paths<'l>(list: &'l List, found: &[Found]) -> Vec<&'l str> {
    let pairs = list.entries.iter().zip(found);
    let missing = pairs.flat_map(|((_, entry), found)| {
        let rgb = found.rgb.is_none().then_some(entry.rgb.as_str());
        rgb.into_iter()
            .chain(found.depth.is_none().then_some(entry.depth.as_str()))
    });
    missing.collect()
}

/// The lines that name files outside of the data folder by a path that begins with a slash.
pub(crate) fn outside(list: &List, found: &[Found]) -> Option<WrongLines> {
    let pairs = list.entries.iter().zip(found);
    let outside: Vec<_> = pairs.filter(|(_, found)| found.outside).collect();
    let ((number, entry), _) = outside.first()?;
    let fields = [&entry.rgb, &entry.depth].map(|path| format!("/{path}"));
    Some(WrongLines {
        fault: Fault::LeadsOut,
        first: Row {
            number: *number,
            fields: fields.to_vec(),
        },
        count: outside.len(),
        of: list.entries.len() + list.without_depth,
    })
}

/// What is wrong with two images of a list that differ only in their extension.
pub(crate) fn same_id(list: &List) -> Option<String> {
    let mut seen: HashMap<&str, &str> = HashMap::with_capacity(list.entries.len());
    list.entries.iter().find_map(|(_, entry)| {
        let first = *seen.entry(&entry.id).or_insert(&entry.rgb);
        let extension = |path: &str| path.rsplit_once('.').map_or("", |(_, e)| e).to_owned();
        let (a, b) = (extension(first), extension(&entry.rgb));
        let differ = a != b && same_extension(&a, &b);
        differ.then(|| pairing::same_id(first, &entry.rgb))
    })
}

/// What the listed paths of both columns must be changed to.
#[derive(Debug, Clone, PartialEq)]
enum Change {
    /// The paths begin with folders that the data folder does not have.
    Strip(String),
    /// The files are in a folder in the data folder.
    Within(String),
    /// The files have another extension.
    Extension { listed: String, found: String },
}

/// The colour images or the depth maps.
struct Column<'l> {
    is_depth: bool,
    /// The listed paths, and whether their files were found.
    paths: Vec<(&'l str, bool)>,
}

impl Column<'_> {
    fn find(&self, plan: &Plan, path: &str) -> bool {
        let found = match self.is_depth {
            true => plan.find_depth(path),
            false => plan.find_rgb(path),
        };
        found.is_some()
    }

    /// The change that finds all missing files.
    fn change(&self, plan: &Plan) -> Option<Change> {
        let first = self.paths.iter().find(|(_, found)| !found)?.0;
        let candidates = [
            self.strip(plan, first),
            self.within(plan, first),
            self.extension(plan, first),
        ];
        let all_found = |change: &Change| {
            let changed = |(path, found): &(&str, bool)| match change.apply(path) {
                Some(changed) => *found || self.find(plan, &changed),
                None => *found,
            };
            // A file that was found must stay found.
            let kept = |(path, found): &(&str, bool)| !found || change.apply(path).is_none();
            self.paths.iter().all(|path| changed(path) && kept(path))
        };
        candidates.into_iter().flatten().find(all_found)
    }

    fn strip(&self, plan: &Plan, path: &str) -> Option<Change> {
        let mut ends = path.match_indices('/').map(|(at, _)| at + 1);
        let end = ends.find(|&end| self.find(plan, &path[end..]))?;
        Some(Change::Strip(path[..end].to_owned()))
    }

    fn within(&self, plan: &Plan, path: &str) -> Option<Change> {
        let mut folders = folders_in(&plan.root).into_iter();
        let folder = folders.find(|folder| self.find(plan, &format!("{folder}/{path}")))?;
        Some(Change::Within(folder + "/"))
    }

    fn extension(&self, plan: &Plan, path: &str) -> Option<Change> {
        let (stem, listed) = path.rsplit_once('.')?;
        let mut others = ["png", "jpg", "jpeg"].into_iter();
        let found = others.find(|other| self.find(plan, &format!("{stem}.{other}")))?;
        Some(Change::Extension {
            listed: listed.to_owned(),
            found: found.to_owned(),
        })
    }
}

impl Change {
    /// The changed path; None for a path that the change does not concern.
    fn apply(&self, path: &str) -> Option<String> {
        match self {
            Self::Strip(prefix) => path.strip_prefix(prefix.as_str()).map(str::to_owned),
            Self::Within(folder) => Some(format!("{folder}{path}")),
            Self::Extension { listed, found } => {
                let stem = path.strip_suffix(listed.as_str())?.strip_suffix('.')?;
                Some(format!("{stem}.{found}"))
            }
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Strip(prefix) => {
                format!(
                    "the listed paths begin with `{prefix}`, which the data folder does not have"
                )
            }
            Self::Within(folder) => format!("the files are in its folder `{folder}`"),
            Self::Extension { listed, found } => {
                format!("the files are named *.{found}, and the list has *.{listed}")
            }
        }
    }
}

/// The folders in a data folder and in those, relative to it.
fn folders_in(root: &Path) -> Vec<String> {
    let inner = |folder: &Path| {
        let entries = fs::read_dir(root.join(folder))
            .into_iter()
            .flatten()
            .flatten();
        let mut names: Vec<_> = entries
            .filter(|entry| entry.path().is_dir())
            .map(|entry| folder.join(entry.file_name()))
            .collect();
        names.sort();
        names
    };
    let mut folders = inner(Path::new(""));
    folders.truncate(MAX_FOLDERS);
    for index in 0..folders.len() {
        if folders.len() < MAX_FOLDERS {
            folders.extend(inner(&folders[index]));
        }
    }
    let names = folders
        .iter()
        .map(|folder| folder.to_string_lossy().replace('\\', "/"));
    names.collect()
}

/// What to do about missing files: the one reason and its repair, or to copy or leave them out.
pub(crate) fn advice(plan: &Plan, list: &List, found: &[Found]) -> String {
    if let Some(explained) = explain(plan, list, found) {
        return explained;
    }
    let copy = "copy or download the missing files again, or remove their lines";
    let pairs = list.entries.iter().zip(found);
    let incomplete = pairs.filter(|(_, found)| found.rgb.is_none() || found.depth.is_none());
    let lines: Vec<String> = incomplete
        .map(|((number, _), _)| format!("{number}d"))
        .collect();
    if lines.len() > MAX_REMOVED || lines.len() == list.entries.len() {
        return copy.to_owned();
    }
    let remove = repair_command(&plan.list, &format!("sed '{}'", lines.join(";")));
    format!("{copy} with `{remove}`")
}

/// The reason why files are missing and the command that repairs the list, as one sentence; None
/// if no single reason explains it.
pub(crate) fn explain(plan: &Plan, list: &List, found: &[Found]) -> Option<String> {
    let paths = |path: fn(&Entry) -> &str, is_found: fn(&Found) -> bool| {
        let entries = list.entries.iter().map(|(_, entry)| path(entry));
        entries.zip(found.iter().map(is_found)).collect()
    };
    let columns = [
        Column {
            is_depth: false,
            paths: paths(|entry| &entry.rgb, |found| found.rgb.is_some()),
        },
        Column {
            is_depth: true,
            paths: paths(|entry| &entry.depth, |found| found.depth.is_some()),
        },
    ];
    let mut changes: [Option<Change>; 2] = [None, None];
    for (column, change) in columns.iter().zip(&mut changes) {
        if column.paths.iter().any(|(_, found)| !found) {
            *change = Some(column.change(plan)?);
        }
    }
    let filter = filter(&changes, list)?;
    let mut words: Vec<String> = changes.iter().flatten().map(Change::words).collect();
    words.dedup();
    Some(format!(
        "{}: change the list with `{}`",
        words.join(", "),
        repair_command(&plan.list, &filter)
    ))
}

/// A command that changes the paths of a list's columns.
fn filter(changes: &[Option<Change>; 2], list: &List) -> Option<String> {
    let mut program = String::new();
    for (column, change) in (1..).zip(changes) {
        let quoted =
            |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        program += &match change {
            None => continue,
            Some(Change::Strip(prefix)) => {
                // The list may have backslashes, a slash in front and quotation marks.
                let slashes = "[\\/\\\\]";
                let names = prefix.trim_end_matches('/').split('/').map(escaped);
                let names = names.collect::<Vec<_>>().join(slashes);
                format!("sub(/^{slashes}*{names}{slashes}/,\"\",${column});")
            }
            Some(Change::Within(folder)) => {
                format!(
                    "if(${column}!=\"None\")${column}={}${column};",
                    quoted(folder)
                )
            }
            Some(Change::Extension { listed, found }) => {
                format!(
                    "sub(/\\.{}$/,{},${column});",
                    escaped(listed),
                    quoted(&format!(".{found}"))
                )
            }
        };
    }
    let program = format!("!/^ *#/{{{program}}}{{print}}");
    Some(format!("{} {}", list.separator.awk(), shell_word(&program)))
}

/// A text as a regular expression of `awk`.
fn escaped(text: &str) -> String {
    let mut words = String::new();
    for c in text.chars() {
        if ".[]\\*^$+?(){}|/\"".contains(c) {
            words.push('\\');
        }
        words.push(c);
    }
    words
}
