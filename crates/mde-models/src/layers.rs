//! The layers that networks are made of: convolution, batch norm, linear and layer norm.

use std::slice;

use candle_core::{Result, Tensor, Var};
use candle_nn::{Init, VarBuilder, init::DEFAULT_KAIMING_UNIFORM};
use mde_ops::{BatchStats, ConvConfig, Hold, Residual};

use crate::Mode;

impl Mode {
    /// A parameter as this mode uses it: in eval detached, so that the graph of a forward pass is not kept.
    pub(crate) fn parameter(self, tensor: &Tensor) -> Tensor {
        match self {
            Mode::Train => tensor.clone(),
            Mode::Eval => tensor.detach(),
        }
    }
}

/// A square-kernel convolution.
#[derive(Debug, Clone)]
pub struct Conv2d {
    weight: Tensor,
    bias: Option<Tensor>,
    config: ConvConfig,
}

/// A convolution without bias, `weight` [out, in / groups, kernel, kernel].
///
/// # Errors
/// If the builder has no such parameter.
pub fn conv2d(
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

/// A convolution with bias, which begins at 0.
///
/// # Errors
/// If the builder has no such parameter.
pub fn conv2d_bias(
    input: usize,
    out: usize,
    kernel: usize,
    config: ConvConfig,
    vb: VarBuilder,
) -> Result<Conv2d> {
    let bias = vb.get_with_hints(out, "bias", Init::Const(0.0))?;
    Ok(Conv2d {
        bias: Some(bias),
        ..conv2d(input, out, kernel, config, vb)?
    })
}

/// Stride 1 with the padding that keeps the size of an odd kernel's input.
pub fn same(kernel: usize) -> ConvConfig {
    ConvConfig {
        padding: kernel / 2,
        ..ConvConfig::default()
    }
}

impl Conv2d {
    /// [B, in, H, W] to [B, out, H', W'].
    ///
    /// # Errors
    /// If the shapes do not agree.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let out = mde_ops::conv2d(x, &mode.parameter(&self.weight), self.config)?;
        match &self.bias {
            Some(bias) => out.broadcast_add(&mode.parameter(bias).reshape((1, (), 1, 1))?),
            None => Ok(out),
        }
    }

    pub(crate) fn weight(&self, mode: Mode) -> Tensor {
        mode.parameter(&self.weight)
    }
}

/// The constants of a batch norm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormConfig {
    /// Share of a new batch in the running averages.
    pub momentum: f64,
    /// Added to the variance.
    pub eps: f64,
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
pub struct BatchNorm2d {
    weight: Tensor,
    bias: Tensor,
    running_mean: Var,
    running_var: Var,
    config: BatchNormConfig,
}

/// Batch norm over `channels` with PyTorch's constants.
///
/// # Errors
/// If the builder has no such parameter.
pub fn batch_norm2d(channels: usize, vb: VarBuilder) -> Result<BatchNorm2d> {
    batch_norm2d_with(channels, BatchNormConfig::default(), vb)
}

