//! EfficientNet-Lite encoders (Tan and Le 2019, "EfficientNet: Rethinking Model Scaling for
//! Convolutional Neural Networks"; the Lite variants have ReLU6 and no squeeze-and-excitation, for
//! small processors) without the classifier. Parameter names are those of timm's
//! `tf_efficientnet_lite0`; padding and the norm's constant are TensorFlow's.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use mde_ops::{ConvConfig, Padding, Rectifier, Residual};

use crate::layers::{BatchNormConfig, ConvNorm, batch_norm2d_with, chain, conv_norm, conv2d_with};
use crate::network::Mode;

/// Shape of an EfficientNet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EfficientNetConfig {
    /// Channels of the first convolution.
    stem: usize,
    /// The seven stages. The first has the resolution of the stem, half of the image's.
    stages: &'static [StageConfig; 7],
}

/// Blocks with the same output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StageConfig {
    blocks: usize,
    /// Side of the depthwise kernels.
    kernel: usize,
    /// Of the first block.
    stride: usize,
    /// Channels inside a block per input channel.
    expansion: usize,
    channels: usize,
}

const LITE0: [StageConfig; 7] = [
    stage(1, 3, 1, 1, 16),
    stage(2, 3, 2, 6, 24),
    stage(2, 5, 2, 6, 40),
    stage(3, 3, 2, 6, 80),
    stage(3, 5, 1, 6, 112),
    stage(4, 5, 2, 6, 192),
    stage(1, 3, 1, 6, 320),
];

const fn stage(
    blocks: usize,
    kernel: usize,
    stride: usize,
    expansion: usize,
    channels: usize,
) -> StageConfig {
    StageConfig {
        blocks,
        kernel,
        stride,
        expansion,
        channels,
    }
}

impl EfficientNetConfig {
    /// EfficientNet-Lite0.
    pub fn lite0() -> Self {
        Self {
            stem: 32,
            stages: &LITE0,
        }
    }

    /// Channels at half of the image's size.
    pub(crate) fn half(&self) -> usize {
        self.stages[0].channels
    }

    /// Output channels at 1/4, 1/8, 1/16 and 1/32 of the image's size.
    pub fn channels(&self) -> [usize; 4] {
        ENDS.map(|end| self.stages[end - 1].channels)
    }
}

/// The stages 1 and later end at 1/4, 1/8, 1/16 and 1/32 of the image's size.
const ENDS: [usize; 4] = [2, 3, 5, 7];

/// An EfficientNet up to its last stage.
#[derive(Debug, Clone)]
pub(crate) struct EfficientNet {
    stem: ConvNorm,
    stages: Vec<Vec<Block>>,
}

impl EfficientNet {
    pub(crate) fn new(config: EfficientNetConfig, vb: VarBuilder) -> Result<Self> {
        let stem = conv_norm6([3, config.stem], 3, 2, 1, vb.pp("conv_stem"), vb.pp("bn1"))?;
        let mut channels = config.stem;
        let mut stages = Vec::with_capacity(config.stages.len());
        for (index, &stage) in config.stages.iter().enumerate() {
            let vb = vb.pp("blocks").pp(index);
            let mut blocks = Vec::with_capacity(stage.blocks);
            for number in 0..stage.blocks {
                let stride = if number == 0 { stage.stride } else { 1 };
                blocks.push(block(channels, stage, stride, vb.pp(number))?);
                channels = stage.channels;
            }
            stages.push(blocks);
        }
        Ok(Self { stem, stages })
    }

    /// The first convolution and stage: [B, 3, H, W] to half of the size, rounded up.
    pub(crate) fn stem(&self, image: &Tensor, mode: Mode) -> Result<Tensor> {
        let x = self.stem.forward(image, mode)?;
        self.stages[0]
            .iter()
            .try_fold(x, |x, block| block.forward(&x, mode))
    }

    /// The stages that end at 1/4 (`index` 0) to 1/32 (3) of the image's size. The output of a
    /// block has either sign.
    pub(crate) fn stage(&self, index: usize, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let start = if index == 0 { 1 } else { ENDS[index - 1] };
        let mut blocks = self.stages[start..ENDS[index]].iter().flatten();
        blocks.try_fold(x.clone(), |x, block| block.forward(&x, mode))
    }
}

/// An inverted residual: 1x1 to more channels, depthwise, 1x1 to fewer (Sandler et al. 2018,
/// "MobileNetV2"). Without expansion, the first convolution is left out.
#[derive(Debug, Clone)]
struct Block {
    stages: Vec<ConvNorm>,
    residual: Residual,
}

fn block(input: usize, stage: StageConfig, stride: usize, vb: VarBuilder) -> Result<Block> {
    let (wide, out) = (input * stage.expansion, stage.channels);
    let last = |name: &str, bn: &str| {
        let conv = conv2d_with(wide, out, 1, ConvConfig::default(), vb.pp(name))?;
        let bn = batch_norm2d_with(out, BATCH_NORM, vb.pp(bn))?;
        Ok::<_, candle_core::Error>(conv_norm(conv, bn, Rectifier::None))
    };
    let depthwise = |bn: &str| {
        let conv = vb.pp("conv_dw");
        conv_norm6([wide; 2], stage.kernel, stride, wide, conv, vb.pp(bn))
    };
    let stages = if stage.expansion == 1 {
        vec![depthwise("bn1")?, last("conv_pw", "bn2")?]
    } else {
        let wider = conv_norm6([input, wide], 1, 1, 1, vb.pp("conv_pw"), vb.pp("bn1"))?;
        vec![wider, depthwise("bn2")?, last("conv_pwl", "bn3")?]
    };
    Ok(Block {
        stages,
        residual: match stride == 1 && input == out {
            true => Residual::Add,
            false => Residual::None,
        },
    })
}

impl Block {
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        chain(x, &self.stages, self.residual, mode)
    }
}

/// TensorFlow's epsilon; the momentum is PyTorch's, as in timm.
const BATCH_NORM: BatchNormConfig = BatchNormConfig {
    momentum: 0.1,
    eps: 1e-3,
};

/// A convolution with TensorFlow's padding, batch norm and ReLU6.
fn conv_norm6(
    [input, out]: [usize; 2],
    kernel: usize,
    stride: usize,
    groups: usize,
    conv: VarBuilder,
    bn: VarBuilder,
) -> Result<ConvNorm> {
    let config = ConvConfig {
        stride,
        padding: Padding::Same,
        groups,
        ..ConvConfig::default()
    };
    Ok(conv_norm(
        conv2d_with(input, out, kernel, config, conv)?,
        batch_norm2d_with(out, BATCH_NORM, bn)?,
        Rectifier::Relu6,
    ))
}
