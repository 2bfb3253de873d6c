//! BTS: the network of Lee et al. 2019, "From Big to Small: Multi-Scale Local Planar Guidance for Monocular Depth
//! Estimation". A decoder climbs from 1/32 of the image's size to all of it; at 1/8, 1/4 and 1/2 it commits itself to a
//! plane per pixel, and the depths of these planes, at full size, guide the last layers.
//!
//! ```text
//! image ── encoder: 1/2, 1/4, 1/8, 1/16, 1/32
//! 1/32 ── upconv5 ─┬─ iconv5 ── upconv4 ─┬─ iconv4 ── dense ASPP ─┬─ upconv3 ─┬─ iconv3 ─┬─ upconv2 ─┬─ iconv2 ─┬─ upconv1 ─┬─ iconv1 ── depth
//!            1/16 ─┘                1/8 ─┘                        │      1/4 ─┤          │      1/2 ─┤          │           │
//!                                                                 └─ planes 8x8 ─────────┼───────────┼──────────┼───────────┤
//!                                                                                        └─ planes 4x4 ─────────┼───────────┤
//!                                                                                                               └─ 2x2 ─────┘
//! ```
//!
//! Parameter names are those of the reference implementation.

mod aspp;
mod planes;

use candle_core::{D, Result, Tensor};
use candle_nn::{VarBuilder, ops::sigmoid};
use mde_ops::{conv_after_nearest2x, elu};

use self::aspp::{DenseAspp, dense_aspp};
use self::planes::{Planes, Reduction, planes, reduction};
use crate::encoder::{Encoder, EncoderConfig, encoder};
use crate::layers::{BatchNorm2d, BatchNormConfig, Conv2d, batch_norm2d_with, conv2d, same};
use crate::probe::Taps;
use crate::{DataFamily, DepthInput, DepthNet, LayerInfo, Mode, Probe};

/// The shape of a BTS network, and whose depth it predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BtsConfig {
    /// The encoder.
    pub encoder: EncoderConfig,
    /// Units of upconv5 and iconv5, upconv4 and iconv4, upconv3 and iconv3, upconv2 and iconv2, upconv1 and iconv1.
    pub decoder: [usize; 5],
    /// Sets the largest depth, and whether it grows with the focal length, as in KITTI's drives.
    pub data: DataFamily,
}

impl BtsConfig {
    /// The reference's decoder on an encoder.
    pub fn on(encoder: impl Into<EncoderConfig>, data: DataFamily) -> Self {
        Self {
            encoder: encoder.into(),
            decoder: [512, 256, 128, 64, 32],
            data,
        }
    }
}

/// The focal length at which KITTI's networks predict depth as it is, in pixels.
const KITTI_FOCAL: f64 = 715.0873;

/// The constants of the decoder's own batch norms, as the reference sets them.
const BATCH_NORM: BatchNormConfig = BatchNormConfig {
    momentum: 0.01,
    eps: 1.1e-5,
};

/// The BTS network.
#[derive(Debug, Clone)]
pub struct Bts {
    encoder: Encoder,
    decoder: Decoder,
    data: DataFamily,
    layers: Vec<LayerInfo>,
}

/// A BTS network from its parameters, under the reference implementation's names (`encoder.base_model.…`, `decoder.…`).
///
/// # Errors
/// If the builder has no such parameter.
pub fn bts(config: BtsConfig, vb: VarBuilder) -> Result<Bts> {
    let layers = config
        .decoder
        .iter()
        .enumerate()
        .flat_map(|(index, &units)| {
            let (number, stride) = (5 - index, 16 >> index);
            ["upconv", "iconv"]
                .map(|kind| LayerInfo::new(&format!("{kind}{number}"), units, stride))
        });
    Ok(Bts {
        layers: layers.collect(),
        encoder: encoder(config.encoder, vb.pp("encoder.base_model"))?,
        decoder: decoder(&config, vb.pp("decoder"))?,
        data: config.data,
    })
}

impl DepthNet for Bts {
    fn layers(&self) -> &[LayerInfo] {
        &self.layers
    }

    fn forward(&self, input: &DepthInput, mode: Mode, probe: &mut dyn Probe) -> Result<Tensor> {
        let scale = match self.data {
            DataFamily::Nyu => None,
            DataFamily::Kitti => Some(focal_scale(input)?),
        };
        let mut taps = Taps::new(&self.layers, probe);
        let pyramid = taps.part("pyramid", || self.encoder.pyramid(&input.image, mode))?;
        let share = self
            .decoder
            .forward(&pyramid, size(&input.image)?, mode, &mut taps)?;
        let depth = (share * self.data.max_depth())?;
        match scale {
            Some(scale) => depth.broadcast_mul(&scale.to_dtype(depth.dtype())?),
            None => Ok(depth),
        }
    }
}

