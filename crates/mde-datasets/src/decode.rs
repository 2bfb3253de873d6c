//! Reads files as RGB or depth, and refuses every unexpected pixel type.

use std::fs::{self, File};
use std::io::{Cursor, ErrorKind, Read};
use std::path::Path;

use image::metadata::Orientation;
use image::{
    ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage,
};
use mde_arrays::ArrayFile;

use crate::{DatasetError, DepthEncoding, DepthMap, jpeg, orientation, png};

/// Maximum number of pixels: such an image with its depth takes about 2 GB.
const MAX_PIXELS: usize = 1 << 27;
/// Maximum number of bytes of pixels per byte of a file.
const MAX_EXPANSION: u64 = 1032;

/// Reads an 8-bit RGB JPEG or PNG as it is shown: turned as its EXIF orientation says.
pub(crate) fn read_rgb(path: &Path) -> Result<RgbImage, DatasetError> {
    decode_rgb(path, &read(path)?)
}

/// Decodes the content of an 8-bit RGB JPEG or PNG.
pub(crate) fn decode_rgb(path: &Path, bytes: &[u8]) -> Result<RgbImage, DatasetError> {
    match decode_picture(path, bytes, check_rgb)? {
        DynamicImage::ImageRgb8(rgb) => Ok(rgb),
        other => Err(not_rgb(path, other.color())),
    }
}

/// (height, width) of an 8-bit RGB JPEG or PNG as it is shown. The file is checked but not decoded.
pub(crate) fn read_rgb_size(path: &Path) -> Result<(usize, usize), DatasetError> {
    rgb_size(path, &read(path)?)
}

/// (height, width) from the content of such a file.
pub(crate) fn rgb_size(path: &Path, bytes: &[u8]) -> Result<(usize, usize), DatasetError> {
    let (format, decoder) = picture_decoder(path, bytes)?;
    check_rgb(path, decoder.color_type())?;
    let (width, height) = decoder.dimensions();
    let stored = (height as usize, width as usize);
    Ok(orientation::shown_size(
        stored,
        orientation::of_content(format, bytes),
    ))
}

/// The EXIF orientation of a JPEG or PNG, 1 to 8; 1 without one, or if the file cannot be read.
pub(crate) fn read_orientation(path: &Path) -> u8 {
    let bytes = fs::read(path).unwrap_or_default();
    content_orientation(&bytes)
}

/// The same from the content of such a file.
pub(crate) fn content_orientation(bytes: &[u8]) -> u8 {
    image::guess_format(bytes).map_or(1, |format| orientation::of_content(format, bytes).to_exif())
}

/// Decodes a complete JPEG or PNG whose pixel type `check` accepts, and turns it as its EXIF
/// orientation says: the one reader of colour images.
pub(crate) fn decode_picture(
    path: &Path,
    bytes: &[u8],
    check: impl Fn(&Path, ColorType) -> Result<(), DatasetError>,
) -> Result<DynamicImage, DatasetError> {
    let (format, decoder) = picture_decoder(path, bytes)?;
    check(path, decoder.color_type())?;
    let image = DynamicImage::from_decoder(decoder);
    let mut image = image.map_err(|source| decode_error(path, source))?;
    image.apply_orientation(orientation::of_content(format, bytes));
    Ok(image)
}

/// A decoder of a complete JPEG or PNG of any pixel type, and the file's format.
fn picture_decoder<'a>(
    path: &Path,
    bytes: &'a [u8],
) -> Result<(ImageFormat, impl ImageDecoder + use<'a>), DatasetError> {
    let (format, whole) = match image::guess_format(bytes) {
        Ok(format @ ImageFormat::Jpeg) => (format, jpeg::is_complete(bytes)),
        Ok(format @ ImageFormat::Png) => (format, png::is_complete(bytes)),
        _ => return Err(not_an_image(path, "JPEG or PNG")),
    };
    if !whole {
        return Err(DatasetError::Truncated {
            path: path.to_owned(),
        });
    }
    Ok((format, decoder(path, bytes, format)?))
}

fn check_rgb(path: &Path, found: ColorType) -> Result<(), DatasetError> {
    match found {
        ColorType::Rgb8 => Ok(()),
        found => Err(not_rgb(path, found)),
    }
}

fn not_rgb(path: &Path, found: ColorType) -> DatasetError {
    DatasetError::NotRgb {
        path: path.to_owned(),
        found: type_name(found),
    }
}

