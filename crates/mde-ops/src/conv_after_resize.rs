//! A convolution of a bilinearly resized map, without ever making the resized map.
//!
//! Resizing and the channel mixing of each kernel tap are linear and act on different axes, so they
//! commute: with `W_t` the channel matrix of tap t, U the resize and S_t the shift by the tap (zero outside),
//! `conv(U x) = Σ_t S_t W_t U x = Σ_t S_t U (W_t x)`. All taps are one matrix product at the *low*
//! resolution; what remains is interpolating and adding shifted maps, first along x at low height, then along
//! y. For a 5x5 kernel at twice the size that is about a quarter of the arithmetic, at 16 times the size a
//! hundredth, and neither pass holds the resized map.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use crate::cpu::lerp::{Lerp, add_blend, add_scaled};
use crate::cpu::{self, Matrix, MatrixMut, Threads, gemm};

/// `conv2d(resize_bilinear(x, height, width), weight)` with stride 1 and the padding that keeps the size,
/// computed at the resolution of `x`.
///
/// `x` [B, C, h, w], `weight` [O, C, k, k] with k odd; gives [B, O, height, width].
///
/// # Errors
/// If the shapes do not agree, k is even, or a size is 0.
pub fn conv_after_resize(
    x: &Tensor,
    weight: &Tensor,
    height: usize,
    width: usize,
) -> Result<Tensor> {
    let op = ConvAfterResize::new(x, weight, (height, width))?;
    if crate::on_cpu_kernels(x) {
        x.contiguous()?.apply_op2(&weight.contiguous()?, op)
    } else {
        crate::plain::conv_after_resize(x, weight, height, width)
    }
}

pub(crate) struct ConvAfterResize {
    batch: usize,
    channels: usize,
    out: usize,
    kernel: usize,
    size: (usize, usize),
    target: (usize, usize),
}

impl ConvAfterResize {
    pub(crate) fn new(x: &Tensor, weight: &Tensor, target: (usize, usize)) -> Result<Self> {
        let (batch, channels, h, w) = crate::map_dims("conv_after_resize", x)?;
        let (out, in_channels, k, k2) = crate::map_dims("conv_after_resize", weight)?;
        if in_channels != channels || k != k2 || k % 2 == 0 || target.0 == 0 || target.1 == 0 {
            candle_core::bail!(
                "conv_after_resize: weight {:?} on {:?} resized to {target:?}: channels must agree, the kernel be \
                 square and odd, sizes positive",
                weight.dims(),
                x.dims()
            );
        }
        Ok(Self {
            batch,
            channels,
            out,
            kernel: k,
            size: (h, w),
            target,
        })
    }

    fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    fn pixels(&self) -> usize {
        self.size.0 * self.size.1
    }

    fn target_pixels(&self) -> usize {
        self.target.0 * self.target.1
    }

    fn shift(&self, tap: usize) -> isize {
        tap as isize - (self.kernel / 2) as isize
    }

    /// The weight as the left side of the product: `[out * taps, channels]` from `[out, channels, taps]`.
    fn taps_first(&self, weight: &[f32]) -> Vec<f32> {
        let mut rows = vec![0.0; weight.len()];
        for (o, filter) in weight.chunks_exact(self.channels * self.taps()).enumerate() {
            for (c, taps) in filter.chunks_exact(self.taps()).enumerate() {
                for (tap, value) in taps.iter().enumerate() {
                    rows[(o * self.taps() + tap) * self.channels + c] = *value;
                }
            }
        }
        rows
    }

    /// The inverse of [`Self::taps_first`].
    fn channels_first(&self, rows: &[f32]) -> Vec<f32> {
        let mut weight = vec![0.0; rows.len()];
        for (row, values) in rows.chunks_exact(self.channels).enumerate() {
            let (o, tap) = (row / self.taps(), row % self.taps());
            for (c, value) in values.iter().enumerate() {
                weight[(o * self.channels + c) * self.taps() + tap] = *value;
            }
        }
        weight
    }

    /// Adds the resized and shifted tap maps `low` (`[k, k, h, w]`) of one output channel to `out`.
    fn spread(&self, axes: &Axes, low: &[f32], wide: &mut Vec<f32>, out: &mut [f32]) {
        let (h, w) = self.size;
        let (height, width) = self.target;
        wide.resize(h * width, 0.0);
        for ky in 0..self.kernel {
            wide.fill(0.0);
            for kx in 0..self.kernel {
                let (range, first) = axes.columns.shifted(self.shift(kx), width);
                let map = &low[(ky * self.kernel + kx) * h * w..][..h * w];
                for (wide, row) in wide.chunks_exact_mut(width).zip(map.chunks_exact(w)) {
                    for (value, tap) in wide[range.clone()]
                        .iter_mut()
                        .zip(&axes.columns.taps[first..])
                    {
                        *value += row[tap.low] + tap.weight * (row[tap.high] - row[tap.low]);
                    }
                }
            }
            let (range, first) = axes.rows.shifted(self.shift(ky), height);
            for (y, tap) in range.zip(&axes.rows.taps[first..]) {
                let (low, high) = (&wide[tap.low * width..], &wide[tap.high * width..]);
                add_blend(&mut out[y * width..(y + 1) * width], low, high, tap.weight);
            }
        }
    }

