//! Every operation of this crate, built from candle's own differentiable primitives.
//!
//! The tests compare the CPU kernels and [`device`](crate::device) with this module. It also runs
//! on other devices and for other types, unless `device` has a faster version. It favours clarity
//! over speed: a convolution gathers its columns by index, an interpolation is a matrix.

use candle_core::{D, DType, Device, IndexOp, Result, Tensor};

use crate::cpu::{Rectifier, lerp::Lerp};
use crate::shapes::{
    AttentionDims, BatchStats, ChainStage, ConvConfig, ConvDims, PixelShuffle, PoolConfig,
    Residual, ResizedConvDims, check_avg_pool, check_batch_norm, check_chain, check_doubling,
    check_layer_norm, check_linear, check_norm, check_resize,
};

/// See [`crate::conv2d`].
///
/// # Errors
/// If the shapes do not agree.
pub fn conv2d(x: &Tensor, weight: &Tensor, config: ConvConfig) -> Result<Tensor> {
    let dims = ConvDims::new(x, weight, config)?;
    let (_, _, out_h, out_w) = dims.out_shape();
    let (b, _, _, w) = x.dims4()?;
    let (out, in_channels, kh, kw) = weight.dims4()?;
    let (top, left) = dims.geometry.padding;
    let (bottom, right) = dims.geometry.zeros_behind();
    let padded = x
        .pad_with_zeros(2, top, bottom)?
        .pad_with_zeros(3, left, right)?;
    let padded_w = left + w + right;
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

/// See [`crate::conv_norm_chain`].
///
/// # Errors
/// If there is no stage, or the shapes do not agree.
pub fn conv_norm_chain(
    x: &Tensor,
    stages: &[ChainStage<'_>],
    residual: Residual,
) -> Result<(Tensor, Vec<Option<BatchStats>>)> {
    chain(x, stages, residual, conv2d)
}

/// [`conv_norm_chain`] with the given convolution.
pub(crate) fn chain(
    x: &Tensor,
    stages: &[ChainStage<'_>],
    residual: Residual,
    conv2d: impl Fn(&Tensor, &Tensor, ConvConfig) -> Result<Tensor>,
) -> Result<(Tensor, Vec<Option<BatchStats>>)> {
    check_chain(x, stages, residual)?;
    let mut out = x.clone();
    let mut stats = Vec::with_capacity(stages.len());
    for stage in stages {
        if let Some((weight, config)) = stage.conv {
            out = conv2d(&out, weight, config)?;
        }
        let mut of_stage = None;
        if let Some(norm) = stage.norm {
            let (normed, batch) =
                batch_norm_train(&out, norm.weight, norm.bias, norm.eps, norm.rectifier)?;
            (out, of_stage) = (normed, Some(batch));
        }
        stats.push(of_stage);
    }
    let out = match residual {
        Residual::None => out,
        Residual::Add => (out + x)?,
        Residual::AddRelu => add_relu(&out, x)?,
    };
    Ok((out, stats))
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
    ResizedConvDims::new(x, weight, (height, width))?;
    let resized = resize_bilinear(x, height, width)?;
    conv2d(&resized, weight, same(weight.dim(2)?))
}

/// Stride 1 and the padding that keeps the size for an odd kernel.
fn same(kernel: usize) -> ConvConfig {
    ConvConfig {
        padding: (kernel / 2).into(),
        ..ConvConfig::default()
    }
}

/// See [`crate::max_pool2d`].
///
/// # Errors
/// If the window does not fit.
pub fn max_pool2d(x: &Tensor, config: PoolConfig) -> Result<Tensor> {
    let (out_h, out_w) = config.out_sizes(x)?;
    let (b, c, h, w) = x.dims4()?;
    let kernel = (config.kernel, config.kernel);
    // A position outside repeats the nearest one inside, which belongs to the same window. No
    // maximum changes.
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
    first_maximum(&values)?.reshape((b, c, out_h, out_w))
}

/// The maximum over the taps of `values` [B, C, taps, pixels]. The gradient of candle's `max` would
/// go to all equal values.
pub(crate) fn first_maximum(values: &Tensor) -> Result<Tensor> {
    let winner = values.detach().argmax_keepdim(2)?;
    values.gather(&winner, 2)
}

/// See [`crate::resize_bilinear`].
///
/// # Errors
/// If `x` is not four-dimensional, or a size is 0.
pub fn resize_bilinear(x: &Tensor, height: usize, width: usize) -> Result<Tensor> {
    let (h, w) = check_resize(x, height, width)?;
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
pub fn channel_affine(
    x: &Tensor,
    scale: &Tensor,
    shift: &Tensor,
    rectifier: Rectifier,
) -> Result<Tensor> {
    let (_, c, _, _) = check_norm("channel_affine", x, scale, shift)?;
    let channels = (1, c, 1, 1);
    let out = x
        .broadcast_mul(&scale.reshape(channels)?)?
        .broadcast_add(&shift.reshape(channels)?)?;
    match rectifier {
        Rectifier::None => Ok(out),
        Rectifier::Relu => relu(&out),
        Rectifier::Relu6 => relu6(&out),
    }
}

/// See [`crate::add_relu`].
///
/// # Errors
/// If the shapes differ.
pub fn add_relu(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    relu(&(x + y)?)
}

/// See [`crate::relu`]. Candle 0.11.1 has gradient 1 at 0, PyTorch 0.
///
/// # Errors
/// If the device fails.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    x.le(0.)?.where_cond(&x.zeros_like()?, x)
}

/// [`Rectifier::Relu6`], with gradient 0 at 0 and at 6.
fn relu6(x: &Tensor) -> Result<Tensor> {
    let six = x.ones_like()?.affine(6., 0.)?;
    x.ge(6.)?.where_cond(&six, &relu(x)?)
}

/// See [`crate::elu`].
///
/// # Errors
/// If the device fails.
pub fn elu(x: &Tensor) -> Result<Tensor> {
    x.elu(1.0)
}

/// See [`crate::attention`].
///
/// # Errors
/// If the sizes do not agree.
pub fn attention(qkv: &Tensor, heads: usize) -> Result<Tensor> {
    let sizes = AttentionDims::new(qkv, heads)?;
    let (n, tokens, head) = (sizes.sequences, sizes.tokens, sizes.head);
    let qkv = qkv
        .reshape((n, tokens, 3, heads, head))?
        .permute((2, 0, 3, 1, 4))?
        .reshape((3, n * heads, tokens, head))?;
    let [q, k, v] = [qkv.get(0)?, qkv.get(1)?, qkv.get(2)?];
    let scores = (q.matmul(&k.t()?)? * (head as f64).powf(-0.5))?;
    softmax(&scores)?
        .matmul(&v)?
        .reshape((n, heads, tokens, head))?
        .permute((0, 2, 1, 3))?
        .reshape((n, tokens, heads * head))
}

/// `exp(x) / Σ exp(x)` over the last dimension.
fn softmax(x: &Tensor) -> Result<Tensor> {
    // The shift changes no value, so it needs no gradient.
    let shifted = x.broadcast_sub(&x.detach().max_keepdim(D::Minus1)?)?;
    let exp = shifted.exp()?;
    exp.broadcast_div(&exp.sum_keepdim(D::Minus1)?)
}

/// See [`crate::layer_norm`].
///
/// # Errors
/// If the shapes do not agree.
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    check_layer_norm(x, weight, bias)?;
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let std = (centred.sqr()?.mean_keepdim(D::Minus1)? + eps)?.sqrt()?;
    centred
        .broadcast_div(&std)?
        .broadcast_mul(weight)?
        .broadcast_add(bias)
}

/// See [`crate::linear`].
///
/// # Errors
/// If the shapes do not agree.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    check_linear(x, weight, bias)?;
    let (out, input) = weight.dims2()?;
    let mut dims = x.dims().to_vec();
    if let Some(last) = dims.last_mut() {
        *last = out;
    }
    let product = x.reshape(((), input))?.matmul(&weight.t()?)?;
    match bias {
        Some(bias) => product.broadcast_add(bias)?.reshape(dims),
        None => product.reshape(dims),
    }
}

/// See [`crate::avg_pool2x2`].
///
/// # Errors
/// If `x` is not four-dimensional, or a side is shorter than 2.
pub fn avg_pool2x2(x: &Tensor) -> Result<Tensor> {
    let (b, c, h, w) = check_avg_pool(x)?;
    let (out_h, out_w) = (h / 2, w / 2);
    x.narrow(2, 0, 2 * out_h)?
        .narrow(3, 0, 2 * out_w)?
        .reshape((b, c, out_h, 2, out_w, 2))?
        .mean((3, 5))
}

/// See [`crate::pixel_shuffle`].
///
/// # Errors
/// If `x` is not four-dimensional, or its channels are not a multiple of the squared ratio.
pub fn pixel_shuffle(x: &Tensor, ratio: usize) -> Result<Tensor> {
    shuffle(x, PixelShuffle { ratio, overlap: 0 })
}

pub(crate) fn shuffle(x: &Tensor, op: PixelShuffle) -> Result<Tensor> {
    let (c, h, w) = op.out_shape(x)?;
    let (b, _, map_h, map_w) = x.dims4()?;
    let PixelShuffle { ratio, overlap } = op;
    let maps = x.reshape((b, c, ratio * ratio, map_h, map_w))?;
    let phases = (0..ratio * ratio).map(|phase| {
        maps.narrow(2, phase, 1)?
            .narrow(3, phase / ratio * overlap, h)?
            .narrow(4, phase % ratio * overlap, w)
    });
    Tensor::cat(&phases.collect::<Result<Vec<_>>>()?, 2)?
        .reshape((b, c, ratio, ratio, h, w))?
        .permute((0, 1, 4, 2, 5, 3))?
        .reshape((b, c, h * ratio, w * ratio))
}

/// See [`crate::conv_after_nearest2x`].
///
/// # Errors
/// If the shapes do not agree or the kernel is not 3x3.
pub fn conv_after_nearest2x(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    check_doubling("conv_after_nearest2x", x, weight, 1)?;
    let (b, c, h, w) = x.dims4()?;
    let repeated = x
        .reshape((b, c, h, 1, w, 1))?
        .broadcast_as((b, c, h, 2, w, 2))?
        .reshape((b, c, 2 * h, 2 * w))?;
    conv2d(&repeated, weight, same(3))
}

/// See [`crate::conv_transpose2x`].
///
/// # Errors
/// If the shapes do not agree or the kernel is not 3x3.
pub fn conv_transpose2x(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    check_doubling("conv_transpose2x", x, weight, 0)?;
    let (b, c, h, w) = x.dims4()?;
    // Inserts zeros between the values, then convolves with the rotated kernel.
    let spread = x
        .reshape((b, c, h, 1, w, 1))?
        .pad_with_zeros(3, 0, 1)?
        .pad_with_zeros(5, 0, 1)?
        .reshape((b, c, 2 * h, 2 * w))?;
    let reverse = Tensor::new(&[2u32, 1, 0], x.device())?;
    let turned = weight
        .transpose(0, 1)?
        .contiguous()?
        .index_select(&reverse, 2)?
        .index_select(&reverse, 3)?;
    conv2d(&spread, &turned, same(3))
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
    rectifier: Rectifier,
) -> Result<(Tensor, BatchStats)> {
    let (b, c, h, w) = check_batch_norm("batch_norm_train", x, weight, bias)?;
    let by_channel = x.transpose(0, 1)?.flatten_from(1)?;
    let mean = by_channel.mean_keepdim(1)?;
    let centred = by_channel.broadcast_sub(&mean)?;
    let var = centred.sqr()?.mean_keepdim(1)?;
    let normalised = centred.broadcast_div(&(&var + eps)?.sqrt()?)?;
    let normalised = normalised.reshape((c, b, h, w))?.transpose(0, 1)?;
    let out = channel_affine(&normalised, weight, bias, rectifier)?;
    let stats = BatchStats {
        mean: mean.i((.., 0))?.detach(),
        var: var.i((.., 0))?.detach(),
        count: b * h * w,
    };
    Ok((out, stats))
}

/// The values of `f` for every (ky, kx, oy, ox). The output pixel changes fastest.
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
pub(crate) fn interpolation(
    source: usize,
    target: usize,
    dtype: DType,
    device: &Device,
) -> Result<Tensor> {
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
