//! Depth-range assignment: the paper's training signal (You et al. 2021, section 4.2).

use candle_core::Tensor;
use mde_metrics::{DepthBins, ImageSize, UnitAssignment};

use crate::LossError;
use crate::pooling::Pooling;

/// The mean over units of the depth selectivity at each unit's own bin, over a batch. A scalar to be *raised*:
/// `loss = base - alpha * assigned_selectivity`.
///
/// `features` [B, N, h, w]; `gt` [B, 1, H, W] in metres, 0 where nothing was measured. With |features| resized to
/// the ground truth's size, R[k, d] the mean over the batch's pixels of bin d, and b the bin that unit k owns:
/// `DS_k = (R[k, b] - r) / (R[k, b] + r)`, r the mean of R[k, d] over the other K - 1 bins. As in the reference
/// implementation, empty bins count as response 0, depth beyond the last edge counts in bin 0, and a unit whose bin is absent from
/// the batch adds 0 but stays in the mean. A silent unit (all responses 0) adds 0 too.
///
/// # Errors
/// If shapes, bins and assignment do not fit together.
pub fn assigned_selectivity(
    features: &Tensor,
    gt: &Tensor,
    bins: &DepthBins,
    owner: &UnitAssignment,
) -> Result<Tensor, LossError> {
    let (batch, units, height, width) = features.dims4()?;
    let (gt_batch, gt_channels, _, _) = gt.dims4()?;
    let k = bins.len();
    if gt_batch != batch || gt_channels != 1 || owner.units() != units || owner.bins() != k || k < 2
    {
        return Err(LossError::Assignment {
            features: features.dims().to_vec(),
            gt: gt.dims().to_vec(),
            units: owner.units(),
            bins: owner.bins(),
        });
    }
    let Pooling { weights, counts } = Pooling::new(gt, bins, ImageSize { height, width })?;
    let like_features = |tensor: &Tensor| {
        tensor
            .to_device(features.device())?
            .to_dtype(features.dtype())
    };
    let sums = mde_ops::bin_pool(features, &like_features(&weights)?, true)?;
    let counts = like_features(&counts)?;
    let response = sums.broadcast_div(&counts.maximum(1.0)?)?;

    let owned: Vec<u32> = (0..units).map(|unit| owner.owner(unit) as u32).collect();
    let owned = Tensor::new(owned, features.device())?;
    let present = counts.index_select(&owned, 0)?.gt(0.0)?;
    let present = present.to_dtype(features.dtype())?;
    let owned = response.gather(&owned.unsqueeze(1)?, 1)?.squeeze(1)?;
    let others = ((response.sum(1)? - &owned)? / (k - 1) as f64)?;
    let total = (&owned + &others)?;
    // A silent unit would divide 0 by 0: its total becomes 1.
    let silent = total.eq(0.0)?.to_dtype(total.dtype())?.detach();
    let selectivity = ((owned - others)? / (total + silent)?)?;
    Ok((selectivity * present)?.mean_all()?)
}
