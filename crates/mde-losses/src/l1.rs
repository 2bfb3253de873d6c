//! Absolute error.

use candle_core::Tensor;

use crate::{LossError, masked_mean, valid_mask};

/// Mean of |pred - gt| over the pixels with gt > 0, in metres. A scalar.
///
/// `pred`, `gt` [B, 1, H, W]. Suits networks with random initial weights: its gradient does not
/// fade where the error is large, unlike that of a logarithm such as [`crate::mff_loss`].
///
/// # Errors
/// If the shapes differ or no pixel has valid depth.
pub fn l1_loss(pred: &Tensor, gt: &Tensor) -> Result<Tensor, LossError> {
    let (valid, count) = valid_mask(pred, gt, 0.0)?;
    Ok(masked_mean(&(pred - gt)?.abs()?, &valid, count)?)
}
