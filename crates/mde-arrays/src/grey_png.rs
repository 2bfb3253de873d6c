//! Greyscale PNG: the stored integers, without a unit.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Reader};

use crate::member::{Member, Storage};
use crate::source::{Source, damaged, read_error};
use crate::{ArrayError, Place};

/// Maximum memory of the decoder besides the image: for one row and for other chunks.
const MAX_DECODER_BYTES: usize = 1 << 24;

/// The image of a file.
pub(crate) fn open(source: &mut Source) -> Result<Member, ArrayError> {
    let reader = decoder(source)?;
    let info = reader.info();
    let shape = vec![info.height as usize, info.width as usize];
    let orientation = info.exif_metadata.as_deref().and_then(exif_orientation);
    if let Some(orientation) = orientation.filter(|orientation| (2..=8).contains(orientation)) {
        let found = format!(
            "a PNG with EXIF orientation {orientation}, which says that its pixels are stored turned or mirrored"
        );
        let advice = "turn the maps themselves and save them without EXIF";
        return Err(source.unsupported(found, advice));
    }
    let kind = (info.color_type, info.bit_depth);
    let size = match kind {
        (ColorType::Grayscale, BitDepth::Eight) => 1,
        (ColorType::Grayscale, BitDepth::Sixteen) => 2,
        (color, depth) => {
            let found = format!("a PNG of {color:?}, {} bit", depth as u8);
            let advice = "a picture of depth cannot be measured; have the program save depth itself, as .npy \
                or as greyscale PNG of 16 bit";
            return Err(source.unsupported(found, advice));
        }
    };
    source.check_compressed_size("", &shape, size, source.length, "split the image")?;
    Ok(Member {
        name: String::new(),
        shape,
        storage: Storage::Png,
    })
}

/// The orientation, tag 0x0112, in the first directory of an EXIF block (TIFF 6.0, section 2).
fn exif_orientation(exif: &[u8]) -> Option<u16> {
    let is_little = match exif.get(..2)? {
        b"II" => true,
        b"MM" => false,
        _ => return None,
    };
    let number = |at: usize| {
        let bytes: [u8; 2] = exif.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(match is_little {
            true => u16::from_le_bytes(bytes),
            false => u16::from_be_bytes(bytes),
        })
    };
    let (low, high) = match is_little {
        true => (number(4)?, number(6)?),
        false => (number(6)?, number(4)?),
    };
    let directory = (usize::from(high) << 16) + usize::from(low);
    (0..usize::from(number(directory)?))
        .map(|index| directory + 2 + 12 * index)
        .find(|&entry| number(entry) == Some(0x0112))
        .and_then(|entry| number(entry + 8))
}

/// Whether the file is a colour PNG, by its header. False for files that cannot be read.
pub(crate) fn is_colour(path: &Path) -> bool {
    /// The signature, a chunk's length and type, width, height, and the bit depth.
    const COLOUR_AT: usize = 8 + 8 + 8 + 1;
    let mut start = [0; COLOUR_AT + 1];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    // 2: RGB, 3: palette, 6: RGB with transparency.
    read.is_ok() && start.starts_with(b"\x89PNG") && [2, 3, 6].contains(&start[COLOUR_AT])
}

/// Reads the image.
pub(crate) fn read(source: &mut Source, shape: &[usize]) -> Result<Vec<f32>, ArrayError> {
    let place = source.place("");
    let mut reader = decoder(source)?;
    let count: usize = shape.iter().product();
    let size = reader.output_buffer_size().unwrap_or(usize::MAX);
    if size != count && Some(size) != count.checked_mul(2) {
        return Err(damaged(place, "the file changed during reading"));
    }
    let mut bytes = vec![0; size];
    reader
        .next_frame(&mut bytes)
        .and_then(|_| reader.finish())
        .map_err(|error| png_error(&place, error))?;
    Ok(if size == count {
        bytes.iter().map(|byte| f32::from(*byte)).collect()
    } else {
        let (pairs, _) = bytes.as_chunks::<2>();
        let number = |pair: &[u8; 2]| f32::from(u16::from_be_bytes(*pair));
        pairs.iter().map(number).collect()
    })
}

fn decoder(source: &mut Source) -> Result<Reader<&mut BufReader<File>>, ArrayError> {
    let place = source.place("");
    let limits = Limits {
        bytes: MAX_DECODER_BYTES,
    };
    let decoder = Decoder::new_with_limits(&mut source.reader, limits);
    decoder
        .read_info()
        .map_err(|error| png_error(&place, error))
}

fn png_error(place: &Place, error: DecodingError) -> ArrayError {
    match error {
        DecodingError::IoError(error) => read_error(place, error),
        error => damaged(place.clone(), error.to_string()),
    }
}
