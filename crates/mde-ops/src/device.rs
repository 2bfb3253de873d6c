//! Faster versions of some [`plain`] operations for GPUs: matrix products, candle's own convolution
//! and copies of whole windows. Candle differentiates all of them, and no value leaves the device.
//!
//! `plain` gathers by index, and its gradient scatters by index. Candle's CUDA kernel does that
//! with one thread per map, which visits all pixels of all taps in turn. `plain` also resizes
//! before it convolves, which [`conv_after_resize`] avoids. GPUs run `plain` for all other
//! operations. The tests compare this module with `plain` on the CPU.

use candle_core::{Result, Tensor};

use crate::cpu::lerp::Lerp;
use crate::plain;
use crate::shapes::{
    BatchStats, ChainStage, ConvConfig, ConvDims, Padding, PoolConfig, Residual, ResizedConvDims,
    check_resize, map_dims,
};

/// See [`crate::conv2d`].
///
/// Uses candle's convolution where it is correct and fast; it keeps no columns for the gradient.
/// With groups, candle runs one convolution per group; with a stride other than 1, its gradient is
/// wrong. These cases are one product of the weight with the windows.
///
/// # Errors
/// If the shapes do not agree.
pub fn conv2d(x: &Tensor, weight: &Tensor, config: ConvConfig) -> Result<Tensor> {
    let dims = ConvDims::new(x, weight, config)?;
    let (batch, out, height, width) = dims.out_shape();
    let ConvConfig {
        stride,
        dilation,
        groups,
        ..
    } = config;
    let (top, left) = dims.geometry.padding;
    let tracked = x.track_op() || weight.track_op();
    if let Padding::Each(padding) = config.padding
        && groups == 1
        && (stride == 1 || !tracked)
    {
        return x.conv2d(weight, padding, stride, dilation, groups);
    }
    let (_, channels, kh, kw) = weight.dims4()?;
    let (taps, pixels) = (kh * kw, height * width);
    // A larger stride gives the same single output.
    let (_, _, h, w) = x.dims4()?;
    let (bottom, right) = dims.geometry.zeros_behind();
    let stride = stride.min((top + h + bottom).max(left + w + right) + 1);
    let padded =
        x.pad_with_zeros(2, top, bottom + stride)?
            .pad_with_zeros(3, left, right + stride)?;
    let steps = (stride, dilation);
    let columns = Tensor::stack(&windows(&padded, (kh, kw), steps, (height, width))?, 0)?
        .reshape((taps, batch, groups, channels, pixels))?
        .permute((2, 0, 3, 1, 4))?
        .reshape((groups, taps * channels, batch * pixels))?;
    weight
        .reshape((groups, out / groups, channels, taps))?
        .permute((0, 1, 3, 2))?
        .reshape((groups, out / groups, taps * channels))?
        .matmul(&columns)?
        .reshape((out, batch, height, width))?
        .transpose(0, 1)?
        .contiguous()
}

