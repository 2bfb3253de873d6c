//! Batch norm over batch and pixels, with an optional rectifier in the same pass.

use candle_core::{Result, Shape, Tensor};

use crate::affine::affine_planes;
use crate::cpu::{self, CpuOp, Gradients, Output, Rectifier, apply3};
use crate::norm::{Channel, norm_backward, norm_batch};
use crate::plain;
use crate::shapes::{BatchStats, check_batch_norm, on_cpu_kernels};
use crate::trace::{self, Work};

/// Normalises `x` [B, C, H, W] with the statistics of its own batch: `weight[c] (x - mean[c]) /
/// sqrt(var[c] + eps) + bias[c]`, followed by `rectifier`.
///
/// The gradient includes that of the statistics. The returned [`BatchStats`] are detached.
///
/// # Errors
/// If the shapes do not agree, a dimension is empty, or a channel has a single value (B H W = 1).
pub fn batch_norm_train(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    eps: f64,
    rectifier: Rectifier,
) -> Result<(Tensor, BatchStats)> {
    check_batch_norm("batch_norm_train", x, weight, bias)?;
    let _span = trace::forward("batch_norm_train", || Work::elementwise(x));
    if !on_cpu_kernels(x) {
        return plain::batch_norm_train(x, weight, bias, eps, rectifier);
    }
    let x = x.contiguous()?;
    let (channels, stats) = norm_batch(&x, weight, bias, eps, rectifier)?;
    let op = BatchNormTrain {
        channels,
        rectifier,
    };
    Ok((apply3(op, &x, weight, bias)?, stats))
}

/// Scale and shift per channel, `[C]`, of a batch norm with fixed statistics.
///
/// For [`channel_affine`](crate::channel_affine), or for [`conv2d_affine`](crate::conv2d_affine)
/// after a convolution.
///
/// # Errors
/// If the shapes do not agree.
pub fn batch_norm_affine(
    weight: &Tensor,
    bias: &Tensor,
    mean: &Tensor,
    var: &Tensor,
    eps: f64,
) -> Result<(Tensor, Tensor)> {
    let scale = (weight / (var + eps)?.sqrt()?)?;
    let shift = (bias - (mean * &scale)?)?;
    Ok((scale, shift))
}

struct BatchNormTrain {
    channels: Vec<Channel>,
    rectifier: Rectifier,
}

impl CpuOp<3> for BatchNormTrain {
    const NAME: &'static str = "mde-batch-norm";

    fn forward(&self, [x, _, _]: [&[f32]; 3], [shape, _, _]: [&Shape; 3]) -> Output {
        let (_, c, h, w) = shape.dims4()?;
        let out = affine_planes(x, h * w, self.rectifier, |plane| {
            self.channels[plane % c].affine()
        });
        Ok((out, shape.clone()))
    }

    fn backward(&self, [x, _, _]: [&Tensor; 3], _out: &Tensor, grad: &Tensor) -> Gradients<3> {
        let _span = trace::backward("batch_norm_train", || Work::elementwise(x));
        let (_, c, h, w) = x.dims4()?;
        cpu::with_values([x, grad], |[x_values, grad]| {
            let mut grad_x = grad.to_vec();
            let (mut grad_weight, mut grad_bias) = (vec![0.0; c], vec![0.0; c]);
            let gradients = (&mut grad_weight[..], &mut grad_bias[..]);
            norm_backward(&self.channels, x_values, h * w, &mut grad_x, gradients);
            Ok([
                Some(cpu::tensor(grad_x, x.shape())?),
                Some(cpu::tensor(grad_weight, c)?),
                Some(cpu::tensor(grad_bias, c)?),
            ])
        })
    }
}
