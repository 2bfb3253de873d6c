//! The lines of a list: NYUv2's comma-separated form and KITTI's blank-separated one.

use std::path::{Component, Path};

use crate::DatasetError;

/// How the lines of a list are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListFormat {
    /// `rgb,depth` or `rgb,depth,focal`, CSV without a header.
    Csv,
    /// `rgb depth focal`, separated by blanks; `None` in place of a depth map that does not exist.
    Kitti,
}

impl ListFormat {
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Csv => "`rgb,depth[,focal]` with paths relative to the data folder",
            Self::Kitti => {
                "`rgb depth focal`, separated by blanks, with paths relative to the data folder"
            }
        }
    }
}

/// A line: one pair, as the list writes it.
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

pub(crate) fn parse(list: &Path, text: &[u8], format: ListFormat) -> Result<Parsed, DatasetError> {
    let malformed = |line: u64, reason: String| DatasetError::MalformedLine {
        list: list.to_owned(),
        line,
        reason,
        expected: format.expected(),
    };
    let mut parsed = Parsed::default();
    let mut with_focal: Option<(bool, u64)> = None;
    for fields in lines(text, format) {
        let (line, fields) = fields.map_err(|line| malformed(line, "not UTF-8 text".to_owned()))?;
        let found = match format {
            ListFormat::Csv => csv_line(&fields).map(Some),
            ListFormat::Kitti => kitti_line(&fields),
        };
        let Some(entry) = found.map_err(|reason| malformed(line, reason))? else {
            parsed.without_depth += 1;
            continue;
        };
        // A network that needs focal lengths must not meet a batch that has only some.
        let given = entry.focal.is_some();
        let (first, first_line) = *with_focal.get_or_insert((given, line));
        if first != given {
            let (with, without) = if given {
                (line, first_line)
            } else {
                (first_line, line)
            };
            return Err(malformed(
                line,
                format!(
                    "line {with} gives a focal length and line {without} does not; give it on all lines or on none"
                ),
            ));
        }
        parsed.entries.push(entry);
    }
    Ok(parsed)
}

/// A line's number and its fields, or the number of a line that is not text.
type Fields = Result<(u64, Vec<String>), u64>;

/// The fields of each line that has any.
fn lines(text: &[u8], format: ListFormat) -> Box<dyn Iterator<Item = Fields> + '_> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    match format {
        ListFormat::Csv => {
            let reader = csv::ReaderBuilder::new()
                .has_headers(false)
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
        ListFormat::Kitti => {
            let numbered = (1..).zip(text.split(|&byte| byte == b'\n'));
            Box::new(numbered.filter_map(|(number, line)| {
                let Ok(line) = std::str::from_utf8(line) else {
                    return Some(Err(number));
                };
                let fields: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
                (!fields.is_empty()).then_some(Ok((number, fields)))
            }))
        }
    }
}

/// The reader's position of a record comes before the empty lines that it skips.
fn line_number(text: &[u8], at: &csv::Position) -> u64 {
    let rest = text.get(at.byte() as usize..).unwrap_or_default();
    let skipped = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r'));
    at.line() + skipped.filter(|&&byte| byte == b'\n').count() as u64
}

fn csv_line(fields: &[String]) -> Result<Entry, String> {
    match fields {
        [rgb, depth] => entry(rgb, depth, None),
        [rgb, depth, focal] => entry(rgb, depth, Some(focal)),
        fields => Err(count(fields)),
    }
}

/// None for an image without a depth map.
fn kitti_line(fields: &[String]) -> Result<Option<Entry>, String> {
    match fields {
        [rgb, depth, focal] => {
            let entry = entry(rgb, depth, Some(focal))?;
            Ok((depth != "None").then_some(entry))
        }
        [_, _] => Err("2 fields, so that the focal length is missing".to_owned()),
        fields => Err(count(fields)),
    }
}

fn count(fields: &[String]) -> String {
    match fields {
        [only] => format!("1 field (`{only}`)"),
        fields => format!("{} fields", fields.len()),
    }
}

fn entry(rgb: &str, depth: &str, focal: Option<&String>) -> Result<Entry, String> {
    let (rgb, depth) = (inside(rgb)?, inside(depth)?);
    let focal = match focal {
        None => None,
        Some(text) => match text.parse::<f32>() {
            Ok(focal) if focal.is_finite() && focal > 0.0 => Some(focal),
            _ => {
                return Err(format!(
                    "the focal length `{text}` is not a positive number"
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

/// A path that stays inside the data folder.
fn inside(path: &str) -> Result<&str, String> {
    if path.is_empty() {
        return Err("an empty path".to_owned());
    }
    let stays = Path::new(path)
        .components()
        .all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if stays {
        Ok(path)
    } else {
        Err(format!("`{path}` leads out of the data folder"))
    }
}

fn id_of(rgb: &str) -> String {
    let stem = Path::new(rgb).with_extension("");
    let parts: Vec<_> = stem
        .components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    parts.join("/")
}
