//! From a file to RGB or depth, with every pixel type that is not the expected one refused.

use std::fs;
use std::io::{Cursor, ErrorKind};
use std::path::Path;

use image::{
    ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage,
};

use crate::{DatasetError, DepthEncoding, DepthMap, jpeg};

/// Reads an 8-bit RGB JPEG or PNG.
pub(crate) fn read_rgb(path: &Path) -> Result<RgbImage, DatasetError> {
    let bytes = read(path)?;
    let format = match image::guess_format(&bytes) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png)) => format,
        _ => return Err(not_an_image(path, "JPEG or PNG")),
    };
    if format == ImageFormat::Jpeg && !jpeg::is_complete(&bytes) {
        return Err(DatasetError::Truncated {
            path: path.to_owned(),
        });
    }
    match decode(path, &bytes, format, ColorType::Rgb8, |found| {
        DatasetError::NotRgb {
            path: path.to_owned(),
            found,
        }
    })? {
        DynamicImage::ImageRgb8(rgb) => Ok(rgb),
        other => Err(DatasetError::NotRgb {
            path: path.to_owned(),
            found: type_name(other.color()),
        }),
    }
}

/// Reads a grey PNG of the encoding's bit depth as metres.
pub(crate) fn read_depth(path: &Path, encoding: DepthEncoding) -> Result<DepthMap, DatasetError> {
    let bytes = read(path)?;
    let wrong_type = |found: String| DatasetError::WrongDepthType {
        path: path.to_owned(),
        encoding,
        found,
    };
    match image::guess_format(&bytes) {
        Ok(ImageFormat::Png) => {}
        // Lossy compression would have changed the depths.
        Ok(ImageFormat::Jpeg) => return Err(wrong_type("a JPEG".to_owned())),
        _ => return Err(not_an_image(path, "PNG")),
    }
    // The decoder widens palettes and 1 to 4 bits to 8 without a word; the header does not.
    let header = png_header(&bytes).ok_or_else(|| DatasetError::Truncated {
        path: path.to_owned(),
    })?;
    let expected = match encoding.bits() {
        8 => ColorType::L8,
        _ => ColorType::L16,
    };
    if (header.bits, header.colour) != (encoding.bits(), PNG_GREY) {
        return Err(wrong_type(header.describe()));
    }
    let image = decode(path, &bytes, ImageFormat::Png, expected, wrong_type)?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let metres = match image {
        DynamicImage::ImageLuma8(grey) => grey
            .into_raw()
            .into_iter()
            .map(|v| encoding.metres(v.into()))
            .collect(),
        DynamicImage::ImageLuma16(grey) => grey
            .into_raw()
            .into_iter()
            .map(|v| encoding.metres(v))
            .collect(),
        other => return Err(wrong_type(type_name(other.color()))),
    };
    Ok(DepthMap {
        height,
        width,
        metres,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, DatasetError> {
    fs::read(path).map_err(|source| DatasetError::Read {
        path: path.to_owned(),
        source,
    })
}

fn decode(
    path: &Path,
    bytes: &[u8],
    format: ImageFormat,
    expected: ColorType,
    wrong_type: impl Fn(String) -> DatasetError,
) -> Result<DynamicImage, DatasetError> {
    let damaged = |source| decode_error(path, source);
    let decoder = ImageReader::with_format(Cursor::new(bytes), format)
        .into_decoder()
        .map_err(damaged)?;
    if decoder.color_type() != expected {
        return Err(wrong_type(type_name(decoder.color_type())));
    }
    DynamicImage::from_decoder(decoder).map_err(damaged)
}

fn decode_error(path: &Path, source: ImageError) -> DatasetError {
    let path = path.to_owned();
    match source {
        ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            DatasetError::Truncated { path }
        }
        source => DatasetError::Decode { path, source },
    }
}

fn not_an_image(path: &Path, expected: &'static str) -> DatasetError {
    DatasetError::NotAnImage {
        path: path.to_owned(),
        expected,
    }
}

fn type_name(colour: ColorType) -> String {
    let channels = match colour.channel_count() {
        1 => "1 channel (grey)",
        2 => "2 channels (grey, alpha)",
        3 => "3 channels (RGB)",
        _ => "4 channels (RGBA)",
    };
    format!(
        "{}-bit, {channels}",
        colour.bits_per_pixel() / u16::from(colour.channel_count())
    )
}

/// PNG colour type 0 (PNG specification, section 11.2.1).
const PNG_GREY: u8 = 0;

struct PngHeader {
    bits: u8,
    colour: u8,
}

impl PngHeader {
    fn describe(&self) -> String {
        let colour = match self.colour {
            PNG_GREY => "grey",
            2 => "RGB",
            3 => "palette",
            4 => "grey with alpha",
            6 => "RGBA",
            _ => "of an unknown colour type",
        };
        format!("{}-bit {colour}", self.bits)
    }
}

/// Bit depth and colour type from the IHDR chunk, which comes first: signature 8 bytes, length 4,
/// name 4, width 4, height 4.
fn png_header(bytes: &[u8]) -> Option<PngHeader> {
    match bytes.get(24..26) {
        Some(&[bits, colour]) => Some(PngHeader { bits, colour }),
        _ => None,
    }
}
