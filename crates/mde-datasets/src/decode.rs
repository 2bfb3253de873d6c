//! From a file to RGB or depth, with every pixel type that is not the expected one refused.

use std::fs;
use std::io::{Cursor, ErrorKind};
use std::path::Path;

use image::{
    ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage,
};

use crate::{DatasetError, DepthEncoding, DepthMap, jpeg};

/// The most pixels of an image that is read: with its depth it takes about 2 GB.
const MOST_PIXELS: usize = 1 << 27;
/// The most bytes of pixels that a byte of a file can stand for.
const MOST_BYTES_PER_BYTE: u64 = 1032;

/// Reads an 8-bit RGB JPEG or PNG.
pub(crate) fn read_rgb(path: &Path) -> Result<RgbImage, DatasetError> {
    decode_rgb(path, &read(path)?)
}

/// Decodes the content of such a file.
pub(crate) fn decode_rgb(path: &Path, bytes: &[u8]) -> Result<RgbImage, DatasetError> {
    let decoder = rgb_decoder(path, bytes)?;
    match DynamicImage::from_decoder(decoder).map_err(|source| decode_error(path, source))? {
        DynamicImage::ImageRgb8(rgb) => Ok(rgb),
        other => Err(not_rgb(path, other.color())),
    }
}

/// Height and width of an 8-bit RGB JPEG or PNG, which is checked without being decoded: damage
/// inside goes unseen.
pub(crate) fn rgb_size(path: &Path) -> Result<(usize, usize), DatasetError> {
    rgb_size_of(path, &read(path)?)
}

/// The same of the content of such a file.
pub(crate) fn rgb_size_of(path: &Path, bytes: &[u8]) -> Result<(usize, usize), DatasetError> {
    let (width, height) = rgb_decoder(path, bytes)?.dimensions();
    Ok((height as usize, width as usize))
}

/// A decoder of a whole 8-bit RGB file.
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

/// A decoder of a whole JPEG or PNG.
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

/// Reads a grey PNG of the encoding's bit depth as metres.
pub(crate) fn read_depth(path: &Path, encoding: DepthEncoding) -> Result<DepthMap, DatasetError> {
    decode_depth(path, &read(path)?, encoding)
}

/// Decodes the content of such a file.
pub(crate) fn decode_depth(
    path: &Path,
    bytes: &[u8],
    encoding: DepthEncoding,
) -> Result<DepthMap, DatasetError> {
    let decoder = depth_decoder(path, bytes, encoding)?;
    let image = DynamicImage::from_decoder(decoder).map_err(|source| decode_error(path, source))?;
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
        other => return Err(wrong_depth(path, encoding, type_name(other.color()))),
    };
    Ok(DepthMap {
        height,
        width,
        metres,
    })
}

/// Height and width of a depth file, which is checked without being decoded: damage inside goes
/// unseen.
pub(crate) fn depth_size(
    path: &Path,
    encoding: DepthEncoding,
) -> Result<(usize, usize), DatasetError> {
    depth_size_of(path, &read(path)?, encoding)
}

/// The same of the content of such a file.
pub(crate) fn depth_size_of(
    path: &Path,
    bytes: &[u8],
    encoding: DepthEncoding,
) -> Result<(usize, usize), DatasetError> {
    let (width, height) = depth_decoder(path, bytes, encoding)?.dimensions();
    Ok((height as usize, width as usize))
}

/// A decoder of a whole grey PNG of the encoding's bit depth.
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
    // The decoder widens palettes and 1 to 4 bits to 8 without a word; the header does not.
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

/// Refuses what a header claims but no file of this length can hold, before memory is taken for it.
///
/// A byte of PNG gives 1032 bytes of pixels at most (the limit of DEFLATE: 258 bytes from two bits), a byte of JPEG 8 blocks of 64 pixels
/// (at least one bit a block). What passes takes memory in proportion to the file.
fn check_dimensions(
    path: &Path,
    length: usize,
    (width, height): (u32, u32),
    bits: u8,
) -> Result<(), DatasetError> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MOST_PIXELS as u64 {
        return Err(DatasetError::TooLarge {
            path: path.to_owned(),
            size: (height as usize, width as usize),
            most: MOST_PIXELS,
        });
    }
    if pixels * u64::from(bits) > 8 * MOST_BYTES_PER_BYTE * length as u64 {
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

/// The IHDR chunk, which comes first: signature 8 bytes, length 4, name 4, width 4, height 4, bit
/// depth 1, colour type 1.
fn png_header(bytes: &[u8]) -> Option<PngHeader> {
    match bytes.get(24..26) {
        Some(&[bits, colour]) => Some(PngHeader { bits, colour }),
        _ => None,
    }
}

/// True if the chunks lead from the signature to the image's end, IEND. Bytes after it are legal.
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
