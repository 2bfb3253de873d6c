//! The loss of MFF: depth, gradient and normal terms (Hu et al. 2019, equations 3 to 6).

use candle_core::{DType, Device, Tensor};
use mde_ops::{ConvConfig, PoolConfig, conv2d, max_pool2d};

use crate::{LossError, masked_mean, valid_mask};

/// The loss of MFF, a scalar: `mean ln(|e| + 0.5) + mean ln(|∂x e| + 0.5) + mean ln(|∂y e| + 0.5) +
/// mean |1 - cos(n, n*)|`.
///
/// `pred`, `gt` [B, 1, H, W] in metres. e = pred - gt; derivatives are Sobel's, with zeros outside
/// the image; normals are n = (-∂x d, -∂y d, 1). The depth term skips pixels with gt <= 0. The
/// other terms skip pixels with such a pixel in their 3x3 neighbourhood. Without such pixels this
/// is the reference's loss.
///
/// # Errors
/// If the shapes differ or no pixel has valid depth.
pub fn mff_loss(pred: &Tensor, gt: &Tensor) -> Result<Tensor, LossError> {
    let (valid, count) = valid_mask(pred, gt, 0.0)?;
    let depth_term = depth_term(pred, gt, &valid, count)?;

    let complete = complete_neighbourhoods(&valid)?;
    let complete_count = complete
        .to_dtype(DType::F64)?
        .sum_all()?
        .to_scalar::<f64>()?;
    if complete_count == 0.0 {
        return Ok(depth_term);
    }
    let sobel = sobel_kernels(pred.dtype(), pred.device())?;
    let padded = ConvConfig {
        padding: 1.into(),
        ..ConvConfig::default()
    };
    let pred_slope = conv2d(&(pred * &valid)?, &sobel, padded)?;
    let gt_slope = conv2d(&(gt * &valid)?, &sobel, padded)?;
    // Both derivatives at once: the mean over one is half the mean over two.
    let slopes = log_term(&(&pred_slope - &gt_slope)?)?.sum_keepdim(1)?;
    let gradient_term = masked_mean(&slopes, &complete, complete_count)?;

    let cosine = (((&pred_slope * &gt_slope)?.sum_keepdim(1)? + 1.0)?
        / (squared_length(&pred_slope)? * squared_length(&gt_slope)?)?.sqrt()?)?;
    let normal_term = masked_mean(&(1.0 - cosine)?.abs()?, &complete, complete_count)?;
    Ok(((depth_term + gradient_term)? + normal_term)?)
}

/// Mean of ln(|pred - gt| + 0.5) over the pixels with gt > 0. A scalar.
///
/// The first term of [`mff_loss`] (Hu et al. 2019, equation 3). `pred`, `gt` [B, 1, H, W] in
/// metres.
///
/// # Errors
/// If the shapes differ or no pixel has valid depth.
pub fn log_loss(pred: &Tensor, gt: &Tensor) -> Result<Tensor, LossError> {
    let (valid, count) = valid_mask(pred, gt, 0.0)?;
    Ok(depth_term(pred, gt, &valid, count)?)
}

fn depth_term(
    pred: &Tensor,
    gt: &Tensor,
    valid: &Tensor,
    count: f64,
) -> candle_core::Result<Tensor> {
    let error = ((pred - gt)? * valid)?;
    masked_mean(&log_term(&error)?, valid, count)
}

/// ln(|e| + 0.5).
fn log_term(error: &Tensor) -> candle_core::Result<Tensor> {
    (error.abs()? + 0.5)?.log()
}

/// |n|² of the normal (-∂x d, -∂y d, 1), [B, 1, H, W].
fn squared_length(slope: &Tensor) -> candle_core::Result<Tensor> {
    slope.sqr()?.sum_keepdim(1)? + 1.0
}

/// 1 where all of a pixel's 3x3 neighbours inside the image are valid.
fn complete_neighbourhoods(valid: &Tensor) -> candle_core::Result<Tensor> {
    const NEIGHBOURS: PoolConfig = PoolConfig {
        kernel: 3,
        stride: 1,
        padding: 1,
        ceil_mode: false,
    };
    1.0 - max_pool2d(&(1.0 - valid)?, NEIGHBOURS)?
}

/// The Sobel kernels of ∂x and ∂y, [2, 1, 3, 3].
fn sobel_kernels(dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
    const X: [f32; 9] = [1., 0., -1., 2., 0., -2., 1., 0., -1.];
    const Y: [f32; 9] = [1., 2., 1., 0., 0., 0., -1., -2., -1.];
    Tensor::new([X, Y].concat(), device)?
        .reshape((2, 1, 3, 3))?
        .to_dtype(dtype)
}