/// Reads a depth map in metres: a grey PNG of the encoding's bit depth, or an array.
pub(crate) fn read_depth(path: &Path, encoding: DepthEncoding) -> Result<DepthMap, DatasetError> {
    match encoding {
        DepthEncoding::Float(_) => read_array_depth(path, encoding),
        _ => decode_depth(path, &read(path)?, encoding),
    }
}

/// Decodes the content of a depth map. Arrays are read from `path`.
pub(crate) fn decode_depth(
    path: &Path,
    bytes: &[u8],
    encoding: DepthEncoding,
) -> Result<DepthMap, DatasetError> {
    let Some(bits) = encoding.bits() else {
        return read_array_depth(path, encoding);
    };
    let decoder = depth_decoder(path, bytes, encoding, bits)?;
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

fn read_array_depth(path: &Path, encoding: DepthEncoding) -> Result<DepthMap, DatasetError> {
    let file = open_array(path, encoding)?;
    let map = file.read(None)?.into_map(path)?;
    let stored = map.values.into_iter();
    Ok(DepthMap {
        height: map.height,
        width: map.width,
        metres: stored
            .map(|value| encoding.metres_of_float(value))
            .collect(),
    })
}

/// Opens an array file that is not a PNG: the unit of a PNG goes with its bit depth.
fn open_array(path: &Path, encoding: DepthEncoding) -> Result<ArrayFile, DatasetError> {
    let mut start = [0; 16];
    let read = File::open(path).and_then(|mut file| file.read(&mut start));
    read.map_err(|source| DatasetError::Read {
        path: path.to_owned(),
        source,
    })?;
    match image::guess_format(&start) {
        Ok(ImageFormat::Png) => Err(wrong_depth(path, encoding, "a PNG".to_owned())),
        Ok(ImageFormat::Jpeg) => Err(wrong_depth(path, encoding, "a JPEG".to_owned())),
        _ => Ok(ArrayFile::open(path)?),
    }
}

/// (height, width) of a depth map. The file is checked but not decoded.
pub(crate) fn read_depth_size(
    path: &Path,
    encoding: DepthEncoding,
) -> Result<(usize, usize), DatasetError> {
    match encoding {
        DepthEncoding::Float(_) => depth_size(path, &[], encoding),
        _ => depth_size(path, &read(path)?, encoding),
    }
}

/// (height, width) from the content of a depth map. Arrays are read from `path`.
pub(crate) fn depth_size(
    path: &Path,
    bytes: &[u8],
    encoding: DepthEncoding,
) -> Result<(usize, usize), DatasetError> {
    let Some(bits) = encoding.bits() else {
        return Ok(open_array(path, encoding)?.map_size(None)?);
    };
    let (width, height) = depth_decoder(path, bytes, encoding, bits)?.dimensions();
    Ok((height as usize, width as usize))
}

/// A decoder of a complete grey PNG of the given bit depth.
fn depth_decoder<'a>(
    path: &Path,
    bytes: &'a [u8],
    encoding: DepthEncoding,
    bits: u8,
) -> Result<impl ImageDecoder + use<'a>, DatasetError> {
    match image::guess_format(bytes) {
        Ok(ImageFormat::Png) => {}
        // Lossy compression would have changed the depths.
        Ok(ImageFormat::Jpeg) => return Err(wrong_depth(path, encoding, "a JPEG".to_owned())),
        _ if ArrayFile::open(path).is_ok() => {
            let found = "an array, which the encodings float and float/N read";
            return Err(wrong_depth(path, encoding, found.to_owned()));
        }
        _ => return Err(not_an_image(path, "PNG")),
    }
    let truncated = || DatasetError::Truncated {
        path: path.to_owned(),
    };
    // The decoder silently widens palettes and 1 to 4 bits to 8, so the header is checked.
    let header = png::header(bytes).ok_or_else(truncated)?;
    if (header.bits, header.colour) != (bits, png::GREY) {
        return Err(wrong_depth(path, encoding, header.describe()));
    }
    if !png::is_complete(bytes) {
        return Err(truncated());
    }
    match orientation::of_content(ImageFormat::Png, bytes) {
        Orientation::NoTransforms => {}
        // Programs that write depth maps do not turn them, and those that read them would not.
        turned => {
            return Err(DatasetError::TurnedDepth {
                path: path.to_owned(),
                orientation: turned.to_exif(),
            });
        }
    }
    let decoder = decoder(path, bytes, ImageFormat::Png)?;
    let expected = match bits {
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
        ImageFormat::Png => png::header(bytes).map_or(8, |header| header.bits),
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
