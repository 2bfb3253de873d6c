//! MobileViT as METER uses it (Mehta & Rastegari 2022, "MobileViT"; Papa et al. 2023, "METER"):
//! inverted residuals, and blocks with a small transformer over the patches of a map.
//!
//! ```text
//! image ── 3x3 ── mv2.0                      1/2
//!       ── mv2.1 (skip) ── mv2.2 ── mv2.3    1/4
//!       ── mv2.4 (skip) ── mvit0             1/8
//!       ── mv2.5 (skip) ── mvit1             1/16
//!       ── mv2.6 ── mvit2 ── 1x1             1/32
//! ```
//!
//! Parameter names are those of METER's `encoder`.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use mde_ops::{ConvConfig, Residual, attention, relu};

use crate::layers::{
    ConvNorm, LayerNorm, Linear, chain, conv_only, conv2d, conv2d_strided, conv2d_with, layer_norm,
    linear, linear_bias, same,
};
use crate::network::Mode;

/// Shape of METER's encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MobileVitConfig {
    /// Output channels of the first convolution.
    pub stem: usize,
    /// Channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the image's size.
    pub channels: [usize; 5],
    /// Output channels of the encoder.
    pub out: usize,
    /// Token sizes of the three transformers.
    pub tokens: [usize; 3],
    /// Factor by which an inverted residual expands its channels.
    pub expansion: usize,
}

impl MobileVitConfig {
    /// The encoder of METER XXS.
    pub fn xxs() -> Self {
        Self {
            stem: 16,
            channels: [16, 24, 48, 64, 80],
            out: 160,
            tokens: [64, 80, 96],
            expansion: 2,
        }
    }

    /// The encoder of METER XS.
    pub fn xs() -> Self {
        Self {
            stem: 16,
            channels: [32, 48, 64, 80, 96],
            out: 192,
            tokens: [96, 120, 144],
            expansion: 4,
        }
    }

    /// The encoder of METER S.
    pub fn s() -> Self {
        Self {
            stem: 16,
            channels: [32, 64, 96, 128, 160],
            out: 320,
            tokens: [144, 192, 240],
            expansion: 4,
        }
    }
}

/// METER's encoder.
#[derive(Debug, Clone)]
pub(crate) struct MobileVit {
    conv1: [ConvNorm; 2],
    mv2: Vec<InvertedResidual>,
    mvit: Vec<MobileVitBlock>,
    conv2: ConvNorm,
}

impl MobileVit {
    pub(crate) fn new(config: MobileVitConfig, vb: VarBuilder) -> Result<Self> {
        let [half, quarter, eighth, sixteenth, last] = config.channels;
        // Input, output, stride.
        let plan = [
            (config.stem, half, 1),
            (half, quarter, 2),
            (quarter, quarter, 1),
            (quarter, quarter, 1),
            (quarter, eighth, 2),
            (eighth, sixteenth, 2),
            (sixteenth, last, 2),
        ];
        let mv2 = plan
            .into_iter()
            .enumerate()
            .map(|(index, (input, out, stride))| {
                let vb = vb.pp(format!("mv2.{index}.conv"));
                inverted_residual(input, out, stride, config.expansion, vb)
            });
        let mvit = (0..3).map(|index| {
            // The hidden layer of the first transformer is half as wide as the others.
            let widening = if index == 0 { 2 } else { 4 };
            let (channels, token) = (config.channels[index + 2], config.tokens[index]);
            mobilevit_block(
                channels,
                token,
                widening * token,
                vb.pp(format!("mvit.{index}")),
            )
        });
        Ok(Self {
            conv1: double_conv(3, config.stem, 2, vb.pp("conv1"))?,
            mv2: mv2.collect::<Result<_>>()?,
            mvit: mvit.collect::<Result<_>>()?,
            conv2: conv_relu(last, config.out, vb.pp("conv2"))?,
        })
    }

    /// [B, 3, H, W] to a quarter of the size: the skip connection and the output.
    pub(crate) fn stem(&self, image: &Tensor, mode: Mode) -> Result<(Tensor, Tensor)> {
        let x = chain(image, &self.conv1, Residual::None, mode)?;
        let x = self.mv2[0].forward(&x, mode)?;
        let skip = self.mv2[1].forward(&x, mode)?;
        let x = self.mv2[2].forward(&skip, mode)?;
        Ok((skip, self.mv2[3].forward(&x, mode)?))
    }

    /// Stage `index` of 0 to 2: the skip connection, taken before the transformer, and the output.
    ///
    /// # Errors
    /// If the halved map has an odd side, so it cannot be divided into patches of 2x2.
    pub(crate) fn stage(&self, index: usize, x: &Tensor, mode: Mode) -> Result<(Tensor, Tensor)> {
        let skip = self.mv2[index + 4].forward(x, mode)?;
        let x = self.mvit[index].forward(&skip, mode)?;
        Ok((skip, x))
    }

    /// The last convolution.
    pub(crate) fn head(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        self.conv2.forward(x, mode)
    }
}

/// 3x3 convolution, 1x1 convolution, batch norm, ReLU. METER calls it separable, but its 3x3
/// convolution has one group.
fn double_conv(input: usize, out: usize, stride: usize, vb: VarBuilder) -> Result<[ConvNorm; 2]> {
    let conv3 = conv2d_strided(input, out, 3, stride, vb.pp("0.depthwise"))?;
    let conv1 = conv2d(out, out, 1, vb.pp("0.pointwise"))?;
    Ok([conv_only(conv3), conv1.norm_relu(vb.pp("1"))?])
}

/// A 1x1 convolution, batch norm, ReLU.
fn conv_relu(input: usize, out: usize, vb: VarBuilder) -> Result<ConvNorm> {
    conv2d(input, out, 1, vb.pp("0"))?.norm_relu(vb.pp("1"))
}

