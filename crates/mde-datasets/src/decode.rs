//! Reads image files as RGB or depth, and refuses every unexpected pixel type.

use std::fs;
use std::io::{Cursor, ErrorKind};
use std::path::Path;

use image::{
    ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage,
};

use crate::{DatasetError, DepthEncoding, DepthMap, jpeg};

/// Maximum number of pixels: such an image with its depth takes about 2 GB.
const MAX_PIXELS: usize = 1 << 27;
/// Maximum number of bytes of pixels per byte of a file.
const MAX_EXPANSION: u64 = 1032;

/// Reads an 8-bit RGB JPEG or PNG.
pub(crate) fn read_rgb(path: &Path) -> Result<RgbImage, DatasetError> {
    decode_rgb(path, &read(path)?)
}

/// Decodes the content of an 8-bit RGB JPEG or PNG.
pub(crate) fn decode_rgb(path: &Path, bytes: &[u8]) -> Result<RgbImage, DatasetError> {
    let decoder = rgb_decoder(path, bytes)?;
    match DynamicImage::from_decoder(decoder).map_err(|source| decode_error(path, source))? {
        DynamicImage::ImageRgb8(rgb) => Ok(rgb),
        other => Err(not_rgb(path, other.color())),
    }
}

/// (height, width) of an 8-bit RGB JPEG or PNG. The file is checked but not decoded.
pub(crate) fn read_rgb_size(path: &Path) -> Result<(usize, usize), DatasetError> {
    rgb_size(path, &read(path)?)
}

/// (height, width) from the content of such a file.
pub(crate) fn rgb_size(path: &Path, bytes: &[u8]) -> Result<(usize, usize), DatasetError> {
    let (width, height) = rgb_decoder(path, bytes)?.dimensions();
    Ok((height as usize, width as usize))
}

/// A decoder of a complete 8-bit RGB JPEG or PNG.
fn rgb_decoder<'a>(
    path: &Path,
    bytes: &'a [u8],
) -> Result<impl ImageDecoder + use<'a>, DatasetError> {
    let decoder = picture_decoder(path, bytes)?;
    match decoder.color_type() {
        ColorType::Rgb8 => Ok(decoder),
        found => Err(not_rgb(path, found)),
    }
}

/// A decoder of a complete JPEG or PNG of any pixel type.
pub(crate) fn picture_decoder<'a>(
    path: &Path,
    bytes: &'a [u8],
) -> Result<impl ImageDecoder + use<'a>, DatasetError> {
    let (format, whole) = match image::guess_format(bytes) {
        Ok(format @ ImageFormat::Jpeg) => (format, jpeg::is_complete(bytes)),
        Ok(format @ ImageFormat::Png) => (format, png_is_complete(bytes)),
        _ => return Err(not_an_image(path, "JPEG or PNG")),
    };
    if !whole {
        return Err(DatasetError::Truncated {
            path: path.to_owned(),
        });
    }
    decoder(path, bytes, format)
}

fn not_rgb(path: &Path, found: ColorType) -> DatasetError {
    DatasetError::NotRgb {
        path: path.to_owned(),
        found: type_name(found),
    }
}

/// Reads a grey PNG of the encoding's bit depth, in metres.
pub(crate) fn read_depth(path: &Path, encoding: DepthEncoding) -> Result<DepthMap, DatasetError> {
    decode_depth(path, &read(path)?, encoding)
}

/// Decodes the content of such a PNG.
pub(crate) fn decode_depth(
    path: &Path,
    bytes: &[u8],
    encoding: DepthEncoding,
) -> Result<DepthMap, DatasetError> {
    let decoder = depth_decoder(path, bytes, encoding)?;
    let image = DynamicImage::from_decoder(decoder).map_err(|source| decode_error(path, source))?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let metres = match image {
        DynamicImage::ImageLuma8(grey) => {
            let stored = grey.into_raw().into_iter();
            stored.map(|value| encoding.metres(value.into())).collect()
        }
        DynamicImage::ImageLuma16(grey) => {
            let stored = grey.into_raw().into_iter();
            stored.map(|value| encoding.metres(value)).collect()
        }
        other => return Err(wrong_depth(path, encoding, type_name(other.color()))),
    };
    Ok(DepthMap {
        height,
        width,
        metres,
    })
}

/// (height, width) of a depth PNG. The file is checked but not decoded.
pub(crate) fn read_depth_size(
    path: &Path,
    encoding: DepthEncoding,
) -> Result<(usize, usize), DatasetError> {
    depth_size(path, &read(path)?, encoding)
}