/// Focal length by [`KITTI_FOCAL`], [B, 1, 1, 1].
fn focal_scale(input: &DepthInput) -> Result<Tensor> {
    let Some(focal) = &input.focal else {
        candle_core::bail!(
            "BTS for KITTI scales depth by the camera's focal length, which the input lacks: give it one in pixels \
             per image, such as 721.5377"
        );
    };
    let images = input.image.dim(0)?;
    if focal.dims() != [images] {
        candle_core::bail!(
            "BTS: focal lengths {:?} for {images} images: give one per image",
            focal.dims()
        );
    }
    let lengths: Vec<f32> = focal.to_dtype(candle_core::DType::F32)?.to_vec1()?;
    if let Some(wrong) = lengths.iter().find(|f| !f.is_finite() || **f <= 0.0) {
        candle_core::bail!("BTS: a focal length of {wrong} pixels: it must be positive");
    }
    (focal / KITTI_FOCAL)?.reshape((images, 1, 1, 1))
}

/// Height and width.
type Size = (usize, usize);

fn size(x: &Tensor) -> Result<Size> {
    Ok((x.dim(D::Minus2)?, x.dim(D::Minus1)?))
}

/// The upper left part of this size. A map made of doubled ones is larger than the encoder's, which rounds up, by less than
/// a pixel of its source.
fn crop(x: &Tensor, (height, width): Size) -> Result<Tensor> {
    let (h, w) = size(x)?;
    if h < height || w < width {
        candle_core::bail!(
            "BTS: a map of {h}x{w} does not cover one of {height}x{width}: this encoder rounds sizes down, so the \
             image's height and width must be multiples of 32"
        );
    }
    x.narrow(2, 0, height)?.narrow(3, 0, width)
}

/// Every `step`-th row and column of [B, 1, H, W], whose size is a multiple of it.
fn every(x: &Tensor, step: usize) -> Result<Tensor> {
    let (b, _, h, w) = x.dims4()?;
    let (h, w) = (h / step, w / step);
    x.reshape((b, h, step, w, step))?
        .narrow(2, 0, 1)?
        .narrow(4, 0, 1)?
        .reshape((b, 1, h, w))
}

#[derive(Debug, Clone)]
struct Decoder {
    upconv5: UpConv,
    iconv5: ConvElu,
    upconv4: UpConv,
    iconv4: ConvElu,
    bn4_2: BatchNorm2d,
    aspp: DenseAspp,
    planes8: Planes,
    upconv3: UpConv,
    iconv3: ConvElu,
    planes4: Planes,
    upconv2: UpConv,
    iconv2: ConvElu,
    planes2: Planes,
    upconv1: UpConv,
    reduc1: Reduction,
    iconv1: ConvElu,
    get_depth: Conv2d,
}

fn decoder(config: &BtsConfig, vb: VarBuilder) -> Result<Decoder> {
    let [w5, w4, w3, w2, w1] = config.decoder;
    let [half, quarter, eighth, sixteenth, last] = config.encoder.pyramid_channels();
    let up = |number, input, out| up_conv(number, input, out, &vb);
    let fuse = |number, input, out| conv_elu(input, out, vb.pp(format!("conv{number}.0")));
    Ok(Decoder {
        upconv5: up(5, last, w5)?,
        iconv5: fuse(5, w5 + sixteenth, w5)?,
        upconv4: up(4, w5, w4)?,
        iconv4: fuse(4, w4 + eighth, w4)?,
        bn4_2: batch_norm2d_with(w4, BATCH_NORM, vb.pp("bn4_2"))?,
        aspp: dense_aspp(w4, eighth, w3, &vb)?,
        planes8: planes(8, w3, w3, vb.pp("reduc8x8.reduc"))?,
        upconv3: up(3, w3, w3)?,
        // The depth of the planes is one channel more.
        iconv3: fuse(3, w3 + quarter + 1, w3)?,
        planes4: planes(4, w3, w3 / 2, vb.pp("reduc4x4.reduc"))?,
        upconv2: up(2, w3, w2)?,
        iconv2: fuse(2, w2 + half + 1, w2)?,
        planes2: planes(2, w2, w2 / 2, vb.pp("reduc2x2.reduc"))?,
        upconv1: up(1, w2, w1)?,
        reduc1: reduction(w1, w1 / 2, ("final.0", 1), vb.pp("reduc1x1.reduc"))?,
        iconv1: fuse(1, w1 + 4, w1)?,
        get_depth: conv2d(w1, 1, 3, same(3), vb.pp("get_depth.0"))?,
    })
}

