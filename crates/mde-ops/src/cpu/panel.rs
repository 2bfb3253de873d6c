//! Products of long rows and narrow panels of columns, where convolutions spend their time.
//!
//! The rows (filters, in the layout of the weight) are read in place, one value at a time for
//! [`ROWS`] of them. The columns (pixels) lie in panels of [`PANEL`], with one row of the panel per
//! term of the sum, so that a vector of pixels is one load. Neither side is packed again. A block
//! of the output stays in registers for the whole sum.

use std::ops::Range;

use pulp::Simd;

use super::gemm::MatrixMut;
use super::simd::{Kernel, Rectifier, vectorised};

/// Columns of a panel: three of the longest vectors.
pub(crate) const PANEL: usize = 48;

/// Rows of a block, if there are enough registers.
const ROWS: usize = 8;

/// Consecutive rows of equal length.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    values: &'a [f32],
    count: usize,
    length: usize,
}

impl<'a> Rows<'a> {
    /// `count` rows of `length` values from the start of `values`.
    pub(crate) fn new(values: &'a [f32], count: usize, length: usize) -> Self {
        Self {
            values,
            count,
            length,
        }
    }

    /// The row; beyond the end, the last row.
    #[inline(always)]
    fn get(&self, row: usize) -> &'a [f32] {
        &self.values[row.min(self.count - 1) * self.length..][..self.length]
    }
}

/// Final step on each output value: `scale[row] * y + shift[row]`, then the rectifier.
#[derive(Clone, Copy, Default)]
pub(crate) struct Finish<'a> {
    /// Scale and shift per row.
    pub(crate) affine: Option<(&'a [f32], &'a [f32])>,
    pub(crate) rectifier: Rectifier,
}

impl<'a> Finish<'a> {
    /// The final step for a range of rows.
    pub(crate) fn rows(self, rows: Range<usize>) -> Self {
        let affine = self.affine;
        Self {
            affine: affine.map(|(scale, shift)| (&scale[rows.clone()], &shift[rows])),
            ..self
        }
    }

    /// Scale and shift of a row.
    #[inline(always)]
    pub(crate) fn coefficients(&self, row: usize) -> (f32, f32) {
        self.affine
            .map_or((1.0, 0.0), |(scale, shift)| (scale[row], shift[row]))
    }

    /// Applies the final step with the coefficients of a row.
    #[inline(always)]
    pub(crate) fn value(&self, value: f32, (scale, shift): (f32, f32)) -> f32 {
        self.rectifier.apply(scale.mul_add(value, shift))
    }

    /// Applies the final step to a row in memory.
    pub(crate) fn plane(&self, values: &mut [f32], row: usize) {
        if self.affine.is_some() || self.rectifier != Rectifier::None {
            let (finish, coefficients) = (*self, self.coefficients(row));
            vectorised(FinishPlane {
                finish,
                coefficients,
                values,
            });
        }
    }

    #[inline(always)]
    fn vector<S: Simd>(&self, simd: S, value: S::f32s, row: usize) -> S::f32s {
        let mut value = value;
        if let Some((scale, shift)) = self.affine {
            let (scale, shift) = (simd.splat_f32s(scale[row]), simd.splat_f32s(shift[row]));
            value = simd.mul_add_f32s(value, scale, shift);
        }
        if self.rectifier != Rectifier::None {
            let zero = simd.splat_f32s(0.0);
            value = simd.select_f32s(simd.less_than_f32s(value, zero), zero, value);
        }
        if self.rectifier == Rectifier::Relu6 {
            let six = simd.splat_f32s(6.0);
            value = simd.select_f32s(simd.less_than_f32s(six, value), six, value);
        }
        value
    }
}

struct FinishPlane<'a> {
    finish: Finish<'a>,
    coefficients: (f32, f32),
    values: &'a mut [f32],
}

impl Kernel for FinishPlane<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        for value in self.values {
            *value = self.finish.value(*value, self.coefficients);
        }
    }
}

/// `out[r][first + p] = finish(Σ_d rows[r][d] * panel[d][p])` for the first `width` columns of a
/// panel `[rows.length, PANEL]`.
///
/// # Panics
/// If the shapes do not agree, which is a bug of this crate.
pub(crate) fn multiply(
    rows: Rows<'_>,
    panel: &[f32],
    width: usize,
    out: &mut MatrixMut<'_>,
    first: usize,
    finish: Finish<'_>,
) {
    assert!(width <= PANEL && panel.len() >= rows.length * PANEL);
    vectorised(Product {
        rows,
        panel: &panel[..rows.length * PANEL],
        out,
        columns: first..first + width,
        finish,
    });
}

struct Product<'a, 'b> {
    rows: Rows<'a>,
    panel: &'a [f32],
    out: &'a mut MatrixMut<'b>,
    columns: Range<usize>,
    finish: Finish<'a>,
}

impl Kernel for Product<'_, '_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        if S::F32_LANES * 3 == PANEL {
            // 32 registers: 24 sums, three vectors of the panel.
            let vectors = self.columns.len().div_ceil(S::F32_LANES);
            let mut row = 0;
            while row < self.rows.count {
                let many = self.rows.count - row > ROWS / 2;
                match (vectors, many) {
                    (1, true) => self.block::<S, 1, ROWS>(simd, row, 0),
                    (2, true) => self.block::<S, 2, ROWS>(simd, row, 0),
                    (_, true) => self.block::<S, 3, ROWS>(simd, row, 0),
                    (1, false) => self.block::<S, 1, { ROWS / 2 }>(simd, row, 0),
                    (2, false) => self.block::<S, 2, { ROWS / 2 }>(simd, row, 0),
                    (_, false) => self.block::<S, 3, { ROWS / 2 }>(simd, row, 0),
                }
                row += if many { ROWS } else { ROWS / 2 };
            }
        } else {
            // 16 registers: 8 sums.
            for row in (0..self.rows.count).step_by(ROWS / 2) {
                for offset in (0..self.columns.len()).step_by(2 * S::F32_LANES) {
                    self.block::<S, 2, { ROWS / 2 }>(simd, row, offset);
                }
            }
        }
    }
}

impl Product<'_, '_> {
    /// The block of `R` rows from `first` on and `V` vectors of columns from `offset` on.
    #[inline(always)]
    fn block<S: Simd, const V: usize, const R: usize>(
        &mut self,
        simd: S,
        first: usize,
        offset: usize,
    ) {
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        let (panel, _) = self.panel.as_chunks::<PANEL>();
        let length = panel.len();
        let rows: [&[f32]; R] = std::array::from_fn(|row| &self.rows.get(first + row)[..length]);
        for (d, columns) in panel.iter().enumerate() {
            let (columns, _) = S::as_simd_f32s(&columns[offset..offset + V * S::F32_LANES]);
            for (sums, row) in sums.iter_mut().zip(&rows) {
                let value = simd.splat_f32s(row[d]);
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = simd.mul_add_f32s(*column, value, *sum);
                }
            }
        }
        let here = self.columns.start + offset..self.columns.end;
        for (row, sums) in (first..self.rows.count).zip(sums) {
            let mut target = &mut self.out.row_mut(row)[here.clone()];
            for sum in sums {
                let (part, rest) = target.split_at_mut(S::F32_LANES.min(target.len()));
                simd.partial_store_f32s(part, self.finish.vector(simd, sum, row));
                target = rest;
            }
        }
    }
}
