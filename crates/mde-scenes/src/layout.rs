//! How rooms and streets lie on disk: names of files and lists, and the bytes of a pair.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ImageError, ImageFormat};

use crate::camera::Lens;
use crate::frame::{Frame, render_room, render_street};

/// JPEG quality of the photographs of rooms.
const QUALITY: u8 = 92;

/// The two layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// NYU Depth V2's, as in the paper's lists.
    Rooms,
    /// KITTI's, with one drive per split.
    Streets,
}

/// Paths of a pair, relative to the data folder.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) rgb: String,
    pub(crate) depth: String,
}

impl Layout {
    /// Version of the renderer. It changes whenever the same seed gives another image, so that one
    /// folder never mixes two versions.
    pub(crate) fn generation(self) -> u32 {
        match self {
            Self::Rooms | Self::Streets => 1,
        }
    }

    /// The file that records how a folder was rendered.
    pub(crate) fn manifest(self) -> &'static str {
        match self {
            Self::Rooms => "rooms.json",
            Self::Streets => "streets.json",
        }
    }

    /// The lists of training and test pairs.
    pub(crate) fn lists(self) -> [&'static str; 2] {
        match self {
            Self::Rooms => ["rooms_train.csv", "rooms_test.csv"],
            Self::Streets => ["streets_train.txt", "streets_test.txt"],
        }
    }

    /// Folders of a split: for photographs and for depth.
    pub(crate) fn folders(self, split: &str) -> [String; 2] {
        match self {
            Self::Rooms => [split.to_owned(), split.to_owned()],
            Self::Streets => [
                format!("{split}/image_02/data"),
                format!("{split}/proj_depth/groundtruth/image_02"),
            ],
        }
    }

    pub(crate) fn names(self, split: &str, number: usize) -> Names {
        let [rgb, depth] = self.folders(split);
        match self {
            Self::Rooms => Names {
                rgb: format!("{rgb}/room_{number:05}.jpg"),
                depth: format!("{depth}/room_{number:05}.png"),
            },
            Self::Streets => Names {
                rgb: format!("{rgb}/{number:010}.png"),
                depth: format!("{depth}/{number:010}.png"),
            },
        }
    }

    /// A pair's line in the list, for images of this width.
    pub(crate) fn line(self, Names { rgb, depth }: &Names, width: u32) -> String {
        match self {
            Self::Rooms => format!("{rgb},{depth}\n"),
            Self::Streets => format!("{rgb} {depth} {}\n", Lens::kitti(width, 1).focal),
        }
    }

    pub(crate) fn render(self, seed: u64, index: u64, width: u32, height: u32) -> Frame {
        match self {
            Self::Rooms => render_room(seed, index, width, height),
            Self::Streets => render_street(seed, index, width, height),
        }
    }

    /// The photograph as JPEG for rooms and as PNG for streets, as in the imitated data sets.
    pub(crate) fn encode_rgb(self, frame: &Frame) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Vec::new();
        match self {
            Self::Rooms => {
                let encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
                frame.rgb.write_with_encoder(encoder)?;
            }
            Self::Streets => {
                let (compression, filter) = (CompressionType::Fast, FilterType::Adaptive);
                let encoder = PngEncoder::new_with_quality(&mut bytes, compression, filter);
                frame.rgb.write_with_encoder(encoder)?;
            }
        }
        Ok(bytes)
    }

    pub(crate) fn encode_depth(self, frame: &Frame) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Cursor::new(Vec::new());
        frame.depth.write_to(&mut bytes, ImageFormat::Png)?;
        Ok(bytes.into_inner())
    }
}