impl Decoder {
    /// Depth as a share of the largest, [B, 1, H, W].
    fn forward(
        &self,
        pyramid: &[Tensor; 5],
        full: Size,
        mode: Mode,
        taps: &mut Taps,
    ) -> Result<Tensor> {
        let [half, quarter, eighth, sixteenth, last] = pyramid;
        let x = taps.layer("upconv5", || {
            self.upconv5.forward(last, size(sixteenth)?, mode)
        })?;
        let x = taps.layer("iconv5", || self.iconv5.forward(&[&x, sixteenth], mode))?;

        let x = taps.layer("upconv4", || self.upconv4.forward(&x, size(eighth)?, mode))?;
        let [concat4] = taps.part("concat4", || Ok([Tensor::cat(&[&x, eighth], 1)?]))?;
        let x = taps.layer("iconv4", || {
            let x = self.iconv4.forward(&[&concat4], mode)?;
            self.bn4_2.forward(&x, mode)
        })?;
        let [context, depth8] = taps.part("planes8", || {
            let context = self.aspp.forward(&x, &concat4, mode)?;
            let depth8 = self.planes8.forward(&context, mode)?;
            Ok([context, depth8])
        })?;

        let x = taps.layer("upconv3", || {
            self.upconv3.forward(&context, size(quarter)?, mode)
        })?;
        let x = taps.layer("iconv3", || {
            let guide = crop(&every(&depth8, 4)?, size(quarter)?)?;
            self.iconv3.forward(&[&x, quarter, &guide], mode)
        })?;
        let [depth4] = taps.part("planes4", || Ok([self.planes4.forward(&x, mode)?]))?;

        let x = taps.layer("upconv2", || self.upconv2.forward(&x, size(half)?, mode))?;
        let x = taps.layer("iconv2", || {
            let guide = crop(&every(&depth4, 2)?, size(half)?)?;
            self.iconv2.forward(&[&x, half, &guide], mode)
        })?;
        let [depth2] = taps.part("planes2", || Ok([self.planes2.forward(&x, mode)?]))?;

        let x = taps.layer("upconv1", || self.upconv1.forward(&x, full, mode))?;
        let [depth1] = taps.part("reduc1", || Ok([sigmoid(&self.reduc1.forward(&x, mode)?)?]))?;
        let x = taps.layer("iconv1", || {
            let [depth2, depth4, depth8] = [
                crop(&depth2, full)?,
                crop(&depth4, full)?,
                crop(&depth8, full)?,
            ];
            self.iconv1
                .forward(&[&x, &depth1, &depth2, &depth4, &depth8], mode)
        })?;
        sigmoid(&self.get_depth.forward(&x, mode)?)
    }
}

/// Twice the size by repeating values, a 3x3 convolution, ELU, and batch norm on all levels but the last.
#[derive(Debug, Clone)]
struct UpConv {
    conv: Conv2d,
    bn: Option<BatchNorm2d>,
}

fn up_conv(number: usize, input: usize, out: usize, vb: &VarBuilder) -> Result<UpConv> {
    let bn = match number {
        1 => None,
        _ => Some(batch_norm2d_with(
            out,
            BATCH_NORM,
            vb.pp(format!("bn{number}")),
        )?),
    };
    let conv = conv2d(
        input,
        out,
        3,
        same(3),
        vb.pp(format!("upconv{number}.conv")),
    )?;
    Ok(UpConv { conv, bn })
}

impl UpConv {
    fn forward(&self, x: &Tensor, target: Size, mode: Mode) -> Result<Tensor> {
        let x = conv_after_nearest2x(x, &self.conv.weight(mode))?;
        let x = elu(&crop(&x, target)?)?;
        match &self.bn {
            Some(bn) => bn.forward(&x, mode),
            None => Ok(x),
        }
    }
}

/// Maps joined, a 3x3 convolution, ELU.
#[derive(Debug, Clone)]
struct ConvElu {
    conv: Conv2d,
}

fn conv_elu(input: usize, out: usize, vb: VarBuilder) -> Result<ConvElu> {
    Ok(ConvElu {
        conv: conv2d(input, out, 3, same(3), vb)?,
    })
}

impl ConvElu {
    fn forward(&self, maps: &[&Tensor], mode: Mode) -> Result<Tensor> {
        elu(&self.conv.forward(&Tensor::cat(maps, 1)?, mode)?)
    }
}
