//! Pooling weights of a batch's ground truth, as in the reference implementation.

use candle_core::{DType, Device, Tensor};
use mde_metrics::{BinWeights, DepthBins, ImageSize};

use crate::LossError;

/// The pixels of each depth bin of a batch, as weights on feature maps of one size.
///
/// Build it once per training step, then pass it to
/// [`assigned_selectivity_with`](crate::assigned_selectivity_with) for every layer of this feature
/// size and these bins.
#[derive(Debug, Clone)]
pub struct DepthPooling {
    bins: DepthBins,
    feature_size: ImageSize,
    gt_dims: Vec<usize>,
    /// [B, K, h w].
    pub(crate) weights: Tensor,
    /// Pixels of each bin over the batch, `[K]`, f32.
    pub(crate) counts: Tensor,
}

impl DepthPooling {
    /// The weights of `gt` [B, 1, H, W], in metres, on feature maps of `feature_size`.
    ///
    /// Depth 0, a negative depth and NaN count in no bin; depth beyond the last edge counts in bin
    /// 0. The weights are computed on the device of `gt`.
    ///
    /// # Errors
    /// If `gt` does not have this shape, or `feature_size` is empty.
    pub fn new(gt: &Tensor, bins: &DepthBins, feature_size: ImageSize) -> Result<Self, LossError> {
        if gt.rank() != 4 || gt.dim(1)? != 1 {
            return Err(LossError::GroundTruth {
                gt: gt.dims().to_vec(),
            });
        }
        let depths = gt.detach().to_dtype(DType::F32)?;
        let (weights, counts) = if depths.device().is_cpu() {
            sparse(&depths, bins, feature_size)?
        } else {
            dense(&depths, bins, feature_size)?
        };
        Ok(Self {
            bins: bins.clone(),
            feature_size,
            gt_dims: gt.dims().to_vec(),
            weights,
            counts,
        })
    }

    /// The bins of the weights.
    pub fn bins(&self) -> &DepthBins {
        &self.bins
    }

    /// Size of the feature maps that the weights fit.
    pub fn feature_size(&self) -> ImageSize {
        self.feature_size
    }

    pub(crate) fn gt_dims(&self) -> &[usize] {
        &self.gt_dims
    }
}

/// Weights [B, K, h w] and counts `[K]`, from the pixels that have a bin.
fn sparse(
    gt: &Tensor,
    bins: &DepthBins,
    feature_size: ImageSize,
) -> Result<(Tensor, Tensor), LossError> {
    let (batch, _, height, width) = gt.dims4()?;
    let gt_size = ImageSize { height, width };
    let (k, pixels) = (bins.len(), feature_size.pixels());
    let mut counts = vec![0u64; k];
    let mut weights = vec![0.0; batch * k * pixels];
    let depths = gt.flatten_from(1)?.to_vec2::<f32>()?;
    for (depths, weights) in depths.iter().zip(weights.chunks_mut(k * pixels)) {
        let image = BinWeights::for_stretched_features(bins, depths, gt_size, feature_size)?;
        for (slot, count) in image.counts().iter().enumerate() {
            counts[slot % k] += count;
        }
        // The slot beyond the last edge is the reference's bin 0.
        image.add_dense(weights, |slot| slot % k);
    }
    let counts: Vec<f32> = counts.iter().map(|&count| count as f32).collect();
    Ok((
        Tensor::from_vec(weights, (batch, k, pixels), &Device::Cpu)?,
        Tensor::new(counts, &Device::Cpu)?,
    ))
}

/// As [`sparse`], without a copy to the CPU: one mask per bin, resized by two matrix products.
fn dense(
    gt: &Tensor,
    bins: &DepthBins,
    feature_size: ImageSize,
) -> candle_core::Result<(Tensor, Tensor)> {
    let k = bins.len();
    // Edges are rounded to f32 before the comparison, as in mde-metrics. The last edge, f32::MAX,
    // excludes infinite depths.
    let edges = bins.edges().iter().map(|&edge| edge as f32);
    let edges: Vec<f32> = edges.chain([f32::MAX]).collect();
    let edges = Tensor::from_vec(edges, (1, k + 2, 1, 1), gt.device())?;
    let above = gt.broadcast_gt(&edges)?.to_dtype(DType::F32)?;
    let slots = (above.narrow(1, 0, k + 1)? - above.narrow(1, 1, k + 1)?)?;
    let first = (slots.narrow(1, 0, 1)? + slots.narrow(1, k, 1)?)?;
    let masks = Tensor::cat(&[&first, &slots.narrow(1, 1, k - 1)?], 1)?;
    let counts = masks.sum((0, 2, 3))?;
    let ImageSize { height, width } = feature_size;
    let weights = mde_ops::device::bilinear_adjoint(&masks, height, width)?.flatten_from(2)?;
    Ok((weights, counts))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn sparse_and_dense_weights_agree() {
        let bins = DepthBins::from_edges(vec![0.5, 1.0, 2.5, 7.0]).unwrap();
        let (batch, height, width) = (3, 11, 13);
        // Every kind of depth: in each bin, outside all bins, on each edge, and not a number.
        let odd = [
            0.0,
            -1.0,
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MAX,
            0.5,
            1.0,
            2.5,
            7.0,
        ];
        let depths = (0..batch * height * width).map(|index| match odd.get(index % 17) {
            Some(&depth) => depth,
            None => (index * 37 % 101) as f32 * 0.1,
        });
        let gt = Tensor::from_vec(
            depths.collect::<Vec<f32>>(),
            (batch, 1, height, width),
            &Device::Cpu,
        );
        let gt = gt.unwrap();
        for (height, width) in [(11, 13), (3, 7), (17, 23), (5, 19)] {
            let size = ImageSize { height, width };
            let (sparse, sparse_counts) = sparse(&gt, &bins, size).unwrap();
            let (dense, dense_counts) = dense(&gt, &bins, size).unwrap();
            let counts = values(&sparse_counts);
            assert_eq!(counts, values(&dense_counts));
            assert!(counts.iter().all(|&count| count > 0.0), "{counts:?}");
            assert_eq!(sparse.dims(), dense.dims());
            let (sparse, dense) = (values(&sparse), values(&dense));
            for (index, (sparse, dense)) in sparse.iter().zip(&dense).enumerate() {
                assert!(
                    (sparse - dense).abs() < 1e-5,
                    "{size:?}: weight {index} is {dense}, expected {sparse}"
                );
            }
        }
    }
}
