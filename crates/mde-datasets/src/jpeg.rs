//! The markers of JPEG files (ITU-T T.81, annex B): whether a file is complete, and its EXIF data.
//!
//! JPEG decoders fill missing parts with grey and report success, so a network would be trained on
//! grey. A truncated file lacks the end-of-image marker.

const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;
/// Application segment 1, which holds EXIF or XMP.
const APP1: u8 = 0xE1;

/// A marker.
struct Marker<'a> {
    code: u8,
    /// The content of its segment; None for markers without one, and for a segment cut short.
    segment: Option<&'a [u8]>,
    /// Position of the next byte after the marker and its segment.
    end: usize,
}

impl<'a> Marker<'a> {
    /// The marker at a position; None if there is none.
    fn at(bytes: &'a [u8], mut at: usize) -> Option<Self> {
        if *bytes.get(at)? != 0xFF {
            return None;
        }
        // A marker may be preceded by any number of 0xFF fill bytes.
        while *bytes.get(at)? == 0xFF {
            at += 1;
        }
        let code = bytes[at];
        at += 1;
        if code == END_OF_IMAGE || code == 0x01 || is_restart(code) {
            return Some(Self {
                code,
                segment: None,
                end: at,
            });
        }
        let length = bytes.get(at..)?.first_chunk::<2>()?;
        let end = at + usize::from(u16::from_be_bytes(*length));
        Some(Self {
            code,
            segment: bytes.get(at + 2..end),
            end,
        })
    }
}

/// True if the markers lead from the start of the image to its end-of-image marker.
///
/// `bytes` is the content of a file that begins with a start-of-image marker. Bytes after the end
/// are legal.
pub(crate) fn is_complete(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(marker) = Marker::at(bytes, at) {
        at = match marker.code {
            END_OF_IMAGE => return true,
            START_OF_SCAN => match next_marker(bytes, marker.end) {
                Some(next) => next,
                None => return false,
            },
            _ => marker.end,
        };
    }
    false
}

/// The EXIF data before the first scan, without their mark.
pub(crate) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    let mut at = 2;
    loop {
        let marker = Marker::at(bytes, at)?;
        match marker.code {
            END_OF_IMAGE | START_OF_SCAN => return None,
            APP1 => {
                let exif = marker.segment?.strip_prefix(b"Exif\0\0");
                if exif.is_some() {
                    return exif;
                }
            }
            _ => {}
        }
        at = marker.end;
    }
}

/// Position of the first marker after `from` that is not a restart marker: the end of the
/// entropy-coded data.
fn next_marker(bytes: &[u8], from: usize) -> Option<usize> {
    let data = bytes.get(from..)?;
    data.windows(2)
        .position(|pair| {
            pair[0] == 0xFF && pair[1] != 0x00 && pair[1] != 0xFF && !is_restart(pair[1])
        })
        .map(|offset| from + offset)
}

fn is_restart(marker: u8) -> bool {
    (0xD0..=0xD7).contains(&marker)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, missing_docs)]
    use super::*;
    use image::codecs::jpeg::JpegEncoder;

    fn jpeg() -> Vec<u8> {
        let image = image::RgbImage::from_fn(37, 23, |x, y| {
            image::Rgb([x as u8 * 5, y as u8 * 9, (x * y) as u8])
        });
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 90)
            .encode_image(&image)
            .unwrap();
        bytes
    }

    #[test]
    fn every_proper_prefix_is_incomplete() {
        let bytes = jpeg();
        assert!(is_complete(&bytes));
        for length in 2..bytes.len() {
            assert!(!is_complete(&bytes[..length]), "prefix of {length} bytes");
        }
    }

    #[test]
    fn padding_after_the_end_and_fill_bytes_are_legal() {
        let mut bytes = jpeg();
        bytes.extend([0; 16]);
        assert!(is_complete(&bytes));
        let end = bytes.len() - 16 - 2;
        bytes.insert(end, 0xFF);
        assert!(is_complete(&bytes));
    }

    #[test]
    fn an_end_marker_inside_a_thumbnail_does_not_count() {
        let whole = jpeg();
        // An application segment that holds a small JPEG's end marker, then a scan cut short.
        let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xE1, 0x00, 0x06, 0xFF, 0xD9, 0xFF, 0xD9];
        bytes.extend(&whole[2..whole.len() / 2]);
        assert!(!is_complete(&bytes));
    }
}