    /// The adjoint of [`Self::spread`]: the gradient of the tap maps `[k, k, h, w]` from that of the output.
    fn gather(&self, axes: &Axes, grad: &[f32], wide: &mut Vec<f32>, low: &mut [f32]) {
        let (h, w) = self.size;
        let (height, width) = self.target;
        wide.resize(h * width, 0.0);
        for ky in 0..self.kernel {
            wide.fill(0.0);
            let (range, first) = axes.rows.shifted(self.shift(ky), height);
            for (y, tap) in range.zip(&axes.rows.taps[first..]) {
                let grad = &grad[y * width..(y + 1) * width];
                add_scaled(
                    &mut wide[tap.low * width..][..width],
                    grad,
                    1.0 - tap.weight,
                );
                add_scaled(&mut wide[tap.high * width..][..width], grad, tap.weight);
            }
            for kx in 0..self.kernel {
                let (range, first) = axes.columns.shifted(self.shift(kx), width);
                let map = &mut low[(ky * self.kernel + kx) * h * w..][..h * w];
                map.fill(0.0);
                for (row, wide) in map.chunks_exact_mut(w).zip(wide.chunks_exact(width)) {
                    for (value, tap) in wide[range.clone()].iter().zip(&axes.columns.taps[first..])
                    {
                        row[tap.low] += (1.0 - tap.weight) * value;
                        row[tap.high] += tap.weight * value;
                    }
                }
            }
        }
    }

    fn axes(&self) -> Axes {
        Axes {
            rows: Lerp::new(self.size.0, self.target.0),
            columns: Lerp::new(self.size.1, self.target.1),
        }
    }
}

struct Axes {
    rows: Lerp,
    columns: Lerp,
}

impl CustomOp2 for ConvAfterResize {
    fn name(&self) -> &'static str {
        "mde-conv-after-resize"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = cpu::values(x, x_layout)?;
        let weight = self.taps_first(cpu::values(weight, weight_layout)?);
        let axes = self.axes();
        let (rows, map) = (self.out * self.taps(), self.taps() * self.pixels());
        let mut low = vec![0.0; rows * self.pixels()];
        let mut out = vec![0.0; self.batch * self.out * self.target_pixels()];
        let images = x.chunks_exact(self.channels * self.pixels());
        for (image, out) in images.zip(out.chunks_exact_mut(self.out * self.target_pixels())) {
            gemm(
                MatrixMut::new(&mut low, rows, self.pixels()),
                Matrix::new(&weight, rows, self.channels),
                Matrix::new(image, self.channels, self.pixels()),
                false,
                Threads::All,
            );
            out.par_chunks_mut(self.target_pixels())
                .zip(low.par_chunks(map))
                .for_each_init(Vec::new, |wide, (out, low)| {
                    self.spread(&axes, low, wide, out)
                });
        }
        Ok((
            CpuStorage::F32(out),
            (self.batch, self.out, self.target.0, self.target.1).into(),
        ))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        cpu::with_values([x, weight, grad], |[x_values, weight_values, grad]| {
            let rows_by_channel = self.taps_first(weight_values);
            let axes = self.axes();
            let (rows, map) = (self.out * self.taps(), self.taps() * self.pixels());
            let mut low = vec![0.0; rows * self.pixels()];
            let mut grad_rows = vec![0.0; rows * self.channels];
            let mut grad_x = vec![0.0; x_values.len()];
            let images = x_values.chunks_exact(self.channels * self.pixels());
            let images = images.zip(grad_x.chunks_exact_mut(self.channels * self.pixels()));
            for ((image, grad_x), grad) in
                images.zip(grad.chunks_exact(self.out * self.target_pixels()))
            {
                low.par_chunks_mut(map)
                    .zip(grad.par_chunks(self.target_pixels()))
                    .for_each_init(Vec::new, |wide, (low, grad)| {
                        self.gather(&axes, grad, wide, low)
                    });
                let low = Matrix::new(&low, rows, self.pixels());
                gemm(
                    MatrixMut::new(grad_x, self.channels, self.pixels()),
                    Matrix::new(&rows_by_channel, rows, self.channels).t(),
                    low,
                    false,
                    Threads::All,
                );
                gemm(
                    MatrixMut::new(&mut grad_rows, rows, self.channels),
                    low,
                    Matrix::new(image, self.channels, self.pixels()).t(),
                    true,
                    Threads::All,
                );
            }
            let grad_weight = cpu::tensor(self.channels_first(&grad_rows), weight.shape())?;
            Ok((Some(cpu::tensor(grad_x, x.shape())?), Some(grad_weight)))
        })
    }
}
