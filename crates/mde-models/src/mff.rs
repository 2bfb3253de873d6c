//! MFF (Hu et al. 2019, "Revisiting Single Image Depth Estimation: Toward Higher Resolution Maps
//! with Accurate Object Boundaries"): an encoder (E), a decoder (D), multi-scale fusion (MFF) of
//! the encoder's four stages, and a refinement (R) of both.
//!
//! ```text
//! image ── stem ── block1 ── block2 ── block3 ── block4 ── 1x1 ── up1 to up4 ── D ─┐
//!                     │         │         │         │                              R ── depth
//!                     └─ up1 ───┴─ up2 ───┴─ up3 ───┴─ up4 ── joined ── 5x5 ── MFF ┘
//! ```

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use mde_ops::{Residual, conv_after_resize};

use crate::encoder::{Encoder, EncoderConfig};
use crate::layers::{
    BatchNorm2d, Conv2d, ConvNorm, batch_norm2d, chain, conv2d, conv2d_bias, norm_relu,
};
use crate::network::{DepthInput, DepthNet, Mode};
use crate::probe::{LayerInfo, Probe, ProbedPass};

/// Shape of an MFF network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MffConfig {
    /// The encoder.
    pub encoder: EncoderConfig,
    /// Channels of the decoder after its 1x1 convolution and after each up-projection. The last is
    /// the number of units of D.
    pub decoder: [usize; 5],
    /// Channels of each of the four fusion branches. MFF has four times as many units.
    pub branch: usize,
    /// Channels of the two hidden layers of the refinement.
    pub refined: usize,
}

impl MffConfig {
    /// The reference's proportions on an encoder: the decoder halves the channels at each step, the
    /// branches have 16, and the refinement has as many as D and MFF together.
    pub fn with_encoder(encoder: impl Into<EncoderConfig>) -> Self {
        let encoder = encoder.into();
        let channels = encoder.channels()[3];
        Self {
            encoder,
            decoder: [2, 4, 8, 16, 32].map(|divisor| channels / divisor),
            branch: 16,
            refined: channels / 32 + 4 * 16,
        }
    }

    fn fused(&self) -> usize {
        4 * self.branch
    }

    /// Channels of D and MFF together, which the refinement reads.
    fn joined(&self) -> usize {
        self.decoder[4] + self.fused()
    }
}

/// The MFF network.
#[derive(Debug, Clone)]
pub struct Mff {
    encoder: Encoder,
    decoder: Decoder,
    fusion: Fusion,
    refinement: Refinement,
    layers: Vec<LayerInfo>,
}

impl Mff {
    /// Builds the network; parameters have the reference implementation's names (`E.…`, `D.…`,
    /// `MFF.…`, `R.…`).
    ///
    /// # Errors
    /// If a parameter is missing or has a different shape.
    pub fn new(config: MffConfig, vb: VarBuilder) -> Result<Self> {
        let channels = config.encoder.channels();
        let mut layers: Vec<_> = (0..4)
            .map(|block| {
                LayerInfo::new(&format!("block{}", block + 1), channels[block], 4 << block)
            })
            .collect();
        layers.extend([
            LayerInfo::new("D", config.decoder[4], 2),
            LayerInfo::new("MFF", config.fused(), 2),
            LayerInfo::new("Rconv0", config.refined, 2),
            LayerInfo::new("Rconv1", config.refined, 2),
        ]);
        let prefix = match config.encoder {
            EncoderConfig::ResNet(_) | EncoderConfig::EfficientNet(_) => "E",
            EncoderConfig::SeNet(_) => "E.base",
            EncoderConfig::DenseNet(_) => "E.features",
        };
        Ok(Self {
            encoder: Encoder::new(config.encoder, vb.pp(prefix))?,
            decoder: decoder(&config, vb.pp("D"))?,
            fusion: fusion(&config, vb.pp("MFF"))?,
            refinement: refinement(&config, vb.pp("R"))?,
            layers,
        })
    }
}

impl DepthNet for Mff {
    fn layers(&self) -> &[LayerInfo] {
        &self.layers
    }

    fn forward(&self, input: &DepthInput, mode: Mode, probe: &mut dyn Probe) -> Result<Tensor> {
        let mut pass = ProbedPass::new(&self.layers, probe);
        let [mut x] = pass.part("stem", || Ok([self.encoder.stem(&input.image, mode)?]))?;
        // Half of the image, rounded up. The reference uses twice the size of block1, which is the
        // same for multiples of 4.
        let size = size(&x)?;
        let mut blocks = Vec::with_capacity(4);
        for index in 0..4 {
            x = pass.layer(&format!("block{}", index + 1), || {
                self.encoder.stage(index, &x, mode)
            })?;
            blocks.push(x.clone());
        }
        // Both read only the blocks. MFF runs before the probe visits D, so it is not run again for
        // each change to D.
        let [decoded] = pass.part("D", || Ok([self.decoder.forward(&blocks, size, mode)?]))?;
        let [fused] = pass.part("MFF", || Ok([self.fusion.forward(&blocks, size, mode)?]))?;
        let decoded = pass.visit("D", decoded)?;
        let fused = pass.visit("MFF", fused)?;
        let both = Tensor::cat(&[decoded, fused], 1)?;
        self.refinement.forward(&both, mode, &mut pass)
    }
}

