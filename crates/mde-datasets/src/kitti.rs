//! Search paths of KITTI's files: raw drives and annotated depth are two downloads with two
//! layouts.
//!
//! The paper's lists name both below one root (`2011_09_26/2011_09_26_drive_0002_sync/...`). BTS's
//! lists name depth without the date (`2011_09_26_drive_0002_sync/proj_depth/...`). The annotated
//! depth unpacks to `train/` and `val/`, with drives without the date. A listed path is tried as it
//! is, then in the folders of the downloads.

use std::path::{Path, PathBuf};

/// Folders in the data folder that are searched for colour images.
pub(crate) const RGB_FOLDERS: [&str; 2] = ["", "raw_data"];
/// Folders in the data folder that are searched for depth maps, with and without their date.
pub(crate) const DEPTH_FOLDERS: [&str; 4] = [
    "",
    "data_depth_annotated",
    "data_depth_annotated/train",
    "data_depth_annotated/val",
];

/// Path of a listed colour image relative to the data folder, if it exists.
pub(crate) fn find_rgb(root: &Path, listed: &str) -> Option<PathBuf> {
    find(root, &RGB_FOLDERS, listed)
}

/// Path of a listed depth map relative to the data folder, if it exists.
pub(crate) fn find_depth(root: &Path, listed: &str) -> Option<PathBuf> {
    let undated = without_date(listed);
    find(root, &DEPTH_FOLDERS, listed)
        .or_else(|| undated.and_then(|path| find(root, &DEPTH_FOLDERS, path)))
}

fn find(root: &Path, folders: &[&str], listed: &str) -> Option<PathBuf> {
    let mut paths = folders.iter().map(|folder| Path::new(folder).join(listed));
    paths.find(|path| root.join(path).is_file())
}

/// The path without its first folder, if that is a date such as `2011_09_26`.
fn without_date(listed: &str) -> Option<&str> {
    let (first, rest) = listed.split_once('/')?;
    let shape = first
        .bytes()
        .map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    shape.eq(*b"0000_00_00").then_some(rest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, missing_docs)]
    use super::*;

    #[test]
    fn only_a_date_is_removed() {
        assert_eq!(without_date("2011_09_26/drive/x.png"), Some("drive/x.png"));
        for path in [
            "2011_09_26_drive_0002_sync/x.png",
            "train/x.png",
            "2011_09_26",
        ] {
            assert_eq!(without_date(path), None);
        }
    }

    #[test]
    fn files_are_found_in_the_layouts_of_the_downloads() {
        let dir = tempfile::tempdir().unwrap();
        let listed = "2011_09_26/2011_09_26_drive_0002_sync/proj_depth/groundtruth/image_02/5.png";
        let undated = &listed["2011_09_26/".len()..];
        assert_eq!(find_depth(dir.path(), listed), None);
        // Each place is preferred to those before it in this list.
        for place in [
            format!("data_depth_annotated/val/{undated}"),
            format!("data_depth_annotated/train/{undated}"),
            format!("data_depth_annotated/{undated}"),
            undated.to_owned(),
            format!("data_depth_annotated/{listed}"),
            listed.to_owned(),
        ] {
            let path = dir.path().join(&place);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
            assert_eq!(find_depth(dir.path(), listed).unwrap(), Path::new(&place));
        }
        let rgb = "2011_09_26/2011_09_26_drive_0002_sync/image_02/data/5.png";
        assert_eq!(find_rgb(dir.path(), rgb), None);
        let path = dir.path().join("raw_data").join(rgb);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
        assert_eq!(
            find_rgb(dir.path(), rgb).unwrap(),
            Path::new("raw_data").join(rgb)
        );
    }
}
