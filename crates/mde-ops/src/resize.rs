//! Bilinear resize to any size, with its gradient.

use candle_core::{Result, Shape, Tensor};
use rayon::prelude::*;

use crate::cpu::{
    self, CpuOp, Gradients, Output, apply1, lerp::Lerp, lerp::add_blend, lerp::add_scaled,
};
use crate::plain;
use crate::shapes::{check_resize, on_cpu_kernels};
use crate::trace::{self, Work};

/// Bilinear resize of `x` [B, C, h, w] to [B, C, height, width].
///
/// `align_corners = false` and no antialiasing, as PyTorch's `interpolate(mode="bilinear")`.
///
/// # Errors
/// If `x` is not four-dimensional, or a size is 0.
pub fn resize_bilinear(x: &Tensor, height: usize, width: usize) -> Result<Tensor> {
    let (h, w) = check_resize(x, height, width)?;
    if (h, w) == (height, width) {
        return Ok(x.clone());
    }
    let _span = trace::forward("resize_bilinear", || Work::resampling(x, (height, width)));
    if on_cpu_kernels(x) {
        apply1(ResizeBilinear { height, width }, x)
    } else {
        plain::resize_bilinear(x, height, width)
    }
}

struct ResizeBilinear {
    height: usize,
    width: usize,
}

impl CpuOp<1> for ResizeBilinear {
    const NAME: &'static str = "mde-resize-bilinear";

    fn forward(&self, [x]: [&[f32]; 1], [shape]: [&Shape; 1]) -> Output {
        let (b, c, h, w) = shape.dims4()?;
        let (rows, columns) = (Lerp::new(h, self.height), Lerp::new(w, self.width));
        let mut out = vec![0.0; b * c * self.height * self.width];
        out.par_chunks_mut(self.height * self.width)
            .zip(x.par_chunks(h * w))
            .for_each_init(
                || vec![0.0; h * self.width],
                |wide, (out, plane)| {
                    for (wide, row) in wide.chunks_exact_mut(self.width).zip(plane.chunks_exact(w))
                    {
                        for (value, tap) in wide.iter_mut().zip(&columns.taps) {
                            *value = row[tap.low] + tap.weight * (row[tap.high] - row[tap.low]);
                        }
                    }
                    for (out, tap) in out.chunks_exact_mut(self.width).zip(&rows.taps) {
                        let (low, high) = (
                            &wide[tap.low * self.width..],
                            &wide[tap.high * self.width..],
                        );
                        add_blend(out, low, high, tap.weight);
                    }
                },
            );
        Ok((out, (b, c, self.height, self.width).into()))
    }

    fn backward(&self, [x]: [&Tensor; 1], _out: &Tensor, grad: &Tensor) -> Gradients<1> {
        let size = (self.height, self.width);
        let _span = trace::backward("resize_bilinear", || Work::resampling(x, size));
        let (b, c, h, w) = x.dims4()?;
        let (rows, columns) = (Lerp::new(h, self.height), Lerp::new(w, self.width));
        let grad_x = cpu::with_values([grad], |[grad]| {
            let mut grad_x = vec![0.0; b * c * h * w];
            grad_x
                .par_chunks_mut(h * w)
                .zip(grad.par_chunks(self.height * self.width))
                .for_each_init(
                    || vec![0.0; h * self.width],
                    |wide, (grad_x, grad)| {
                        wide.fill(0.0);
                        for (grad, tap) in grad.chunks_exact(self.width).zip(&rows.taps) {
                            add_scaled(
                                &mut wide[tap.low * self.width..][..self.width],
                                grad,
                                1.0 - tap.weight,
                            );
                            add_scaled(
                                &mut wide[tap.high * self.width..][..self.width],
                                grad,
                                tap.weight,
                            );
                        }
                        for (row, wide) in grad_x
                            .chunks_exact_mut(w)
                            .zip(wide.chunks_exact(self.width))
                        {
                            for (value, tap) in wide.iter().zip(&columns.taps) {
                                row[tap.low] += (1.0 - tap.weight) * value;
                                row[tap.high] += tap.weight * value;
                            }
                        }
                    },
                );
            cpu::tensor(grad_x, (b, c, h, w))
        })?;
        Ok([Some(grad_x)])
    }
}
