//! 3x3 and 5x5 depthwise convolution without unfolding, one plane per task.
//!
//! A plane is copied once, with its border of zeros, into *phases*: phase r of a row holds every
//! stride-th column from column r on. Each tap then reads adjacent values for adjacent outputs, at
//! any stride.

use pulp::Simd;
use rayon::prelude::*;

use crate::cpu::im2col::Geometry;
use crate::cpu::lerp::add_scaled;
use crate::cpu::{Finish, Kernel, vectorised, with_scratch};
use crate::shapes::ConvDims;

/// True for 3x3 and 5x5 kernels with one filter per channel.
pub(super) fn fits(dims: &ConvDims) -> bool {
    // At a larger stride, no tap would read some of the phases.
    let geometry = &dims.geometry;
    let side = geometry.kernel.0;
    (dims.in_channels, dims.out_channels) == (1, 1)
        && matches!(geometry.kernel, (3, 3) | (5, 5))
        && geometry.stride <= (side - 1) * geometry.dilation + 1
}

/// The output, `[batch, channels, out_height, out_width]`.
pub(super) fn forward(dims: &ConvDims, x: &[f32], weight: &[f32], finish: Finish<'_>) -> Vec<f32> {
    match dims.geometry.taps() {
        9 => forward_taps::<9>(dims, x, weight, finish),
        _ => forward_taps::<25>(dims, x, weight, finish),
    }
}

fn forward_taps<const TAPS: usize>(
    dims: &ConvDims,
    x: &[f32],
    weight: &[f32],
    finish: Finish<'_>,
) -> Vec<f32> {
    let spread = Spread::new(&dims.geometry);
    let mut out = vec![0.0; dims.batch * dims.groups * dims.geometry.out_pixels()];
    out.par_chunks_exact_mut(dims.geometry.out_pixels())
        .zip(x.par_chunks_exact(dims.geometry.pixels()))
        .enumerate()
        .for_each(|(index, (out, plane))| {
            let channel = index % dims.groups;
            let filter = &weight[channel * TAPS..][..TAPS];
            with_scratch([spread.size()], |[padded]| {
                vectorised(Forward::<TAPS> {
                    spread,
                    plane,
                    filter,
                    padded,
                    out: &mut *out,
                });
            });
            finish.plane(out, channel);
        });
    out
}

/// The gradient in the input, `[batch, channels, height, width]`.
pub(super) fn backward_input(dims: &ConvDims, weight: &[f32], grad: &[f32]) -> Vec<f32> {
    let (spread, taps) = (Spread::new(&dims.geometry), dims.geometry.taps());
    let mut grad_x = vec![0.0; dims.batch * dims.groups * dims.geometry.pixels()];
    grad_x
        .par_chunks_exact_mut(dims.geometry.pixels())
        .zip(grad.par_chunks_exact(dims.geometry.out_pixels()))
        .enumerate()
        .for_each(|(index, (grad_x, grad))| {
            let filter = &weight[index % dims.groups * taps..][..taps];
            with_scratch([spread.size()], |[padded]| {
                vectorised(BackwardInput {
                    spread,
                    grad,
                    filter,
                    padded,
                    grad_x,
                });
            });
        });
    grad_x
}

/// The gradient in the weight, `[channels, 1, side, side]`.
pub(super) fn backward_weight(dims: &ConvDims, x: &[f32], grad: &[f32]) -> Vec<f32> {
    // As many sums at once as registers hold: all of a 3x3 kernel, a row of a 5x5 kernel.
    match dims.geometry.taps() {
        9 => backward_weight_taps::<9>(dims, x, grad),
        _ => backward_weight_taps::<5>(dims, x, grad),
    }
}