/// (height, width) from the content of such a file.
pub(crate) fn depth_size(
    path: &Path,
    bytes: &[u8],
    encoding: DepthEncoding,
) -> Result<(usize, usize), DatasetError> {
    let (width, height) = depth_decoder(path, bytes, encoding)?.dimensions();
    Ok((height as usize, width as usize))
}

/// A decoder of a complete grey PNG of the encoding's bit depth.
fn depth_decoder<'a>(
    path: &Path,
    bytes: &'a [u8],
    encoding: DepthEncoding,
) -> Result<impl ImageDecoder + use<'a>, DatasetError> {
    match image::guess_format(bytes) {
        Ok(ImageFormat::Png) => {}
        // Lossy compression would have changed the depths.
        Ok(ImageFormat::Jpeg) => return Err(wrong_depth(path, encoding, "a JPEG".to_owned())),
        _ => return Err(not_an_image(path, "PNG")),
    }
    let truncated = || DatasetError::Truncated {
        path: path.to_owned(),
    };
    // The decoder silently widens palettes and 1 to 4 bits to 8, so the header is checked.
    let header = png_header(bytes).ok_or_else(truncated)?;
    if (header.bits, header.colour) != (encoding.bits(), PNG_GREY) {
        return Err(wrong_depth(path, encoding, header.describe()));
    }
    if !png_is_complete(bytes) {
        return Err(truncated());
    }
    let decoder = decoder(path, bytes, ImageFormat::Png)?;
    let expected = match encoding.bits() {
        8 => ColorType::L8,
        _ => ColorType::L16,
    };
    match decoder.color_type() {
        found if found == expected => Ok(decoder),
        found => Err(wrong_depth(path, encoding, type_name(found))),
    }
}

fn wrong_depth(path: &Path, encoding: DepthEncoding, found: String) -> DatasetError {
    DatasetError::WrongDepthType {
        path: path.to_owned(),
        encoding,
        found,
    }
}

/// The content of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, DatasetError> {
    fs::read(path).map_err(|source| DatasetError::Read {
        path: path.to_owned(),
        source,
    })
}

fn decoder<'a>(
    path: &Path,
    bytes: &'a [u8],
    format: ImageFormat,
) -> Result<impl ImageDecoder + use<'a>, DatasetError> {
    let decoder = ImageReader::with_format(Cursor::new(bytes), format)
        .into_decoder()
        .map_err(|source| decode_error(path, source))?;
    let bits = match format {
        ImageFormat::Png => png_header(bytes).map_or(8, |header| header.bits),
        _ => 8,
    };
    check_dimensions(path, bytes.len(), decoder.dimensions(), bits)?;
    Ok(decoder)
}

/// Refuses dimensions that a file of this length cannot hold, before memory is allocated for them.
///
/// A byte of PNG expands to at most 1032 bytes of pixels (the limit of DEFLATE: 258 bytes per two
/// bits), a byte of JPEG to 8 blocks of 64 pixels (at least one bit per block).
fn check_dimensions(
    path: &Path,
    length: usize,
    (width, height): (u32, u32),
    bits: u8,
) -> Result<(), DatasetError> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MAX_PIXELS as u64 {
        return Err(DatasetError::TooLarge {
            path: path.to_owned(),
            size: (height as usize, width as usize),
            max: MAX_PIXELS,
        });
    }
    if pixels * u64::from(bits) > 8 * MAX_EXPANSION * length as u64 {
        return Err(DatasetError::Truncated {
            path: path.to_owned(),
        });
    }
    Ok(())
}

pub(crate) fn decode_error(path: &Path, source: ImageError) -> DatasetError {
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
/// Length of the signature before the first chunk (section 5.2).
const PNG_SIGNATURE: usize = 8;

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

/// The header chunk IHDR, which is the first: signature 8 bytes, length 4, name 4, width 4, height
/// 4, bit depth 1, colour type 1.
fn png_header(bytes: &[u8]) -> Option<PngHeader> {
    match bytes.get(24..26) {
        Some(&[bits, colour]) => Some(PngHeader { bits, colour }),
        _ => None,
    }
}

/// True if the chunks lead from the signature to the end chunk IEND. Bytes after it are legal.
fn png_is_complete(bytes: &[u8]) -> bool {
    let mut at = PNG_SIGNATURE;
    while let Some([a, b, c, d, name @ ..]) = bytes.get(at..at + 8) {
        // Length, name, content and checksum.
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        at += 12 + length;
        if name == b"IEND" {
            return at <= bytes.len();
        }
    }
    false
}
