//! What is wrong with the lines of a list, and the command that repairs it.

use std::path::Path;

use mde_files::repair_command;

use crate::list_format::{ListFormat, focal_of};
use crate::paths::{has_image_extension, leads_out};
use crate::rows::{Row, Separator};
use crate::wording::{shown, thousands};

/// KITTI's focal lengths by the day of the recording, from its calibration files (`P_rect_02`).
const KITTI_FOCALS: &str = "2011_09_26 721.5377 2011_09_28 707.0493 2011_09_29 718.3351 \
    2011_09_30 707.0912 2011_10_03 718.856";

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Folder, frame and side, as monodepth2 lists KITTI.
    FolderAndFrame,
    /// Both columns are colour images, as monodepth lists KITTI.
    StereoPair,
    /// Two paths and a third, as NeWCRFs lists NYUv2.
    ThirdPath,
    /// A path with a blank, where blanks separate the fields.
    BlankInPath,
    /// A number before two paths, as pandas writes tables.
    RowNumber,
    /// The header names depth first.
    DepthFirst,
    /// A quotation mark that is not closed.
    OpenQuote,
    EmptyPath,
    LeadsOut,
    WrongFocal,
    /// The format needs a focal length.
    NoFocal,
    /// A focal length on some lines only.
    SomeFocals,
    /// Anything else.
    FieldCount,
}

impl Fault {
    /// True if the lines are not in the form that lists have, whatever separates the fields.
    pub(crate) fn is_unknown_form(self) -> bool {
        matches!(self, Self::FieldCount)
    }
}

/// All lines with the same fault.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WrongLines {
    pub(crate) fault: Fault,
    /// The first such line.
    pub(crate) first: Row,
    /// Number of such lines.
    pub(crate) count: usize,
    /// Number of lines of the list, without comments and empty ones.
    pub(crate) of: usize,
}

impl WrongLines {
    /// `line 5`, `all 24,231 lines` or `lines 5, ... (12 of 24,231)`.
    pub(crate) fn place(&self) -> String {
        match (self.count, self.of) {
            (1, _) => format!("line {}", self.first.number),
            (count, of) if count == of => format!("all {} lines", thousands(of)),
            (count, of) => format!(
                "line {} and {} more of {} lines",
                self.first.number,
                thousands(count - 1),
                thousands(of)
            ),
        }
    }

    /// What is wrong, of the first line.
    pub(crate) fn reason(&self) -> String {
        let fields = &self.first.fields;
        let field = |at: usize| shown(fields.get(at).map_or("", String::as_str));
        match self.fault {
            Fault::FolderAndFrame => format!(
                "folder, frame and side (`{}`): a list of monodepth2, which names no files",
                shown(&fields.join(" "))
            ),
            Fault::StereoPair => format!(
                "the second column is the right image of a stereo pair (`{}`): a list of monodepth, which names no depth",
                field(1)
            ),
            Fault::ThirdPath => format!(
                "the third column is a path (`{}`): lists of NeWCRFs have the filled depth there",
                field(2)
            ),
            Fault::BlankInPath => format!(
                "a path with a blank (`{}`), in a list whose fields are separated by blanks",
                shown(&fields.join(" "))
            ),
            Fault::RowNumber => format!(
                "the first column is a number (`{}`), as pandas writes tables with their index",
                field(0)
            ),
            Fault::DepthFirst => {
                format!(
                    "the header (`{}`) names the depth map first",
                    shown(&fields.join(","))
                )
            }
            Fault::OpenQuote => format!("a quotation mark is not closed (`{}`)", field(0)),
            Fault::EmptyPath => "an empty path".to_owned(),
            Fault::LeadsOut => {
                let path = fields
                    .iter()
                    .take(2)
                    .find(|path| leads_out(path) || path.starts_with('/'));
                let path = path.map_or("", String::as_str);
                format!("`{}` leads out of the data folder", shown(path))
            }
            Fault::WrongFocal => {
                format!("the focal length `{}` is not a positive number", field(2))
            }
            Fault::NoFocal => "2 fields, the focal length is missing".to_owned(),
            Fault::SomeFocals => match fields.len() {
                2 => "no focal length, which other lines give".to_owned(),
                _ => "a focal length, which other lines do not give".to_owned(),
            },
            Fault::FieldCount => match fields.as_slice() {
                [only] => format!("1 field (`{}`)", shown(only)),
                fields => format!("{} fields (`{}`)", fields.len(), shown(&fields.join(" "))),
            },
        }
    }

