//! Dense atrous spatial pyramid pooling (Yang et al. 2018, as BTS uses it): 3x3 convolutions with ever wider steps between
//! their taps, each seeing the outputs of all before it.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use mde_ops::{ConvConfig, relu};

use super::{BATCH_NORM, ConvElu, conv_elu};
use crate::Mode;
use crate::layers::{
    BatchNorm2d, BatchNormConfig, Conv2d, ConvNorm, batch_norm2d_with, conv_norm, conv2d, same,
};

const DILATIONS: [usize; 5] = [3, 6, 12, 18, 24];

#[derive(Debug, Clone)]
pub(super) struct DenseAspp {
    branches: Vec<Atrous>,
    conv: ConvElu,
}

/// On a map of `input` channels, and the same with `skip` channels of the encoder beside it before its last convolution;
/// every branch and the output have `out` channels.
pub(super) fn dense_aspp(
    input: usize,
    skip: usize,
    out: usize,
    vb: &VarBuilder,
) -> Result<DenseAspp> {
    let branches = DILATIONS.iter().enumerate().map(|(index, &dilation)| {
        let vb = vb.pp(format!("daspp_{dilation}.atrous_conv"));
        match index {
            // The first sees a map whose batch norm is already done.
            0 => atrous(input, out, dilation, None, vb),
            _ => {
                let seen = input + skip + index * out;
                let bn = batch_norm2d_with(seen, BATCH_NORM, vb.pp("first_bn"))?;
                atrous(seen, out, dilation, Some(bn), vb)
            }
        }
    });
    Ok(DenseAspp {
        branches: branches.collect::<Result<_>>()?,
        conv: conv_elu(input + DILATIONS.len() * out, out, vb.pp("daspp_conv.0"))?,
    })
}

impl DenseAspp {
    /// The first branch sees `x`, the others `concat` and what the branches before them gave.
    pub(super) fn forward(&self, x: &Tensor, concat: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut outputs = vec![x.clone()];
        for branch in &self.branches {
            let seen = match outputs.as_slice() {
                [only] => only.clone(),
                [_, before @ ..] => {
                    let maps: Vec<&Tensor> = std::iter::once(concat).chain(before).collect();
                    Tensor::cat(&maps, 1)?
                }
                [] => candle_core::bail!("dense ASPP has lost its input"),
            };
            outputs.push(branch.forward(&seen, mode)?);
        }
        self.conv.forward(&outputs.iter().collect::<Vec<_>>(), mode)
    }
}

/// Batch norm, ReLU and a 1x1 convolution to twice the output's channels, then batch norm, ReLU and the dilated 3x3.
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
    // Of BTS's batch norms only this one keeps PyTorch's eps.
    let norm = BatchNormConfig {
        momentum: BATCH_NORM.momentum,
        ..BatchNormConfig::default()
    };
    let dilated = ConvConfig {
        padding: dilation,
        dilation,
        ..ConvConfig::default()
    };
    Ok(Atrous {
        first_bn,
        conv1: conv_norm(
            conv2d(input, 2 * out, 1, same(1), vb.pp("1"))?,
            batch_norm2d_with(2 * out, norm, vb.pp("2"))?,
            true,
        ),
        conv3: conv2d(2 * out, out, 3, dilated, vb.pp("4"))?,
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
