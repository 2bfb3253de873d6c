//! ResNet encoders (He et al. 2016, "Deep Residual Learning for Image Recognition") without the
//! classifier. Parameter names are torchvision's.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use mde_ops::{PoolConfig, Residual, max_pool2d};

use crate::layers::{ConvNorm, conv2d_strided, recomputing_chain};
use crate::network::Mode;

/// Shape of a ResNet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResNetConfig {
    /// Kind of residual block.
    pub block: BlockKind,
    /// Blocks per stage.
    pub stages: [usize; 4],
    /// Channels of the 3x3 convolutions in the first stage. Each further stage doubles them.
    pub width: usize,
}

/// Residual block of a ResNet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// Two 3x3 convolutions.
    Basic,
    /// 1x1, 3x3 and 1x1 convolutions, the last with four times the channels.
    Bottleneck,
}

impl BlockKind {
    fn expansion(self) -> usize {
        match self {
            BlockKind::Basic => 1,
            BlockKind::Bottleneck => 4,
        }
    }
}

impl ResNetConfig {
    /// ResNet-18.
    pub fn resnet18() -> Self {
        Self {
            block: BlockKind::Basic,
            stages: [2, 2, 2, 2],
            width: 64,
        }
    }

    /// ResNet-34.
    pub fn resnet34() -> Self {
        Self {
            block: BlockKind::Basic,
            stages: [3, 4, 6, 3],
            width: 64,
        }
    }

    /// ResNet-50.
    pub fn resnet50() -> Self {
        Self {
            block: BlockKind::Bottleneck,
            stages: [3, 4, 6, 3],
            width: 64,
        }
    }

    /// The same network with another width.
    pub(crate) fn with_width(self, width: usize) -> Self {
        Self { width, ..self }
    }

    /// Output channels of the four stages.
    pub fn channels(&self) -> [usize; 4] {
        [1, 2, 4, 8].map(|factor| self.width * factor * self.block.expansion())
    }
}

/// A ResNet up to its last stage.
#[derive(Debug, Clone)]
pub(crate) struct ResNet {
    conv1: ConvNorm,
    stages: Vec<Vec<Block>>,
}

impl ResNet {
    pub(crate) fn new(config: ResNetConfig, vb: VarBuilder) -> Result<Self> {
        let mut channels = config.width;
        let mut stages = Vec::with_capacity(config.stages.len());
        for (index, &blocks) in config.stages.iter().enumerate() {
            let vb = vb.pp(format!("layer{}", index + 1));
            let width = config.width << index;
            let mut stage = Vec::with_capacity(blocks);
            for number in 0..blocks {
                let stride = if index > 0 && number == 0 { 2 } else { 1 };
                stage.push(block(config.block, channels, width, stride, vb.pp(number))?);
                channels = width * config.block.expansion();
            }
            stages.push(stage);
        }
        Ok(Self {
            conv1: conv2d_strided(3, config.width, 7, 2, vb.pp("conv1"))?
                .norm_relu(vb.pp("bn1"))?,
            stages,
        })
    }

    /// Convolution, batch norm and ReLU: [B, 3, H, W] to [B, width, H / 2, W / 2].
    pub(crate) fn stem(&self, image: &Tensor, mode: Mode) -> Result<Tensor> {
        self.conv1.forward(image, mode)
    }

    /// Stage `index` of 0 to 3. The first starts with max pooling.
    pub(crate) fn stage(&self, index: usize, x: &Tensor, mode: Mode) -> Result<Tensor> {
        const POOL: PoolConfig = PoolConfig {
            kernel: 3,
            stride: 2,
            padding: 1,
            ceil_mode: false,
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
    convs: Vec<ConvNorm>,
    downsample: Option<ConvNorm>,
}

fn block(
    kind: BlockKind,
    input: usize,
    width: usize,
    stride: usize,
    vb: VarBuilder,
) -> Result<Block> {
    let out = width * kind.expansion();
    // (input, output, kernel, stride). The 3x3 convolution has the stride, as in torchvision.
    let plan = match kind {
        BlockKind::Basic => vec![(input, width, 3, stride), (width, out, 3, 1)],
        BlockKind::Bottleneck => vec![
            (input, width, 1, 1),
            (width, width, 3, stride),
            (width, out, 1, 1),
        ],
    };
    let mut convs = Vec::with_capacity(plan.len());
    let last = plan.len() - 1;
    for (index, (input, out, kernel, stride)) in plan.into_iter().enumerate() {
        let number = index + 1;
        let conv = conv2d_strided(input, out, kernel, stride, vb.pp(format!("conv{number}")))?;
        let bn = vb.pp(format!("bn{number}"));
        // The last ReLU follows the addition.
        convs.push(if index == last {
            conv.norm(bn)?
        } else {
            conv.norm_relu(bn)?
        });
    }
    let downsample = if stride != 1 || input != out {
        let vb = vb.pp("downsample");
        Some(conv2d_strided(input, out, 1, stride, vb.pp("0"))?.norm(vb.pp("1"))?)
    } else {
        None
    };
    Ok(Block { convs, downsample })
}

impl Block {
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        match &self.downsample {
            Some(downsample) => {
                let out = recomputing_chain(x, &self.convs, Residual::None, mode)?;
                downsample.forward_add_relu(x, &out, mode)
            }
            None => recomputing_chain(x, &self.convs, Residual::AddRelu, mode),
        }
    }
}
