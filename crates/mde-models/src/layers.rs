//! Layers that the networks consist of: convolution, batch norm, linear and layer norm.

use std::slice;

use candle_core::{Result, Tensor, Var};
use candle_nn::{Init, VarBuilder, init::DEFAULT_KAIMING_UNIFORM};
use mde_ops::{Activations, BatchStats, ConvConfig, Rectifier, Residual};

use crate::network::Mode;

/// A square-kernel convolution.
#[derive(Debug, Clone)]
pub(crate) struct Conv2d {
    weight: Tensor,
    bias: Option<Tensor>,
    config: ConvConfig,
}

/// A convolution without bias, stride 1, padded to keep the size. `weight` is [out, in, kernel,
/// kernel].
pub(crate) fn conv2d(input: usize, out: usize, kernel: usize, vb: VarBuilder) -> Result<Conv2d> {
    conv2d_with(input, out, kernel, same(kernel), vb)
}

/// [`conv2d`] with a stride.
pub(crate) fn conv2d_strided(
    input: usize,
    out: usize,
    kernel: usize,
    stride: usize,
    vb: VarBuilder,
) -> Result<Conv2d> {
    let config = ConvConfig {
        stride,
        ..same(kernel)
    };
    conv2d_with(input, out, kernel, config, vb)
}

/// [`conv2d`] with stride, padding, dilation or groups. `weight` is [out, in / groups, kernel,
/// kernel].
pub(crate) fn conv2d_with(
    input: usize,
    out: usize,
    kernel: usize,
    config: ConvConfig,
    vb: VarBuilder,
) -> Result<Conv2d> {
    let shape = (out, input / config.groups, kernel, kernel);
    Ok(Conv2d {
        weight: vb.get_with_hints(shape, "weight", DEFAULT_KAIMING_UNIFORM)?,
        bias: None,
        config,
    })
}

/// [`conv2d`] with a bias, initially 0.
pub(crate) fn conv2d_bias(
    input: usize,
    out: usize,
    kernel: usize,
    vb: VarBuilder,
) -> Result<Conv2d> {
    let bias = vb.get_with_hints(out, "bias", Init::Const(0.0))?;
    Ok(Conv2d {
        bias: Some(bias),
        ..conv2d(input, out, kernel, vb)?
    })
}

/// Stride 1 and the padding that keeps the input size of an odd kernel.
pub(crate) fn same(kernel: usize) -> ConvConfig {
    ConvConfig {
        padding: (kernel / 2).into(),
        ..ConvConfig::default()
    }
}

impl Conv2d {
    /// [B, in, H, W] to [B, out, H', W'].
    pub(crate) fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let out = mde_ops::conv2d(x, &mode.parameter(&self.weight), self.config)?;
        match &self.bias {
            Some(bias) => out.broadcast_add(&mode.parameter(bias).reshape((1, (), 1, 1))?),
            None => Ok(out),
        }
    }

    pub(crate) fn weight(&self, mode: Mode) -> Tensor {
        mode.parameter(&self.weight)
    }

    /// This convolution, then batch norm.
    pub(crate) fn norm(self, vb: VarBuilder) -> Result<ConvNorm> {
        let bn = batch_norm2d(self.weight.dim(0)?, vb)?;
        Ok(conv_norm(self, bn, Rectifier::None))
    }

    /// This convolution, then batch norm and ReLU.
    pub(crate) fn norm_relu(self, vb: VarBuilder) -> Result<ConvNorm> {
        let bn = batch_norm2d(self.weight.dim(0)?, vb)?;
        Ok(conv_norm(self, bn, Rectifier::Relu))
    }
}

/// The constants of a batch norm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BatchNormConfig {
    /// Weight of a new batch in the running averages.
    pub(crate) momentum: f64,
    /// Added to the variance.
    pub(crate) eps: f64,
}

impl Default for BatchNormConfig {
    /// PyTorch's: momentum 0.1, eps 1e-5.
    fn default() -> Self {
        Self {
            momentum: 0.1,
            eps: 1e-5,
        }
    }
}

/// Batch norm with running averages.
#[derive(Debug, Clone)]
pub(crate) struct BatchNorm2d {
    weight: Tensor,
    bias: Tensor,
    running_mean: Var,
    running_var: Var,
    config: BatchNormConfig,
}

/// Batch norm over `channels` with PyTorch's constants.
pub(crate) fn batch_norm2d(channels: usize, vb: VarBuilder) -> Result<BatchNorm2d> {
    batch_norm2d_with(channels, BatchNormConfig::default(), vb)
}