/// 1x1 to more channels, depthwise 3x3, 1x1 to fewer (Sandler et al. 2018, "MobileNetV2").
#[derive(Debug, Clone)]
struct InvertedResidual {
    stages: [ConvNorm; 3],
    residual: Residual,
}

fn inverted_residual(
    input: usize,
    out: usize,
    stride: usize,
    expansion: usize,
    vb: VarBuilder,
) -> Result<InvertedResidual> {
    let wide = expansion * input;
    let depthwise = ConvConfig {
        stride,
        groups: wide,
        ..same(3)
    };
    Ok(InvertedResidual {
        stages: [
            conv2d(input, wide, 1, vb.pp("0"))?.norm_relu(vb.pp("1"))?,
            conv2d_with(wide, wide, 3, depthwise, vb.pp("3"))?.norm_relu(vb.pp("4"))?,
            conv2d(wide, out, 1, vb.pp("6"))?.norm(vb.pp("7"))?,
        ],
        residual: match stride == 1 && input == out {
            true => Residual::Add,
            false => Residual::None,
        },
    })
}

impl InvertedResidual {
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        chain(x, &self.stages, self.residual, mode)
    }
}

/// Convolutions, a transformer over the patches and a fusion with the input.
#[derive(Debug, Clone)]
struct MobileVitBlock {
    /// Convolutions to the token size.
    before: [ConvNorm; 3],
    transformer: Transformer,
    after: ConvNorm,
    fusion: [ConvNorm; 2],
}

fn mobilevit_block(
    channels: usize,
    token: usize,
    hidden: usize,
    vb: VarBuilder,
) -> Result<MobileVitBlock> {
    let [conv3, conv1] = double_conv(channels, channels, 1, vb.pp("conv1"))?;
    Ok(MobileVitBlock {
        before: [conv3, conv1, conv_relu(channels, token, vb.pp("conv2"))?],
        transformer: transformer(token, hidden, vb.pp("transformer.layers.0"))?,
        after: conv_relu(token, channels, vb.pp("conv3"))?,
        fusion: double_conv(2 * channels, channels, 1, vb.pp("conv4"))?,
    })
}

impl MobileVitBlock {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor> {
        let x = chain(input, &self.before, Residual::None, mode)?;
        let (_, _, h, w) = x.dims4()?;
        let x = self.transformer.forward(&tokens(&x)?, mode)?;
        let x = self.after.forward(&map(&x, h, w)?, mode)?;
        chain(
            &Tensor::cat(&[&x, input], 1)?,
            &self.fusion,
            Residual::None,
            mode,
        )
    }
}

/// Rows and columns of a patch.
const PATCH: usize = 2;

/// [B, C, H, W] to [B P², H W / P², C]: a sequence holds the pixels at one position of their
/// patches.
fn tokens(x: &Tensor) -> Result<Tensor> {
    let (b, c, h, w) = x.dims4()?;
    if h % PATCH != 0 || w % PATCH != 0 {
        candle_core::bail!(
            "MobileViT: cannot divide a map of {h}x{w} into patches of 2x2: 1/8, 1/16 and 1/32 \
             of the image's height and width, rounded up, must be even, as for multiples of 64"
        );
    }
    let (rows, columns) = (h / PATCH, w / PATCH);
    x.reshape((b, c, rows, PATCH, columns, PATCH))?
        .permute((0, 3, 5, 2, 4, 1))?
        .reshape((b * PATCH * PATCH, rows * columns, c))
}

/// The inverse of [`tokens`].
fn map(x: &Tensor, h: usize, w: usize) -> Result<Tensor> {
    let (sequences, _, c) = x.dims3()?;
    let b = sequences / (PATCH * PATCH);
    x.reshape((b, PATCH, PATCH, h / PATCH, w / PATCH, c))?
        .permute((0, 5, 3, 1, 4, 2))?
        .reshape((b, c, h, w))
}

/// Attention and a feed-forward layer, each after a layer norm and with a residual connection
/// (Vaswani et al. 2017).
#[derive(Debug, Clone)]
struct Transformer {
    norm1: LayerNorm,
    to_qkv: Linear,
    to_out: Linear,
    norm2: LayerNorm,
    widen: Linear,
    narrow: Linear,
}

const HEADS: usize = 4;
const HEAD: usize = 8;

fn transformer(token: usize, hidden: usize, vb: VarBuilder) -> Result<Transformer> {
    let (attention, feed_forward) = (vb.pp("0"), vb.pp("1"));
    Ok(Transformer {
        norm1: layer_norm(token, attention.pp("norm"))?,
        to_qkv: linear(token, 3 * HEADS * HEAD, attention.pp("fn.to_qkv"))?,
        to_out: linear_bias(HEADS * HEAD, token, attention.pp("fn.to_out.0"))?,
        norm2: layer_norm(token, feed_forward.pp("norm"))?,
        widen: linear_bias(token, hidden, feed_forward.pp("fn.net.0"))?,
        narrow: linear_bias(hidden, token, feed_forward.pp("fn.net.3"))?,
    })
}

impl Transformer {
    /// [N, tokens, C] to the same shape.
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let x = (x + self.attention(&self.norm1.forward(x, mode)?, mode)?)?;
        let hidden = relu(&self.widen.forward(&self.norm2.forward(&x, mode)?, mode)?)?;
        x + self.narrow.forward(&hidden, mode)?
    }

    /// Attention between two linear maps.
    fn attention(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let out = attention(&self.to_qkv.forward(x, mode)?, HEADS)?;
        self.to_out.forward(&out, mode)
    }
}
