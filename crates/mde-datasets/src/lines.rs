//! The lines of a list.
//!
//! Lists come from many programs. What separates the fields is decided by all lines together. Paths
//! may have backslashes or begin with a slash: they are read as paths below the data folder. Faults
//! are those of the whole list, each with the number of its lines.

use std::borrow::Cow;
use std::path::Path;

use crate::faults::{Fault, WrongLines, fault_of};
use crate::list_format::{ListFormat, focal_of};
use crate::paths::{has_image_extension, plain};
use crate::rows::{Row, Separator, rows};
use crate::wording::{shown, thousands};

/// One pair. Paths have `/` between names and are below the data folder.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) rgb: String,
    pub(crate) depth: String,
    pub(crate) focal: Option<f32>,
    /// Whether a path is listed with a slash in front: it must not be one of the whole system.
    pub(crate) rooted: bool,
}

/// A list as it was read.
#[derive(Debug)]
pub(crate) struct List {
    /// The pairs, each with its line, except for wrong lines.
    pub(crate) entries: Vec<(u64, Entry)>,
    /// Lines whose depth is `None`.
    pub(crate) without_depth: usize,
    /// Each fault once.
    pub(crate) wrong: Vec<WrongLines>,
    /// What was read otherwise than written, as the end of a sentence about the list.
    pub(crate) assumed: Vec<String>,
    pub(crate) separator: Separator,
}

/// Reads a list.
pub(crate) fn read(text: &str, format: ListFormat) -> List {
    let (separator, mut rows) = best_rows(text, format);
    let mut list = List {
        entries: Vec::with_capacity(rows.len()),
        without_depth: 0,
        wrong: Vec::new(),
        assumed: Vec::new(),
        separator,
    };
    let has_header = rows.len() > 1 && is_header(&rows[0]) && !is_header(&rows[1]);
    let header = has_header.then(|| rows.remove(0));
    let of = rows.len();
    let mut spelled = Spelled::default();
    for row in rows {
        match fault_of(&row, separator, format) {
            Some(fault) => add_wrong(&mut list.wrong, fault, row, of),
            None => match entry(&row.fields, &mut spelled) {
                Some(entry) => list.entries.push((row.number, entry)),
                None => list.without_depth += 1,
            },
        }
    }
    some_focals(&mut list, of);
    if let Some(header) = header {
        if names_depth_first(&header) {
            let row = header.clone();
            add_wrong(&mut list.wrong, Fault::DepthFirst, row, of);
            list.entries.clear();
        }
        let words = shown(&header.fields.join(","));
        list.assumed
            .push(format!("line {} is a header (`{words}`)", header.number));
    }
    list.assumed.extend(spelled.words(of));
    if !list.entries.is_empty() && separator != format.separators()[0] {
        let name = separator.name();
        list.assumed
            .push(format!("its fields are separated by {name}"));
    }
    list
}

/// The separator under which most lines have the form of a pair, and the rows. The usual separator
/// wins a tie, and nothing else is tried if all lines have the form.
fn best_rows(text: &str, format: ListFormat) -> (Separator, Vec<Row>) {
    let [usual, others @ ..] = format.separators();
    let mut best = (usual, rows(text, usual));
    let mut least = misfit(&best.1, usual, format);
    for separator in others {
        if least == 0 {
            break;
        }
        let rows = rows(text, separator);
        let misfit = misfit(&rows, separator, format);
        if misfit < least {
            (best, least) = ((separator, rows), misfit);
        }
    }
    best
}

/// How badly rows fit the form of a pair. A known form of other programs fits better than none, and
/// paths that end like images better than others.
fn misfit(rows: &[Row], separator: Separator, format: ListFormat) -> usize {
    let of_row = |row: &Row| match fault_of(row, separator, format) {
        Some(fault) if fault.is_unknown_form() => 8,
        Some(_) => 4,
        None => {
            let is_path = |path: &&String| has_image_extension(path) || *path == "None";
            usize::from(!row.fields.iter().take(2).all(|path| is_path(&path)))
        }
    };
    rows.iter().map(of_row).sum()
}

/// True if no field looks like a path or a number.
fn is_header(row: &Row) -> bool {
    let is_word = |field: &String| {
        !field.contains(['/', '\\', '.']) && !field.bytes().all(|byte| byte.is_ascii_digit())
    };
    row.fields.len() > 1 && row.fields[1..].iter().all(is_word) && {
        // A table with an index has an empty first field.
        let first = &row.fields[0];
        first.is_empty() || is_word(first)
    }
}

