//! Generated RGB-D folders for the tests, and the path of real data.

use std::fs;
use std::path::{Path, PathBuf};

use image::{GrayImage, ImageBuffer, Luma, Rgb, RgbImage};
use mde_datasets::{DepthEncoding, RgbdList};
use tempfile::TempDir;

/// Height and width of generated frames: neither square nor 4:3.
pub(crate) const SIZE: (u32, u32) = (26, 35);

/// A folder with `count` pairs `train/00000.png` and a list; 16-bit mm depth with missing pixels.
pub(crate) struct Folder {
    pub(crate) dir: TempDir,
}

impl Folder {
    pub(crate) fn new(count: u32) -> Self {
        let folder = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(folder.path("train")).unwrap();
        let mut lines = String::new();
        for number in 0..count {
            let (rgb, depth) = (
                format!("train/{number:05}.png"),
                format!("train/{number:05}_depth.png"),
            );
            picture(number).save(folder.path(&rgb)).unwrap();
            depth_mm(number).save(folder.path(&depth)).unwrap();
            lines += &format!("{rgb},{depth}\n");
        }
        folder.write("list.csv", lines);
        folder
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn open(&self) -> Result<RgbdList, mde_datasets::DatasetError> {
        self.open_as(DepthEncoding::U16_MM)
    }

    pub(crate) fn open_as(
        &self,
        encoding: DepthEncoding,
    ) -> Result<RgbdList, mde_datasets::DatasetError> {
        RgbdList::open(self.root(), &self.path("list.csv"), encoding)
    }

    /// The error message of loading pair 0.
    pub(crate) fn load_error(&self, encoding: DepthEncoding) -> String {
        self.open_as(encoding)
            .unwrap()
            .load(0)
            .unwrap_err()
            .to_string()
    }
}

pub(crate) fn picture(number: u32) -> RgbImage {
    RgbImage::from_fn(SIZE.1, SIZE.0, |x, y| {
        Rgb([(7 * x) as u8, (9 * y) as u8, (20 * number) as u8])
    })
}

pub(crate) type Grey16 = ImageBuffer<Luma<u16>, Vec<u16>>;

/// 1 m and more; every 11th pixel is missing.
pub(crate) fn depth_mm(number: u32) -> Grey16 {
    Grey16::from_fn(SIZE.1, SIZE.0, |x, y| {
        let hole = (x + 3 * y + number).is_multiple_of(11);
        Luma([if hole {
            0
        } else {
            (1000 + 100 * number + 10 * x + y) as u16
        }])
    })
}

pub(crate) fn depth_u8(value: u8) -> GrayImage {
    GrayImage::from_pixel(SIZE.1, SIZE.0, Luma([value]))
}

pub(crate) use mde_test_kit::real_data;
