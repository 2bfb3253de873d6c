//! One RGB-D pair.

use image::RgbImage;

use crate::DepthMap;

/// One RGB-D pair as stored on disk.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Path of the colour image in the list, without its extension, `/` between folders.
    pub id: String,
    /// 8-bit RGB.
    pub rgb: RgbImage,
    /// Depth of the same size. It may be 0 (not measured) everywhere: losses and metrics mask
    /// invalid depth, so that is not an error here.
    pub depth: DepthMap,
    /// Focal length in pixels, if the list or the description gives one.
    pub focal: Option<f32>,
}
