//! Scale-invariant log loss of BTS (Lee et al. 2019, equation 2; after Eigen et al. 2014).

use candle_core::Tensor;

use crate::{LossError, valid_mask};

/// Fraction of the squared mean that BTS subtracts: λ = 0.85.
pub const VARIANCE_FOCUS: f64 = 0.85;

/// `10 sqrt(mean g² - focus (mean g)²)` with g = ln pred - ln gt. A scalar.
///
/// Over the pixels with gt > `min_depth` metres: 0.1 for NYU Depth V2, 1 for KITTI. `pred`, `gt`
/// [B, 1, H, W] in metres; `focus` is usually [`VARIANCE_FOCUS`].
///
/// # Errors
/// If the shapes differ or no pixel has valid depth.
pub fn silog_loss(
    pred: &Tensor,
    gt: &Tensor,
    min_depth: f64,
    focus: f64,
) -> Result<Tensor, LossError> {
    let (mask, count) = valid_mask(pred, gt, min_depth)?;
    let measured = mask.gt(0.0)?;
    // Other pixels get ln 1 - ln 1, which keeps the logarithm of 0 out of the gradient.
    let one = Tensor::ones_like(gt)?;
    let log_ratio =
        (measured.where_cond(pred, &one)?.log()? - measured.where_cond(gt, &one)?.log()?)?;
    let mean_square = (log_ratio.sqr()?.sum_all()? / count)?;
    let mean = (log_ratio.sum_all()? / count)?;
    Ok(((mean_square - (mean.sqr()? * focus)?)?.sqrt()? * 10.0)?)
}
