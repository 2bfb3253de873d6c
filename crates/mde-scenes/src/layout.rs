//! How rooms and streets lie on disk: names of files and lists, and the bytes of a pair.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageBuffer, ImageEncoder, ImageError, Luma, RgbImage};

use crate::camera::Lens;
use crate::{render_room, render_street};

/// JPEG quality of rooms' photographs.
const QUALITY: u8 = 92;

/// The two layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// NYU Depth V2's, as the paper's lists have it.
    Rooms,
    /// KITTI's, with one drive for each split.
    Streets,
}

/// Paths of a pair, relative to the data folder.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) rgb: String,
    pub(crate) depth: String,
}

/// A photograph with its depth as stored.
pub(crate) struct Pair {
    rgb: RgbImage,
    depth: ImageBuffer<Luma<u16>, Vec<u16>>,
}

impl Layout {
    /// Changes whenever the same seed gives another picture, so that one folder never mixes two generations.
    pub(crate) fn generation(self) -> u32 {
        match self {
            Self::Rooms | Self::Streets => 1,
        }
    }

    /// The file that says how a folder was made.
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

    /// Folders of a split.
    pub(crate) fn folders(self, split: &str) -> Vec<String> {
        match self {
            Self::Rooms => vec![split.to_owned()],
            Self::Streets => vec![street_rgb(split), street_depth(split)],
        }
    }

    pub(crate) fn names(self, split: &str, number: usize) -> Names {
        match self {
            Self::Rooms => Names {
                rgb: format!("{split}/room_{number:05}.jpg"),
                depth: format!("{split}/room_{number:05}.png"),
            },
            Self::Streets => Names {
                rgb: format!("{}/{number:010}.png", street_rgb(split)),
                depth: format!("{}/{number:010}.png", street_depth(split)),
            },
        }
    }

    /// A pair's line of the list, for pictures of this width.
    pub(crate) fn line(self, Names { rgb, depth }: &Names, width: u32) -> String {
        match self {
            Self::Rooms => format!("{rgb},{depth}\n"),
            Self::Streets => format!("{rgb} {depth} {}\n", Lens::kitti(width, 1).focal),
        }
    }

    pub(crate) fn render(self, seed: u64, index: u64, width: u32, height: u32) -> Pair {
        match self {
            Self::Rooms => {
                let frame = render_room(seed, index, width, height);
                Pair {
                    rgb: frame.rgb,
                    depth: frame.depth_mm,
                }
            }
            Self::Streets => {
                let frame = render_street(seed, index, width, height);
                Pair {
                    rgb: frame.rgb,
                    depth: frame.depth,
                }
            }
        }
    }

    /// JPEG for rooms, PNG for streets, as in the data sets that they stand for.
    pub(crate) fn encode_rgb(self, pair: &Pair) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Vec::new();
        let (width, height) = pair.rgb.dimensions();
        let (pixels, colour) = (pair.rgb.as_raw(), ExtendedColorType::Rgb8);
        match self {
            Self::Rooms => JpegEncoder::new_with_quality(&mut bytes, QUALITY)
                .write_image(pixels, width, height, colour)?,
            Self::Streets => PngEncoder::new_with_quality(
                &mut bytes,
                CompressionType::Fast,
                FilterType::Adaptive,
            )
            .write_image(pixels, width, height, colour)?,
        }
        Ok(bytes)
    }

    pub(crate) fn encode_depth(self, pair: &Pair) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Cursor::new(Vec::new());
        pair.depth.write_to(&mut bytes, image::ImageFormat::Png)?;
        Ok(bytes.into_inner())
    }
}

fn street_rgb(split: &str) -> String {
    format!("{split}/image_02/data")
}

fn street_depth(split: &str) -> String {
    format!("{split}/proj_depth/groundtruth/image_02")
}
