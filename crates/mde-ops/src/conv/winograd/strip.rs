//! Rows of tiles: reading from a map, multiplication, and writing back.

use std::ops::Range;

use pulp::Simd;
use rayon::prelude::*;

use super::transform::{LANES, Winograd, load, store};
use crate::cpu::im2col::Geometry;
use crate::cpu::{
    Finish, Kernel, Matrix, MatrixMut, PANEL, Rows, Threads, gemm, multiply, vectorised,
    with_scratch,
};

/// Tiles that cover a map.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid<const T: usize, const M: usize> {
    pub(super) tile_rows: usize,
    tile_columns: usize,
}

impl<const T: usize, const M: usize> Grid<T, M> {
    pub(super) fn new(geometry: &Geometry) -> Self {
        Self {
            tile_rows: geometry.out_height.div_ceil(M),
            tile_columns: geometry.out_width.div_ceil(M),
        }
    }

    /// Tiles per row in a phase, including those that only complete their neighbours.
    fn pitch(&self) -> usize {
        self.tile_columns + Winograd::<T, M>::REACH
    }

    /// Number of tile rows with about `tiles` tiles; at least one.
    pub(super) fn rows_within(&self, tiles: usize) -> usize {
        (tiles / self.pitch()).clamp(1, self.tile_rows)
    }
}

/// A range of tile rows of one image.
#[derive(Debug, Clone)]
pub(super) struct Strip<const T: usize, const M: usize> {
    grid: Grid<T, M>,
    rows: Range<usize>,
}

impl<const T: usize, const M: usize> Strip<T, M> {
    pub(super) fn new(grid: Grid<T, M>, rows: Range<usize>) -> Self {
        Self { grid, rows }
    }

    /// Number of places for tiles: the pitch of each row, in whole lanes. Places between rows are
    /// unused.
    pub(super) fn slots(&self) -> usize {
        (self.rows.len() * self.grid.pitch()).next_multiple_of(LANES)
    }

    /// Number of panels that hold the slots of one point of one channel.
    pub(super) fn panels(&self) -> usize {
        self.slots().div_ceil(PANEL)
    }

    /// Length of one phase: the slots and the reach of the last tiles.
    fn phase_length(&self) -> usize {
        self.slots() + Winograd::<T, M>::REACH * (self.grid.pitch() + 1)
    }

    pub(super) fn phase_floats(&self) -> usize {
        M * M * self.phase_length()
    }

    /// Transforms the strip's part of each plane of `[channels, height, width]` to `points`
    /// `[channels, T, T, slots]`. One task per channel.
    pub(super) fn read_channels(&self, geometry: &Geometry, planes: &[f32], points: &mut [f32]) {
        points
            .par_chunks_exact_mut(Winograd::<T, M>::POINTS * self.slots())
            .zip(planes.par_chunks_exact(geometry.pixels()))
            .for_each(|(points, plane)| {
                with_scratch([self.phase_floats()], |[phases]| {
                    vectorised(ReadInput {
                        strip: self,
                        geometry,
                        plane,
                        phases,
                        points,
                    });
                });
            });
    }

    /// Transforms the strip's part of the output's gradient to `grads` `[channels, T, T, slots]`.
    pub(super) fn read_grad_channels(
        &self,
        geometry: &Geometry,
        planes: &[f32],
        grads: &mut [f32],
    ) {
        grads
            .par_chunks_exact_mut(Winograd::<T, M>::POINTS * self.slots())
            .zip(planes.par_chunks_exact(geometry.out_pixels()))
            .for_each(|(grads, plane)| {
                with_scratch([self.phase_floats()], |[phases]| {
                    vectorised(ReadGrad {
                        strip: self,
                        geometry,
                        plane,
                        phases,
                        grads,
                    });
                });
            });
    }

    /// Adds the strip's part of the gradient in the transformed filters to `filters` `[T, T,
    /// out_channels, in_channels]`. One task per point.
    pub(super) fn add_filter_grads(
        &self,
        grads: &[f32],
        points: &[f32],
        out_channels: usize,
        filters: &mut [f32],
    ) {
        let (slots, channel) = (self.slots(), Winograd::<T, M>::POINTS * self.slots());
        let in_channels = points.len() / channel;
        filters
            .par_chunks_exact_mut(out_channels * in_channels)
            .enumerate()
            .for_each(|(point, sum)| {
                let at = |values, channels| {
                    Matrix::strided(values, point * slots, channels, slots, channel)
                };
                let out = MatrixMut::new(sum, out_channels, in_channels);
                let (grads, points) = (at(grads, out_channels), at(points, in_channels));
                gemm(out, grads, points.t(), true, Threads::One);
            });
    }

    /// Sorts the strip's part of an input plane into phases, with zeros outside the image.
    #[inline(always)]
    fn read_phases(&self, plane: &[f32], geometry: &Geometry, phases: &mut [f32]) {
        let ((top, left), width) = (geometry.padding, geometry.width);
        let groups = self.rows.len() + Winograd::<T, M>::REACH;
        self.sort_phases(
            phases,
            groups,
            |row| {
                let y = (self.rows.start * M + row).checked_sub(top)?;
                (y < geometry.height).then(|| &plane[y * width..][..width])
            },
            left,
        );
    }

    /// Sorts the strip's part of an output plane into phases, with zeros outside the map.
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

    /// Fills the phases of `groups` times M rows. `row` returns a row of the map, or `None`
    /// outside; the map starts after `padding` columns.
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

