//! The mean of 2x2 blocks, with a gradient for odd sizes.

use candle_core::{Result, Shape, Tensor};
use rayon::prelude::*;

use crate::cpu::{self, CpuOp, Gradients, Output, apply1};
use crate::plain;
use crate::shapes::{check_avg_pool, on_cpu_kernels};
use crate::trace::{self, Work};

/// The mean of every 2x2 block of `x` [B, C, H, W], [B, C, H / 2, W / 2], as PyTorch's
/// `avg_pool2d(x, 2)`.
///
/// Sizes are rounded down: a last odd row or column is ignored and gets no gradient.
///
/// # Errors
/// If `x` is not four-dimensional, or a side is shorter than 2.
pub fn avg_pool2x2(x: &Tensor) -> Result<Tensor> {
    let (_, _, h, w) = check_avg_pool(x)?;
    let _span = trace::forward("avg_pool2x2", || Work::resampling(x, (h / 2, w / 2)));
    if on_cpu_kernels(x) {
        apply1(AvgPool, x)
    } else {
        plain::avg_pool2x2(x)
    }
}

struct AvgPool;

impl CpuOp<1> for AvgPool {
    const NAME: &'static str = "mde-avg-pool2x2";

    fn forward(&self, [x]: [&[f32]; 1], [shape]: [&Shape; 1]) -> Output {
        let (b, c, h, w) = shape.dims4()?;
        let (out_h, out_w) = (h / 2, w / 2);
        let mut out = vec![0.0; b * c * out_h * out_w];
        out.par_chunks_mut(out_h * out_w)
            .zip(x.par_chunks(h * w))
            .for_each(|(out, plane)| {
                let rows = out.chunks_exact_mut(out_w).zip(plane.chunks_exact(2 * w));
                for (out, rows) in rows {
                    let (top, bottom) = rows.split_at(w);
                    let pairs = top.chunks_exact(2).zip(bottom.chunks_exact(2));
                    for (out, (top, bottom)) in out.iter_mut().zip(pairs) {
                        *out = 0.25 * (top[0] + top[1] + bottom[0] + bottom[1]);
                    }
                }
            });
        Ok((out, (b, c, out_h, out_w).into()))
    }

    fn backward(&self, [x]: [&Tensor; 1], _out: &Tensor, grad: &Tensor) -> Gradients<1> {
        let (_, _, h, w) = x.dims4()?;
        let (out_h, out_w) = (h / 2, w / 2);
        let _span = trace::backward("avg_pool2x2", || Work::resampling(x, (out_h, out_w)));
        let grad_x = cpu::with_values([grad], |[grad]| {
            let mut grad_x = vec![0.0; x.elem_count()];
            grad_x
                .par_chunks_mut(h * w)
                .zip(grad.par_chunks(out_h * out_w))
                .for_each(|(grad_x, grad)| {
                    for (y, row) in grad_x.chunks_exact_mut(w).take(2 * out_h).enumerate() {
                        let grad = &grad[y / 2 * out_w..][..out_w];
                        for (pair, grad) in row.chunks_exact_mut(2).zip(grad) {
                            pair.fill(0.25 * grad);
                        }
                    }
                });
            cpu::tensor(grad_x, x.shape())
        })?;
        Ok([Some(grad_x)])
    }
}
