//! The lines of a list, separated by commas (NYUv2) or blanks (KITTI). Lines that begin with `#`
//! are comments.

use std::path::{Component, Path};

use crate::{DataKind, DatasetError};

/// Maximum number of characters of a wrong field that a message shows.
const MAX_SHOWN: usize = 200;

/// The form of a list's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListFormat {
    /// `rgb,depth` or `rgb,depth,focal`, CSV without a header.
    Csv,
    /// `rgb depth focal`, separated by blanks; `None` for a missing depth map.
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
                "`rgb depth [focal]`, separated by blanks (commas are for lists named *.csv), with paths relative to the data folder"
            }
        }
    }
}

/// One pair, as the list spells it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) rgb: String,
    pub(crate) depth: String,
    pub(crate) focal: Option<f32>,
}

/// The pairs of a list.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) entries: Vec<Entry>,
    /// Lines whose depth is `None`.
    pub(crate) without_depth: usize,
}

/// A line: a pair, an image without depth (None), or what is wrong with it.
pub(crate) struct Line {
    /// Line number, from 1.
    pub(crate) number: u64,
    pub(crate) content: Result<Option<Entry>, String>,
}

/// All lines except empty ones and comments.
pub(crate) fn read(text: &[u8], format: ListFormat) -> impl Iterator<Item = Line> + '_ {
    lines(text, format).map(move |fields| match fields {
        Ok((number, fields)) => Line {
            number,
            content: match format {
                ListFormat::Csv => csv_line(&fields).map(Some),
                ListFormat::Kitti | ListFormat::Blanks => {
                    blanks_line(&fields, format == ListFormat::Kitti)
                }
            },
        },
        Err(number) => Line {
            number,
            content: Err("not UTF-8 text".to_owned()),
        },
    })
}

/// Parses a whole list; the first wrong line is an error.
pub(crate) fn parse(list: &Path, text: &[u8], format: ListFormat) -> Result<Parsed, DatasetError> {
    let mut parsed = Parsed::default();
    let mut focals = Focals::default();
    for Line { number, content } in read(text, format) {
        let content = content.and_then(|entry| {
            focals.check(number, entry.as_ref())?;
            Ok(entry)
        });
        match content {
            Ok(Some(entry)) => parsed.entries.push(entry),
            Ok(None) => parsed.without_depth += 1,
            Err(reason) => {
                return Err(DatasetError::MalformedLine {
                    list: list.to_owned(),
                    line: number,
                    reason,
                    expected: format.expected(),
                });
            }
        }
    }
    Ok(parsed)
}

/// Checks that either all lines give a focal length or none does: a batch must not mix them.
#[derive(Default)]
pub(crate) struct Focals {
    /// Whether the first pair has one, and its line.
    first: Option<(bool, u64)>,
}

impl Focals {
    /// Checks the next line.
    pub(crate) fn check(&mut self, line: u64, entry: Option<&Entry>) -> Result<(), String> {
        let Some(entry) = entry else { return Ok(()) };
        let given = entry.focal.is_some();
        let (first, first_line) = *self.first.get_or_insert((given, line));
        if first == given {
            return Ok(());
        }
        let (with, without) = if given {
            (line, first_line)
        } else {
            (first_line, line)
        };
        Err(format!(
            "line {with} gives a focal length and line {without} does not; give it on all lines or on none"
        ))
    }
}

/// The number of a line and its fields, or the number of a line that is not text.
type Fields = Result<(u64, Vec<String>), u64>;

/// The fields of every line that has any.
fn lines(text: &[u8], format: ListFormat) -> Box<dyn Iterator<Item = Fields> + '_> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    match format {
        ListFormat::Csv => {
            let reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .comment(Some(b'#'))
                .flexible(true) // wrong field counts are reported with what was expected
                .trim(csv::Trim::All)
                .from_reader(text);
            Box::new(reader.into_records().map(|record| match record {
                Ok(record) => {
                    let line = record.position().map_or(0, |at| line_number(text, at));
                    Ok((line, record.iter().map(str::to_owned).collect()))
                }
                Err(error) => Err(error.position().map_or(0, |at| line_number(text, at))),
            }))
        }
        ListFormat::Kitti | ListFormat::Blanks => {
            let numbered = (1..).zip(text.split(|&byte| byte == b'\n'));
            Box::new(numbered.filter_map(|(number, line)| {
                let Ok(line) = std::str::from_utf8(line) else {
                    return Some(Err(number));
                };
                let fields: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
                let first = fields.first()?;
                (!first.starts_with('#')).then_some(Ok((number, fields)))
            }))
        }
    }
}

/// Line number of a record. The reader's position is that before skipped empty lines and comments.
fn line_number(text: &[u8], at: &csv::Position) -> u64 {
    let mut rest = text.get(at.byte() as usize..).unwrap_or_default();
    let mut number = at.line();
    loop {
        let line = rest.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let skipped = matches!(line, [] | [b'\r'] | [b'#', ..]);
        if !skipped || line.len() == rest.len() {
            return number;
        }
        rest = &rest[line.len() + 1..];
        number += 1;
    }
}

fn csv_line(fields: &[String]) -> Result<Entry, String> {
    match fields {
        [rgb, depth] => entry(rgb, depth, None),
        [rgb, depth, focal] => entry(rgb, depth, Some(focal)),
        fields => Err(number_of(fields)),
    }
}

/// The pair of a line, or None for an image without a depth map.
fn blanks_line(fields: &[String], needs_focal: bool) -> Result<Option<Entry>, String> {
    let (rgb, depth, focal) = match fields {
        [rgb, depth, focal] => (rgb, depth, Some(focal)),
        [_, _] if needs_focal => {
            return Err("2 fields, the focal length is missing".to_owned());
        }
        [rgb, depth] => (rgb, depth, None),
        fields => return Err(number_of(fields)),
    };
    let entry = entry(rgb, depth, focal)?;
    Ok((depth != "None").then_some(entry))
}

fn number_of(fields: &[String]) -> String {
    match fields {
        [only] => format!("1 field (`{}`)", shown(only)),
        fields => format!("{} fields", fields.len()),
    }
}

fn entry(rgb: &str, depth: &str, focal: Option<&String>) -> Result<Entry, String> {
    let (rgb, depth) = (check_inside(rgb)?, check_inside(depth)?);
    let focal = match focal {
        None => None,
        Some(text) => match text.parse::<f32>() {
            Ok(focal) if focal.is_finite() && focal > 0.0 => Some(focal),
            _ => {
                return Err(format!(
                    "the focal length `{}` is not a positive number",
                    shown(text)
                ));
            }
        },
    };
    Ok(Entry {
        id: id_of(rgb),
        rgb: rgb.to_owned(),
        depth: depth.to_owned(),
        focal,
    })
}

/// The beginning of a text of unknown length.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Checks that a path stays inside the data folder.
pub(crate) fn check_inside(path: &str) -> Result<&str, String> {
    if path.is_empty() {
        return Err("an empty path".to_owned());
    }
    let stays = Path::new(path)
        .components()
        .all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if stays {
        Ok(path)
    } else {
        Err(format!("`{}` leads out of the data folder", shown(path)))
    }
}

/// Id of a pair: the path of its colour image without the extension.
pub(crate) fn id_of(rgb: &str) -> String {
    let stem = Path::new(rgb).with_extension("");
    let parts: Vec<_> = stem
        .components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    parts.join("/")
}