/// `TAPS` of the kernel at a time.
fn backward_weight_taps<const TAPS: usize>(dims: &ConvDims, x: &[f32], grad: &[f32]) -> Vec<f32> {
    let (spread, taps) = (Spread::new(&dims.geometry), dims.geometry.taps());
    let mut grad_weight = vec![0.0; dims.groups * taps];
    grad_weight
        .par_chunks_exact_mut(taps)
        .enumerate()
        .for_each(|(channel, grad_weight)| {
            let mut sums = vec![[0f64; TAPS]; taps / TAPS];
            with_scratch([spread.size()], |[padded]| {
                let planes = x.chunks_exact(dims.geometry.pixels());
                let grads = grad.chunks_exact(dims.geometry.out_pixels());
                for (plane, grad) in planes.zip(grads).skip(channel).step_by(dims.groups) {
                    vectorised(BackwardWeight {
                        spread,
                        plane,
                        grad,
                        padded: &mut *padded,
                        sums: &mut sums,
                    });
                }
            });
            for (grad_weight, sum) in grad_weight.iter_mut().zip(sums.as_flattened()) {
                *grad_weight = *sum as f32;
            }
        });
    grad_weight
}

/// Layout of a plane in phases.
#[derive(Clone, Copy)]
struct Spread<'a> {
    geometry: &'a Geometry,
    /// Rows that some output reads.
    rows: usize,
    /// Values per phase of a row.
    columns: usize,
}

impl<'a> Spread<'a> {
    fn new(geometry: &'a Geometry) -> Self {
        let reach = (geometry.kernel.0 - 1) * geometry.dilation;
        Self {
            geometry,
            rows: (geometry.out_height - 1) * geometry.stride + reach + 1,
            columns: geometry.out_width + reach / geometry.stride,
        }
    }

    fn size(&self) -> usize {
        self.rows * self.row_size()
    }

    fn row_size(&self) -> usize {
        self.geometry.stride * self.columns
    }

    /// Calls `visit(first value in the phases, first pixel in the plane, count)` for each phase of
    /// each row. The pixels lie one stride apart.
    #[inline(always)]
    fn phases(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let Geometry {
            height,
            width,
            stride,
            padding,
            ..
        } = *self.geometry;
        let (top, left) = padding;
        for row in top..self.rows.min(height + top) {
            for phase in 0..stride {
                // Column c of the phase is column c * stride + phase of the padded plane.
                let first = left.saturating_sub(phase).div_ceil(stride);
                let end = (width + left).saturating_sub(phase).div_ceil(stride);
                let end = end.min(self.columns);
                if first < end {
                    let to = row * self.row_size() + phase * self.columns + first;
                    let from = (row - top) * width + first * stride + phase - left;
                    visit(to, from, end - first);
                }
            }
        }
    }

    #[inline(always)]
    fn spread(&self, plane: &[f32], padded: &mut [f32]) {
        padded.fill(0.0);
        let stride = self.geometry.stride;
        self.phases(|to, from, count| {
            let to = &mut padded[to..to + count];
            if stride == 1 {
                to.copy_from_slice(&plane[from..from + count]);
            } else if stride == 2 {
                // Pairs vectorise, steps do not. The last pixel may have no neighbour.
                let (pairs, rest) = plane[from..].as_chunks::<2>();
                for (to, pair) in to.iter_mut().zip(pairs) {
                    *to = pair[0];
                }
                if let (Some(to), [from]) = (to.get_mut(pairs.len()), rest) {
                    *to = *from;
                }
            } else {
                for (to, from) in to.iter_mut().zip(plane[from..].iter().step_by(stride)) {
                    *to = *from;
                }
            }
        });
    }

    /// The inverse of [`Spread::spread`]. Pixels that no output reads become 0.
    #[inline(always)]
    fn gather(&self, padded: &[f32], plane: &mut [f32]) {
        let stride = self.geometry.stride;
        self.phases(|from, to, count| {
            let from = &padded[from..from + count];
            for (to, from) in plane[to..].iter_mut().step_by(stride).zip(from) {
                *to = *from;
            }
        });
    }

    /// Start of the values that a tap multiplies, for one output row.
    #[inline(always)]
    fn start(&self, out_row: usize, tap: usize) -> usize {
        let Geometry {
            kernel,
            stride,
            dilation,
            ..
        } = *self.geometry;
        let (y, x) = (tap / kernel.1 * dilation, tap % kernel.1 * dilation);
        (out_row * stride + y) * self.row_size() + x % stride * self.columns + x / stride
    }

