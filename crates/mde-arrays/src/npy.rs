//! NumPy's array files: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.
//!
//! The header is a Python dictionary with three entries. The crate `npyz` overflows on hostile
//! shapes, allocates any header length that the file claims, does not know Python 2's `2L`, and
//! cannot read a part of an array.

use std::io::{self, Read};

use crate::numbers::{Layout, Number, Order};

pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";

/// Maximum length of the header in bytes; a numeric array needs about a hundred.
const MAX_HEADER_LENGTH: usize = 1 << 16;

/// Maximum number of axes, as in NumPy.
const MAX_AXES: usize = 64;

/// The header of a `.npy` file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Header {
    pub(crate) shape: Vec<usize>,
    /// The layout of the values, or why they are not numbers.
    pub(crate) layout: Result<Layout, NotNumbers>,
    /// Length of the header in bytes, the magic number included.
    pub(crate) length: u64,
}

/// Describes an array that is not numeric, and how to save a numeric one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NotNumbers {
    pub(crate) found: String,
    pub(crate) remedy: Remedy,
}

/// What makes numbers of an array: `advice.rs` has the lines of Python.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Remedy {
    /// The objects are maps.
    Objects,
    /// The magnitude of complex numbers.
    Magnitude,
    /// Conversion to float32.
    Float32,
    /// The numbers are bfloat16, which NumPy saves as two bytes without a type.
    Bfloat16,
    /// One field of a structured array.
    Field(String),
    /// Conversion of all tensors of a safetensors file.
    Tensors,
    /// Nothing that can be done with the file.
    Words(&'static str),
}

/// Reads the header; the reader is then at the first value.
///
/// The outer error comes from the reader; the inner error describes what is wrong with the header.
pub(crate) fn read_header(reader: &mut impl Read) -> io::Result<Result<Header, String>> {
    let mut start = [0; 8];
    reader.read_exact(&mut start)?;
    if !start.starts_with(MAGIC) {
        return Ok(Err("it does not begin like a .npy file".to_owned()));
    }
    let (before, length) = match start[6] {
        1 => {
            let mut bytes = [0; 2];
            reader.read_exact(&mut bytes)?;
            (10, usize::from(u16::from_le_bytes(bytes)))
        }
        2 | 3 => {
            let mut bytes = [0; 4];
            reader.read_exact(&mut bytes)?;
            (12, u32::from_le_bytes(bytes) as usize)
        }
        version => {
            return Ok(Err(format!(
                "its format version is {version}, expected 1 to 3"
            )));
        }
    };
    if length > MAX_HEADER_LENGTH {
        return Ok(Err(format!("its header claims {length} bytes")));
    }
    let mut text = vec![0; length];
    reader.read_exact(&mut text)?;
    let length = (before + length) as u64;
    Ok(parse(&text, length).ok_or_else(|| "its header does not describe an array".to_owned()))
}

/// Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, entries in any order.
fn parse(text: &[u8], length: u64) -> Option<Header> {
    let mut scanner = Scanner { rest: text };
    let (mut number, mut column_major, mut shape) = (None, None, None);
    scanner.expect(b'{')?;
    while !scanner.take(b'}') {
        let key = scanner.string()?;
        scanner.expect(b':')?;
        match key {
            b"descr" if matches!(scanner.peek(), Some(b'[' | b'(')) => {
                // A structured array is refused whatever follows.
                let (found, remedy) = match numeric_field(scanner.rest) {
                    Some(field) => ("a structured array", Remedy::Field(field)),
                    None => (
                        "a structured array without a field of numbers",
                        Remedy::Words("expected numbers: save the array of depth itself"),
                    ),
                };
                return Some(Header {
                    shape: Vec::new(),
                    layout: Err(NotNumbers {
                        found: found.to_owned(),
                        remedy,
                    }),
                    length,
                });
            }
            b"descr" => number = Some(number_of(scanner.string()?)),
            b"fortran_order" => column_major = Some(scanner.boolean()?),
            b"shape" => shape = Some(scanner.tuple()?),
            _ => return None,
        }
        if !scanner.take(b',') {
            scanner.expect(b'}')?;
            break;
        }
    }
    let order = if column_major? {
        Order::ColumnMajor
    } else {
        Order::RowMajor
    };
    let layout = number?.map(|(number, big_endian)| Layout {
        number,
        big_endian,
        order,
    });
    (scanner.peek().is_none()).then_some(Header {
        shape: shape?,
        layout,
        length,
    })
}

/// The number type of a NumPy type string, and whether it is big-endian.
fn number_of(text: &[u8]) -> Result<(Number, bool), NotNumbers> {
    let (big_endian, code) = match text {
        [b'>', code @ ..] => (true, code),
        [b'<' | b'|' | b'=', code @ ..] => (false, code),
        code => (false, code),
    };
    let number = match code {
        b"b1" => Number::Bool,
        b"u1" => Number::U8,
        b"u2" => Number::U16,
        b"u4" => Number::U32,
        b"u8" => Number::U64,
        b"i1" => Number::I8,
        b"i2" => Number::I16,
        b"i4" => Number::I32,
        b"i8" => Number::I64,
        b"f2" => Number::F16,
        b"f4" => Number::F32,
        b"f8" => Number::F64,
        _ => return Err(not_numbers(text, code)),
    };
    Ok((number, big_endian))
}

