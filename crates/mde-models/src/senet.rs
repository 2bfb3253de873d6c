//! SENet-154 (Hu et al. 2018, "Squeeze-and-Excitation Networks") without the classifier:
//! bottlenecks with grouped 3x3 convolutions whose output channels are weighted by their global
//! means. Parameter names are those of MFF's `E.base`, which counts layers from 0.
//!
//! ```text
//! image ── 3 x (3x3) ── stem ── pool ── 1 ── 2 ── 3 ── 4
//!            1/2                1/4   1/4  1/8  1/16 1/32
//!
//! block:  x ── 1x1 ── 3x3 in 64 groups ── 1x1 ── SE ── + ── ReLU
//!         └──────────────── (3x3) ─────────────────────┘
//! ```

use candle_core::{Result, Tensor};
use candle_nn::{VarBuilder, ops::sigmoid};
use mde_ops::{ConvConfig, PoolConfig, Residual, add_relu, max_pool2d, relu};

use crate::layers::{
    Conv2d, ConvNorm, chain, conv2d, conv2d_bias, conv2d_strided, conv2d_with, same,
};
use crate::network::Mode;

/// Shape of a SENet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeNetConfig {
    /// Blocks per stage.
    pub stages: [usize; 4],
    /// A quarter of the output channels of the first stage. Each further stage doubles them.
    pub width: usize,
    /// Groups of the 3x3 convolutions.
    pub groups: usize,
    /// Factor by which a squeeze reduces the channels.
    pub reduction: usize,
}

impl SeNetConfig {
    /// SENet-154.
    pub fn senet154() -> Self {
        Self {
            stages: [3, 8, 36, 3],
            width: 64,
            groups: 64,
            reduction: 16,
        }
    }

    /// Output channels of the stem.
    pub fn stem(&self) -> usize {
        2 * self.width
    }

    /// Output channels of the four stages.
    pub fn channels(&self) -> [usize; 4] {
        [4, 8, 16, 32].map(|factor| self.width * factor)
    }
}

/// A SENet up to its last stage.
#[derive(Debug, Clone)]
pub(crate) struct SeNet {
    stem: Vec<ConvNorm>,
    stages: Vec<Vec<Block>>,
}

impl SeNet {
    pub(crate) fn new(config: SeNetConfig, vb: VarBuilder) -> Result<Self> {
        let widths = [3, config.width, config.width, config.stem()];
        let stem = (1..4).map(|number| {
            let vb = vb.pp("0");
            let stride = if number == 1 { 2 } else { 1 };
            let (input, out) = (widths[number - 1], widths[number]);
            conv2d_strided(input, out, 3, stride, vb.pp(format!("conv{number}")))?
                .norm_relu(vb.pp(format!("bn{number}")))
        });
        let stem = stem.collect::<Result<_>>()?;
        let mut channels = config.stem();
        let mut stages = Vec::with_capacity(config.stages.len());
        for (index, &blocks) in config.stages.iter().enumerate() {
            let vb = vb.pp(index + 1);
            let out = config.channels()[index];
            let mut stage = Vec::with_capacity(blocks);
            for number in 0..blocks {
                let stride = if index > 0 && number == 0 { 2 } else { 1 };
                stage.push(block(&config, channels, out, stride, vb.pp(number))?);
                channels = out;
            }
            stages.push(stage);
        }
        Ok(Self { stem, stages })
    }

    /// The three convolutions of the stem: [B, 3, H, W] to [B, 2 width, H / 2, W / 2].
    pub(crate) fn stem(&self, image: &Tensor, mode: Mode) -> Result<Tensor> {
        chain(image, &self.stem, Residual::None, mode)
    }

    /// Stage `index` of 0 to 3. The first starts with max pooling.
    pub(crate) fn stage(&self, index: usize, x: &Tensor, mode: Mode) -> Result<Tensor> {
        // As in the Caffe original: no padding, but the last window may extend beyond the map.
        const POOL: PoolConfig = PoolConfig {
            kernel: 3,
            stride: 2,
            padding: 0,
            ceil_mode: true,
        };
        let mut x = if index == 0 {
            max_pool2d(x, POOL)?
        } else {
            x.clone()
        };
        for block in &self.stages[index] {
            x = block.forward(&x, mode)?;
        }
        Ok(x)
    }
}

#[derive(Debug, Clone)]
struct Block {
    convs: [ConvNorm; 3],
    excitation: Excitation,
    downsample: Option<ConvNorm>,
}

fn block(
    config: &SeNetConfig,
    input: usize,
    out: usize,
    stride: usize,
    vb: VarBuilder,
) -> Result<Block> {
    let grouped = ConvConfig {
        stride,
        groups: config.groups,
        ..same(3)
    };
    let downsample = if stride != 1 || input != out {
        // The first stage keeps the size, and its shortcut is 1x1.
        let kernel = if stride == 1 { 1 } else { 3 };
        let vb = vb.pp("downsample");
        Some(conv2d_strided(input, out, kernel, stride, vb.pp("0"))?.norm(vb.pp("1"))?)
    } else {
        None
    };
    let narrow = out / 2;
    Ok(Block {
        convs: [
            conv2d(input, narrow, 1, vb.pp("conv1"))?.norm_relu(vb.pp("bn1"))?,
            conv2d_with(narrow, out, 3, grouped, vb.pp("conv2"))?.norm_relu(vb.pp("bn2"))?,
            conv2d(out, out, 1, vb.pp("conv3"))?.norm(vb.pp("bn3"))?,
        ],
        excitation: excitation(out, out / config.reduction, vb.pp("se_module"))?,
        downsample,
    })
}

impl Block {
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let shortcut = match &self.downsample {
            Some(downsample) => downsample.forward(x, mode)?,
            None => x.clone(),
        };
        let out = chain(x, &self.convs, Residual::None, mode)?;
        add_relu(&self.excitation.forward(&out, mode)?, &shortcut)
    }
}

/// Squeeze and excitation: multiplies each channel by a weight in (0, 1), which two layers compute
/// from the means of all channels.
#[derive(Debug, Clone)]
struct Excitation {
    fc1: Conv2d,
    fc2: Conv2d,
}

fn excitation(channels: usize, squeezed: usize, vb: VarBuilder) -> Result<Excitation> {
    Ok(Excitation {
        fc1: conv2d_bias(channels, squeezed, 1, vb.pp("fc1"))?,
        fc2: conv2d_bias(squeezed, channels, 1, vb.pp("fc2"))?,
    })
}

impl Excitation {
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let means = x.mean_keepdim((2, 3))?;
        let squeezed = relu(&self.fc1.forward(&means, mode)?)?;
        x.broadcast_mul(&sigmoid(&self.fc2.forward(&squeezed, mode)?)?)
    }
}