    /// The values that each of `TAPS` taps from `first` on multiplies, for one output row.
    #[inline(always)]
    fn taps<'b, const TAPS: usize>(
        &self,
        padded: &'b [f32],
        out_row: usize,
        first: usize,
    ) -> [&'b [f32]; TAPS] {
        std::array::from_fn(|tap| {
            &padded[self.start(out_row, first + tap)..][..self.geometry.out_width]
        })
    }
}

struct Forward<'a, const TAPS: usize> {
    spread: Spread<'a>,
    plane: &'a [f32],
    filter: &'a [f32],
    padded: &'a mut [f32],
    out: &'a mut [f32],
}

impl<const TAPS: usize> Kernel for Forward<'_, TAPS> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.spread.spread(self.plane, self.padded);
        let filter: [_; TAPS] = std::array::from_fn(|tap| simd.splat_f32s(self.filter[tap]));
        let rows = self.out.chunks_exact_mut(self.spread.geometry.out_width);
        for (row, out) in rows.enumerate() {
            let taps = self.spread.taps::<TAPS>(self.padded, row, 0);
            let (out, out_rest) = S::as_mut_simd_f32s(out);
            let vectors = taps.map(|values| &S::as_simd_f32s(values).0[..out.len()]);
            let rests = taps.map(|values| S::as_simd_f32s(values).1);
            for (index, out) in out.iter_mut().enumerate() {
                let mut sum = simd.splat_f32s(0.0);
                for tap in 0..TAPS {
                    sum = simd.mul_add_f32s(filter[tap], vectors[tap][index], sum);
                }
                *out = sum;
            }
            if !out_rest.is_empty() {
                let mut sum = simd.splat_f32s(0.0);
                for tap in 0..TAPS {
                    let values = simd.partial_load_f32s(rests[tap]);
                    sum = simd.mul_add_f32s(filter[tap], values, sum);
                }
                simd.partial_store_f32s(out_rest, sum);
            }
        }
    }
}

struct BackwardInput<'a> {
    spread: Spread<'a>,
    grad: &'a [f32],
    filter: &'a [f32],
    padded: &'a mut [f32],
    grad_x: &'a mut [f32],
}

impl Kernel for BackwardInput<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        self.padded.fill(0.0);
        let width = self.spread.geometry.out_width;
        for (row, grad) in self.grad.chunks_exact(width).enumerate() {
            for (tap, factor) in self.filter.iter().enumerate() {
                let start = self.spread.start(row, tap);
                add_scaled(&mut self.padded[start..start + width], grad, *factor);
            }
        }
        self.spread.gather(self.padded, self.grad_x);
    }
}

struct BackwardWeight<'a, const TAPS: usize> {
    spread: Spread<'a>,
    plane: &'a [f32],
    grad: &'a [f32],
    padded: &'a mut [f32],
    /// Accumulated over the images.
    sums: &'a mut [[f64; TAPS]],
}

impl<const TAPS: usize> Kernel for BackwardWeight<'_, TAPS> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.spread.spread(self.plane, self.padded);
        for (pass, totals) in self.sums.iter_mut().enumerate() {
            let mut sums = [simd.splat_f32s(0.0); TAPS];
            let rows = self.grad.chunks_exact(self.spread.geometry.out_width);
            for (row, grad) in rows.enumerate() {
                let taps = self.spread.taps::<TAPS>(self.padded, row, pass * TAPS);
                let (grad, grad_rest) = S::as_simd_f32s(grad);
                let vectors = taps.map(|values| &S::as_simd_f32s(values).0[..grad.len()]);
                let rests = taps.map(|values| S::as_simd_f32s(values).1);
                for (index, grad) in grad.iter().enumerate() {
                    for tap in 0..TAPS {
                        sums[tap] = simd.mul_add_f32s(*grad, vectors[tap][index], sums[tap]);
                    }
                }
                if !grad_rest.is_empty() {
                    let grad = simd.partial_load_f32s(grad_rest);
                    for tap in 0..TAPS {
                        let values = simd.partial_load_f32s(rests[tap]);
                        sums[tap] = simd.mul_add_f32s(grad, values, sums[tap]);
                    }
                }
            }
            for (total, sum) in totals.iter_mut().zip(sums) {
                *total += f64::from(simd.reduce_sum_f32s(sum));
            }
        }
    }
}