    /// What repairs these lines.
    pub(crate) fn remedy(&self, list: &Path, separator: Separator, format: ListFormat) -> String {
        let command = |filter: &str| repair_command(list, filter);
        let awk = |program: &str| command(&format!("{} '{program}'", separator.awk()));
        let expected = || format!("expected {}", format.expected());
        // The commands change every line.
        let concerns_some = self.count < self.of;
        match self.fault {
            Fault::FolderAndFrame | Fault::StereoPair | Fault::ThirdPath | Fault::RowNumber
                if concerns_some =>
            {
                expected()
            }
            Fault::FolderAndFrame => {
                let program = format!(
                    "{}{{split($1,d,\"/\");i=($3==\"r\")?\"image_03\":\"image_02\";\
                     n=sprintf(\"%010d.png\",$2);print $1\"/\"i\"/data/\"n,\
                     d[2]\"/proj_depth/groundtruth/\"i\"/\"n,f[d[1]]}}",
                    focals_by_day()
                );
                format!("write the paths of KITTI's files with `{}`", awk(&program))
            }
            Fault::StereoPair => {
                let program = format!(
                    "{}{{split($1,d,\"/\");n=d[5];sub(/jpg$/,\"png\",n);\
                     print $1,d[2]\"/proj_depth/groundtruth/\"d[3]\"/\"n,f[d[1]]}}",
                    focals_by_day()
                );
                format!("write the paths of KITTI's depth with `{}`", awk(&program))
            }
            Fault::ThirdPath => {
                let has_focal = self.first.fields.len() > 3;
                let filter = match (separator, has_focal) {
                    (Separator::Blanks, false) => "cut -d' ' -f1,2".to_owned(),
                    (Separator::Comma, false) => "cut -d, -f1,2".to_owned(),
                    (_, false) => format!("{} '{{print $1,$2}}'", separator.awk()),
                    (_, true) => format!("{} '{{print $1,$2,$4}}'", separator.awk()),
                };
                let columns = if has_focal { "1, 2 and 4" } else { "1 and 2" };
                format!("take columns {columns} with `{}`", command(&filter))
            }
            Fault::BlankInPath => format!(
                "use a list named *.csv, with commas between the fields, or write the commas with `{}`",
                command(&commas_after_images())
            ),
            Fault::RowNumber => format!(
                "take the columns after it with `{}`",
                awk("{sub(/^[^,;\\t ]*[,;\\t ]+/,\"\");print}")
            ),
            Fault::DepthFirst => {
                format!(
                    "exchange the columns with `{}`",
                    awk("{t=$1;$1=$2;$2=t;print}")
                )
            }
            Fault::NoFocal if is_kitti(&self.first.fields[0]) => format!(
                "add it with `{}`",
                awk(&format!(
                    "{}NF==2{{$3=f[substr($1,1,10)]}}{{print}}",
                    focals_by_day()
                ))
            ),
            Fault::SomeFocals => "give it on all lines or on none".to_owned(),
            Fault::LeadsOut => {
                "give the folder that holds all files, or put a symbolic link into the data folder"
                    .to_owned()
            }
            Fault::OpenQuote => format!(
                "remove the quotation marks with `{}`",
                command("tr -d '\"'")
            ),
            Fault::NoFocal | Fault::EmptyPath | Fault::WrongFocal | Fault::FieldCount => expected(),
        }
    }
}

