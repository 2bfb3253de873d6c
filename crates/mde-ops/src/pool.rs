//! Max-pooling with any kernel, stride and padding, in floor or ceil mode, with its gradient.

use candle_core::{Result, Shape, Tensor};
use rayon::prelude::*;

use crate::cpu::{self, CpuOp, Gradients, Kernel, Output, apply1, vectorised, with_scratch};
use crate::device;
use crate::shapes::{PoolConfig, on_cpu_kernels};
use crate::trace::{self, Work};

/// The maximum of each window of `x` [B, C, H, W].
///
/// Among equal values, the first in reading order gets the gradient, as in PyTorch.
///
/// # Errors
/// If a dimension is empty, kernel or stride is 0, the padding exceeds half the kernel, or the
/// window does not fit.
pub fn max_pool2d(x: &Tensor, config: PoolConfig) -> Result<Tensor> {
    let out = config.out_sizes(x)?;
    let _span = trace::forward("max_pool2d", || Work::resampling(x, out));
    if on_cpu_kernels(x) {
        let size = (x.dim(2)?, x.dim(3)?);
        apply1(MaxPool { config, size, out }, x)
    } else {
        device::max_pool2d(x, config)
    }
}

struct MaxPool {
    config: PoolConfig,
    size: (usize, usize),
    out: (usize, usize),
}

impl MaxPool {
    /// Calls `visit(output pixel, input pixel of the maximum)` for every window of a plane.
    fn winners(&self, plane: &[f32], mut visit: impl FnMut(usize, usize)) {
        let PoolConfig {
            kernel,
            stride,
            padding,
            ..
        } = self.config;
        let ((h, w), (out_h, out_w)) = (self.size, self.out);
        for oy in 0..out_h {
            let rows =
                (oy * stride).saturating_sub(padding)..(oy * stride + kernel - padding).min(h);
            for ox in 0..out_w {
                let first = (ox * stride).saturating_sub(padding);
                let last = (ox * stride + kernel - padding).min(w);
                let mut best = rows.start * w + first;
                for y in rows.clone() {
                    for index in y * w + first..y * w + last {
                        // NaN wins, so that a diverged network is not hidden.
                        if plane[index] > plane[best]
                            || (plane[index].is_nan() && !plane[best].is_nan())
                        {
                            best = index;
                        }
                    }
                }
                visit(oy * out_w + ox, best);
            }
        }
    }
}

/// The larger of the two. NaN wins, so that a diverged network is not hidden.
#[inline(always)]
fn larger(best: f32, value: f32) -> f32 {
    if value > best || value.is_nan() {
        value
    } else {
        best
    }
}

/// Maxima of a plane's windows: first down the columns, then along the row.
struct Maxima<'a> {
    pool: &'a MaxPool,
    plane: &'a [f32],
    /// Maximum of each column over the rows of a window.
    highest: &'a mut [f32],
    out: &'a mut [f32],
}

impl Kernel for Maxima<'_> {
    #[inline(always)]
    fn run<S: pulp::Simd>(self, _simd: S) {
        let PoolConfig {
            kernel,
            stride,
            padding,
            ..
        } = self.pool.config;
        let ((h, w), (_, out_w)) = (self.pool.size, self.pool.out);
        for (oy, out) in self.out.chunks_exact_mut(out_w).enumerate() {
            let rows =
                (oy * stride).saturating_sub(padding)..(oy * stride + kernel - padding).min(h);
            self.highest
                .copy_from_slice(&self.plane[rows.start * w..][..w]);
            for y in rows.skip(1) {
                let row = &self.plane[y * w..][..w];
                for (highest, value) in self.highest.iter_mut().zip(row) {
                    *highest = larger(*highest, *value);
                }
            }
            for (ox, out) in out.iter_mut().enumerate() {
                let first = (ox * stride).saturating_sub(padding);
                let last = (ox * stride + kernel - padding).min(w);
                let (start, rest) = (self.highest[first], &self.highest[first + 1..last]);
                *out = rest.iter().fold(start, |best, value| larger(best, *value));
            }
        }
    }
}

impl CpuOp<1> for MaxPool {
    const NAME: &'static str = "mde-max-pool2d";

    fn forward(&self, [x]: [&[f32]; 1], [shape]: [&Shape; 1]) -> Output {
        let (b, c, h, w) = shape.dims4()?;
        let mut out = vec![0.0; b * c * self.out.0 * self.out.1];
        out.par_chunks_mut(self.out.0 * self.out.1)
            .zip(x.par_chunks(h * w))
            .for_each(|(out, plane)| {
                with_scratch([w], |[highest]| {
                    vectorised(Maxima {
                        pool: self,
                        plane,
                        highest,
                        out,
                    });
                });
            });
        Ok((out, (b, c, self.out.0, self.out.1).into()))
    }

    fn backward(&self, [x]: [&Tensor; 1], _out: &Tensor, grad: &Tensor) -> Gradients<1> {
        let _span = trace::backward("max_pool2d", || Work::resampling(x, self.out));
        let pixels = (self.size.0 * self.size.1, self.out.0 * self.out.1);
        let grad_x = cpu::with_values([x, grad], |[x_values, grad]| {
            let mut grad_x = vec![0.0; x_values.len()];
            grad_x
                .par_chunks_mut(pixels.0)
                .zip(x_values.par_chunks(pixels.0))
                .zip(grad.par_chunks(pixels.1))
                .for_each(|((grad_x, plane), grad)| {
                    self.winners(plane, |to, from| grad_x[from] += grad[to]);
                });
            cpu::tensor(grad_x, x.shape())
        })?;
        Ok([Some(grad_x)])
    }
}
