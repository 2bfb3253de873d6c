#![doc = include_str!("../README.md")]

mod assignment;
mod error;
mod l1;
mod mff;
mod pooling;
mod silog;

pub use assignment::{assigned_selectivity, assigned_selectivity_with};
pub use error::LossError;
pub use l1::l1_loss;
pub use mff::{log_loss, mff_loss};
pub use pooling::DepthPooling;
pub use silog::{VARIANCE_FOCUS, silog_loss};

use candle_core::{DType, Tensor};

/// The mask of valid pixels, 1 where `gt` exceeds `min_depth`, and their number.
fn valid_mask(pred: &Tensor, gt: &Tensor, min_depth: f64) -> Result<(Tensor, f64), LossError> {
    if pred.dims() != gt.dims() || pred.rank() != 4 || pred.dim(1)? != 1 {
        return Err(LossError::Shapes {
            pred: pred.dims().to_vec(),
            gt: gt.dims().to_vec(),
        });
    }
    let mask = gt.gt(min_depth)?.to_dtype(gt.dtype())?.detach();
    let valid = mask.to_dtype(DType::F64)?.sum_all()?.to_scalar::<f64>()?;
    if valid == 0.0 {
        return Err(LossError::NoValidDepth { min_depth });
    }
    Ok((mask, valid))
}

/// The mean of `values` over the `count` pixels where `mask` is 1.
fn masked_mean(values: &Tensor, mask: &Tensor, count: f64) -> candle_core::Result<Tensor> {
    (values * mask)?.sum_all()? / count
}