    /// Bᵀ d B of each tile of one channel. The vector of tiles from `slot` on goes to
    /// `points[at(point, slot)..]`.
    #[inline(always)]
    fn transform_input<S: Simd>(
        &self,
        simd: S,
        phases: &[f32],
        points: &mut [f32],
        at: impl Fn(usize, usize) -> usize,
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
                    store(simd, value, &mut points[at(y * T + x, slot)..]);
                }
            }
        }
    }

    /// The products `[T, T, out_channels, slots]` at each point of `points` `[T, T, panels,
    /// in_channels, PANEL]`.
    pub(super) fn multiply(
        &self,
        filters: &[f32],
        points: &[f32],
        products: &mut [f32],
        in_channels: usize,
        out_channels: usize,
    ) {
        let slots = self.slots();
        let filters = filters.chunks_exact(out_channels * in_channels);
        let points = points.chunks_exact(self.panels() * in_channels * PANEL);
        let products = products.chunks_exact_mut(out_channels * slots);
        for ((filters, points), products) in filters.zip(points).zip(products) {
            let rows = Rows::new(filters, out_channels, in_channels);
            let mut out = MatrixMut::new(products, out_channels, slots);
            for (index, panel) in points.chunks_exact(in_channels * PANEL).enumerate() {
                let first = index * PANEL;
                let width = PANEL.min(slots - first);
                multiply(rows, panel, width, &mut out, first, Finish::default());
            }
        }
    }

    /// Aᵀ m A of each tile of one channel, into phases of the output.
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

    /// A dY Aᵀ of each tile of one channel, into `[T, T, slots]`.
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

    /// Writes the phases of the strip to `rows`, the strip's rows of the output plane.
    #[inline(always)]
    fn write_phases(
        &self,
        phases: &[f32],
        geometry: &Geometry,
        rows: &mut [f32],
        finish: impl Fn(f32) -> f32,
    ) {
        let (length, pitch) = (self.phase_length(), self.grid.pitch());
        for (y, row) in rows.chunks_exact_mut(geometry.out_width).enumerate() {
            for phase_x in 0..M.min(row.len()) {
                let phase = (y % M * M + phase_x) * length + y / M * pitch;
                let source = &phases[phase..][..self.grid.tile_columns];
                for (value, source) in row[phase_x..].iter_mut().step_by(M).zip(source) {
                    *value = finish(*source);
                }
            }
        }
    }
}

/// Transforms input planes `[channels, height, width]` to `points` `[T, T, panels, channels,
/// PANEL]`.
pub(super) struct ReadInputs<'a, const T: usize, const M: usize> {
    pub(super) strip: &'a Strip<T, M>,
    pub(super) geometry: &'a Geometry,
    pub(super) planes: &'a [f32],
    pub(super) phases: &'a mut [f32],
    pub(super) points: &'a mut [f32],
}

impl<const T: usize, const M: usize> Kernel for ReadInputs<'_, T, M> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let pixels = self.geometry.pixels();
        let channels = self.planes.len() / pixels;
        for (channel, plane) in self.planes.chunks_exact(pixels).enumerate() {
            self.strip.read_phases(plane, self.geometry, self.phases);
            let at = |point, slot| {
                let panel = point * self.strip.panels() + slot / PANEL;
                (panel * channels + channel) * PANEL + slot % PANEL
            };
            self.strip
                .transform_input(simd, self.phases, self.points, at);
        }
    }
}

/// Transforms one input plane to `points` `[T, T, slots]`.
struct ReadInput<'a, const T: usize, const M: usize> {
    strip: &'a Strip<T, M>,
    geometry: &'a Geometry,
    plane: &'a [f32],
    phases: &'a mut [f32],
    points: &'a mut [f32],
}

impl<const T: usize, const M: usize> Kernel for ReadInput<'_, T, M> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let slots = self.strip.slots();
        let at = |point, slot| point * slots + slot;
        self.strip
            .read_phases(self.plane, self.geometry, self.phases);
        self.strip
            .transform_input(simd, self.phases, self.points, at);
    }
}

/// Transforms the gradient of one output plane to `grads` `[T, T, slots]`.
struct ReadGrad<'a, const T: usize, const M: usize> {
    pub(super) strip: &'a Strip<T, M>,
    pub(super) geometry: &'a Geometry,
    pub(super) plane: &'a [f32],
    pub(super) phases: &'a mut [f32],
    pub(super) grads: &'a mut [f32],
}

impl<const T: usize, const M: usize> Kernel for ReadGrad<'_, T, M> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.strip
            .read_output_phases(self.plane, self.geometry, self.phases);
        self.strip.transform_grad(simd, self.phases, self.grads);
    }
}

/// Transforms the products of one channel to the strip's rows of its output plane.
pub(super) struct WriteOutput<'a, const T: usize, const M: usize> {
    pub(super) strip: &'a Strip<T, M>,
    pub(super) geometry: &'a Geometry,
    pub(super) products: &'a [f32],
    pub(super) phases: &'a mut [f32],
    pub(super) channel: usize,
    pub(super) rows: &'a mut [f32],
    pub(super) finish: Finish<'a>,
}

impl<const T: usize, const M: usize> Kernel for WriteOutput<'_, T, M> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let channels = self.products.len() / (Winograd::<T, M>::POINTS * self.strip.slots());
        self.strip
            .transform_output(simd, self.products, self.phases, self.channel, channels);
        let coefficients = self.finish.coefficients(self.channel);
        let finish = |value| self.finish.value(value, coefficients);
        self.strip
            .write_phases(self.phases, self.geometry, self.rows, finish);
    }
}
