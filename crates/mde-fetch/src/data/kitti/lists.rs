//! The files that the lists of the Eigen split name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use mde_files::read_text;

use crate::error::{FetchError, Result};

/// The files that lists name.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Colour images by drive, such as `2011_09_26_drive_0002_sync`, as named by the drive's
    /// archive and the lists.
    pub(super) images: BTreeMap<String, BTreeSet<String>>,
    /// Depth maps without their date, as in the archive of annotated depth below `train` and
    /// `val`.
    pub(super) depth: BTreeSet<String>,
}

impl Wanted {
    /// Adds the files of a list.
    pub(super) fn read(&mut self, list: &Path) -> Result<()> {
        let text = read_text(list)?;
        for (number, line) in text.lines().enumerate() {
            self.add(line).map_err(|reason| {
                FetchError::contents(list.display(), format!("line {}: {reason}", number + 1))
            })?;
        }
        Ok(())
    }

    /// Adds the files of a line; the error describes what is wrong with it.
    fn add(&mut self, line: &str) -> Result<(), String> {
        let mut fields = line.split_whitespace();
        let Some(image) = fields.next() else {
            return Ok(());
        };
        let Some(drive) = drive_of_image(image) else {
            return Err(format!(
                "{image:?} is not an image of a drive; expected \
                 DATE/DATE_drive_N_sync/image_02/data/N.png"
            ));
        };
        let images = self.images.entry(drive.to_owned()).or_default();
        images.insert(image.to_owned());
        match fields.next() {
            None | Some("None") => Ok(()),
            Some(depth) => {
                let Some(undated) = undated_depth(depth) else {
                    return Err(format!(
                        "{depth:?} is not a depth map; expected \
                         DATE_drive_N_sync/proj_depth/groundtruth/image_02/N.png, with or without \
                         DATE/ before it, or None"
                    ));
                };
                self.depth.insert(undated.to_owned());
                Ok(())
            }
        }
    }
}

/// The drive of `2011_09_26/2011_09_26_drive_0002_sync/image_02/data/0000000069.png`.
fn drive_of_image(path: &str) -> Option<&str> {
    let parts: Vec<&str> = path.split('/').collect();
    let &[date, drive, camera, "data", file] = parts.as_slice() else {
        return None;
    };
    let of_date = drive.strip_prefix(date)?.starts_with("_drive_");
    (of_date && is_drive(drive) && is_name(camera) && is_name(file)).then_some(drive)
}

/// `2011_09_26_drive_0002_sync/proj_depth/groundtruth/image_02/0000000069.png`, of a path with or
/// without its date.
fn undated_depth(path: &str) -> Option<&str> {
    let dated = path.split_once('/').filter(|(date, _)| !is_drive(date));
    let undated = dated.map_or(path, |(_, rest)| rest);
    let parts: Vec<&str> = undated.split('/').collect();
    let &[drive, "proj_depth", "groundtruth", camera, file] = parts.as_slice() else {
        return None;
    };
    let of_date = dated.is_none_or(|(date, _)| drive.starts_with(&format!("{date}_drive_")));
    (of_date && is_drive(drive) && is_name(camera) && is_name(file)).then_some(undated)
}

fn is_drive(name: &str) -> bool {
    is_name(name) && name.contains("_drive_") && name.ends_with("_sync")
}

/// True for a plain name of a file or folder.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    !name.is_empty() && name.bytes().all(plain) && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const IMAGE: &str = "2011_09_26/2011_09_26_drive_0002_sync/image_02/data/0000000069.png";
    const DEPTH: &str = "2011_09_26_drive_0002_sync/proj_depth/groundtruth/image_02/0000000069.png";

    #[test]
    fn both_spellings_of_depth_name_one_file_and_none_names_none() {
        let mut wanted = Wanted::default();
        wanted.add(&format!("{IMAGE} {DEPTH} 721.5377")).unwrap();
        let dated = format!("{IMAGE} 2011_09_26/{DEPTH} 721.5377");
        wanted.add(&dated).unwrap();
        wanted.add(&format!("{IMAGE} None 721.5377")).unwrap();
        wanted.add("").unwrap();
        assert_eq!(wanted.depth.iter().collect::<Vec<_>>(), [DEPTH]);
        let images = &wanted.images["2011_09_26_drive_0002_sync"];
        assert_eq!(images.iter().collect::<Vec<_>>(), [IMAGE]);
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for line in [
            "../2011_09_26_drive_0002_sync/image_02/data/1.png",
            "2011_09_26/2011_09_28_drive_0002_sync/image_02/data/1.png",
            "2011_09_26/2011_09_26_drive_0002_sync/image_02/data/..",
            "2011_09_26/2011_09_26_drive_0002_sync/image_02/data/a\\b",
            "/2011_09_26/2011_09_26_drive_0002_sync/image_02/data/1.png",
            "rgb,depth",
            &format!("{IMAGE} ../{DEPTH}"),
            &format!("{IMAGE} {DEPTH}/../x"),
        ] {
            assert!(Wanted::default().add(line).is_err(), "{line}");
        }
    }
}