fn not_numbers(text: &[u8], code: &[u8]) -> NotNumbers {
    let float32 = Remedy::Words("save it as float32 in the program that wrote it");
    let (what, remedy) = match code {
        [b'O', ..] => ("an object array (pickled Python objects)", Remedy::Objects),
        [b'c', ..] => ("complex numbers", Remedy::Magnitude),
        [b'S' | b'U', ..] => (
            "text",
            Remedy::Words("expected numbers: name another array, or save the numbers themselves"),
        ),
        [b'M' | b'm', ..] => (
            "dates or durations",
            Remedy::Words("expected numbers: name another array"),
        ),
        b"V2" => (
            "2-byte numbers of a type without a NumPy name, probably bfloat16",
            Remedy::Bfloat16,
        ),
        [b'V', ..] => ("numbers of a type without a NumPy name", float32),
        // Such as long double, `f16`.
        [b'f', ..] => ("numbers of an unsupported type", Remedy::Float32),
        _ => ("numbers of an unsupported type", float32),
    };
    let dtype = crate::error::printable(&String::from_utf8_lossy(text));
    NotNumbers {
        found: format!("{what}, dtype '{dtype}'"),
        remedy,
    }
}

/// The first field with numbers in the description of a structured type: `[('name', '<f4'), ...]`.
fn numeric_field(description: &[u8]) -> Option<String> {
    let mut scanner = Scanner { rest: description };
    scanner.expect(b'[')?;
    while scanner.take(b'(') {
        let name = scanner.string()?;
        scanner.expect(b',')?;
        // A field can be a structure itself.
        let kind = scanner.string()?;
        if number_of(kind).is_ok() && !name.contains(&b'\\') {
            return String::from_utf8(name.to_vec()).ok();
        }
        // The shape of a field of arrays.
        if scanner.take(b',') {
            scanner.tuple()?;
        }
        scanner.expect(b')')?;
        scanner.take(b',');
    }
    None
}

/// The unread part of a header. Blanks before a token are skipped.
struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.first().copied()
    }

    /// Consumes `byte` if it is next; returns whether it was.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.take(byte).then_some(())
    }

    /// Consumes and returns the bytes up to the first that `accept` rejects.
    fn take_while(&mut self, accept: impl Fn(&u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| !accept(byte));
        let (run, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        run
    }

    /// A string in single or double quotes, without escapes.
    fn string(&mut self) -> Option<&'a [u8]> {
        let quote = self.peek().filter(|byte| matches!(byte, b'\'' | b'"'))?;
        self.expect(quote)?;
        let string = self.take_while(|byte| *byte != quote);
        self.expect(quote)?;
        Some(string)
    }

    fn boolean(&mut self) -> Option<bool> {
        self.peek()?;
        match self.take_while(u8::is_ascii_alphabetic) {
            b"True" => Some(true),
            b"False" => Some(false),
            _ => None,
        }
    }

    /// `()`, `(2,)`, `(2, 3)`, or Python 2's `(2L, 3L)`.
    fn tuple(&mut self) -> Option<Vec<usize>> {
        let mut sizes = Vec::new();
        self.expect(b'(')?;
        while !self.take(b')') {
            self.peek()?;
            let digits = std::str::from_utf8(self.take_while(u8::is_ascii_digit)).ok()?;
            sizes.push(digits.parse().ok()?);
            self.take(b'L');
            if sizes.len() > MAX_AXES {
                return None;
            }
            if !self.take(b',') {
                self.expect(b')')?;
                break;
            }
        }
        Some(sizes)
    }
}

/// Encodes a map `[height, width]` like `numpy.save`: version 1.0, little-endian float32.
pub(crate) fn encode(values: &[f32], (height, width): (usize, usize)) -> Vec<u8> {
    /// Length of the magic number, the version and the header's length.
    const PREFIX_LENGTH: usize = 10;
    const ALIGNMENT: usize = 64;
    let header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({height}, {width}), }}");
    // Blanks before the header's line break align the values.
    let values_at = (PREFIX_LENGTH + header.len() + 1).next_multiple_of(ALIGNMENT);
    let header = format!("{header:width$}\n", width = values_at - PREFIX_LENGTH - 1);
    let mut file = Vec::with_capacity(values_at + 4 * values.len());
    file.extend(MAGIC);
    file.extend([1, 0]);
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Option<Header> {
        parse(text.as_bytes(), 0)
    }

    #[test]
    fn headers_in_any_spelling() {
        let plain = header("{'descr': '>f8', 'fortran_order': True, 'shape': (2, 3), }   \n");
        let plain = plain.expect("a header");
        assert_eq!(plain.shape, [2, 3]);
        let layout = plain.layout.expect("numbers");
        assert_eq!(layout.number, Number::F64);
        assert!(layout.big_endian && layout.order == Order::ColumnMajor);
        for (text, shape) in [
            (
                r#"{"shape":(7,),"fortran_order":False,"descr":"|u1"}"#,
                vec![7],
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }",
                vec![2, 3],
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (), }",
                vec![],
            ),
        ] {
            assert_eq!(
                header(text).map(|header| header.shape),
                Some(shape),
                "{text}"
            );
        }
    }

    #[test]
    fn other_texts_are_no_headers() {
        for text in [
            "",
            "{}",
            "[]",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } x",
            "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, -3), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 3), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'more': True}",
            "{'descr': '<f4",
        ] {
            assert_eq!(header(text), None, "{text}");
        }
    }

    #[test]
    fn values_are_aligned_whatever_the_shape() {
        for (height, width) in [(1, 1), (480, 640), (1_000_000, 100_000_000), (7, 0)] {
            let file = encode(&[], (height, width));
            assert_eq!(file.len() % 64, 0);
            let read = read_header(&mut &file[..])
                .expect("whole")
                .expect("a header");
            assert_eq!(read.shape, [height, width]);
            assert_eq!(read.length, file.len() as u64);
        }
    }
}
