//! DenseNet (Huang et al. 2017, "Densely Connected Convolutional Networks") without the classifier.
//! Each layer of a block takes the outputs of all earlier layers. Parameter names are those of
//! torchvision's `features`.
//!
//! ```text
//! image ── 7x7 (stem)              1/2
//!       ── pool ── block1 ── 1x1   1/4
//!       ── pool ── block2 ── 1x1   1/8
//!       ── pool ── block3 ── 1x1   1/16
//!       ── pool ── block4          1/32
//! ```

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use mde_ops::{PoolConfig, Residual, avg_pool2x2, max_pool2d};

use crate::layers::{
    BatchNorm2d, Conv2d, ConvNorm, batch_norm2d, chain, conv_only, conv2d, conv2d_strided,
    norm_relu,
};
use crate::network::Mode;

/// Shape of a DenseNet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DenseNetConfig {
    /// Output channels of the stem.
    pub stem: usize,
    /// Channels that each layer adds.
    pub growth: usize,
    /// Layers per block.
    pub layers: [usize; 4],
}

impl DenseNetConfig {
    /// DenseNet-161.
    pub fn densenet161() -> Self {
        Self {
            stem: 96,
            growth: 48,
            layers: [6, 12, 36, 24],
        }
    }

    /// Output channels of the four stages. A transition halves those of its block; the last block
    /// has none.
    pub fn channels(&self) -> [usize; 4] {
        let mut channels = self.stem;
        let mut outputs = [0; 4];
        for (index, (output, layers)) in outputs.iter_mut().zip(self.layers).enumerate() {
            channels += layers * self.growth;
            if index < LAST {
                channels /= 2;
            }
            *output = channels;
        }
        outputs
    }
}

/// Index of the block without a transition.
const LAST: usize = 3;

/// A DenseNet up to its last block.
#[derive(Debug, Clone)]
pub(crate) struct DenseNet {
    conv0: ConvNorm,
    blocks: Vec<Block>,
}

impl DenseNet {
    pub(crate) fn new(config: DenseNetConfig, vb: VarBuilder) -> Result<Self> {
        let mut channels = config.stem;
        let mut blocks = Vec::with_capacity(config.layers.len());
        for (index, (layers, out)) in config.layers.into_iter().zip(config.channels()).enumerate() {
            blocks.push(block(index, channels, out, layers, config.growth, &vb)?);
            channels = out;
        }
        Ok(Self {
            conv0: conv2d_strided(3, config.stem, 7, 2, vb.pp("conv0"))?
                .norm_relu(vb.pp("norm0"))?,
            blocks,
        })
    }

    /// Convolution, batch norm and ReLU: [B, 3, H, W] to [B, stem, H / 2, W / 2].
    pub(crate) fn stem(&self, image: &Tensor, mode: Mode) -> Result<Tensor> {
        self.conv0.forward(image, mode)
    }

    /// The pooling before block `index`: 3x3 max pooling after the stem, 2x2 average pooling after
    /// a transition, which drops the last row or column of an odd size.
    pub(crate) fn pool(&self, index: usize, x: &Tensor) -> Result<Tensor> {
        const POOL: PoolConfig = PoolConfig {
            kernel: 3,
            stride: 2,
            padding: 1,
            ceil_mode: false,
        };
        if index == 0 {
            max_pool2d(x, POOL)
        } else {
            avg_pool2x2(x)
        }
    }

    /// Block `index` of 0 to 3, then batch norm, ReLU and, unless it is the last, the transition's
    /// 1x1 convolution.
    pub(crate) fn block(&self, index: usize, x: &Tensor, mode: Mode) -> Result<Tensor> {
        self.blocks[index].forward(x, mode)
    }

    /// [`DenseNet::pool`], then [`DenseNet::block`].
    pub(crate) fn stage(&self, index: usize, x: &Tensor, mode: Mode) -> Result<Tensor> {
        self.block(index, &self.pool(index, x)?, mode)
    }
}

#[derive(Debug, Clone)]
struct Block {
    layers: Vec<Layer>,
    norm: BatchNorm2d,
    /// Transition to the next block.
    conv: Option<Conv2d>,
}

fn block(
    index: usize,
    input: usize,
    out: usize,
    layers: usize,
    growth: usize,
    vb: &VarBuilder,
) -> Result<Block> {
    let full = input + layers * growth;
    let number = index + 1;
    let (norm, conv) = if index == LAST {
        (vb.pp("norm5"), None)
    } else {
        let vb = vb.pp(format!("transition{number}"));
        let conv = conv2d(full, out, 1, vb.pp("conv"))?;
        (vb.pp("norm"), Some(conv))
    };
    let vb = vb.pp(format!("denseblock{number}"));
    let layers = (0..layers).map(|index| {
        let vb = vb.pp(format!("denselayer{}", index + 1));
        layer(input + index * growth, growth, vb)
    });
    Ok(Block {
        layers: layers.collect::<Result<_>>()?,
        norm: batch_norm2d(full, norm)?,
        conv,
    })
}

impl Block {
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut x = x.clone();
        for layer in &self.layers {
            x = Tensor::cat(&[&x, &layer.forward(&x, mode)?], 1)?;
        }
        let x = self.norm.forward_relu(&x, mode)?;
        match &self.conv {
            Some(conv) => conv.forward(&x, mode),
            None => Ok(x),
        }
    }
}

/// Batch norm and ReLU before each convolution: 1x1 to four times the growth, then 3x3.
#[derive(Debug, Clone)]
struct Layer {
    /// Batch norm, the first convolution with the batch norm after it, the second convolution.
    stages: [ConvNorm; 3],
}

fn layer(input: usize, growth: usize, vb: VarBuilder) -> Result<Layer> {
    let narrow = 4 * growth;
    Ok(Layer {
        stages: [
            norm_relu(batch_norm2d(input, vb.pp("norm1"))?),
            conv2d(input, narrow, 1, vb.pp("conv1"))?.norm_relu(vb.pp("norm2"))?,
            conv_only(conv2d(narrow, growth, 3, vb.pp("conv2"))?),
        ],
    })
}

impl Layer {
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        chain(x, &self.stages, Residual::None, mode)
    }
}