/// Batch norm over `channels`.
pub(crate) fn batch_norm2d_with(
    channels: usize,
    config: BatchNormConfig,
    vb: VarBuilder,
) -> Result<BatchNorm2d> {
    // `Var::from_tensor` shares the variable's storage, so updates reach the network's parameters.
    let running =
        |name, value| Var::from_tensor(&vb.get_with_hints(channels, name, Init::Const(value))?);
    Ok(BatchNorm2d {
        weight: vb.get_with_hints(channels, "weight", Init::Const(1.0))?,
        bias: vb.get_with_hints(channels, "bias", Init::Const(0.0))?,
        running_mean: running("running_mean", 0.0)?,
        running_var: running("running_var", 1.0)?,
        config,
    })
}

impl BatchNorm2d {
    /// [B, C, H, W] to the same shape.
    pub(crate) fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        self.normalise(x, mode, Rectifier::None)
    }

    /// Batch norm and ReLU in one pass.
    pub(crate) fn forward_relu(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        self.normalise(x, mode, Rectifier::Relu)
    }

    /// Scale and shift of each channel from the running averages.
    fn affine(&self) -> Result<(Tensor, Tensor)> {
        let mean = self.running_mean.as_detached_tensor();
        let var = self.running_var.as_detached_tensor();
        let (weight, bias) = (self.weight.detach(), self.bias.detach());
        mde_ops::batch_norm_affine(&weight, &bias, &mean, &var, self.config.eps)
    }

    fn normalise(&self, x: &Tensor, mode: Mode, rectifier: Rectifier) -> Result<Tensor> {
        match mode {
            Mode::Eval => {
                let (scale, shift) = self.affine()?;
                mde_ops::channel_affine(x, &scale, &shift, rectifier)
            }
            Mode::Train => {
                let eps = self.config.eps;
                let (out, stats) =
                    mde_ops::batch_norm_train(x, &self.weight, &self.bias, eps, rectifier)?;
                self.update_averages(&stats)?;
                Ok(out)
            }
        }
    }

    /// Batch norm, the sum with `other`, and ReLU.
    pub(crate) fn forward_add_relu(
        &self,
        x: &Tensor,
        other: &Tensor,
        mode: Mode,
    ) -> Result<Tensor> {
        if mode == Mode::Eval {
            return mde_ops::add_relu(&self.normalise(x, mode, Rectifier::None)?, other);
        }
        let norm = mde_ops::Norm {
            weight: &self.weight,
            bias: &self.bias,
            eps: self.config.eps,
            rectifier: Rectifier::None,
        };
        let (out, stats) = mde_ops::norm_add_relu(x, norm, other)?;
        self.update_averages(&stats)?;
        Ok(out)
    }

    /// Moves the running averages towards the statistics of a batch.
    fn update_averages(&self, stats: &BatchStats) -> Result<()> {
        let momentum = self.config.momentum;
        // PyTorch keeps the unbiased variance.
        let unbias = stats.count as f64 / (stats.count - 1) as f64;
        blend(&self.running_mean, &stats.mean, momentum)?;
        blend(&self.running_var, &(&stats.var * unbias)?, momentum)
    }
}

/// Moves a running average towards the value of a batch.
fn blend(running: &Var, batch: &Tensor, momentum: f64) -> Result<()> {
    running.set(&((running.as_detached_tensor() * (1.0 - momentum))? + (batch * momentum)?)?)
}

/// A convolution, a batch norm or both in this order, with an optional rectifier.
#[derive(Debug, Clone)]
pub(crate) struct ConvNorm {
    conv: Option<Conv2d>,
    bn: Option<BatchNorm2d>,
    rectifier: Rectifier,
}

/// A convolution without batch norm.
pub(crate) fn conv_only(conv: Conv2d) -> ConvNorm {
    ConvNorm {
        conv: Some(conv),
        bn: None,
        rectifier: Rectifier::None,
    }
}

/// A convolution, batch norm and optional rectifier.
pub(crate) fn conv_norm(conv: Conv2d, bn: BatchNorm2d, rectifier: Rectifier) -> ConvNorm {
    ConvNorm {
        conv: Some(conv),
        bn: Some(bn),
        rectifier,
    }
}

/// Batch norm and ReLU without a convolution.
pub(crate) fn norm_relu(bn: BatchNorm2d) -> ConvNorm {
    ConvNorm {
        conv: None,
        bn: Some(bn),
        rectifier: Rectifier::Relu,
    }
}

