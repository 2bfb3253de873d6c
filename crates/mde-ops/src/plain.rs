//! Every operation of this crate made of candle's own differentiable primitives: the path of devices
//! and types that the CPU kernels do not serve, and what the tests hold those kernels to.
//!
//! Clear before fast: a convolution gathers its columns by index, an interpolation is a matrix.

use candle_core::{DType, Device, IndexOp, Result, Tensor};

use crate::conv::Dims;
use crate::conv_after_resize::ConvAfterResize;
use crate::cpu::lerp::Lerp;
use crate::{BatchStats, ConvConfig, PoolConfig};

/// See [`crate::conv2d`].
///
/// # Errors
/// If the shapes do not agree.
pub fn conv2d(x: &Tensor, weight: &Tensor, config: ConvConfig) -> Result<Tensor> {
    let (_, _, out_h, out_w) = Dims::new(x, weight, config)?.out_shape();
    let (b, _, _, w) = x.dims4()?;
    let (out, in_channels, kh, kw) = weight.dims4()?;
    let pad = config.padding;
    let padded = x.pad_with_zeros(2, pad, pad)?.pad_with_zeros(3, pad, pad)?;
    let padded_w = w + 2 * pad;
    let windows = windows((kh, kw), (out_h, out_w), |ky, kx, oy, ox| {
        let y = oy * config.stride + ky * config.dilation;
        (y * padded_w + ox * config.stride + kx * config.dilation) as u32
    });
    let windows = Tensor::new(windows, x.device())?;
    let columns = padded
        .flatten_from(2)?
        .contiguous()?
        .index_select(&windows, 2)?;
    let columns = columns.reshape((b, config.groups, in_channels * kh * kw, out_h * out_w))?;
    let weight = weight.reshape((1, config.groups, out / config.groups, in_channels * kh * kw))?;
    weight
        .broadcast_matmul(&columns)?
        .reshape((b, out, out_h, out_w))
}

/// See [`crate::conv_after_resize`].
///
/// # Errors
/// If the shapes do not agree.
pub fn conv_after_resize(
    x: &Tensor,
    weight: &Tensor,
    height: usize,
    width: usize,
) -> Result<Tensor> {
    ConvAfterResize::new(x, weight, (height, width))?;
    let config = ConvConfig {
        padding: weight.dim(2)? / 2,
        ..ConvConfig::default()
    };
    conv2d(&resize_bilinear(x, height, width)?, weight, config)
}

/// See [`crate::max_pool2d`].
///
/// # Errors
/// If the window does not fit.
pub fn max_pool2d(x: &Tensor, config: PoolConfig) -> Result<Tensor> {
    let (out_h, out_w) = config.out_sizes(x)?;
    let (b, c, h, w) = x.dims4()?;
    let kernel = (config.kernel, config.kernel);
    // A position outside repeats the nearest one inside, which belongs to the same window: no maximum changes.
    let inside =
        |position: usize, size: usize| position.saturating_sub(config.padding).min(size - 1);
    let index = windows(kernel, (out_h, out_w), |ky, kx, oy, ox| {
        let y = inside(oy * config.stride + ky, h);
        (y * w + inside(ox * config.stride + kx, w)) as u32
    });
    let values = x
        .flatten_from(2)?
        .contiguous()?
        .index_select(&Tensor::new(index, x.device())?, 2)?
        .reshape((b, c, config.kernel * config.kernel, out_h * out_w))?;
    // Not `max`, whose gradient goes to all equal values.
    let winner = values.detach().argmax_keepdim(2)?;
    values.gather(&winner, 2)?.reshape((b, c, out_h, out_w))
}

/// See [`crate::resize_bilinear`].
///
/// # Errors
/// If `x` has not four dimensions, or a size is 0.
pub fn resize_bilinear(x: &Tensor, height: usize, width: usize) -> Result<Tensor> {
    let (h, w) = crate::resize::check(x, height, width)?;
    let rows = interpolation(h, height, x.dtype(), x.device())?;
    let columns = interpolation(w, width, x.dtype(), x.device())?
        .t()?
        .contiguous()?;
    let x = x.contiguous()?;
    rows.reshape((1, 1, height, h))?
        .broadcast_matmul(&x)?
        .broadcast_matmul(&columns.reshape((1, 1, w, width))?)
}

/// See [`crate::channel_affine`].
///
/// # Errors
/// If the shapes do not agree.
pub fn channel_affine(x: &Tensor, scale: &Tensor, shift: &Tensor, relu: bool) -> Result<Tensor> {
    let (_, c, _, _) = crate::affine::check("channel_affine", x, scale, shift)?;
    let channels = (1, c, 1, 1);
    let out = x
        .broadcast_mul(&scale.reshape(channels)?)?
        .broadcast_add(&shift.reshape(channels)?)?;
    if relu { self::relu(&out) } else { Ok(out) }
}

/// See [`crate::add_relu`].
///
/// # Errors
/// If the shapes differ.
pub fn add_relu(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    relu(&(x + y)?)
}

/// `max(x, 0)`. Not candle's `relu`, whose gradient at 0 is 1 in candle 0.11.1 and 0 in PyTorch. A NaN stays.
fn relu(x: &Tensor) -> Result<Tensor> {
    x.le(0.)?.where_cond(&x.zeros_like()?, x)
}

/// See [`crate::batch_norm_train`].
///
/// # Errors
/// If the shapes do not agree.
pub fn batch_norm_train(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    eps: f64,
    relu: bool,
) -> Result<(Tensor, BatchStats)> {
    let (b, c, h, w) = crate::affine::check("batch_norm_train", x, weight, bias)?;
    let by_channel = x.transpose(0, 1)?.flatten_from(1)?;
    let mean = by_channel.mean_keepdim(1)?;
    let centred = by_channel.broadcast_sub(&mean)?;
    let var = centred.sqr()?.mean_keepdim(1)?;
    let normalised = centred.broadcast_div(&(&var + eps)?.sqrt()?)?;
    let normalised = normalised.reshape((c, b, h, w))?.transpose(0, 1)?;
    let out = channel_affine(&normalised, weight, bias, relu)?;
    let stats = BatchStats {
        mean: mean.i((.., 0))?.detach(),
        var: var.i((.., 0))?.detach(),
        count: b * h * w,
    };
    Ok((out, stats))
}

/// The value of `f` for every (ky, kx, oy, ox), the output pixel changing fastest.
fn windows<T>(
    (kh, kw): (usize, usize),
    (out_h, out_w): (usize, usize),
    f: impl Fn(usize, usize, usize, usize) -> T,
) -> Vec<T> {
    let mut values = Vec::with_capacity(kh * kw * out_h * out_w);
    for tap in 0..kh * kw {
        for pixel in 0..out_h * out_w {
            values.push(f(tap / kw, tap % kw, pixel / out_w, pixel % out_w));
        }
    }
    values
}

/// The matrix `[target, source]` of linear interpolation along one axis.
fn interpolation(source: usize, target: usize, dtype: DType, device: &Device) -> Result<Tensor> {
    let mut matrix = vec![0f32; target * source];
    for (row, tap) in matrix
        .chunks_exact_mut(source)
        .zip(Lerp::new(source, target).taps)
    {
        row[tap.low] += 1.0 - tap.weight;
        row[tap.high] += tap.weight;
    }
    Tensor::from_vec(matrix, (target, source), device)?.to_dtype(dtype)
}
