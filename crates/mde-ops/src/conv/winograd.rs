//! Convolution with stride 1 by Winograd's minimal filtering (Lavin and Gray 2016, "Fast Algorithms for Convolutional
//! Neural Networks"): T² products for M x M outputs instead of K² M².
//!
//! An input tile d and a filter g are taken to T values at the points 0, ±1, ±2, ±1/2 and infinity along each axis, multiplied
//! there, and M outputs taken back: `Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A`, T = M + K - 1. At each of the T² points the
//! products of all channels and tiles are one matrix product. The gradient in the weight is the adjoint,
//! `Gᵀ [(A dY Aᵀ) ⊙ (Bᵀ d B)] G` summed over tiles, with as many products.
//!
//! Tiles are kept in *phases*: plane (y mod M, x mod M) of a map holds every M-th pixel of every M-th row, so that value (y, x)
//! of neighbouring tiles lies side by side, and a vector of tiles is transformed at once.

use std::ops::Range;

use pulp::Simd;
use rayon::prelude::*;

use super::Dims;
use crate::cpu::im2col::Geometry;
use crate::cpu::{
    Kernel, Matrix, MatrixMut, Threads, for_each_tile, gemm, vectorised, with_scratch,
};

/// A size of tile, and of the outputs that it gives.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tiles {
    /// 6x6 tiles for 2x2 outputs of a 5x5 kernel.
    Six2,
    /// 6x6 tiles for 4x4 outputs of a 3x3 kernel.
    Six4,
    /// 8x8 tiles for 4x4 outputs of a 5x5 kernel.
    Eight4,
    /// 8x8 tiles for 6x6 outputs of a 3x3 kernel.
    Eight6,
}

impl Tiles {
    /// The tiles that need the fewest products, if those are fewer than half of the direct way's: transforms cost too.
    pub(super) fn choose(geometry: &Geometry, channels: usize) -> Option<Self> {
        /// With fewer channels the transforms outweigh the products.
        const MIN_CHANNELS: usize = 16;
        let candidates = match geometry.kernel {
            (3, 3) => [Self::Six4, Self::Eight6],
            (5, 5) => [Self::Six2, Self::Eight4],
            _ => return None,
        };
        if geometry.stride != 1 || geometry.dilation != 1 || channels < MIN_CHANNELS {
            return None;
        }
        let best = candidates
            .into_iter()
            .min_by_key(|tiles| tiles.products(geometry))?;
        let direct = geometry.out_pixels() * geometry.taps();
        (2 * best.products(geometry) <= direct).then_some(best)
    }

    /// Products for each pair of channels.
    fn products(self, geometry: &Geometry) -> usize {
        fn of<const T: usize, const M: usize>(geometry: &Geometry) -> usize {
            let grid = Grid::<T, M>::new(geometry);
            Winograd::<T, M>::POINTS * Strip::new(grid, 0..grid.tile_rows).slots()
        }
        match self {
            Self::Six2 => of::<6, 2>(geometry),
            Self::Six4 => of::<6, 4>(geometry),
            Self::Eight4 => of::<8, 4>(geometry),
            Self::Eight6 => of::<8, 6>(geometry),
        }
    }

    /// The output, `[batch, out_channels, out_height, out_width]`.
    pub(super) fn forward(self, dims: &Dims, x: &[f32], weight: &[f32]) -> Vec<f32> {
        match self {
            Self::Six2 => Winograd::<6, 2>::forward(dims, x, weight),
            Self::Six4 => Winograd::<6, 4>::forward(dims, x, weight),
            Self::Eight4 => Winograd::<8, 4>::forward(dims, x, weight),
            Self::Eight6 => Winograd::<8, 6>::forward(dims, x, weight),
        }
    }

    /// The gradient in the weight, `[out_channels, in_channels, K, K]`.
    pub(super) fn backward_weight(self, dims: &Dims, x: &[f32], grad: &[f32]) -> Vec<f32> {
        match self {
            Self::Six2 => Winograd::<6, 2>::backward_weight(dims, x, grad),
            Self::Six4 => Winograd::<6, 4>::backward_weight(dims, x, grad),
            Self::Eight4 => Winograd::<8, 4>::backward_weight(dims, x, grad),
            Self::Eight6 => Winograd::<8, 6>::backward_weight(dims, x, grad),
        }
    }
}

