//! How the pixels of every depth bin weigh on a batch's feature maps, in the reference's way: depth beyond the last edge
//! counts in bin 0.

use candle_core::{DType, Device, Tensor};
use mde_metrics::{BinWeights, DepthBins, ImageSize};

use crate::LossError;

/// What [`mde_ops::bin_pool`] and a mean need of the ground truth.
pub(crate) struct Pooling {
    /// [B, K, h w].
    pub(crate) weights: Tensor,
    /// Pixels of each bin over the batch, `[K]`, f32.
    pub(crate) counts: Tensor,
}

impl Pooling {
    /// Where `gt` [B, 1, H, W] is: on the CPU sparsely, elsewhere without a copy to the CPU.
    pub(crate) fn new(
        gt: &Tensor,
        bins: &DepthBins,
        feature_size: ImageSize,
    ) -> Result<Self, LossError> {
        let gt = gt.detach().to_dtype(DType::F32)?;
        if gt.device().is_cpu() {
            Self::sparse(&gt, bins, feature_size)
        } else {
            Ok(Self::dense(&gt, bins, feature_size)?)
        }
    }

    fn sparse(gt: &Tensor, bins: &DepthBins, feature_size: ImageSize) -> Result<Self, LossError> {
        let (batch, _, height, width) = gt.dims4()?;
        let gt_size = ImageSize { height, width };
        let (k, pixels) = (bins.len(), feature_size.pixels());
        let mut counts = vec![0u64; k];
        let mut weights = vec![0.0; batch * k * pixels];
        let depths = gt.flatten_from(1)?.to_vec2::<f32>()?;
        for (depths, weights) in depths.iter().zip(weights.chunks_mut(k * pixels)) {
            let image = BinWeights::new(bins, depths, gt_size, feature_size)?;
            for (slot, count) in image.counts().iter().enumerate() {
                counts[slot % k] += count;
            }
            // The slot beyond the last edge is the reference's bin 0.
            image.add_dense(weights, |slot| slot % k);
        }
        let counts: Vec<f32> = counts.iter().map(|&count| count as f32).collect();
        Ok(Self {
            weights: Tensor::from_vec(weights, (batch, k, pixels), &Device::Cpu)?,
            counts: Tensor::new(counts, &Device::Cpu)?,
        })
    }

    /// A mask of every bin, brought to the features' size by two matrix products.
    fn dense(gt: &Tensor, bins: &DepthBins, feature_size: ImageSize) -> candle_core::Result<Self> {
        let k = bins.len();
        // Rounded to f32 before they are compared with depths, as everywhere. An infinite depth is above the last.
        let edges = bins.edges().iter().map(|&edge| edge as f32);
        let edges: Vec<f32> = edges.chain([f32::MAX]).collect();
        let edges = Tensor::from_vec(edges, (1, k + 2, 1, 1), gt.device())?;
        let above = gt.broadcast_gt(&edges)?.to_dtype(DType::F32)?;
        let slots = (above.narrow(1, 0, k + 1)? - above.narrow(1, 1, k + 1)?)?;
        let first = (slots.narrow(1, 0, 1)? + slots.narrow(1, k, 1)?)?;
        let masks = Tensor::cat(&[&first, &slots.narrow(1, 1, k - 1)?], 1)?;
        let counts = masks.sum((0, 2, 3))?;
        let ImageSize {
            height: h,
            width: w,
        } = feature_size;
        let weights = mde_ops::device::bilinear_adjoint(&masks, h, w)?.flatten_from(2)?;
        Ok(Self { weights, counts })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn both_ways_give_the_same() {
        let bins = DepthBins::from_edges(vec![0.5, 1.0, 2.5, 7.0]).unwrap();
        let (batch, height, width) = (3, 11, 13);
        // All that a depth can be: in every bin and outside of them, on each edge, and no number.
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
            let sparse = Pooling::sparse(&gt, &bins, size).unwrap();
            let dense = Pooling::dense(&gt, &bins, size).unwrap();
            let counts = values(&sparse.counts);
            assert_eq!(counts, values(&dense.counts));
            assert!(counts.iter().all(|&count| count > 0.0), "{counts:?}");
            assert_eq!(sparse.weights.dims(), dense.weights.dims());
            let (sparse, dense) = (values(&sparse.weights), values(&dense.weights));
            for (index, (sparse, dense)) in sparse.iter().zip(&dense).enumerate() {
                assert!(
                    (sparse - dense).abs() < 1e-5,
                    "{size:?}: weight {index} is {dense}, expected {sparse}"
                );
            }
        }
    }
}