/// Batch norm over `channels`.
///
/// # Errors
/// If the builder has no such parameter.
pub fn batch_norm2d_with(
    channels: usize,
    config: BatchNormConfig,
    vb: VarBuilder,
) -> Result<BatchNorm2d> {
    // `Var::from_tensor` shares the storage of a variable, so that updates reach the network's parameters.
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
    ///
    /// # Errors
    /// If the shapes do not agree.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        self.normalise(x, mode, false)
    }

    /// Batch norm and ReLU in one pass.
    ///
    /// # Errors
    /// If the shapes do not agree.
    pub fn forward_relu(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        self.normalise(x, mode, true)
    }

    /// Scale and shift of every channel under the running averages.
    fn affine(&self) -> Result<(Tensor, Tensor)> {
        let mean = self.running_mean.as_detached_tensor();
        let var = self.running_var.as_detached_tensor();
        let (weight, bias) = (self.weight.detach(), self.bias.detach());
        mde_ops::batch_norm_affine(&weight, &bias, &mean, &var, self.config.eps)
    }

    fn normalise(&self, x: &Tensor, mode: Mode, relu: bool) -> Result<Tensor> {
        match mode {
            Mode::Eval => {
                let (scale, shift) = self.affine()?;
                mde_ops::channel_affine(x, &scale, &shift, relu)
            }
            Mode::Train => {
                let eps = self.config.eps;
                let (out, stats) =
                    mde_ops::batch_norm_train(x, &self.weight, &self.bias, eps, relu)?;
                self.remember(&stats)?;
                Ok(out)
            }
        }
    }

    /// Batch norm, the sum with `other`, and ReLU.
    ///
    /// # Errors
    /// If the shapes do not agree.
    pub fn forward_add_relu(&self, x: &Tensor, other: &Tensor, mode: Mode) -> Result<Tensor> {
        if mode == Mode::Eval {
            return mde_ops::add_relu(&self.normalise(x, mode, false)?, other);
        }
        let norm = mde_ops::Norm {
            weight: &self.weight,
            bias: &self.bias,
            eps: self.config.eps,
            relu: false,
        };
        let (out, stats) = mde_ops::norm_add_relu(x, norm, other)?;
        self.remember(&stats)?;
        Ok(out)
    }

    /// Moves the running averages towards a batch's statistics.
    fn remember(&self, stats: &BatchStats) -> Result<()> {
        let momentum = self.config.momentum;
        // PyTorch's running variance is the unbiased one.
        let unbias = stats.count as f64 / (stats.count.max(2) - 1) as f64;
        blend(&self.running_mean, &stats.mean, momentum)?;
        blend(&self.running_var, &(&stats.var * unbias)?, momentum)
    }
}

/// Moves a running average towards a batch's value.
fn blend(running: &Var, batch: &Tensor, momentum: f64) -> Result<()> {
    running.set(&((running.as_detached_tensor() * (1.0 - momentum))? + (batch * momentum)?)?)
}

/// A convolution, a batch norm, or both in this order.
#[derive(Debug, Clone)]
pub struct ConvNorm {
    conv: Option<Conv2d>,
    bn: Option<BatchNorm2d>,
    relu: bool,
}

/// A convolution on its own.
pub fn bare(conv: Conv2d) -> ConvNorm {
    ConvNorm {
        conv: Some(conv),
        bn: None,
        relu: false,
    }
}

/// A convolution, batch norm and, where asked, ReLU.
pub fn conv_norm(conv: Conv2d, bn: BatchNorm2d, relu: bool) -> ConvNorm {
    ConvNorm {
        conv: Some(conv),
        bn: Some(bn),
        relu,
    }
}

/// Batch norm and ReLU before a convolution.
pub fn norm_relu(bn: BatchNorm2d) -> ConvNorm {
    ConvNorm {
        conv: None,
        bn: Some(bn),
        relu: true,
    }
}

impl ConvNorm {
    /// [B, in, H, W] to [B, out, H', W'].
    ///
    /// # Errors
    /// If the shapes do not agree.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        chain(x, slice::from_ref(self), Residual::None, mode)
    }

    /// The same, the sum with `other`, and ReLU.
    ///
    /// # Errors
    /// If the shapes do not agree.
    pub fn forward_add_relu(&self, x: &Tensor, other: &Tensor, mode: Mode) -> Result<Tensor> {
        match (&self.conv, &self.bn) {
            (Some(conv), Some(bn)) if mode == Mode::Train && !self.relu => {
                bn.forward_add_relu(&conv.forward(x, mode)?, other, mode)
            }
            _ => mde_ops::add_relu(&self.forward(x, mode)?, other),
        }
    }

    /// The stage by itself; in eval, batch norm follows the convolution in its own pass.
    fn alone(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        if let (Mode::Eval, Some(conv), Some(bn)) = (mode, &self.conv, &self.bn)
            && conv.bias.is_none()
        {
            let (scale, shift) = bn.affine()?;
            let weight = conv.weight(mode);
            return mde_ops::conv2d_affine(x, &weight, conv.config, &scale, &shift, self.relu);
        }
        let x = match &self.conv {
            Some(conv) => conv.forward(x, mode)?,
            None => x.clone(),
        };
        match &self.bn {
            Some(bn) => bn.normalise(&x, mode, self.relu),
            None => Ok(x),
        }
    }
}