/// Slots are a multiple of this: no processor's vectors are longer.
const LANES: usize = 16;

/// The points come in pairs ±a, so that the even and odd parts of a polynomial serve both.
const PAIRS: [f32; 3] = [1.0, 2.0, 0.5];

/// The coefficients of `Π (x² - b²)` over the first `pairs` points, all but number `skip`.
const fn quotient(pairs: usize, skip: usize) -> [f32; 4] {
    let mut product = [1.0, 0.0, 0.0, 0.0];
    let mut pair = 0;
    while pair < pairs {
        if pair != skip {
            let square = PAIRS[pair] * PAIRS[pair];
            let mut n = 3;
            while n > 0 {
                product[n] = product[n - 1] - square * product[n];
                n -= 1;
            }
            product[0] *= -square;
        }
        pair += 1;
    }
    product
}

/// F(M x M, K x K) with tiles of T x T, K = T - M + 1.
#[derive(Debug, Clone, Copy)]
struct Winograd<const T: usize, const M: usize>;

impl<const T: usize, const M: usize> Winograd<T, M> {
    const K: usize = T - M + 1;
    const POINTS: usize = T * T;
    const PAIRS: usize = (T - 2) / 2;
    /// Tiles by which the last value of a tile reaches into its neighbours' phases.
    const REACH: usize = (T - 1) / M;
    const ALL: [f32; 4] = quotient(Self::PAIRS, usize::MAX);
    const WITHOUT: [[f32; 4]; 3] = [
        quotient(Self::PAIRS, 0),
        quotient(Self::PAIRS, 1),
        quotient(Self::PAIRS, 2),
    ];

    /// a^i for every pair and output.
    const POWERS: [[f32; M]; 3] = {
        let mut powers = [[1.0; M]; 3];
        let mut pair = 0;
        while pair < 3 {
            let mut i = 1;
            while i < M {
                powers[pair][i] = powers[pair][i - 1] * PAIRS[pair];
                i += 1;
            }
            pair += 1;
        }
        powers
    };

    /// G, `[T, K]`: powers of each point over the product of its distances to the others.
    fn g() -> [[f32; 8]; T] {
        let mut points = vec![0.0];
        for pair in &PAIRS[..Self::PAIRS] {
            points.extend([f64::from(*pair), -f64::from(*pair)]);
        }
        let mut g = [[0.0; 8]; T];
        for (j, &point) in points.iter().enumerate() {
            let others = points.iter().filter(|&&other| other != point);
            let distances: f64 = others.map(|other| point - other).product();
            for (l, value) in g[j][..Self::K].iter_mut().enumerate() {
                *value = (point.powi(l as i32) / distances) as f32;
            }
        }
        g[T - 1][Self::K - 1] = 1.0;
        g
    }

    /// Bᵀ d.
    #[inline(always)]
    fn input<S: Simd>(simd: S, d: &[S::f32s; T]) -> [S::f32s; T] {
        let mut out = [simd.splat_f32s(0.0); T];
        let weighted = |sum, value, factor| simd.mul_add_f32s(value, simd.splat_f32s(factor), sum);
        for n in 0..=Self::PAIRS {
            out[0] = weighted(out[0], d[2 * n], Self::ALL[n]);
            out[T - 1] = weighted(out[T - 1], d[2 * n + 1], Self::ALL[n]);
        }
        for pair in 0..Self::PAIRS {
            let (mut even, mut odd) = (simd.splat_f32s(0.0), simd.splat_f32s(0.0));
            for n in 0..Self::PAIRS {
                let factor = Self::WITHOUT[pair][n];
                even = weighted(even, d[2 * n + 2], factor);
                odd = weighted(odd, d[2 * n + 1], PAIRS[pair] * factor);
            }
            out[2 * pair + 1] = simd.add_f32s(even, odd);
            out[2 * pair + 2] = simd.sub_f32s(even, odd);
        }
        out
    }

