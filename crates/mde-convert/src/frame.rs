//! Encodes the pixels of a frame as image files.

use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ImageBuffer, Luma, RgbImage};

use crate::error::{ConvertError, Result};

/// File format of the colour images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RgbFormat {
    /// PNG, lossless.
    #[default]
    Png,
    /// JPEG, as the paper's lists name it: about a third of the size, lossy.
    Jpeg {
        /// Quality, 95 to 100.
        quality: u8,
    },
}

impl RgbFormat {
    pub(crate) fn check(self) -> Result<()> {
        match self {
            Self::Jpeg { quality } if !(95..=100).contains(&quality) => {
                Err(ConvertError::JpegQuality(quality))
            }
            _ => Ok(()),
        }
    }

    /// The file extension.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg { .. } => "jpg",
        }
    }

    /// Encodes an image; an error names `path`.
    pub(crate) fn encode(self, path: &Path, rgb: &RgbImage) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self {
            Self::Png => rgb.write_with_encoder(png(&mut bytes)),
            Self::Jpeg { quality } => {
                rgb.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality))
            }
        }
        .map_err(encoding(path))?;
        Ok(bytes)
    }
}

/// An image from three planes of values; `position` gives the index of column `x`, row `y` in a
/// plane.
pub(crate) fn rgb_image(
    width: usize,
    height: usize,
    planes: &[u8],
    position: impl Fn(usize, usize) -> usize,
) -> RgbImage {
    let plane = width * height;
    RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let at = position(x as usize, y as usize);
        image::Rgb([planes[at], planes[plane + at], planes[2 * plane + at]])
    })
}

/// A depth map in millimetres; 0 is invalid.
pub(crate) struct DepthImage {
    millimetres: ImageBuffer<Luma<u16>, Vec<u16>>,
    /// Number of values that 16-bit millimetres cannot represent, stored as 0.
    pub(crate) unstorable: u64,
}

impl DepthImage {
    /// Converts metres, given by column `x` and row `y`.
    pub(crate) fn from_metres(
        width: usize,
        height: usize,
        metres: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let mut unstorable = 0;
        let millimetres = ImageBuffer::from_fn(width as u32, height as u32, |x, y| {
            let stored = millimetres(metres(x as usize, y as usize));
            unstorable += u64::from(stored.is_none());
            Luma([stored.unwrap_or(0)])
        });
        Self {
            millimetres,
            unstorable,
        }
    }

    /// Encodes the map as 16-bit PNG; an error names `path`.
    pub(crate) fn encode(&self, path: &Path) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.millimetres
            .write_with_encoder(png(&mut bytes))
            .map_err(encoding(path))?;
        Ok(bytes)
    }
}

/// Metres as integer millimetres, halves rounded up.
///
/// `None` for values outside 16 bits: NaN, negative or above 65.535 m.
fn millimetres(metres: f32) -> Option<u16> {
    let rounded = (f64::from(metres) * 1000.0).round();
    (0.0..=f64::from(u16::MAX))
        .contains(&rounded)
        .then_some(rounded as u16)
}

fn png(bytes: &mut Vec<u8>) -> PngEncoder<&mut Vec<u8>> {
    PngEncoder::new_with_quality(bytes, CompressionType::Fast, FilterType::Adaptive)
}

fn encoding(path: &Path) -> impl FnOnce(image::ImageError) -> ConvertError {
    let path = path.to_owned();
    move |source| ConvertError::Encode { path, source }
}

#[cfg(test)]
mod tests {
    use super::millimetres;

    #[test]
    fn millimetres_are_rounded_and_none_outside_16_bits() {
        for (metres, expected) in [
            (0.0, Some(0)),
            (-0.0, Some(0)),
            (0.000_4, Some(0)),
            (0.062_5, Some(63)),
            (2.7496, Some(2750)),
            (65.535, Some(65535)),
            (65.5356, None),
            (-0.001, None),
            (f32::NAN, None),
            (f32::INFINITY, None),
            (f32::NEG_INFINITY, None),
        ] {
            assert_eq!(millimetres(metres), expected, "{metres} m");
        }
    }
}