/// The `stages` one after the other, and at the end with `x` what `residual` says. In training they are one operation, which
/// keeps and moves less than each by itself would.
///
/// # Errors
/// If there is no stage, or the shapes do not agree.
pub fn chain(x: &Tensor, stages: &[ConvNorm], residual: Residual, mode: Mode) -> Result<Tensor> {
    held_chain(x, stages, residual, Hold::Outputs, mode)
}

/// The same with [`Hold::Nothing`] in training: for blocks with many channels, whose maps are large.
///
/// # Errors
/// If there is no stage, or the shapes do not agree.
pub fn lean_chain(
    x: &Tensor,
    stages: &[ConvNorm],
    residual: Residual,
    mode: Mode,
) -> Result<Tensor> {
    held_chain(x, stages, residual, Hold::Nothing, mode)
}

fn held_chain(
    x: &Tensor,
    stages: &[ConvNorm],
    residual: Residual,
    hold: Hold,
    mode: Mode,
) -> Result<Tensor> {
    if stages.is_empty() {
        candle_core::bail!("chain: there is no stage");
    }
    let biased = |stage: &ConvNorm| stage.conv.as_ref().is_some_and(|conv| conv.bias.is_some());
    if mode == Mode::Eval || stages.iter().any(biased) {
        let mut out = x.clone();
        for stage in stages {
            out = stage.alone(&out, mode)?;
        }
        return residual.end(out, x);
    }
    let operations: Vec<_> = stages
        .iter()
        .map(|stage| mde_ops::ConvNorm {
            conv: stage.conv.as_ref().map(|conv| (&conv.weight, conv.config)),
            norm: stage.bn.as_ref().map(|bn| mde_ops::Norm {
                weight: &bn.weight,
                bias: &bn.bias,
                eps: bn.config.eps,
                relu: stage.relu,
            }),
        })
        .collect();
    let (out, stats) = mde_ops::conv_norm_chain(x, &operations, residual, hold)?;
    for (stage, stats) in stages.iter().zip(stats) {
        if let (Some(bn), Some(stats)) = (&stage.bn, stats) {
            bn.remember(&stats)?;
        }
    }
    Ok(out)
}

/// An affine map of the last dimension.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

/// A linear layer without bias, `weight` [out, in].
///
/// # Errors
/// If the builder has no such parameter.
pub fn linear(input: usize, out: usize, vb: VarBuilder) -> Result<Linear> {
    Ok(Linear {
        weight: vb.get_with_hints((out, input), "weight", DEFAULT_KAIMING_UNIFORM)?,
        bias: None,
    })
}

/// A linear layer with bias, which begins at 0.
///
/// # Errors
/// If the builder has no such parameter.
pub fn linear_bias(input: usize, out: usize, vb: VarBuilder) -> Result<Linear> {
    let bias = vb.get_with_hints(out, "bias", Init::Const(0.0))?;
    Ok(Linear {
        bias: Some(bias),
        ..linear(input, out, vb)?
    })
}

impl Linear {
    /// [.., in] to [.., out].
    ///
    /// # Errors
    /// If the shapes do not agree.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let bias = self.bias.as_ref().map(|bias| mode.parameter(bias));
        mde_ops::linear(x, &mode.parameter(&self.weight), bias.as_ref())
    }
}

/// Layer norm over the last dimension (Ba et al. 2016), eps 1e-5.
#[derive(Debug, Clone)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
}

/// Layer norm over a last dimension of `size`.
///
/// # Errors
/// If the builder has no such parameter.
pub fn layer_norm(size: usize, vb: VarBuilder) -> Result<LayerNorm> {
    Ok(LayerNorm {
        weight: vb.get_with_hints(size, "weight", Init::Const(1.0))?,
        bias: vb.get_with_hints(size, "bias", Init::Const(0.0))?,
    })
}

impl LayerNorm {
    /// [.., size] to the same shape.
    ///
    /// # Errors
    /// If the shapes do not agree.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        const EPS: f64 = 1e-5;
        let (weight, bias) = (mode.parameter(&self.weight), mode.parameter(&self.bias));
        mde_ops::layer_norm(x, &weight, &bias, EPS)
    }
}