    /// Aᵀ m.
    #[inline(always)]
    fn output<S: Simd>(simd: S, m: &[S::f32s; T]) -> [S::f32s; M] {
        let mut out = [simd.splat_f32s(0.0); M];
        out[0] = m[0];
        for pair in 0..Self::PAIRS {
            let (plus, minus) = (m[2 * pair + 1], m[2 * pair + 2]);
            let parts = [simd.add_f32s(plus, minus), simd.sub_f32s(plus, minus)];
            for (i, out) in out.iter_mut().enumerate() {
                let power = simd.splat_f32s(Self::POWERS[pair][i]);
                *out = simd.mul_add_f32s(parts[i % 2], power, *out);
            }
        }
        out[M - 1] = simd.add_f32s(out[M - 1], m[T - 1]);
        out
    }

    /// A y, the adjoint of [`Self::output`].
    #[inline(always)]
    fn output_adjoint<S: Simd>(simd: S, y: &[S::f32s; M]) -> [S::f32s; T] {
        let mut out = [simd.splat_f32s(0.0); T];
        out[0] = y[0];
        out[T - 1] = y[M - 1];
        for pair in 0..Self::PAIRS {
            let mut parts = [simd.splat_f32s(0.0); 2];
            for (i, y) in y.iter().enumerate() {
                let power = simd.splat_f32s(Self::POWERS[pair][i]);
                parts[i % 2] = simd.mul_add_f32s(*y, power, parts[i % 2]);
            }
            out[2 * pair + 1] = simd.add_f32s(parts[0], parts[1]);
            out[2 * pair + 2] = simd.sub_f32s(parts[0], parts[1]);
        }
        out
    }

    fn forward(dims: &Dims, x: &[f32], weight: &[f32]) -> Vec<f32> {
        // Transformed input and output of a strip should stay in a core's cache.
        const FLOATS: usize = 320 * 1024;
        let Dims {
            in_channels,
            out_channels,
            ref geometry,
            ..
        } = *dims;
        let filters = Self::filters(weight, out_channels * in_channels);
        let grid = Grid::<T, M>::new(geometry);
        let rows = grid.rows_within(FLOATS / (Self::POINTS * (in_channels + out_channels)));
        let pixels = geometry.out_pixels();
        let run = rows * M * geometry.out_width;
        let mut out = vec![0.0; dims.batch * out_channels * pixels];
        for_each_tile(
            &mut out,
            pixels,
            out_channels,
            run,
            |image, range, mut tile| {
                let first = range.start / (M * geometry.out_width);
                let strip = Strip::new(grid, first..grid.tile_rows.min(first + rows));
                let planes = dims.input(x, image, 0);
                let sizes = [
                    Self::POINTS * in_channels * strip.slots(),
                    Self::POINTS * out_channels * strip.slots(),
                    strip.phase_floats(),
                ];
                with_scratch(sizes, |[points, products, phases]| {
                    vectorised(ReadInputs {
                        strip: &strip,
                        geometry,
                        planes,
                        phases,
                        points,
                    });
                    strip.multiply(&filters, points, products, in_channels, out_channels);
                    for channel in 0..out_channels {
                        let rows = tile.row_mut(channel);
                        vectorised(WriteOutput {
                            strip: &strip,
                            geometry,
                            products,
                            phases,
                            channel,
                            rows,
                        });
                    }
                });
            },
        );
        out
    }

