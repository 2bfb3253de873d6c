//! Synthetic archives in KITTI's layout: drives with all cameras, and annotated depth of unlisted
//! drives.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::files::Files;
use crate::place::{Place, bytes, sha256};

/// Images of each camera of a drive.
const FRAMES: u64 = 40;
/// Approximate size of an image; all sizes differ.
const IMAGE: u64 = 20_000;

/// The drives, each with the frames that the lists name.
const DRIVES: [(&str, &str, [u64; 4]); 2] = [
    ("2011_09_26_drive_0002", "val", [3, 4, 5, 30]),
    ("2011_09_28_drive_0039", "train", [0, 1, 20, 39]),
];
/// The list names no depth for this frame.
const WITHOUT_DEPTH: u64 = 4;

pub(crate) const TEST_LIST: &str = "eigen_test_files_with_gt_652.txt";
pub(crate) const TRAIN_LIST: &str = "eigen_train_files_with_gt.txt";
pub(crate) const DEPTH_ARCHIVE: &str = "/data_depth_annotated.zip";
pub(crate) const DRIVE_ARCHIVE: &str =
    "/raw_data/2011_09_26_drive_0002/2011_09_26_drive_0002_sync.zip";

/// Two drives with depth and lists on a server, and the expected result.
pub(crate) struct Kitti {
    pub(crate) server: Files,
    pub(crate) place: Place,
    /// The expected contents of the folder at the end.
    pub(crate) expected: BTreeMap<String, Vec<u8>>,
}

impl Kitti {
    pub(crate) fn new() -> Self {
        Self::on(Files::start())
    }

    pub(crate) fn on(server: Files) -> Self {
        let mut expected = BTreeMap::new();
        let mut depth = Vec::new();
        for (index, (drive, split, frames)) in DRIVES.iter().enumerate() {
            let drive_files = drive_files(index as u64, drive);
            let maps = depth_files(index as u64, drive, split);
            let list = list(drive, frames, index == 0);
            let name = [TEST_LIST, TRAIN_LIST][index];
            expected.insert(name.to_owned(), list.clone().into_bytes());
            server.put(&format!("/lists/{name}"), list.into_bytes());
            for frame in frames {
                let image = image(drive, 2, *frame);
                expected.insert(image.clone(), drive_files[&image].clone());
                if index != 0 || *frame != WITHOUT_DEPTH {
                    let map = depth_map(drive, split, *frame);
                    let bytes = maps[&map].clone();
                    expected.insert(format!("data_depth_annotated/{map}"), bytes);
                }
            }
            server.put(
                &format!("/raw_data/{drive}/{drive}_sync.zip"),
                archive(&drive_files),
            );
            depth.extend(maps);
        }
        // A drive that no list names.
        depth.extend(depth_files(7, "2011_10_03_drive_0047", "val"));
        server.put(DEPTH_ARCHIVE, archive(&depth.into_iter().collect()));
        let place = Place::new(&manifest(&server));
        Self {
            server,
            place,
            expected,
        }
    }

    /// With this many more empty files in the archive of depth.
    pub(crate) fn with_more_files(self, count: u64) -> Self {
        let mut files: BTreeMap<_, _> = (0..count)
            .map(|frame| {
                (
                    depth_map("2011_09_29_drive_0071", "train", frame),
                    Vec::new(),
                )
            })
            .collect();
        for (index, (drive, split, _)) in DRIVES.iter().enumerate() {
            files.extend(depth_files(index as u64, drive, split));
        }
        self.server.put(DEPTH_ARCHIVE, archive(&files));
        self
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.place.data().join("kitti")
    }

    /// Bytes of all archives.
    pub(crate) fn archives(&self) -> u64 {
        let drives = DRIVES.map(|(drive, ..)| format!("/raw_data/{drive}/{drive}_sync.zip"));
        let sizes = drives.iter().map(|path| self.server.size(path));
        sizes.sum::<u64>() + self.server.size(DEPTH_ARCHIVE)
    }

    /// Puts the archives into a folder, as a browser would save them.
    pub(crate) fn download_by_hand(&self, paths: &[&str]) -> PathBuf {
        let folder = self.place.path("by-hand");
        fs::create_dir_all(&folder).unwrap();
        for path in paths {
            let name = Path::new(path).file_name().unwrap();
            fs::write(folder.join(name), self.server.file(path)).unwrap();
        }
        folder
    }
}

fn manifest(server: &Files) -> Vec<(&'static str, String)> {
    let entry =
        |path: &str, file: &str| format!("url = \"{}\"\nfile = \"{file}\"", server.url(path));
    let list = |name: &str| {
        let path = format!("/lists/{name}");
        let hash = sha256(&server.file(&path));
        format!("{}\nsha256 = \"{hash}\"", entry(&path, name))
    };
    vec![
        (
            "data.kitti-raw",
            entry("/raw_data/DRIVE/DRIVE_sync.zip", "DRIVE_sync.zip"),
        ),
        (
            "data.kitti-depth",
            entry(DEPTH_ARCHIVE, "data_depth_annotated.zip"),
        ),
        ("data.kitti-eigen-train", list(TRAIN_LIST)),
        ("data.kitti-eigen-test", list(TEST_LIST)),
    ]
}

/// The contents of a drive's archive.
fn drive_files(seed: u64, drive: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for camera in 0..4 {
        for frame in 0..FRAMES {
            let seed = seed * 1000 + camera * 100 + frame;
            files.insert(
                image(drive, camera, frame),
                bytes(seed, (IMAGE + 37 * seed % 1000) as usize),
            );
        }
    }
    let date = &drive[..10];
    files.insert(
        format!("{date}/{drive}_sync/oxts/dataformat.txt"),
        b"lat: latitude\n".repeat(30),
    );
    files
}

fn depth_files(seed: u64, drive: &str, split: &str) -> BTreeMap<String, Vec<u8>> {
    (0..FRAMES)
        .map(|frame| {
            let seed = 50_000 + seed * 1000 + frame;
            let bytes = bytes(seed, (IMAGE + seed % 1000) as usize);
            (depth_map(drive, split, frame), bytes)
        })
        .collect()
}

fn image(drive: &str, camera: u64, frame: u64) -> String {
    let date = &drive[..10];
    format!("{date}/{drive}_sync/image_{camera:02}/data/{frame:010}.png")
}

fn depth_map(drive: &str, split: &str, frame: u64) -> String {
    format!("{split}/{drive}_sync/proj_depth/groundtruth/image_02/{frame:010}.png")
}

/// A list in the form of the test's, with dates before depth maps, or of the training set's,
/// without.
fn list(drive: &str, frames: &[u64], dated: bool) -> String {
    let date = if dated {
        format!("{}/", &drive[..10])
    } else {
        String::new()
    };
    let line = |frame: &u64| {
        let depth = match *frame {
            WITHOUT_DEPTH if dated => "None".to_owned(),
            frame => format!(
                "{date}{}",
                depth_map(drive, "", frame).trim_start_matches('/')
            ),
        };
        format!("{} {depth} 721.5377\n", image(drive, 2, *frame))
    };
    frames.iter().map(line).collect()
}

/// A zip archive: every second file deflated, the others stored.
pub(crate) fn archive(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (number, (name, bytes)) in files.iter().enumerate() {
        let method = [CompressionMethod::Stored, CompressionMethod::Deflated][number % 2];
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
