//! Chunks of PNG files: the header, the end, and EXIF.

/// PNG colour type 0 (PNG specification, section 11.2.1).
pub(crate) const GREY: u8 = 0;
/// Length of the signature before the first chunk (section 5.2).
const SIGNATURE: usize = 8;
/// Length of the checksum after a chunk's content (section 5.3).
const CHECKSUM: usize = 4;

pub(crate) struct Header {
    pub(crate) bits: u8,
    pub(crate) colour: u8,
}

impl Header {
    pub(crate) fn describe(&self) -> String {
        let colour = match self.colour {
            GREY => "grey",
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
pub(crate) fn header(bytes: &[u8]) -> Option<Header> {
    match bytes.get(24..26) {
        Some(&[bits, colour]) => Some(Header { bits, colour }),
        _ => None,
    }
}

/// True if the chunks lead from the signature to the end chunk IEND. Bytes after it are legal.
pub(crate) fn is_complete(bytes: &[u8]) -> bool {
    chunks(bytes).any(|(name, _)| name == b"IEND")
}

/// The EXIF data, which may lie before or after the pixels.
pub(crate) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    let mut before_end = chunks(bytes).take_while(|(name, _)| *name != b"IEND");
    let found = before_end.find(|(name, _)| *name == b"eXIf");
    found.map(|(_, content)| content)
}

/// Name and content of each chunk up to the first that is cut short.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = bytes.get(SIGNATURE..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (name, after) = after.split_at_checked(4)?;
        let (content, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        rest = after.get(CHECKSUM..)?;
        Some((name, content))
    })
}