    fn backward_weight(dims: &Dims, x: &[f32], grad: &[f32]) -> Vec<f32> {
        // All cores work on one strip, one step after the other: it may fill the shared cache.
        const FLOATS: usize = 2 * 1024 * 1024;
        let Dims {
            in_channels,
            out_channels,
            ref geometry,
            ..
        } = *dims;
        let grid = Grid::<T, M>::new(geometry);
        let rows = grid.rows_within(FLOATS / (Self::POINTS * (in_channels + out_channels)));
        let filter_size = out_channels * in_channels;
        let mut filters = vec![0.0; Self::POINTS * filter_size];
        for image in 0..dims.batch {
            let input = dims.input(x, image, 0);
            let grad = &grad[image * out_channels * geometry.out_pixels()..];
            for first in (0..grid.tile_rows).step_by(rows) {
                let strip = Strip::new(grid, first..grid.tile_rows.min(first + rows));
                // Channels outermost, so that each is one task: `[channels, points, slots]`.
                let channel = Self::POINTS * strip.slots();
                with_scratch(
                    [in_channels * channel, out_channels * channel],
                    |[points, grads]| {
                        points
                            .par_chunks_exact_mut(channel)
                            .zip(input.par_chunks_exact(geometry.pixels()))
                            .for_each(|(points, planes)| {
                                with_scratch([strip.phase_floats()], |[phases]| {
                                    vectorised(ReadInputs {
                                        strip: &strip,
                                        geometry,
                                        planes,
                                        phases,
                                        points,
                                    });
                                });
                            });
                        grads
                            .par_chunks_exact_mut(channel)
                            .zip(grad.par_chunks_exact(geometry.out_pixels()))
                            .for_each(|(grads, plane)| {
                                with_scratch([strip.phase_floats()], |[phases]| {
                                    vectorised(ReadGrad {
                                        strip: &strip,
                                        geometry,
                                        plane,
                                        phases,
                                        grads,
                                    });
                                });
                            });
                        let (points, grads) = (&*points, &*grads);
                        filters
                            .par_chunks_exact_mut(filter_size)
                            .enumerate()
                            .for_each(|(point, sum)| {
                                let at = |values, channels| {
                                    Matrix::strided(
                                        values,
                                        point * strip.slots(),
                                        channels,
                                        strip.slots(),
                                        channel,
                                    )
                                };
                                let out = MatrixMut::new(sum, out_channels, in_channels);
                                gemm(
                                    out,
                                    at(grads, out_channels),
                                    at(points, in_channels).t(),
                                    true,
                                    Threads::One,
                                );
                            });
                    },
                );
            }
        }
        Self::weights(&filters, filter_size)
    }

    /// G g Gᵀ for all filters: `[T, T, filters]` from `[filters, K, K]`.
    fn filters(weight: &[f32], count: usize) -> Vec<f32> {
        let mut filters = vec![0.0; Self::POINTS * count];
        vectorised(TransformFilters::<T, M> {
            weight,
            count,
            filters: &mut filters,
        });
        filters
    }

    /// The adjoint of [`Self::filters`]: Gᵀ u G, `[filters, K, K]` from `[T, T, filters]`.
    fn weights(filters: &[f32], count: usize) -> Vec<f32> {
        let mut weight = vec![0.0; Self::K * Self::K * count];
        vectorised(TransformWeights::<T, M> {
            filters,
            count,
            weight: &mut weight,
        });
        weight
    }
}

/// How tiles cover a map.
#[derive(Debug, Clone, Copy)]
struct Grid<const T: usize, const M: usize> {
    tile_rows: usize,
    tile_columns: usize,
}

impl<const T: usize, const M: usize> Grid<T, M> {
    fn new(geometry: &Geometry) -> Self {
        Self {
            tile_rows: geometry.out_height.div_ceil(M),
            tile_columns: geometry.out_width.div_ceil(M),
        }
    }

    /// Tiles of one row in a phase, those that only complete their neighbours included.
    fn pitch(&self) -> usize {
        self.tile_columns + Winograd::<T, M>::REACH
    }

    /// Rows of tiles that have about so many tiles; at least one.
    fn rows_within(&self, tiles: usize) -> usize {
        (tiles / self.pitch()).clamp(1, self.tile_rows)
    }
}

/// Some rows of tiles of one image.
#[derive(Debug, Clone)]
struct Strip<const T: usize, const M: usize> {
    grid: Grid<T, M>,
    rows: Range<usize>,
}

impl<const T: usize, const M: usize> Strip<T, M> {
    fn new(grid: Grid<T, M>, rows: Range<usize>) -> Self {
        Self { grid, rows }
    }

    /// Places for tiles: the pitch of every row, in whole lanes. Places between rows hold tiles of no use.
    fn slots(&self) -> usize {
        (self.rows.len() * self.grid.pitch()).next_multiple_of(LANES)
    }

    /// Length of one phase: the slots, and what the last tiles reach into.
    fn phase_length(&self) -> usize {
        self.slots() + Winograd::<T, M>::REACH * (self.grid.pitch() + 1)
    }

    fn phase_floats(&self) -> usize {
        M * M * self.phase_length()
    }

