//! Responses pooled by depth bin, without upsampling the features.

use candle_core::{Result, Tensor};

use crate::trace::{self, Work};

/// The sum of every unit's activation over the pixels of every depth bin, over the batch.
///
/// `features` [B, N, h, w] and `weights` [B, K, h w] give [N, K]: `Σ_b Σ_p features[b, n, p] weights[b, k, p]`.
/// With `weights[b, k]` the adjoint of the bilinear resize to the ground truth's size applied to the mask of bin k
/// (`mde_metrics::BinWeights::dense`), this equals upsampling the features and summing over the bin's pixels, since
/// `Σ_q mask[q] (U f)[q] = f · (Uᵀ mask)`. One matrix product an image, on any device, with candle's own gradient.
///
/// # Errors
/// If the shapes do not agree or a dimension is empty.
pub fn bin_pool(features: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let (b, n, h, w) = crate::map_dims("bin_pool", features)?;
    let (weight_b, bins, pixels) = weights.dims3()?;
    if weight_b != b || pixels != h * w || bins == 0 {
        candle_core::bail!(
            "bin_pool: features [{b}, {n}, {h}, {w}] with weights {:?}",
            weights.dims()
        );
    }
    let _span = trace::forward("bin_pool", || Work::pooling(features, bins));
    features
        .reshape((b, n, h * w))?
        .contiguous()?
        .matmul(&weights.transpose(1, 2)?.contiguous()?)?
        .sum(0)
}