fn names_depth_first(header: &Row) -> bool {
    let names = header.fields.iter().map(|name| name.to_lowercase());
    let names: Vec<String> = names.collect();
    let is_depth = |name: &String| name.contains("depth");
    names.first().is_some_and(is_depth) && !names.get(1).is_some_and(is_depth)
}

fn add_wrong(wrong: &mut Vec<WrongLines>, fault: Fault, row: Row, of: usize) {
    match wrong.iter_mut().find(|lines| lines.fault == fault) {
        Some(lines) => lines.count += 1,
        None => wrong.push(WrongLines {
            fault,
            first: row,
            count: 1,
            of,
        }),
    }
}

/// Either all lines give a focal length or none does: a batch must not mix them.
fn some_focals(list: &mut List, of: usize) {
    let given = |(_, entry): &&(u64, Entry)| entry.focal.is_some();
    let with = list.entries.iter().filter(given).count();
    if with == 0 || with == list.entries.len() {
        return;
    }
    // The rarer form is the wrong one.
    let expected = 2 * with >= list.entries.len();
    let rare = list.entries.iter().find(|entry| given(entry) != expected);
    let Some((number, entry)) = rare else { return };
    let mut fields = vec![entry.rgb.clone(), entry.depth.clone()];
    fields.extend(entry.focal.map(|focal| focal.to_string()));
    list.wrong.push(WrongLines {
        fault: Fault::SomeFocals,
        first: Row {
            number: *number,
            fields,
        },
        count: with.min(list.entries.len() - with),
        of,
    });
}

/// Numbers of lines whose paths were read otherwise than written.
#[derive(Default)]
struct Spelled {
    rooted: usize,
    backslashes: usize,
}

impl Spelled {
    fn words(&self, of: usize) -> Vec<String> {
        let lines = |count: usize| match (count, count == of) {
            (1, _) => "1 line".to_owned(),
            (count, true) => format!("all {} lines", thousands(count)),
            (count, false) => format!("{} of {} lines", thousands(count), thousands(of)),
        };
        let kinds = [
            (
                self.rooted,
                "paths that begin with a slash are read as below the data folder",
            ),
            (self.backslashes, "backslashes in paths are read as slashes"),
        ];
        let found = kinds.into_iter().filter(|(count, _)| *count > 0);
        let words = found.map(|(count, words)| format!("{words} ({})", lines(count)));
        words.collect()
    }
}

/// The pair of a row without a fault; None for an image without a depth map.
fn entry(fields: &[String], spelled: &mut Spelled) -> Option<Entry> {
    let (rgb, depth) = (plain(&fields[0]), plain(&fields[1]));
    let rooted = fields[..2].iter().any(|path| path.starts_with(['/', '\\']));
    spelled.rooted += usize::from(rooted);
    spelled.backslashes += usize::from(fields[..2].iter().any(|path| path.contains('\\')));
    if depth == "None" {
        return None;
    }
    Some(Entry {
        id: id_of(&rgb),
        rgb: rgb.into_owned(),
        depth: depth.into_owned(),
        focal: fields.get(2).and_then(|text| focal_of(text)),
        rooted,
    })
}

/// The text of a list with its paths as they are read: lists of the same pairs are the same text.
pub(crate) fn with_plain_paths(text: &str, separator: Separator) -> Cow<'_, str> {
    let begins = |c: char| match separator {
        Separator::Blanks => c.is_whitespace() || c == '"',
        Separator::Comma => ",\n\" ".contains(c),
        Separator::Semicolon => ";\n\" ".contains(c),
        Separator::Tab => "\t\n\" ".contains(c),
    };
    let is_plain = |(previous, c): (char, char)| c != '\\' && (c != '/' || !begins(previous));
    let previous = || std::iter::once('\n').chain(text.chars());
    if previous().zip(text.chars()).all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut words = String::with_capacity(text.len());
    for c in text.chars().map(|c| if c == '\\' { '/' } else { c }) {
        if c != '/' || !words.chars().next_back().is_none_or(begins) {
            words.push(c);
        }
    }
    Cow::Owned(words)
}

/// Id of a pair: the path of its colour image without the extension.
pub(crate) fn id_of(rgb: &str) -> String {
    let stem = Path::new(rgb).with_extension("");
    let stem = stem.to_string_lossy();
    let names = stem.split('/').filter(|name| !matches!(*name, "" | "."));
    names.collect::<Vec<_>>().join("/")
}
