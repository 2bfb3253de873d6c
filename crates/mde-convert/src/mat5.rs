//! Reads numeric matrices of MATLAB 5 files (`save -v6` and `-v7`), as needed for lists of indices.
//!
//! Source: "MAT-File Format", The MathWorks, chapter 1. A header of 128 bytes precedes elements,
//! each a tag (type and length) with its data. Existing crates decompress without limit.

use std::io::Read;

use flate2::read::ZlibDecoder;

/// Length of the header in bytes.
const HEADER: usize = 128;
/// Element types.
const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;
/// Maximum size of a decompressed variable; the lists have a few thousand bytes.
const MAX_DECOMPRESSED: u64 = 1 << 20;

/// The values of the real matrix `name` in column-major order, or `None` if it does not exist.
pub(crate) fn numbers(file: &[u8], name: &str) -> Result<Option<Vec<f64>>, String> {
    let header = file
        .get(..HEADER)
        .ok_or("the file is shorter than its header")?;
    let order = match &header[126..] {
        b"IM" => Order::Little,
        b"MI" => Order::Big,
        _ => return Err("its header is not a MATLAB 5 header".into()),
    };
    let mut rest = Elements {
        bytes: &file[HEADER..],
        order,
    };
    while let Some(element) = rest.next()? {
        let found = match element.kind {
            MATRIX => matrix(element, order, name)?,
            COMPRESSED => decompressed_matrix(element.data, order, name)?,
            _ => None,
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn decompressed_matrix(data: &[u8], order: Order, name: &str) -> Result<Option<Vec<f64>>, String> {
    let mut bytes = Vec::new();
    ZlibDecoder::new(data)
        .take(MAX_DECOMPRESSED)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("a compressed variable: {error}"))?;
    let mut elements = Elements {
        bytes: &bytes,
        order,
    };
    match elements.next()? {
        Some(element) if element.kind == MATRIX => matrix(element, order, name),
        _ => Ok(None),
    }
}

/// The values of a matrix element, or `None` if it has another name.
///
/// Its parts are flags, dimensions, name and real values.
fn matrix(element: Element, order: Order, name: &str) -> Result<Option<Vec<f64>>, String> {
    let mut parts = Elements {
        bytes: element.data,
        order,
    };
    let mut part = || {
        parts
            .next()?
            .ok_or_else(|| "a variable is truncated".to_owned())
    };
    let (_flags, dimensions, title) = (part()?, part()?, part()?);
    if title.data != name.as_bytes() {
        return Ok(None);
    }
    let values = part()?.numbers(order)?;
    let sides = dimensions.numbers(order)?;
    if sides.iter().product::<f64>() != values.len() as f64 {
        return Err(format!(
            "`{name}` has {} values for dimensions {sides:?}",
            values.len()
        ));
    }
    Ok(Some(values))
}

#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    /// An integer of up to 8 bytes in the low bits of a u64.
    fn bits(self, bytes: &[u8]) -> u64 {
        let push = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        match self {
            Self::Little => bytes.iter().rev().fold(0, push),
            Self::Big => bytes.iter().fold(0, push),
        }
    }
}

/// An iterator over consecutive elements.
struct Elements<'a> {
    bytes: &'a [u8],
    order: Order,
}

struct Element<'a> {
    kind: u32,
    data: &'a [u8],
}

impl<'a> Elements<'a> {
    fn next(&mut self) -> Result<Option<Element<'a>>, String> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let cut = || "an element is truncated".to_owned();
        let tag = self.bytes.get(..8).ok_or_else(cut)?;
        let first = self.order.bits(&tag[..4]) as u32;
        // A short element has its length in the upper half of the type, its data in the second
        // word.
        let (kind, start, length) = if first >> 16 != 0 {
            (first & 0xffff, 4, (first >> 16) as usize)
        } else {
            (first, 8, self.order.bits(&tag[4..]) as usize)
        };
        let end = usize::saturating_add(start, length);
        if start == 4 && length > 4 {
            return Err(cut());
        }
        let data = self.bytes.get(start..end).ok_or_else(cut)?;
        let padded = match kind {
            COMPRESSED => end,
            _ => end.next_multiple_of(8),
        };
        self.bytes = self.bytes.get(padded..).unwrap_or_default();
        Ok(Some(Element { kind, data }))
    }
}

impl Element<'_> {
    fn numbers(&self, order: Order) -> Result<Vec<f64>, String> {
        type Decode = fn(u64) -> f64;
        let (size, decode): (usize, Decode) = match self.kind {
            1 => (1, |bits| f64::from(bits as i8)),
            2 => (1, |bits| f64::from(bits as u8)),
            3 => (2, |bits| f64::from(bits as i16)),
            4 => (2, |bits| f64::from(bits as u16)),
            5 => (4, |bits| f64::from(bits as i32)),
            6 => (4, |bits| f64::from(bits as u32)),
            7 => (4, |bits| f64::from(f32::from_bits(bits as u32))),
            9 => (8, f64::from_bits),
            kind => return Err(format!("unknown number type {kind}")),
        };
        if !self.data.len().is_multiple_of(size) {
            return Err("truncated numbers".into());
        }
        let numbers = self.data.chunks_exact(size);
        Ok(numbers.map(|bytes| decode(order.bits(bytes))).collect())
    }
}
