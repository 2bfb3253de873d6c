//! Shape checks of single operations, and the choice of the CPU kernels.

use candle_core::{DType, Result, Tensor};

/// True for `f32` on the CPU, which this crate's kernels serve.
pub(crate) fn on_cpu_kernels(tensor: &Tensor) -> bool {
    tensor.device().is_cpu() && tensor.dtype() == DType::F32
}

/// The dimensions of a four-dimensional tensor.
///
/// # Errors
/// If the rank is not 4 or a dimension is empty, since the maximum and the mean are then undefined.
pub(crate) fn map_dims(operation: &str, tensor: &Tensor) -> Result<(usize, usize, usize, usize)> {
    let dims = tensor.dims4()?;
    if tensor.elem_count() == 0 {
        candle_core::bail!("{operation}: {dims:?} has an empty dimension");
    }
    Ok(dims)
}

/// The dimensions of `x`, if `weight` and `bias` have one value per channel.
pub(crate) fn check_norm(
    operation: &str,
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
) -> Result<(usize, usize, usize, usize)> {
    let dims = map_dims(operation, x)?;
    check_channels(operation, dims.1, weight, bias)?;
    Ok(dims)
}

/// The dimensions of `x`, if `weight` and `bias` have one value per channel and a batch norm can
/// take its statistics from `x`.
pub(crate) fn check_batch_norm(
    operation: &str,
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
) -> Result<(usize, usize, usize, usize)> {
    let dims = check_norm(operation, x, weight, bias)?;
    check_statistics(operation, dims)?;
    Ok(dims)
}

/// Fails unless a map [B, C, H, W] has at least two values per channel. The variance of a single
/// value is 0: the norm would put out its bias for every input and pass no gradient on.
pub(crate) fn check_statistics(
    operation: &str,
    (b, c, h, w): (usize, usize, usize, usize),
) -> Result<()> {
    if b * h * w < 2 {
        candle_core::bail!(
            "{operation}: a map of [{b}, {c}, {h}, {w}] has 1 value per channel; batch norm in \
             training needs at least 2: use a larger batch or larger images"
        );
    }
    Ok(())
}

/// Fails unless `weight` and `bias` have one value per channel.
pub(crate) fn check_channels(
    operation: &str,
    channels: usize,
    weight: &Tensor,
    bias: &Tensor,
) -> Result<()> {
    if weight.dims() != [channels] || bias.dims() != [channels] {
        candle_core::bail!(
            "{operation}: weight {:?} and bias {:?} for {channels} channels: \
             expected a value per channel",
            weight.dims(),
            bias.dims(),
        );
    }
    Ok(())
}

/// Height and width of `x`, if it can be resized to `height` and `width`.
pub(crate) fn check_resize(x: &Tensor, height: usize, width: usize) -> Result<(usize, usize)> {
    let (_, _, h, w) = map_dims("resize_bilinear", x)?;
    if height == 0 || width == 0 {
        candle_core::bail!("resize_bilinear: to {height}x{width}: sizes must be positive");
    }
    Ok((h, w))
}

/// The dimensions of `x`, if it holds a 2x2 block.
pub(crate) fn check_avg_pool(x: &Tensor) -> Result<(usize, usize, usize, usize)> {
    let (b, c, h, w) = map_dims("avg_pool2x2", x)?;
    if h < 2 || w < 2 {
        candle_core::bail!("avg_pool2x2: {h}x{w} holds no block of 2x2");
    }
    Ok((b, c, h, w))
}

/// Fails unless `weight` and `bias` have one value per element of the last dimension of `x`.
pub(crate) fn check_layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<()> {
    let length = x.dims().last().copied();
    if x.elem_count() == 0 || length.is_none() {
        candle_core::bail!(
            "layer_norm: {:?} has no last dimension, or an empty one",
            x.dims()
        );
    }
    if weight.dims() != [length.unwrap_or(0)] || bias.dims() != weight.dims() {
        candle_core::bail!(
            "layer_norm: weight {:?} and bias {:?} for {:?}: \
             expected a value per element of the last dimension",
            weight.dims(),
            bias.dims(),
            x.dims()
        );
    }
    Ok(())
}

/// Fails unless `x` [.., in], `weight` [out, in] and `bias` `[out]` agree and are not empty.
pub(crate) fn check_linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<()> {
    let (out, input) = weight.dims2()?;
    let fits = x.dims().last() == Some(&input) && bias.is_none_or(|bias| bias.dims() == [out]);
    if !fits {
        candle_core::bail!(
            "linear: weight {:?} and bias {:?} do not fit {:?}",
            weight.dims(),
            bias.map(Tensor::dims),
            x.dims()
        );
    }
    if x.elem_count() == 0 || out == 0 {
        candle_core::bail!(
            "linear: {:?} or {:?} has an empty dimension",
            x.dims(),
            weight.dims()
        );
    }
    Ok(())
}

/// Fails unless `weight` has the channels of `x` in its dimension `channels_at`, and 3x3 taps.
pub(crate) fn check_doubling(
    operation: &str,
    x: &Tensor,
    weight: &Tensor,
    channels_at: usize,
) -> Result<()> {
    let (_, channels, _, _) = map_dims(operation, x)?;
    let (_, _, kh, kw) = map_dims(operation, weight)?;
    if weight.dim(channels_at)? != channels || (kh, kw) != (3, 3) {
        candle_core::bail!(
            "{operation}: weight {:?} on {:?}: channels must agree and the kernel must be 3x3",
            weight.dims(),
            x.dims()
        );
    }
    Ok(())
}
