//! Small sources with known pixels, and helpers of the tests.
#![allow(dead_code)] // each test binary uses its part

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use hdf5_pure::FileBuilder;
use mde_convert::{ConvertEvent, FrameSplit, LabelledOptions, RgbFormat};
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

pub(crate) const WIDTH: usize = 8;
pub(crate) const HEIGHT: usize = 6;

pub(crate) fn colour(frame: usize, channel: usize, x: usize, y: usize) -> u8 {
    ((frame * 37 + channel * 61 + x * 5 + y * 11) % 256) as u8
}

pub(crate) fn metres(frame: usize, x: usize, y: usize) -> f32 {
    1.0 + frame as f32 + x as f32 / 16.0 + y as f32 / 512.0
}

/// Raw depth with missing pixels.
pub(crate) fn raw_metres(frame: usize, x: usize, y: usize) -> f32 {
    if (x + y).is_multiple_of(5) {
        0.0
    } else {
        metres(frame, x, y)
    }
}

pub(crate) fn millimetres(metres: f32) -> u16 {
    (f64::from(metres) * 1000.0).round() as u16
}

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).join(name)).unwrap()
}

/// A file in the layout of `nyu_depth_v2_labeled.mat`.
pub(crate) struct Labelled {
    pub(crate) frames: usize,
    /// Frames per chunk; `None` is contiguous.
    pub(crate) chunk: Option<u64>,
    pub(crate) raw: bool,
    /// Name of the cell array of scenes, and its entries.
    pub(crate) scenes: (&'static str, &'static [&'static str]),
    /// Overrides the depth of a frame's pixel (x, y).
    pub(crate) depth: fn(usize, usize, usize) -> f32,
}

impl Default for Labelled {
    fn default() -> Self {
        Self {
            frames: 3,
            chunk: Some(1),
            raw: true,
            scenes: ("sceneTypes", &["kitchen", "home_office"]),
            depth: metres,
        }
    }
}

impl Labelled {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut file = FileBuilder::new();
        file.with_userblock(512)
            .with_userblock_content(b"MATLAB 7.3 MAT-file");
        let mut images = Vec::new();
        let (mut depths, mut raw) = (Vec::new(), Vec::new());
        for frame in 0..self.frames {
            let columns = || (0..WIDTH).flat_map(|x| (0..HEIGHT).map(move |y| (x, y)));
            for channel in 0..3 {
                images.extend(columns().map(|(x, y)| colour(frame, channel, x, y)));
            }
            depths.extend(columns().map(|(x, y)| (self.depth)(frame, x, y)));
            raw.extend(columns().map(|(x, y)| raw_metres(frame, x, y)));
        }
        let (frames, width, height) = (self.frames as u64, WIDTH as u64, HEIGHT as u64);
        let data = file.create_dataset("images");
        data.with_u8_data(&images)
            .with_shape(&[frames, 3, width, height]);
        if let Some(chunk) = self.chunk {
            data.with_chunks(&[chunk, 3, width, height]).with_deflate(4);
        }
        let maps = [("depths", &depths), ("rawDepths", &raw)];
        for (name, values) in &maps[..1 + usize::from(self.raw)] {
            let data = file.create_dataset(name);
            data.with_f32_data(values)
                .with_shape(&[frames, width, height]);
            if let Some(chunk) = self.chunk {
                data.with_chunks(&[chunk, width, height]).with_deflate(4);
            }
        }
        let mut strings = file.create_group("#refs#");
        let (cells, names) = self.scenes;
        for (index, name) in names.iter().enumerate() {
            let units: Vec<u16> = name.encode_utf16().collect();
            let shape = [units.len() as u64, 1];
            let text = strings.create_dataset(&format!("s{index}"));
            text.with_u16_data(&units).with_shape(&shape);
        }
        file.add_group(strings.finish());
        let paths: Vec<String> = (0..self.frames)
            .map(|frame| format!("#refs#/s{}", frame % names.len()))
            .collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        file.create_dataset(cells)
            .with_path_references(&paths)
            .with_shape(&[1, frames]);
        file.finish().unwrap()
    }

    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let path = folder.join("labelled.mat");
        fs::write(&path, self.bytes()).unwrap();
        path
    }
}