fn size(x: &Tensor) -> Result<(usize, usize)> {
    let (_, _, h, w) = x.dims4()?;
    Ok((h, w))
}

/// Up-projection (Laina et al. 2016 as MFF uses it): resize, then two 5x5 branches, the first with
/// another 3x3.
#[derive(Debug, Clone)]
struct UpProjection {
    conv1: Conv2d,
    /// After `conv1`: batch norm and ReLU, then the 3x3 convolution and its batch norm.
    rest1: [ConvNorm; 2],
    conv2: Conv2d,
    bn2: BatchNorm2d,
}

fn up_projection(input: usize, out: usize, vb: VarBuilder) -> Result<UpProjection> {
    Ok(UpProjection {
        conv1: conv2d(input, out, 5, vb.pp("conv1"))?,
        rest1: [
            norm_relu(batch_norm2d(out, vb.pp("bn1"))?),
            conv2d(out, out, 3, vb.pp("conv1_2"))?.norm(vb.pp("bn1_2"))?,
        ],
        conv2: conv2d(input, out, 5, vb.pp("conv2"))?,
        bn2: batch_norm2d(out, vb.pp("bn2"))?,
    })
}

impl UpProjection {
    fn forward(&self, x: &Tensor, (height, width): (usize, usize), mode: Mode) -> Result<Tensor> {
        // Stacking the filters of both branches would save no arithmetic and would copy the weights
        // and maps, which are among the largest of the network.
        let first = conv_after_resize(x, &self.conv1.weight(mode), height, width)?;
        let first = chain(&first, &self.rest1, Residual::None, mode)?;
        let second = conv_after_resize(x, &self.conv2.weight(mode), height, width)?;
        self.bn2.forward_add_relu(&second, &first, mode)
    }
}

/// D: upsamples the last block to half of the image's size.
#[derive(Debug, Clone)]
struct Decoder {
    conv: ConvNorm,
    ups: Vec<UpProjection>,
}

fn decoder(config: &MffConfig, vb: VarBuilder) -> Result<Decoder> {
    let (last, widths) = (config.encoder.channels()[3], config.decoder);
    let ups =
        (0..4).map(|up| up_projection(widths[up], widths[up + 1], vb.pp(format!("up{}", up + 1))));
    Ok(Decoder {
        conv: conv2d(last, widths[0], 1, vb.pp("conv"))?.norm_relu(vb.pp("bn"))?,
        ups: ups.collect::<Result<_>>()?,
    })
}

impl Decoder {
    fn forward(&self, blocks: &[Tensor], out: (usize, usize), mode: Mode) -> Result<Tensor> {
        let sizes = [size(&blocks[2])?, size(&blocks[1])?, size(&blocks[0])?, out];
        let mut x = self.conv.forward(&blocks[3], mode)?;
        for (up, size) in self.ups.iter().zip(sizes) {
            x = up.forward(&x, size, mode)?;
        }
        Ok(x)
    }
}

/// MFF: resizes all blocks to the output size and fuses them.
#[derive(Debug, Clone)]
struct Fusion {
    ups: Vec<UpProjection>,
    conv: ConvNorm,
}

fn fusion(config: &MffConfig, vb: VarBuilder) -> Result<Fusion> {
    let channels = config.encoder.channels();
    let ups =
        (0..4).map(|up| up_projection(channels[up], config.branch, vb.pp(format!("up{}", up + 1))));
    Ok(Fusion {
        ups: ups.collect::<Result<_>>()?,
        conv: conv2d(config.fused(), config.fused(), 5, vb.pp("conv"))?.norm_relu(vb.pp("bn"))?,
    })
}

impl Fusion {
    fn forward(&self, blocks: &[Tensor], out: (usize, usize), mode: Mode) -> Result<Tensor> {
        let branches = self
            .ups
            .iter()
            .zip(blocks)
            .map(|(up, block)| up.forward(block, out, mode));
        let fused = Tensor::cat(&branches.collect::<Result<Vec<_>>>()?, 1)?;
        self.conv.forward(&fused, mode)
    }
}

/// R: predicts depth from D and MFF.
#[derive(Debug, Clone)]
struct Refinement {
    conv0: ConvNorm,
    conv1: ConvNorm,
    conv2: Conv2d,
}

fn refinement(config: &MffConfig, vb: VarBuilder) -> Result<Refinement> {
    let channels = config.refined;
    Ok(Refinement {
        conv0: conv2d(config.joined(), channels, 5, vb.pp("conv0"))?.norm_relu(vb.pp("bn0"))?,
        conv1: conv2d(channels, channels, 5, vb.pp("conv1"))?.norm_relu(vb.pp("bn1"))?,
        conv2: conv2d_bias(channels, 1, 5, vb.pp("conv2"))?,
    })
}

impl Refinement {
    fn forward(&self, x: &Tensor, mode: Mode, pass: &mut ProbedPass) -> Result<Tensor> {
        let x = pass.layer("Rconv0", || self.conv0.forward(x, mode))?;
        let x = pass.layer("Rconv1", || self.conv1.forward(&x, mode))?;
        self.conv2.forward(&x, mode)
    }
}
