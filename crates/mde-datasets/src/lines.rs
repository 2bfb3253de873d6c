//! The lines of a list.
//!
//! Lists come from many programs. What separates the fields is decided by all lines together. Paths
//! may have backslashes or begin with a slash: they are read as paths below the data folder. Faults
//! are those of the whole list, each with the number of its lines.

use std::borrow::Cow;
use std::path::Path;

use crate::DataKind;
use crate::faults::{Fault, WrongLines, fault_of, thousands};
use crate::rows::{Row, Separator, rows};

/// Maximum number of characters of a wrong field that a message shows.
const MAX_SHOWN: usize = 200;
/// Extensions of images and depth maps.
const IMAGE_EXTENSIONS: [&str; 10] = [
    "png", "jpg", "jpeg", "exr", "npy", "pfm", "pgm", "tif", "tiff", "bmp",
];

/// The form of a list's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListFormat {
    /// `rgb,depth` or `rgb,depth,focal`: lists named `*.csv`.
    Csv,
    /// `rgb depth focal`, separated by blanks: KITTI.
    Kitti,
    /// `rgb depth` or `rgb depth focal`, separated by blanks: lists of a `dataset.toml`.
    Blanks,
}

impl ListFormat {
    /// The format of the lists of a known layout.
    pub(crate) fn for_kind(kind: DataKind) -> Self {
        match kind {
            DataKind::Nyu | DataKind::Rooms => Self::Csv,
            DataKind::Kitti | DataKind::Streets => Self::Kitti,
        }
    }

    /// The format of a `dataset.toml`'s list, by its file name.
    pub(crate) fn for_file(list: &Path) -> Self {
        match list.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("csv") => Self::Csv,
            _ => Self::Blanks,
        }
    }

    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Csv => "`rgb,depth[,focal]` with paths relative to the data folder",
            Self::Kitti => {
                "`rgb depth focal`, separated by blanks, with paths relative to the data folder"
            }
            Self::Blanks => {
                "`rgb depth [focal]`, separated by blanks or commas, with paths relative to the data folder"
            }
        }
    }

    /// The usual separator, then the others.
    fn separators(self) -> [Separator; 4] {
        let [comma, blanks, semicolon, tab] = Separator::ALL;
        match self {
            Self::Csv => [comma, blanks, semicolon, tab],
            Self::Kitti | Self::Blanks => [blanks, comma, semicolon, tab],
        }
    }
}

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

/// A positive number.
pub(crate) fn focal_of(text: &str) -> Option<f32> {
    let focal = text.parse::<f32>().ok()?;
    (focal.is_finite() && focal > 0.0).then_some(focal)
}

/// A listed path with `/` between names, below the data folder.
pub(crate) fn plain(path: &str) -> Cow<'_, str> {
    let is_plain = !path.contains('\\')
        && !path.contains("//")
        && !path.contains("/./")
        && !path.starts_with(['/', '.']);
    if is_plain {
        return Cow::Borrowed(path);
    }
    let names = path
        .split(['/', '\\'])
        .filter(|name| !matches!(*name, "" | "."));
    Cow::Owned(names.collect::<Vec<_>>().join("/"))
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

/// True for a path with `..`.
pub(crate) fn leads_out(path: &str) -> bool {
    path.split(['/', '\\']).any(|name| name == "..")
}

/// True if the name ends like that of an image or a depth map.
pub(crate) fn has_image_extension(path: &str) -> bool {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    let is_it = |image: &&str| extension.eq_ignore_ascii_case(image);
    IMAGE_EXTENSIONS.iter().any(|image| is_it(&image))
}

/// True if extensions name one format: in any case, and `jpg` is `jpeg`.
pub(crate) fn same_extension(a: &str, b: &str) -> bool {
    let is_jpeg = |text: &str| {
        ["jpg", "jpeg"]
            .iter()
            .any(|jpeg| text.eq_ignore_ascii_case(jpeg))
    };
    a.eq_ignore_ascii_case(b) || (is_jpeg(a) && is_jpeg(b))
}

/// The beginning of a text of unknown length.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Checks that a path of a description stays inside the data folder.
pub(crate) fn check_inside(path: &str) -> Result<&str, String> {
    if path.is_empty() {
        return Err("an empty path".to_owned());
    }
    if leads_out(path) || Path::new(path).is_absolute() {
        return Err(format!("`{}` leads out of the data folder", shown(path)));
    }
    Ok(path)
}

/// Id of a pair: the path of its colour image without the extension.
pub(crate) fn id_of(rgb: &str) -> String {
    let stem = Path::new(rgb).with_extension("");
    let stem = stem.to_string_lossy();
    let names = stem.split('/').filter(|name| !matches!(*name, "" | "."));
    names.collect::<Vec<_>>().join("/")
}