impl ConvNorm {
    /// [B, in, H, W] to [B, out, H', W'].
    pub(crate) fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        chain(x, slice::from_ref(self), Residual::None, mode)
    }

    /// [`ConvNorm::forward`], the sum with `other`, and ReLU.
    pub(crate) fn forward_add_relu(
        &self,
        x: &Tensor,
        other: &Tensor,
        mode: Mode,
    ) -> Result<Tensor> {
        match (&self.conv, &self.bn) {
            (Some(conv), Some(bn)) if mode == Mode::Train && self.rectifier == Rectifier::None => {
                bn.forward_add_relu(&conv.forward(x, mode)?, other, mode)
            }
            _ => mde_ops::add_relu(&self.forward(x, mode)?, other),
        }
    }

    /// Runs the layer outside a chain. In eval, convolution and batch norm are one operation.
    fn forward_single(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        if let (Mode::Eval, Some(conv), Some(bn)) = (mode, &self.conv, &self.bn)
            && conv.bias.is_none()
        {
            let (scale, shift) = bn.affine()?;
            let weight = conv.weight(mode);
            return mde_ops::conv2d_affine(x, &weight, conv.config, &scale, &shift, self.rectifier);
        }
        let x = match &self.conv {
            Some(conv) => conv.forward(x, mode)?,
            None => x.clone(),
        };
        match &self.bn {
            Some(bn) => bn.normalise(&x, mode, self.rectifier),
            None => Ok(x),
        }
    }
}

/// The `stages` in sequence, then the residual connection with `x`.
///
/// In training they are one operation, which stores and moves less memory than separate ones.
pub(crate) fn chain(
    x: &Tensor,
    stages: &[ConvNorm],
    residual: Residual,
    mode: Mode,
) -> Result<Tensor> {
    run_chain(x, stages, residual, Activations::Keep, mode)
}

/// [`chain`] that recomputes the stages' outputs in the backward pass: for blocks with large maps.
pub(crate) fn recomputing_chain(
    x: &Tensor,
    stages: &[ConvNorm],
    residual: Residual,
    mode: Mode,
) -> Result<Tensor> {
    run_chain(x, stages, residual, Activations::Recompute, mode)
}

fn run_chain(
    x: &Tensor,
    stages: &[ConvNorm],
    residual: Residual,
    activations: Activations,
    mode: Mode,
) -> Result<Tensor> {
    if stages.is_empty() {
        candle_core::bail!("a chain needs at least one stage");
    }
    let biased = |stage: &ConvNorm| stage.conv.as_ref().is_some_and(|conv| conv.bias.is_some());
    if mode == Mode::Eval || stages.iter().any(biased) {
        let mut out = x.clone();
        for stage in stages {
            out = stage.forward_single(&out, mode)?;
        }
        return residual.apply(out, x);
    }
    let operations: Vec<_> = stages
        .iter()
        .map(|stage| mde_ops::ChainStage {
            conv: stage.conv.as_ref().map(|conv| (&conv.weight, conv.config)),
            norm: stage.bn.as_ref().map(|bn| mde_ops::Norm {
                weight: &bn.weight,
                bias: &bn.bias,
                eps: bn.config.eps,
                rectifier: stage.rectifier,
            }),
        })
        .collect();
    let (out, stats) = mde_ops::conv_norm_chain(x, &operations, residual, activations)?;
    for (stage, stats) in stages.iter().zip(stats) {
        if let (Some(bn), Some(stats)) = (&stage.bn, stats) {
            bn.update_averages(&stats)?;
        }
    }
    Ok(out)
}

/// A linear layer over the last dimension.
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

/// A linear layer without bias, `weight` [out, in].
pub(crate) fn linear(input: usize, out: usize, vb: VarBuilder) -> Result<Linear> {
    Ok(Linear {
        weight: vb.get_with_hints((out, input), "weight", DEFAULT_KAIMING_UNIFORM)?,
        bias: None,
    })
}

/// A linear layer with bias, initially 0.
pub(crate) fn linear_bias(input: usize, out: usize, vb: VarBuilder) -> Result<Linear> {
    let bias = vb.get_with_hints(out, "bias", Init::Const(0.0))?;
    Ok(Linear {
        bias: Some(bias),
        ..linear(input, out, vb)?
    })
}

impl Linear {
    /// [.., in] to [.., out].
    pub(crate) fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let bias = self.bias.as_ref().map(|bias| mode.parameter(bias));
        mde_ops::linear(x, &mode.parameter(&self.weight), bias.as_ref())
    }
}

/// Layer norm over the last dimension (Ba et al. 2016), eps 1e-5.
#[derive(Debug, Clone)]
pub(crate) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
}

/// Layer norm over a last dimension of `size`.
pub(crate) fn layer_norm(size: usize, vb: VarBuilder) -> Result<LayerNorm> {
    Ok(LayerNorm {
        weight: vb.get_with_hints(size, "weight", Init::Const(1.0))?,
        bias: vb.get_with_hints(size, "bias", Init::Const(0.0))?,
    })
}

impl LayerNorm {
    /// [.., size] to the same shape.
    pub(crate) fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        const EPS: f64 = 1e-5;
        let (weight, bias) = (mode.parameter(&self.weight), mode.parameter(&self.bias));
        mde_ops::layer_norm(x, &weight, &bias, EPS)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