/// See [`crate::conv_norm_chain`].
///
/// # Errors
/// If there is no stage, or the shapes do not agree.
pub fn conv_norm_chain(
    x: &Tensor,
    stages: &[ChainStage<'_>],
    residual: Residual,
) -> Result<(Tensor, Vec<Option<BatchStats>>)> {
    plain::chain(x, stages, residual, conv2d)
}

/// See [`crate::conv_after_resize`].
///
/// All taps are one product at the low resolution. Interpolation and shift along each axis are one
/// more product, whose matrix drops what a tap reads outside. Only the output has the full size.
///
/// # Errors
/// If the shapes do not agree.
pub fn conv_after_resize(
    x: &Tensor,
    weight: &Tensor,
    height: usize,
    width: usize,
) -> Result<Tensor> {
    ResizedConvDims::new(x, weight, (height, width))?;
    let (b, c, h, w) = x.dims4()?;
    let (out, _, k, _) = weight.dims4()?;
    let taps = weight.permute((0, 2, 3, 1))?.reshape((out * k * k, c))?;
    let low = taps
        .matmul(&x.transpose(0, 1)?.reshape((c, b * h * w))?)?
        .reshape((out, k, k, b, h, w))?;
    // The axis to sum over goes last, beside the taps along it.
    let tall = low
        .permute((3, 0, 2, 5, 1, 4))?
        .reshape((b * out * k * w, k * h))?
        .matmul(&shifted_interpolation(h, height, k, x)?)?
        .reshape((b, out, k, w, height))?;
    tall.permute((0, 1, 4, 2, 3))?
        .reshape((b * out * height, k * w))?
        .matmul(&shifted_interpolation(w, width, k, x)?)?
        .reshape((b, out, height, width))
}

/// See [`crate::max_pool2d`].
///
/// # Errors
/// If the window does not fit.
pub fn max_pool2d(x: &Tensor, config: PoolConfig) -> Result<Tensor> {
    let (height, width) = config.out_sizes(x)?;
    let (b, c, h, w) = x.dims4()?;
    let PoolConfig {
        kernel,
        stride,
        padding,
        ..
    } = config;
    // Repeats the edge: its values belong to the same window and change no maximum.
    let beyond = |out: usize, size: usize| (out * stride + kernel).saturating_sub(padding + size);
    let padded = x
        .pad_with_same(2, padding, beyond(height, h))?
        .pad_with_same(3, padding, beyond(width, w))?;
    let windows = windows(&padded, (kernel, kernel), (stride, 1), (height, width))?;
    let values = Tensor::stack(&windows, 2)?.reshape((b, c, kernel * kernel, height * width))?;
    plain::first_maximum(&values)?.reshape((b, c, height, width))
}

/// The adjoint of [`crate::resize_bilinear`] from [B, C, h, w] to the size of `x`.
///
/// Maps `x` [B, C, H, W] to y [B, C, h, w] with `Σ y f = Σ x resize_bilinear(f, H, W)` for every f,
/// by two products with the interpolation matrices. Applied to masks of depth bins, it gives the
/// weights of [`crate::bin_pool`].
///
/// # Errors
/// If `x` is not four-dimensional, or a size is 0.
pub fn bilinear_adjoint(x: &Tensor, height: usize, width: usize) -> Result<Tensor> {
    let (b, c, _, _) = map_dims("bilinear_adjoint", x)?;
    let (h, w) = check_resize(x, height, width)?;
    if (h, w) == (height, width) {
        return Ok(x.clone());
    }
    let (dtype, device) = (x.dtype(), x.device());
    x.reshape((b * c * h, w))?
        .matmul(&plain::interpolation(width, w, dtype, device)?)?
        .reshape((b * c, h, width))?
        .transpose(1, 2)?
        .reshape((b * c * width, h))?
        .matmul(&plain::interpolation(height, h, dtype, device)?)?
        .reshape((b, c, width, height))?
        .transpose(2, 3)?
        .contiguous()
}

/// For every tap of a kernel, the values [B, C, height, width] that it reads in `padded`. The
/// padding must reach at least one stride beyond the last of them.
fn windows(
    padded: &Tensor,
    (kh, kw): (usize, usize),
    (stride, dilation): (usize, usize),
    (height, width): (usize, usize),
) -> Result<Vec<Tensor>> {
    let (b, c, h, w) = padded.dims4()?;
    let (rows, columns) = (h / stride, w / stride);
    let cells = padded
        .narrow(2, 0, rows * stride)?
        .narrow(3, 0, columns * stride)?
        .reshape((b, c, rows, stride, columns, stride))?;
    // Each phase, every stride-th row and column from one position on, is shared by its taps, so
    // that their gradients are summed there.
    let mut phases: Vec<Option<Tensor>> = vec![None; stride * stride];
    let mut taps = Vec::with_capacity(kh * kw);
    for tap in 0..kh * kw {
        let (y, x) = (tap / kw * dilation, tap % kw * dilation);
        let place = (y % stride, x % stride);
        let phase = match &mut phases[place.0 * stride + place.1] {
            Some(phase) => phase,
            empty => empty.insert(
                cells
                    .narrow(3, place.0, 1)?
                    .narrow(5, place.1, 1)?
                    .reshape((b, c, rows, columns))?,
            ),
        };
        let rows = phase.narrow(2, y / stride, height)?;
        taps.push(rows.narrow(3, x / stride, width)?);
    }
    Ok(taps)
}

/// The matrix `[kernel source, target]` that interpolates along one axis and shifts by each tap of
/// a kernel, with zeros outside. It has the type and the device of `like`.
fn shifted_interpolation(
    source: usize,
    target: usize,
    kernel: usize,
    like: &Tensor,
) -> Result<Tensor> {
    let taps = Lerp::new(source, target).taps;
    let mut matrix = vec![0f32; kernel * source * target];
    for (shift, matrix) in matrix.chunks_exact_mut(source * target).enumerate() {
        for position in 0..target {
            let read = (position + shift).checked_sub(kernel / 2);
            if let Some(tap) = read.and_then(|read| taps.get(read)) {
                matrix[tap.low * target + position] += 1.0 - tap.weight;
                matrix[tap.high * target + position] += tap.weight;
            }
        }
    }
    Tensor::from_vec(matrix, (kernel * source, target), like.device())?.to_dtype(like.dtype())
}
