//! Dense atrous spatial pyramid pooling (Yang et al. 2018, as BTS uses it): 3x3 convolutions with
//! growing dilation, each of which reads the outputs of all earlier ones.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use mde_ops::{ConvConfig, Rectifier, relu};

use super::blocks::{BATCH_NORM, ConvElu, conv_elu};
use crate::layers::{
    BatchNorm2d, BatchNormConfig, Conv2d, ConvNorm, batch_norm2d_with, conv_norm, conv2d,
    conv2d_with,
};
use crate::network::Mode;

const DILATIONS: [usize; 5] = [3, 6, 12, 18, 24];

#[derive(Debug, Clone)]
pub(super) struct DenseAspp {
    branches: Vec<Atrous>,
    conv: ConvElu,
}

/// For a map of `input` channels, and its concatenation with `skip` channels of the encoder before
/// the last convolution. Each branch and the output have `out` channels.
pub(super) fn dense_aspp(
    input: usize,
    skip: usize,
    out: usize,
    vb: &VarBuilder,
) -> Result<DenseAspp> {
    let branches = DILATIONS.iter().enumerate().map(|(index, &dilation)| {
        let vb = vb.pp(format!("daspp_{dilation}.atrous_conv"));
        match index {
            // The first reads a map after batch norm.
            0 => atrous(input, out, dilation, None, vb),
            _ => {
                let read = input + skip + index * out;
                let bn = batch_norm2d_with(read, BATCH_NORM, vb.pp("first_bn"))?;
                atrous(read, out, dilation, Some(bn), vb)
            }
        }
    });
    Ok(DenseAspp {
        branches: branches.collect::<Result<_>>()?,
        conv: conv_elu(input + DILATIONS.len() * out, out, vb.pp("daspp_conv.0"))?,
    })
}

impl DenseAspp {
    /// The first branch reads `x`, the others read `concat` and the outputs of all earlier
    /// branches.
    pub(super) fn forward(&self, x: &Tensor, concat: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut outputs = vec![x.clone()];
        for branch in &self.branches {
            let read = match outputs.as_slice() {
                [only] => only.clone(),
                [_, before @ ..] => {
                    let maps: Vec<&Tensor> = std::iter::once(concat).chain(before).collect();
                    Tensor::cat(&maps, 1)?
                }
                [] => candle_core::bail!("dense ASPP has no input"),
            };
            outputs.push(branch.forward(&read, mode)?);
        }
        self.conv.forward(&outputs.iter().collect::<Vec<_>>(), mode)
    }
}

/// Batch norm, ReLU and a 1x1 convolution to twice the output's channels, then batch norm, ReLU and
/// the dilated 3x3.
#[derive(Debug, Clone)]
struct Atrous {
    first_bn: Option<BatchNorm2d>,
    conv1: ConvNorm,
    conv3: Conv2d,
}

fn atrous(
    input: usize,
    out: usize,
    dilation: usize,
    first_bn: Option<BatchNorm2d>,
    vb: VarBuilder,
) -> Result<Atrous> {
    let vb = vb.pp("aconv_sequence");
    // The only batch norm of BTS with PyTorch's eps.
    let norm = BatchNormConfig {
        momentum: BATCH_NORM.momentum,
        ..BatchNormConfig::default()
    };
    let dilated = ConvConfig {
        padding: dilation.into(),
        dilation,
        ..ConvConfig::default()
    };
    Ok(Atrous {
        first_bn,
        conv1: conv_norm(
            conv2d(input, 2 * out, 1, vb.pp("1"))?,
            batch_norm2d_with(2 * out, norm, vb.pp("2"))?,
            Rectifier::Relu,
        ),
        conv3: conv2d_with(2 * out, out, 3, dilated, vb.pp("4"))?,
    })
}

impl Atrous {
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let x = match &self.first_bn {
            Some(bn) => bn.forward_relu(x, mode)?,
            None => relu(x)?,
        };
        self.conv3.forward(&self.conv1.forward(&x, mode)?, mode)
    }
}