pub(crate) fn labelled_options(mat: PathBuf, split: FrameSplit, out: &Path) -> LabelledOptions {
    LabelledOptions {
        mat,
        split,
        rgb: RgbFormat::Png,
        out: out.to_owned(),
    }
}

/// A frame in FastDepth's format.
pub(crate) fn frame_h5(frame: usize) -> Vec<u8> {
    let rows = || (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
    let rgb: Vec<u8> = (0..3)
        .flat_map(|channel| rows().map(move |(x, y)| colour(frame, channel, x, y)))
        .collect();
    let depth: Vec<f32> = rows().map(|(x, y)| raw_metres(frame, x, y)).collect();
    let (width, height) = (WIDTH as u64, HEIGHT as u64);
    let mut file = FileBuilder::new();
    file.create_dataset("rgb")
        .with_u8_data(&rgb)
        .with_shape(&[3, height, width]);
    file.create_dataset("depth")
        .with_f32_data(&depth)
        .with_shape(&[height, width]);
    file.finish().unwrap()
}

pub(crate) fn tar_of(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, name, bytes.as_slice())
            .unwrap();
    }
    archive.into_inner().unwrap()
}

pub(crate) fn zip_of(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (index, (name, bytes)) in members.iter().enumerate() {
        // Real archives contain both kinds.
        let method = if index % 2 == 0 {
            CompressionMethod::Deflated
        } else {
            CompressionMethod::Stored
        };
        let options = SimpleFileOptions::default().compression_method(method);
        archive.start_file(*name, options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// Whether the images at these paths are those of `frame`.
pub(crate) fn assert_frame(
    rgb: &Path,
    depth: &Path,
    frame: usize,
    of: fn(usize, usize, usize) -> f32,
) {
    let image = image::open(rgb).unwrap();
    let image = image.as_rgb8().unwrap();
    assert_eq!(image.dimensions(), (WIDTH as u32, HEIGHT as u32));
    for (x, y, pixel) in image.enumerate_pixels() {
        let expected = [0, 1, 2].map(|channel| colour(frame, channel, x as usize, y as usize));
        assert_eq!(pixel.0, expected, "{} at {x}, {y}", rgb.display());
    }
    let image = image::open(depth).unwrap();
    let image = image.as_luma16().unwrap();
    assert_eq!(image.dimensions(), (WIDTH as u32, HEIGHT as u32));
    for (x, y, pixel) in image.enumerate_pixels() {
        let expected = millimetres(of(frame, x as usize, y as usize));
        assert_eq!(pixel.0, [expected], "{} at {x}, {y}", depth.display());
    }
}

/// All files below a folder with their bytes, sorted, without the lock file.
pub(crate) fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with(".lock") {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
                found.push((name.to_owned(), fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    contents(folder).into_iter().map(|(name, _)| name).collect()
}

/// Compares results of [`contents`]; prints names instead of bytes.
pub(crate) fn assert_same(found: &[(String, Vec<u8>)], expected: &[(String, Vec<u8>)]) {
    let names =
        |of: &[(String, Vec<u8>)]| of.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(found), names(expected));
    let differ: Vec<&str> = found
        .iter()
        .zip(expected)
        .filter(|(found, expected)| found.1 != expected.1)
        .map(|(found, _)| found.0.as_str())
        .collect();
    assert!(differ.is_empty(), "{differ:?} differ");
}

pub(crate) fn silent(_: ConvertEvent) {}

/// Collects the events of an observer.
#[derive(Default)]
pub(crate) struct Heard(pub(crate) Mutex<Vec<ConvertEvent>>);

impl Heard {
    pub(crate) fn hear(&self, event: ConvertEvent) {
        self.0.lock().unwrap().push(event);
    }
}

pub(crate) use mde_test_kit::real_data;
