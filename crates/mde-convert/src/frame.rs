//! A frame's pixels as image files.

use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ImageBuffer, Luma, RgbImage};

use crate::error::{ConvertError, Result};

/// How colours are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RgbFormat {
    /// PNG: the exact pixels.
    #[default]
    Png,
    /// JPEG, which the paper's lists name: about a third of the size, pixels off by a few steps.
    Jpeg {
        /// 95 to 100.
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

    /// The ending of file names.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg { .. } => "jpg",
        }
    }

    /// The bytes of the file that will lie at `path`.
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

/// Depth in millimetres, 0 = no measurement.
pub(crate) struct DepthImage {
    millimetres: ImageBuffer<Luma<u16>, Vec<u16>>,
    /// How many values had no millimetres and became 0.
    pub(crate) unstorable: u64,
}

impl DepthImage {
    /// Of metres that are asked for pixel by pixel, column `x` and row `y`.
    pub(crate) fn from_metres(
        width: u32,
        height: u32,
        metres: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let mut unstorable = 0;
        let millimetres = ImageBuffer::from_fn(width, height, |x, y| {
            let stored = millimetres(metres(x as usize, y as usize));
            unstorable += u64::from(stored.is_none());
            Luma([stored.unwrap_or(0)])
        });
        Self {
            millimetres,
            unstorable,
        }
    }

    /// The bytes of the 16-bit PNG that will lie at `path`.
    pub(crate) fn encode(&self, path: &Path) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.millimetres
            .write_with_encoder(png(&mut bytes))
            .map_err(encoding(path))?;
        Ok(bytes)
    }
}

/// Metres as whole millimetres, a half rounded up; `None` for what 16 bits do not hold: NaN, negative, above 65.535 m.
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
    fn millimetres_are_rounded_and_what_16_bits_do_not_hold_is_none() {
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