    /// Sorts the strip's part of an input plane into phases, zeros outside the image.
    #[inline(always)]
    fn read_phases(&self, plane: &[f32], geometry: &Geometry, phases: &mut [f32]) {
        let (padding, width) = (geometry.padding, geometry.width);
        let groups = self.rows.len() + Winograd::<T, M>::REACH;
        self.sort_phases(
            phases,
            groups,
            |row| {
                let y = (self.rows.start * M + row).checked_sub(padding)?;
                (y < geometry.height).then(|| &plane[y * width..][..width])
            },
            padding,
        );
    }

    /// Sorts the strip's part of an output plane into phases, zeros outside the map.
    #[inline(always)]
    fn read_output_phases(&self, plane: &[f32], geometry: &Geometry, phases: &mut [f32]) {
        let width = geometry.out_width;
        self.sort_phases(
            phases,
            self.rows.len(),
            |row| {
                let y = self.rows.start * M + row;
                (y < geometry.out_height).then(|| &plane[y * width..][..width])
            },
            0,
        );
    }

    /// Phases of `groups` times M rows; `row` gives those inside the map, which begin `padding` columns into it.
    #[inline(always)]
    fn sort_phases<'a>(
        &self,
        phases: &mut [f32],
        groups: usize,
        row: impl Fn(usize) -> Option<&'a [f32]>,
        padding: usize,
    ) {
        let pitch = self.grid.pitch();
        phases.fill(0.0);
        for group in 0..groups {
            for phase_y in 0..M {
                let Some(source) = row(group * M + phase_y) else {
                    continue;
                };
                for phase_x in 0..M {
                    let phase = (phase_y * M + phase_x) * self.phase_length();
                    let target = &mut phases[phase + group * pitch..][..pitch];
                    // Tile j reads column j M + phase_x - padding.
                    let first = padding.saturating_sub(phase_x).div_ceil(M);
                    let start = first * M + phase_x - padding;
                    let target = target[first.min(pitch)..].iter_mut();
                    for (value, source) in target.zip(source.iter().skip(start).step_by(M)) {
                        *value = *source;
                    }
                }
            }
        }
    }

    /// Bᵀ d B of every tile of one channel, into `points` `[T, T, channels, slots]`.
    #[inline(always)]
    fn transform_input<S: Simd>(
        &self,
        simd: S,
        phases: &[f32],
        points: &mut [f32],
        channel: usize,
        channels: usize,
    ) {
        let (slots, length, pitch) = (self.slots(), self.phase_length(), self.grid.pitch());
        for slot in (0..slots).step_by(S::F32_LANES) {
            let mut half = [[simd.splat_f32s(0.0); T]; T];
            for x in 0..T {
                let mut column = [simd.splat_f32s(0.0); T];
                for (y, value) in column.iter_mut().enumerate() {
                    let phase = (y % M * M + x % M) * length;
                    *value = load(simd, &phases[phase + slot + y / M * pitch + x / M..]);
                }
                let column = Winograd::<T, M>::input(simd, &column);
                for (half, value) in half.iter_mut().zip(column) {
                    half[x] = value;
                }
            }
            for (y, row) in half.iter().enumerate() {
                let row = Winograd::<T, M>::input(simd, row);
                for (x, value) in row.into_iter().enumerate() {
                    let start = ((y * T + x) * channels + channel) * slots + slot;
                    store(simd, value, &mut points[start..]);
                }
            }
        }
    }

    /// The product at every point, `[T, T, out_channels, slots]`.
    fn multiply(
        &self,
        filters: &[f32],
        points: &[f32],
        products: &mut [f32],
        in_channels: usize,
        out_channels: usize,
    ) {
        let slots = self.slots();
        let filters = filters.chunks_exact(out_channels * in_channels);
        let points = points.chunks_exact(in_channels * slots);
        let products = products.chunks_exact_mut(out_channels * slots);
        for ((filters, points), products) in filters.zip(points).zip(products) {
            gemm(
                MatrixMut::new(products, out_channels, slots),
                Matrix::new(filters, out_channels, in_channels),
                Matrix::new(points, in_channels, slots),
                false,
                Threads::One,
            );
        }
    }

    /// Aᵀ m A of every tile of one channel, into phases of the output.
    #[inline(always)]
    fn transform_output<S: Simd>(
        &self,
        simd: S,
        products: &[f32],
        phases: &mut [f32],
        channel: usize,
        channels: usize,
    ) {
        let (slots, length) = (self.slots(), self.phase_length());
        for slot in (0..slots).step_by(S::F32_LANES) {
            let mut half = [[simd.splat_f32s(0.0); T]; M];
            for x in 0..T {
                let mut column = [simd.splat_f32s(0.0); T];
                for (y, value) in column.iter_mut().enumerate() {
                    let start = ((y * T + x) * channels + channel) * slots + slot;
                    *value = load(simd, &products[start..]);
                }
                let column = Winograd::<T, M>::output(simd, &column);
                for (half, value) in half.iter_mut().zip(column) {
                    half[x] = value;
                }
            }
            for (y, row) in half.iter().enumerate() {
                let row = Winograd::<T, M>::output(simd, row);
                for (x, value) in row.into_iter().enumerate() {
                    store(simd, value, &mut phases[(y * M + x) * length + slot..]);
                }
            }
        }
    }

    /// A dY Aᵀ of every tile of one channel, into `[T, T, slots]`.
    #[inline(always)]
    fn transform_grad<S: Simd>(&self, simd: S, phases: &[f32], grads: &mut [f32]) {
        let (slots, length) = (self.slots(), self.phase_length());
        for slot in (0..slots).step_by(S::F32_LANES) {
            let mut half = [[simd.splat_f32s(0.0); M]; T];
            for x in 0..M {
                let mut column = [simd.splat_f32s(0.0); M];
                for (y, value) in column.iter_mut().enumerate() {
                    *value = load(simd, &phases[(y * M + x) * length + slot..]);
                }
                let column = Winograd::<T, M>::output_adjoint(simd, &column);
                for (half, value) in half.iter_mut().zip(column) {
                    half[x] = value;
                }
            }
            for (y, row) in half.iter().enumerate() {
                let row = Winograd::<T, M>::output_adjoint(simd, row);
                for (x, value) in row.into_iter().enumerate() {
                    store(simd, value, &mut grads[(y * T + x) * slots + slot..]);
                }
            }
        }
    }

    /// Puts the phases of the strip back together; `rows` are the strip's rows of the output plane.
    #[inline(always)]
    fn write_phases(&self, phases: &[f32], geometry: &Geometry, rows: &mut [f32]) {
        let (length, pitch) = (self.phase_length(), self.grid.pitch());
        for (y, row) in rows.chunks_exact_mut(geometry.out_width).enumerate() {
            for phase_x in 0..M.min(row.len()) {
                let phase = (y % M * M + phase_x) * length + y / M * pitch;
                let source = &phases[phase..][..self.grid.tile_columns];
                for (value, source) in row[phase_x..].iter_mut().step_by(M).zip(source) {
                    *value = *source;
                }
            }
        }
    }
}