/// Whether a path begins with a day of KITTI's recordings.
fn is_kitti(path: &str) -> bool {
    let mut days = KITTI_FOCALS.split(' ').step_by(2);
    days.any(|day| path.starts_with(day))
}

/// The beginning of an `awk` program: KITTI's focal lengths by day in `f`.
fn focals_by_day() -> String {
    format!("BEGIN{{k=split(\"{KITTI_FOCALS}\",t,\" \");for(i=1;i<k;i+=2)f[t[i]]=t[i+1]}}")
}

/// A command that writes commas between fields that are separated by blanks, where each path ends
/// in the extension of an image or is `None`.
fn commas_after_images() -> String {
    "sed -E 's/\"//g; s/(\\.(png|jpg|jpeg|PNG|JPG|JPEG))[[:space:]]+/\\1,/g; \
     s/,None[[:space:]]+/,None,/'"
        .to_owned()
}

/// The fault of a row under a separator, whether or not other separators fit better.
pub(crate) fn fault_of(row: &Row, separator: Separator, format: ListFormat) -> Option<Fault> {
    let fields = row.fields.as_slice();
    if fields.iter().any(|field| field.contains('\n')) {
        return Some(Fault::OpenQuote);
    }
    let is_number = |text: &String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_image = |text: &String| has_image_extension(text);
    if separator == Separator::Blanks {
        // A comma and a blank between the fields.
        if fields.iter().any(|field| field.ends_with([',', ';'])) {
            return Some(Fault::FieldCount);
        }
        match fields {
            [folder, frame] if is_number(frame) && !is_image(folder) => {
                return Some(Fault::FolderAndFrame);
            }
            [folder, frame, side] if is_number(frame) && !is_image(folder) => {
                if matches!(side.as_str(), "l" | "r") {
                    return Some(Fault::FolderAndFrame);
                }
            }
            _ => {}
        }
    }
    match fields {
        [_] => return Some(Fault::FieldCount),
        [number, rgb, depth, ..] if is_number(number) && is_image(rgb) && is_image(depth) => {
            return Some(Fault::RowNumber);
        }
        [rgb, depth, third] | [rgb, depth, third, _]
            if [rgb, depth, third].into_iter().all(is_image) =>
        {
            return Some(Fault::ThirdPath);
        }
        _ if separator == Separator::Blanks && has_blank_in_path(fields) => {
            return Some(Fault::BlankInPath);
        }
        [_, _] | [_, _, _] => {}
        _ => return Some(Fault::FieldCount),
    }
    if fields[0].is_empty() || fields[1].is_empty() {
        return Some(Fault::EmptyPath);
    }
    if fields[..2].iter().any(|path| leads_out(path)) {
        return Some(Fault::LeadsOut);
    }
    if is_stereo_pair(&fields[0], &fields[1]) {
        return Some(Fault::StereoPair);
    }
    match fields.get(2) {
        Some(focal) if focal_of(focal).is_none() => Some(Fault::WrongFocal),
        None if format == ListFormat::Kitti => Some(Fault::NoFocal),
        _ => None,
    }
}

/// True if blanks cut paths into pieces: more than two fields, of which two are ends of paths.
fn has_blank_in_path(fields: &[String]) -> bool {
    let is_focal = |text: &String| focal_of(text).is_some();
    let paths = match fields {
        [paths @ .., last] if is_focal(last) => paths,
        paths => paths,
    };
    let ends = |text: &String| {
        let text = text.trim_matches('"');
        has_image_extension(text) || text == "None"
    };
    paths.len() > 2
        && paths.iter().filter(|field| ends(field)).count() == 2
        && paths.last().is_some_and(ends)
}

/// True for the two images of a stereo pair in KITTI's folders.
fn is_stereo_pair(left: &str, right: &str) -> bool {
    left.contains("image_02/data/") && left.replace("image_02/data/", "image_03/data/") == right
}
