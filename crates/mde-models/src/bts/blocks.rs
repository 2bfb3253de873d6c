//! Parts of the BTS decoder: upsampling, fusion and cropping.

use candle_core::{D, Result, Tensor};
use candle_nn::VarBuilder;
use mde_ops::{conv_after_nearest2x, elu};

use crate::layers::{BatchNorm2d, BatchNormConfig, Conv2d, batch_norm2d_with, conv2d};
use crate::network::Mode;

/// Settings of the decoder's batch norms in the reference.
pub(super) const BATCH_NORM: BatchNormConfig = BatchNormConfig {
    momentum: 0.01,
    eps: 1.1e-5,
};

/// Height and width.
pub(super) type Size = (usize, usize);

pub(super) fn size(x: &Tensor) -> Result<Size> {
    Ok((x.dim(D::Minus2)?, x.dim(D::Minus1)?))
}

/// The upper left part of this size. The encoder rounds sizes up, so an upsampled map can be larger
/// than the encoder's by less than one pixel before upsampling.
pub(super) fn crop(x: &Tensor, (height, width): Size) -> Result<Tensor> {
    let (h, w) = size(x)?;
    if h < height || w < width {
        candle_core::bail!(
            "BTS: a map of {h}x{w} is smaller than {height}x{width}: this encoder rounds sizes \
             down, so the image's height and width must be multiples of 32"
        );
    }
    x.narrow(2, 0, height)?.narrow(3, 0, width)
}

/// Nearest-neighbour upsampling by 2, a 3x3 convolution, ELU, and batch norm on all levels except
/// the last.
#[derive(Debug, Clone)]
pub(super) struct UpConv {
    conv: Conv2d,
    bn: Option<BatchNorm2d>,
}

pub(super) fn up_conv(number: usize, input: usize, out: usize, vb: &VarBuilder) -> Result<UpConv> {
    let bn = match number {
        1 => None,
        _ => Some(batch_norm2d_with(
            out,
            BATCH_NORM,
            vb.pp(format!("bn{number}")),
        )?),
    };
    let conv = conv2d(input, out, 3, vb.pp(format!("upconv{number}.conv")))?;
    Ok(UpConv { conv, bn })
}

impl UpConv {
    pub(super) fn forward(&self, x: &Tensor, target: Size, mode: Mode) -> Result<Tensor> {
        let x = conv_after_nearest2x(x, &self.conv.weight(mode))?;
        let x = elu(&crop(&x, target)?)?;
        match &self.bn {
            Some(bn) => bn.forward(&x, mode),
            None => Ok(x),
        }
    }
}

/// Concatenation of maps, a 3x3 convolution, ELU.
#[derive(Debug, Clone)]
pub(super) struct ConvElu {
    conv: Conv2d,
}

pub(super) fn conv_elu(input: usize, out: usize, vb: VarBuilder) -> Result<ConvElu> {
    Ok(ConvElu {
        conv: conv2d(input, out, 3, vb)?,
    })
}

impl ConvElu {
    pub(super) fn forward(&self, maps: &[&Tensor], mode: Mode) -> Result<Tensor> {
        elu(&self.conv.forward(&Tensor::cat(maps, 1)?, mode)?)
    }
}