/// The first vector of a slice.
#[inline(always)]
fn load<S: Simd>(_simd: S, values: &[f32]) -> S::f32s {
    S::as_simd_f32s(&values[..S::F32_LANES]).0[0]
}

/// Writes a vector to the beginning of a slice.
#[inline(always)]
fn store<S: Simd>(_simd: S, value: S::f32s, values: &mut [f32]) {
    S::as_mut_simd_f32s(&mut values[..S::F32_LANES]).0[0] = value;
}

/// G g Gᵀ of all filters: `filters` `[T, T, count]` from `weight` `[count, K, K]`.
struct TransformFilters<'a, const T: usize, const M: usize> {
    weight: &'a [f32],
    count: usize,
    filters: &'a mut [f32],
}

impl<const T: usize, const M: usize> Kernel for TransformFilters<'_, T, M> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (g, k) = (Winograd::<T, M>::g(), Winograd::<T, M>::K);
        let weighted = |sum, value, factor| simd.mul_add_f32s(value, simd.splat_f32s(factor), sum);
        // Their taps are gathered once, then every step is on a vector of filters.
        for first in (0..self.count).step_by(S::F32_LANES) {
            let lanes = S::F32_LANES.min(self.count - first);
            let mut gathered = [[0.0; LANES]; 64];
            for lane in 0..lanes {
                let filter = &self.weight[(first + lane) * k * k..][..k * k];
                for (gathered, value) in gathered.iter_mut().zip(filter) {
                    gathered[lane] = *value;
                }
            }
            for y in 0..T {
                let mut row = [simd.splat_f32s(0.0); 8];
                for (x, row) in row[..k].iter_mut().enumerate() {
                    for n in 0..k {
                        *row = weighted(*row, load(simd, &gathered[n * k + x]), g[y][n]);
                    }
                }
                for (x, g) in g.iter().enumerate() {
                    let mut value = simd.splat_f32s(0.0);
                    for (row, g) in row[..k].iter().zip(g) {
                        value = weighted(value, *row, *g);
                    }
                    let start = (y * T + x) * self.count + first;
                    simd.partial_store_f32s(&mut self.filters[start..start + lanes], value);
                }
            }
        }
    }
}

