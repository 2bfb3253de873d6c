//! The EXIF orientation of pictures: how stored pixels are turned and mirrored to be shown.

use image::ImageFormat;
use image::metadata::Orientation;

use crate::{jpeg, png};

/// The orientation that a complete JPEG or PNG gives. Without one, or with one that is not 1 to 8,
/// the pixels are shown as they are stored.
pub(crate) fn of_content(format: ImageFormat, bytes: &[u8]) -> Orientation {
    let exif = match format {
        ImageFormat::Jpeg => jpeg::exif(bytes),
        _ => png::exif(bytes),
    };
    exif.and_then(Orientation::from_exif_chunk)
        .unwrap_or(Orientation::NoTransforms)
}

/// (height, width) as shown, of stored pixels.
pub(crate) fn shown_size(
    (height, width): (usize, usize),
    orientation: Orientation,
) -> (usize, usize) {
    match orientation {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => (width, height),
        _ => (height, width),
    }
}
