//! Stages of a chain of convolutions and batch norms.

use candle_core::{DType, Device, Result, Shape, Tensor};

use super::checks::{check_statistics, map_dims};
use super::conv::{ConvConfig, ConvDims};
use crate::cpu::Rectifier;

/// A convolution, a batch norm, or a convolution followed by a batch norm.
#[derive(Debug, Clone, Copy)]
pub struct ChainStage<'a> {
    /// The weight [out, in / groups, kh, kw] and the movement of the kernel.
    pub conv: Option<(&'a Tensor, ConvConfig)>,
    /// The batch norm after the convolution.
    pub norm: Option<Norm<'a>>,
}

/// A batch norm that uses the statistics of its own batch.
#[derive(Debug, Clone, Copy)]
pub struct Norm<'a> {
    /// `[out]`.
    pub weight: &'a Tensor,
    /// `[out]`.
    pub bias: &'a Tensor,
    /// Added to the variance.
    pub eps: f64,
    /// What follows.
    pub rectifier: Rectifier,
}

/// Residual connection from a chain's input to its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Residual {
    /// No connection.
    None,
    /// Adds the input to the output of the last stage.
    Add,
    /// As [`Residual::Add`], followed by ReLU.
    AddRelu,
}

/// What happens to a chain's activations between the forward and the backward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activations {
    /// The outputs of the convolutions are kept.
    Keep,
    /// Nothing is kept; the backward pass computes the activations again. Saves memory.
    Recompute,
}

/// Statistics of one batch, for running averages.
#[derive(Debug, Clone)]
pub struct BatchStats {
    /// Mean per channel, `[C]`.
    pub mean: Tensor,
    /// Biased variance per channel, `[C]`.
    pub var: Tensor,
    /// Values per channel: B H W.
    pub count: usize,
}

/// The output of a stage, and the convolution that computes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StageMap {
    pub(crate) conv: Option<ConvDims>,
    pub(crate) shape: (usize, usize, usize, usize),
}

impl StageMap {
    pub(crate) fn elements(&self) -> usize {
        let (batch, channels, h, w) = self.shape;
        batch * channels * h * w
    }
}

/// The output of every stage, if the shapes agree.
pub(crate) fn check_chain(
    x: &Tensor,
    stages: &[ChainStage<'_>],
    residual: Residual,
) -> Result<Vec<StageMap>> {
    if stages.is_empty() {
        candle_core::bail!("conv_norm_chain: there is no stage");
    }
    let mut shape = map_dims("conv_norm_chain", x)?;
    let mut maps = Vec::with_capacity(stages.len());
    for stage in stages {
        let mut conv = None;
        if let Some((weight, config)) = stage.conv {
            // Only the first stage's input exists.
            let input = shape_only(shape, x.dtype())?;
            let dims = ConvDims::new(&input, weight, config)?;
            shape = dims.out_shape();
            conv = Some(dims);
        } else if stage.norm.is_none() {
            candle_core::bail!("conv_norm_chain: a stage has neither convolution nor norm");
        }
        if let Some(norm) = stage.norm
            && (norm.weight.dims() != [shape.1] || norm.bias.dims() != [shape.1])
        {
            candle_core::bail!(
                "conv_norm_chain: weight {:?} and bias {:?} for {shape:?}: \
                 expected a value per channel",
                norm.weight.dims(),
                norm.bias.dims()
            );
        }
        if stage.norm.is_some() {
            check_statistics("conv_norm_chain", shape)?;
        }
        maps.push(StageMap { conv, shape });
    }
    if residual != Residual::None && shape != x.dims4()? {
        candle_core::bail!(
            "conv_norm_chain: {:?} cannot be added to {shape:?}",
            x.dims()
        );
    }
    Ok(maps)
}

/// A tensor that has only a shape and a type; all its elements share one value.
pub(crate) fn shape_only(shape: impl Into<Shape>, dtype: DType) -> Result<Tensor> {
    Tensor::zeros((), dtype, &Device::Cpu)?.broadcast_as(shape)
}
