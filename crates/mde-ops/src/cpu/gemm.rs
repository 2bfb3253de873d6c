//! Safe interface to the `gemm` crate: matrices are checked views of slices. The only file of the
//! workspace with unsafe code.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ops::Range;

use rayon::prelude::*;

/// A matrix view. Element (r, c) lies at `offset + r * row_stride + c * col_stride` in `values`.
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

/// Target of a product: a tile of a row-major buffer.
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

    /// One row.
    ///
    /// # Panics
    /// If there is no such row.
    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [f32] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        // SAFETY: the row lies inside the buffer that the matrix was made from, and is borrowed
        // through it.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.row_stride), self.cols) }
    }
}

/// Fills a row-major output `[planes, pixels]` tile by tile, in parallel.
///
/// Calls `fill(block, pixels, tile)` for each `block` of `planes_per_block` planes and each run of
/// `run` pixels.
///
/// # Panics
/// If the output is not a whole number of blocks.
pub(crate) fn for_each_tile(
    out: &mut [f32],
    pixels: usize,
    planes_per_block: usize,
    run: usize,
    fill: impl Fn(usize, Range<usize>, MatrixMut<'_>) + Sync,
) {
    let block_size = planes_per_block * pixels;
    assert!(
        block_size > 0 && run > 0 && out.len().is_multiple_of(block_size),
        "{} values in blocks of {planes_per_block} planes of {pixels}",
        out.len()
    );
    let (blocks, runs) = (out.len() / block_size, pixels.div_ceil(run));
    let start = SharedStart(out.as_mut_ptr());
    (0..blocks * runs).into_par_iter().for_each(|task| {
        let block = task / runs;
        let first = task % runs * run;
        let range = first..(first + run).min(pixels);
        let tile = MatrixMut {
            // SAFETY: inside the output, whose size was checked above. Tasks differ in block or
            // run, so no two tiles overlap, and `out` is borrowed until all tasks are done.
            start: unsafe { start.get().add(block * block_size + range.start) },
            rows: planes_per_block,
            cols: range.len(),
            row_stride: pixels,
            lifetime: PhantomData,
        };
        fill(block, range, tile);
    });
}

/// Start of an output that parallel tasks write to at different positions.
struct SharedStart(*mut f32);

impl SharedStart {
    fn get(&self) -> *mut f32 {
        self.0
    }
}

// SAFETY: the only use, in `for_each_tile`, derives pointers to disjoint tiles.
unsafe impl Sync for SharedStart {}

/// Threads of a product.
#[derive(Clone, Copy)]
pub(crate) enum Threads {
    /// The calling thread: the caller is one of several parallel tasks.
    One,
    /// All threads of rayon.
    All,
}

/// `out = lhs · rhs`, or `out += lhs · rhs` if `accumulate` is set.
///
/// # Panics
/// If the shapes do not agree or a view exceeds its slice. Both are bugs of this crate.
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
    // SAFETY: all views lie inside their slices (asserted here and where `out` was made), `out` is
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
