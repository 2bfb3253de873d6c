//! A safe front for the `gemm` crate: matrices are checked views into slices. The only file of the
//! workspace with unsafe code.
#![allow(unsafe_code)]

use std::marker::PhantomData;

/// A matrix view: element (r, c) lies at `offset + r * row_stride + c * col_stride` of the values.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) offset: usize,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) row_stride: usize,
    pub(crate) col_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A row-major matrix that fills the slice.
    pub(crate) fn new(values: &'a [f32], rows: usize, cols: usize) -> Self {
        Self::strided(values, 0, rows, cols, cols)
    }

    /// Rows of `cols` values that begin `row_stride` apart, the first at `offset`.
    pub(crate) fn strided(
        values: &'a [f32],
        offset: usize,
        rows: usize,
        cols: usize,
        row_stride: usize,
    ) -> Self {
        Self {
            values,
            offset,
            rows,
            cols,
            row_stride,
            col_stride: 1,
        }
    }

    /// The transposed view.
    pub(crate) fn t(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }

    fn fits(&self) -> bool {
        last_index(
            self.offset,
            self.rows,
            self.cols,
            self.row_stride,
            self.col_stride,
        )
        .is_none_or(|last| last < self.values.len())
    }
}

/// The index of the last element, `None` for an empty matrix.
fn last_index(offset: usize, rows: usize, cols: usize, rs: usize, cs: usize) -> Option<usize> {
    (rows > 0 && cols > 0).then(|| offset + (rows - 1) * rs + (cols - 1) * cs)
}

/// Where a product is written: a tile of a row-major buffer.
pub(crate) struct MatrixMut<'a> {
    start: *mut f32,
    rows: usize,
    cols: usize,
    row_stride: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

impl<'a> MatrixMut<'a> {
    /// A row-major matrix at the beginning of the slice.
    ///
    /// # Panics
    /// If the slice is shorter than `rows * cols`.
    pub(crate) fn new(values: &'a mut [f32], rows: usize, cols: usize) -> Self {
        assert!(
            rows * cols <= values.len(),
            "a product of {rows}x{cols} into {}",
            values.len()
        );
        Self {
            start: values.as_mut_ptr(),
            rows,
            cols,
            row_stride: cols,
            lifetime: PhantomData,
        }
    }
}

/// A row-major output `[planes, pixels]` that parallel tasks fill tile by tile.
pub(crate) struct OutputTiles<'a> {
    start: *mut f32,
    planes: usize,
    pixels: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

// SAFETY: the pointer is only used through `tile`, whose contract forbids overlapping tiles.
unsafe impl Sync for OutputTiles<'_> {}

impl<'a> OutputTiles<'a> {
    /// Takes the whole output.
    ///
    /// # Panics
    /// If the sizes do not agree.
    pub(crate) fn new(values: &'a mut [f32], planes: usize, pixels: usize) -> Self {
        assert_eq!(
            values.len(),
            planes * pixels,
            "an output of {planes} planes of {pixels}"
        );
        Self {
            start: values.as_mut_ptr(),
            planes,
            pixels,
            lifetime: PhantomData,
        }
    }

    /// The tile of `planes` x `pixels`.
    ///
    /// # Safety
    /// No two tiles that are alive at the same time may overlap.
    ///
    /// # Panics
    /// If the tile reaches beyond the output.
    pub(crate) unsafe fn tile(
        &self,
        planes: std::ops::Range<usize>,
        pixels: std::ops::Range<usize>,
    ) -> MatrixMut<'a> {
        assert!(
            planes.end <= self.planes && pixels.end <= self.pixels,
            "tile beyond the output"
        );
        MatrixMut {
            // SAFETY: checked just above.
            start: unsafe { self.start.add(planes.start * self.pixels + pixels.start) },
            rows: planes.len(),
            cols: pixels.len(),
            row_stride: self.pixels,
            lifetime: PhantomData,
        }
    }
}

/// How a product is spread over threads.
#[derive(Clone, Copy)]
pub(crate) enum Threads {
    /// In the calling thread: the caller is one of several parallel tasks.
    One,
    /// Over rayon's threads.
    All,
}

/// `out = keep * out + lhs · rhs`, with `keep` 1 where `accumulate` is set and 0 elsewhere.
///
/// # Panics
/// If the shapes do not agree or a view reaches beyond its slice: both are mistakes of this crate.
pub(crate) fn gemm(
    out: MatrixMut<'_>,
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
    accumulate: bool,
    threads: Threads,
) {
    assert!(
        lhs.rows == out.rows && rhs.cols == out.cols && lhs.cols == rhs.rows,
        "a product of {}x{} and {}x{} into {}x{}",
        lhs.rows,
        lhs.cols,
        rhs.rows,
        rhs.cols,
        out.rows,
        out.cols,
    );
    assert!(
        lhs.fits() && rhs.fits(),
        "an operand reaches beyond its slice"
    );
    // SAFETY: all views are inside their slices (asserted here and where `out` was made), `out` is
    // exclusive, and the shapes agree.
    unsafe {
        gemm::gemm(
            out.rows,
            out.cols,
            lhs.cols,
            out.start,
            1,
            out.row_stride as isize,
            accumulate,
            lhs.values.as_ptr().add(lhs.offset.min(lhs.values.len())),
            lhs.col_stride as isize,
            lhs.row_stride as isize,
            rhs.values.as_ptr().add(rhs.offset.min(rhs.values.len())),
            rhs.col_stride as isize,
            rhs.row_stride as isize,
            if accumulate { 1.0 } else { 0.0 },
            1.0,
            false,
            false,
            false,
            match threads {
                Threads::One => gemm::Parallelism::None,
                Threads::All => gemm::Parallelism::Rayon(0),
            },
        );
    }
}