/// Gᵀ u G of all filters: `weight` `[count, K, K]` from `filters` `[T, T, count]`.
struct TransformWeights<'a, const T: usize, const M: usize> {
    filters: &'a [f32],
    count: usize,
    weight: &'a mut [f32],
}

impl<const T: usize, const M: usize> Kernel for TransformWeights<'_, T, M> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (g, k) = (Winograd::<T, M>::g(), Winograd::<T, M>::K);
        let weighted = |sum, value, factor| simd.mul_add_f32s(value, simd.splat_f32s(factor), sum);
        for first in (0..self.count).step_by(S::F32_LANES) {
            let lanes = S::F32_LANES.min(self.count - first);
            let mut half = [[simd.splat_f32s(0.0); T]; 8];
            for point in 0..T * T {
                let filters = &self.filters[point * self.count + first..][..lanes];
                let value = simd.partial_load_f32s(filters);
                for (half, g) in half[..k].iter_mut().zip(&g[point / T]) {
                    half[point % T] = weighted(half[point % T], value, *g);
                }
            }
            for (y, half) in half[..k].iter().enumerate() {
                for x in 0..k {
                    let mut sum = simd.splat_f32s(0.0);
                    for (half, g) in half.iter().zip(&g) {
                        sum = weighted(sum, *half, g[x]);
                    }
                    let mut values = [0.0; LANES];
                    store(simd, sum, &mut values);
                    for (lane, value) in values[..lanes].iter().enumerate() {
                        self.weight[((first + lane) * k + y) * k + x] = *value;
                    }
                }
            }
        }
    }
}

/// Input planes `[channels, height, width]` to `points` `[T, T, channels, slots]`.
struct ReadInputs<'a, const T: usize, const M: usize> {
    strip: &'a Strip<T, M>,
    geometry: &'a Geometry,
    planes: &'a [f32],
    phases: &'a mut [f32],
    points: &'a mut [f32],
}

impl<const T: usize, const M: usize> Kernel for ReadInputs<'_, T, M> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let pixels = self.geometry.pixels();
        let channels = self.planes.len() / pixels;
        for (channel, plane) in self.planes.chunks_exact(pixels).enumerate() {
            self.strip.read_phases(plane, self.geometry, self.phases);
            self.strip
                .transform_input(simd, self.phases, self.points, channel, channels);
        }
    }
}

/// The gradient of one output plane to `grads` `[T, T, slots]`.
struct ReadGrad<'a, const T: usize, const M: usize> {
    strip: &'a Strip<T, M>,
    geometry: &'a Geometry,
    plane: &'a [f32],
    phases: &'a mut [f32],
    grads: &'a mut [f32],
}

impl<const T: usize, const M: usize> Kernel for ReadGrad<'_, T, M> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.strip
            .read_output_phases(self.plane, self.geometry, self.phases);
        self.strip.transform_grad(simd, self.phases, self.grads);
    }
}

/// The products of one channel to the strip's rows of its output plane.
struct WriteOutput<'a, const T: usize, const M: usize> {
    strip: &'a Strip<T, M>,
    geometry: &'a Geometry,
    products: &'a [f32],
    phases: &'a mut [f32],
    channel: usize,
    rows: &'a mut [f32],
}

impl<const T: usize, const M: usize> Kernel for WriteOutput<'_, T, M> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let channels = self.products.len() / (Winograd::<T, M>::POINTS * self.strip.slots());
        self.strip
            .transform_output(simd, self.products, self.phases, self.channel, channels);
        self.strip
            .write_phases(self.phases, self.geometry, self.rows);
    }
}
