//! Depth-range assignment: the training signal of You et al. 2021, section 4.2.

use candle_core::Tensor;
use mde_metrics::{DepthBins, ImageSize, UnitAssignment};

use crate::{DepthPooling, LossError};

/// Mean over units of the depth selectivity at each unit's assigned bin, over a batch. A scalar.
///
/// Training *raises* it: `loss = base - alpha * assigned_selectivity`.
///
/// `features` [B, N, h, w]; `gt` [B, 1, H, W] in metres, 0 where the depth is invalid. Let R[n, d]
/// be the mean of |features|, resized to the size of `gt`, over the batch's pixels of bin d, and b
/// the bin assigned to unit n. Then `DS_n = (R[n, b] - r) / (R[n, b] + r)`, where r is the mean of
/// R[n, d] over the other K - 1 bins.
///
/// As in the reference implementation, empty bins count as response 0 and depth beyond the last
/// edge counts in bin 0. A unit whose bin is absent from the batch adds 0 but stays in the mean,
/// and so does a silent unit (all responses 0).
///
/// # Errors
/// If shapes, bins and assignment do not agree.
pub fn assigned_selectivity(
    features: &Tensor,
    gt: &Tensor,
    bins: &DepthBins,
    assignment: &UnitAssignment,
) -> Result<Tensor, LossError> {
    let (_, _, height, width) = features.dims4()?;
    let pooling = DepthPooling::new(gt, bins, ImageSize { height, width })?;
    assigned_selectivity_with(&pooling, features, assignment)
}

/// [`assigned_selectivity`] with pooling weights that several layers share.
///
/// # Errors
/// If the shapes of features and pooling weights, or the bins and the assignment, do not agree.
pub fn assigned_selectivity_with(
    pooling: &DepthPooling,
    features: &Tensor,
    assignment: &UnitAssignment,
) -> Result<Tensor, LossError> {
    let (batch, units, height, width) = features.dims4()?;
    let k = pooling.bins().len();
    let size = ImageSize { height, width };
    if pooling.gt_dims()[0] != batch
        || pooling.feature_size() != size
        || assignment.units() != units
        || assignment.bins() != k
        || k < 2
    {
        return Err(LossError::Assignment {
            features: features.dims().to_vec(),
            gt: pooling.gt_dims().to_vec(),
            feature_size: pooling.feature_size(),
            depth_bins: k,
            units: assignment.units(),
            bins: assignment.bins(),
        });
    }
    let like_features = |tensor: &Tensor| {
        tensor
            .to_device(features.device())?
            .to_dtype(features.dtype())
    };
    let weights = like_features(&pooling.weights)?;
    let sums = mde_ops::bin_pool(features, &weights, true)?;
    let counts = like_features(&pooling.counts)?;
    let response = sums.broadcast_div(&counts.maximum(1.0)?)?;

    let owned: Vec<u32> = (0..units)
        .map(|unit| assignment.bin_of(unit) as u32)
        .collect();
    let owned = Tensor::new(owned, features.device())?;
    let present = counts.index_select(&owned, 0)?.gt(0.0)?;
    let present = present.to_dtype(features.dtype())?;
    let owned = response.gather(&owned.unsqueeze(1)?, 1)?.squeeze(1)?;
    let others = ((response.sum(1)? - &owned)? / (k - 1) as f64)?;
    let total = (&owned + &others)?;
    // Adds 1 to a silent unit's total of 0, which would give 0 / 0.
    let silent = total.eq(0.0)?.to_dtype(total.dtype())?.detach();
    let selectivity = ((owned - others)? / (total + silent)?)?;
    Ok((selectivity * present)?.mean_all()?)
}
