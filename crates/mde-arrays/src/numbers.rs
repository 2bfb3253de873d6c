//! Converts stored numbers to `f32` in row-major order.

use std::io::{self, Read};

use half::{bf16, f16};

/// Bytes read and converted at a time; a multiple of the size of every number type.
const CHUNK: usize = 1 << 16;

/// The supported number types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    Bool,
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F16,
    Bf16,
    F32,
    F64,
}

impl Number {
    /// Bytes of one number.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::Bf16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Whether the type holds only integers.
    pub(crate) fn is_integer(self) -> bool {
        !matches!(self, Self::F16 | Self::Bf16 | Self::F32 | Self::F64)
    }

    /// Appends little-endian numbers, each rounded to the nearest `f32`.
    fn decode(self, bytes: &[u8], values: &mut Vec<f32>) {
        /// For the primitive number types.
        macro_rules! cast {
            ($number:ty) => {{
                let (numbers, _) = bytes.as_chunks::<{ size_of::<$number>() }>();
                values.extend(
                    numbers
                        .iter()
                        .map(|number| <$number>::from_le_bytes(*number) as f32),
                );
            }};
        }
        match self {
            Self::Bool => values.extend(bytes.iter().map(|byte| f32::from(*byte != 0))),
            Self::U8 => cast!(u8),
            Self::U16 => cast!(u16),
            Self::U32 => cast!(u32),
            Self::U64 => cast!(u64),
            Self::I8 => cast!(i8),
            Self::I16 => cast!(i16),
            Self::I32 => cast!(i32),
            Self::I64 => cast!(i64),
            Self::F32 => cast!(f32),
            Self::F64 => cast!(f64),
            Self::F16 => {
                let (numbers, _) = bytes.as_chunks::<2>();
                values.extend(
                    numbers
                        .iter()
                        .map(|number| f16::from_le_bytes(*number).to_f32()),
                );
            }
            Self::Bf16 => {
                let (numbers, _) = bytes.as_chunks::<2>();
                values.extend(
                    numbers
                        .iter()
                        .map(|number| bf16::from_le_bytes(*number).to_f32()),
                );
            }
        }
    }
}

/// The order of values in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// The last axis varies fastest.
    RowMajor,
    /// The first axis varies fastest (Fortran order).
    ColumnMajor,
    /// Row-major `[height, width]`, bottom row first.
    BottomUp,
}

/// The layout of an array's contiguous values in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) number: Number,
    pub(crate) big_endian: bool,
    pub(crate) order: Order,
}

impl Layout {
    /// Little-endian and row-major.
    pub(crate) fn plain(number: Number) -> Self {
        Self {
            number,
            big_endian: false,
            order: Order::RowMajor,
        }
    }

    /// Size of `count` numbers in bytes, or `None` if it overflows.
    pub(crate) fn bytes(self, count: usize) -> Option<u64> {
        u64::try_from(count.checked_mul(self.number.size())?).ok()
    }

    /// Reads an array of this shape and returns it in row-major order.
    ///
    /// `capacity` limits the number of values allocated before the first is read.
    pub(crate) fn read(
        self,
        reader: &mut impl Read,
        shape: &[usize],
        capacity: usize,
    ) -> io::Result<Vec<f32>> {
        let values = self.read_stored(reader, shape.iter().product(), capacity)?;
        Ok(match self.order {
            Order::RowMajor => values,
            Order::ColumnMajor => from_column_major(&values, shape),
            Order::BottomUp => {
                let width = shape.last().copied().unwrap_or(1).max(1);
                values.rchunks(width).flatten().copied().collect()
            }
        })
    }

    /// Reads numbers in the file's order.
    fn read_stored(
        self,
        reader: &mut impl Read,
        count: usize,
        capacity: usize,
    ) -> io::Result<Vec<f32>> {
        let size = self.number.size();
        let mut values = Vec::new();
        values.try_reserve_exact(count.min(capacity))?;
        let mut buffer = vec![0; CHUNK.min(count.saturating_mul(size))];
        while values.len() < count {
            let bytes = &mut buffer[..CHUNK.min((count - values.len()) * size)];
            reader.read_exact(bytes)?;
            if self.big_endian {
                bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
            }
            self.number.decode(bytes, &mut values);
        }
        Ok(values)
    }
}

/// Reorders values from column-major to row-major.
fn from_column_major(values: &[f32], shape: &[usize]) -> Vec<f32> {
    let strides: Vec<usize> = shape
        .iter()
        .scan(1, |stride, size| {
            let this = *stride;
            *stride *= size;
            Some(this)
        })
        .collect();
    let mut index = vec![0; shape.len()];
    let mut at = 0;
    let mut ordered = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        ordered.push(values[at]);
        // Advances the index, last axis fastest.
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fortran_order_becomes_row_major_in_three_dimensions() {
        // values[d, r, c] = 100 d + 10 r + c, written with d fastest.
        let shape = [2, 3, 4];
        let mut stored = Vec::new();
        for c in 0..4u8 {
            for r in 0..3u8 {
                for d in 0..2u8 {
                    stored.push(f32::from(100 * d + 10 * r + c));
                }
            }
        }
        let ordered = from_column_major(&stored, &shape);
        let expected: Vec<f32> = (0..24u8)
            .map(|at| f32::from(100 * (at / 12) + 10 * (at / 4 % 3) + at % 4))
            .collect();
        assert_eq!(ordered, expected);
        assert_eq!(from_column_major(&[7.0], &[]), [7.0]);
    }
}
