//! The absolute error.

use candle_core::Tensor;

use crate::{LossError, masked_mean, valid_mask};

/// `mean |pred - gt|` over the pixels with gt > 0, in metres. A scalar.
///
/// `pred`, `gt` [B, 1, H, W]. The loss for a network that begins at random: its gradient is as strong where the error is
/// large as where it is small, while that of a logarithm, such as [`crate::mff_loss`], fades with the error.
///
/// # Errors
/// If the shapes differ or no pixel is measured.
pub fn l1_loss(pred: &Tensor, gt: &Tensor) -> Result<Tensor, LossError> {
    let (valid, count) = valid_mask(pred, gt, 0.0)?;
    Ok(masked_mean(&(pred - gt)?.abs()?, &valid, count)?)
}
