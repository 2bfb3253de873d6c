//! Responses summed by depth bin, without upsampling the features.

use candle_core::{Result, Shape, Tensor};
use rayon::prelude::*;

use crate::cpu::{
    self, CpuOp, Gradients, Matrix, MatrixMut, Output, Threads, apply2, for_each_tile, gemm,
};
use crate::shapes::{map_dims, on_cpu_kernels};
use crate::trace::{self, Work};

/// The sum of each unit's activation over the pixels of each depth bin, over the batch.
///
/// `features` [B, N, h, w] and `weights` [B, K, h w] give [N, K]: `Σ_b Σ_p features[b, n, p]
/// weights[b, k, p]`. With `absolute`, |features| replaces the features; its gradient at 0 is 0, as
/// in PyTorch.
///
/// Let U be the bilinear resize to the size of the ground truth, and `weights[b, k] = Uᵀ mask` for
/// the mask of bin k (`mde_metrics::BinWeights::dense`). Then the result equals upsampling the
/// features and summing over the pixels of each bin, because `Σ_q mask[q] (U f)[q] = f · (Uᵀ
/// mask)`. The cost is one matrix product per image, and its transpose for the gradient.
///
/// # Errors
/// If the shapes do not agree or a dimension is empty.
pub fn bin_pool(features: &Tensor, weights: &Tensor, absolute: bool) -> Result<Tensor> {
    let (b, n, h, w) = map_dims("bin_pool", features)?;
    let (weight_b, bins, pixels) = weights.dims3()?;
    if weight_b != b || pixels != h * w || bins == 0 {
        candle_core::bail!(
            "bin_pool: features [{b}, {n}, {h}, {w}] with weights {:?}",
            weights.dims()
        );
    }
    let _span = trace::forward("bin_pool", || Work::pooling(features, [b, n, h, w], bins));
    let features = features.reshape((b, n, h * w))?.contiguous()?;
    if on_cpu_kernels(&features) {
        let size = (h, w);
        apply2(BinPool { absolute, size }, &features, weights)
    } else {
        magnitude(&features, absolute)?
            .matmul(&weights.transpose(1, 2)?.contiguous()?)?
            .sum(0)
    }
}

/// The features, or their magnitudes if `absolute` is set.
fn magnitude(features: &Tensor, absolute: bool) -> Result<Tensor> {
    if absolute {
        // Candle's `abs` has gradient 1 at 0.
        features * features.detach().sign()?
    } else {
        Ok(features.clone())
    }
}

/// Pixels per product. A fixed number, so that the number of threads does not change the sums.
const RUN: usize = 2048;

struct BinPool {
    absolute: bool,
    /// Height and width of the maps.
    size: (usize, usize),
}

impl CpuOp<2> for BinPool {
    const NAME: &'static str = "mde-bin-pool";

    fn forward(&self, [features, weights]: [&[f32]; 2], shapes: [&Shape; 2]) -> Output {
        let (b, n, pixels) = shapes[0].dims3()?;
        let (_, bins, _) = shapes[1].dims3()?;
        let runs = pixels.div_ceil(RUN);
        let sums: Vec<Vec<f32>> = (0..b * runs)
            .into_par_iter()
            .map(|task| {
                let (image, first) = (task / runs, task % runs * RUN);
                let length = RUN.min(pixels - first);
                let weights =
                    Matrix::strided(weights, image * bins * pixels + first, bins, length, pixels);
                let mut sums = vec![0.0; n * bins];
                let mut product = |features: Matrix<'_>| {
                    let out = MatrixMut::new(&mut sums, n, bins);
                    gemm(out, features, weights.t(), false, Threads::One);
                };
                let from = image * n * pixels + first;
                if self.absolute {
                    cpu::with_scratch([n * length], |[magnitudes]| {
                        let maps = features[from..].chunks(pixels);
                        for (out, map) in magnitudes.chunks_exact_mut(length).zip(maps) {
                            for (out, value) in out.iter_mut().zip(map) {
                                *out = value.abs();
                            }
                        }
                        product(Matrix::new(magnitudes, n, length));
                    });
                } else {
                    product(Matrix::strided(features, from, n, length, pixels));
                }
                sums
            })
            .collect();
        let mut total = vec![0.0; n * bins];
        for sums in sums {
            for (total, sum) in total.iter_mut().zip(sums) {
                *total += sum;
            }
        }
        Ok((total, (n, bins).into()))
    }

    fn backward(
        &self,
        [features, weights]: [&Tensor; 2],
        _out: &Tensor,
        grad: &Tensor,
    ) -> Gradients<2> {
        let (b, n, pixels) = features.dims3()?;
        let (_, bins, _) = weights.dims3()?;
        let _span = trace::backward("bin_pool", || {
            let mut operands = vec![features, weights];
            operands.retain(|operand| operand.track_op());
            let dims = [b, n, self.size.0, self.size.1];
            Work::pooling(features, dims, bins).gradients_in(&operands)
        });
        let grad_features = if features.track_op() {
            let values =
                cpu::with_values([features, weights, grad], |[features, weights, grad]| {
                    let mut out = vec![0.0; features.len()];
                    for_each_tile(&mut out, pixels, n, RUN, |image, run, tile| {
                        let from = image * bins * pixels + run.start;
                        let weights = Matrix::strided(weights, from, bins, run.len(), pixels);
                        gemm(
                            tile,
                            Matrix::new(grad, n, bins),
                            weights,
                            false,
                            Threads::One,
                        );
                    });
                    if self.absolute {
                        out.par_chunks_mut(pixels)
                            .zip(features.par_chunks(pixels))
                            .for_each(|(out, map)| {
                                for (out, &value) in out.iter_mut().zip(map) {
                                    // A NaN stays NaN.
                                    *out *= if value == 0.0 { 0.0 } else { value.signum() };
                                }
                            });
                    }
                    Ok(out)
                })?;
            Some(cpu::tensor(values, features.shape())?)
        } else {
            None
        };
        let grad_weights = if weights.track_op() {
            let features = magnitude(&features.detach(), self.absolute)?;
            Some(
                grad.t()?
                    .contiguous()?
                    .unsqueeze(0)?
                    .broadcast_matmul(&features)?,
            )
        } else {
            None
        };
        Ok([grad_features, grad_weights])
    }
}
