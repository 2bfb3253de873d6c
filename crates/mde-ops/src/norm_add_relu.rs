//! Batch norm, sum and ReLU in one pass, where two branches of a network meet.

use candle_core::{Result, Shape, Tensor};
use rayon::prelude::*;

use crate::add_relu::add_relu;
use crate::affine::mask;
use crate::batch_norm::batch_norm_train;
use crate::cpu::{self, CpuOp, Gradients, Output, Rectifier, apply3, rectify};
use crate::norm::{Channel, norm_backward, norm_batch};
use crate::shapes::{BatchStats, Norm, check_batch_norm, on_cpu_kernels};
use crate::trace::{self, Work};

/// `max(norm(x) + other, 0)` for two tensors [B, C, H, W], with the statistics of `x`, for
/// training.
///
/// The same as [`batch_norm_train`] followed by [`add_relu`](crate::add_relu), without a map in
/// between. The ReLU of the norm, if any, comes before the sum.
///
/// # Errors
/// If the shapes do not agree, a dimension is empty, or a channel has a single value.
pub fn norm_add_relu(x: &Tensor, norm: Norm<'_>, other: &Tensor) -> Result<(Tensor, BatchStats)> {
    check_batch_norm("norm_add_relu", x, norm.weight, norm.bias)?;
    if other.dims() != x.dims() {
        candle_core::bail!(
            "norm_add_relu: {:?} and {:?} must have one shape",
            x.dims(),
            other.dims()
        );
    }
    let _span = trace::forward("norm_add_relu", || Work::elementwise(x));
    if !on_cpu_kernels(x) {
        let (normed, stats) =
            batch_norm_train(x, norm.weight, norm.bias, norm.eps, norm.rectifier)?;
        return Ok((add_relu(&normed, other)?, stats));
    }
    let x = x.contiguous()?;
    let (channels, stats) = norm_batch(&x, norm.weight, norm.bias, norm.eps, norm.rectifier)?;
    let op = NormAddRelu {
        channels,
        rectifier: norm.rectifier,
    };
    let parameters = Tensor::cat(&[norm.weight, norm.bias], 0)?;
    Ok((apply3(op, &x, other, &parameters)?, stats))
}

struct NormAddRelu {
    channels: Vec<Channel>,
    /// Between the norm and the sum.
    rectifier: Rectifier,
}

impl CpuOp<3> for NormAddRelu {
    const NAME: &'static str = "mde-norm-add-relu";

    fn forward(&self, [x, other, _]: [&[f32]; 3], [shape, _, _]: [&Shape; 3]) -> Output {
        let (_, c, h, w) = shape.dims4()?;
        let mut out = vec![0.0; x.len()];
        out.par_chunks_mut(h * w)
            .zip(x.par_chunks(h * w))
            .zip(other.par_chunks(h * w))
            .enumerate()
            .for_each(|(plane, ((out, x), other))| {
                let (scale, shift) = self.channels[plane % c].affine();
                for ((out, x), other) in out.iter_mut().zip(x).zip(other) {
                    let normed = self.rectifier.apply(scale * x + shift);
                    *out = rectify(normed + other);
                }
            });
        Ok((out, shape.clone()))
    }

    fn backward(
        &self,
        [x, _, parameters]: [&Tensor; 3],
        out: &Tensor,
        grad: &Tensor,
    ) -> Gradients<3> {
        let _span = trace::backward("norm_add_relu", || Work::elementwise(x));
        let (_, c, h, w) = x.dims4()?;
        cpu::with_values([x, out, grad], |[x_values, out, grad]| {
            let grad_other = mask(grad, out, Rectifier::Relu).into_owned();
            let mut grad_x = grad_other.clone();
            let mut grad_parameters = vec![0.0; 2 * c];
            let gradients = grad_parameters.split_at_mut(c);
            norm_backward(&self.channels, x_values, h * w, &mut grad_x, gradients);
            Ok([
                Some(cpu::tensor(grad_x, x.shape())?),
                Some(cpu::tensor(grad_other, x.shape())?),
                Some(cpu::tensor(grad_parameters, parameters.shape())?),
            ])
        })
    }
}
