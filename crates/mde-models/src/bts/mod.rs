//! BTS (Lee et al. 2019, "From Big to Small: Multi-Scale Local Planar Guidance for Monocular Depth
//! Estimation", arXiv 1907.10326): a decoder from 1/32 of the image's size to full size. At 1/8,
//! 1/4 and 1/2 it predicts one plane per pixel. The depths of these planes at full size guide the
//! later layers.
//!
//! ```text
//! image ── encoder: 1/2, 1/4, 1/8, 1/16, 1/32
//!
//! 1/32 ── upconv5 ── iconv5 (+ 1/16)
//!      ── upconv4 ── iconv4 (+ 1/8) ── dense ASPP ── planes 8x8
//!      ── upconv3 ── iconv3 (+ 1/4, planes 8x8) ──── planes 4x4
//!      ── upconv2 ── iconv2 (+ 1/2, planes 4x4) ──── planes 2x2
//!      ── upconv1 ── iconv1 (+ 1x1 reduction, planes 8x8, 4x4, 2x2) ── depth
//! ```
//!
//! Parameter names are those of the reference implementation.
//!
//! This module was written from the paper and the layer names and shapes of the published
//! checkpoints, with the reference's behaviour where both are silent (docs/deviations.md). It
//! contains no code of the authors' implementation, which is licensed under GPL-3.0.

mod aspp;
mod blocks;
mod planes;

use candle_core::{Result, Tensor};
use candle_nn::{VarBuilder, ops::sigmoid};

use self::aspp::{DenseAspp, dense_aspp};
use self::blocks::{BATCH_NORM, ConvElu, Size, UpConv, conv_elu, crop, size, up_conv};
use self::planes::{Planes, Reduction, planes, reduction};
use crate::encoder::{Encoder, EncoderConfig};
use crate::layers::{BatchNorm2d, Conv2d, batch_norm2d_with, conv2d};
use crate::network::{DepthInput, DepthNet, Mode};
use crate::probe::{LayerInfo, Probe, ProbedPass};

/// Shape and depth range of a BTS network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BtsConfig {
    /// The encoder.
    pub encoder: EncoderConfig,
    /// Units of upconv5 and iconv5, upconv4 and iconv4, …, upconv1 and iconv1.
    pub decoder: [usize; 5],
    /// Largest depth, in metres: the output of a saturated sigmoid.
    pub max_depth: f64,
    /// Whether depth is multiplied by focal length / 715.0873 px, as in the networks for KITTI.
    pub focal_scaled: bool,
}

impl BtsConfig {
    /// The reference's decoder for NYU Depth V2: 10 m.
    pub fn nyu(encoder: impl Into<EncoderConfig>) -> Self {
        Self {
            encoder: encoder.into(),
            decoder: [512, 256, 128, 64, 32],
            max_depth: 10.0,
            focal_scaled: false,
        }
    }

    /// The reference's decoder for KITTI: 80 m, scaled by the focal length.
    pub fn kitti(encoder: impl Into<EncoderConfig>) -> Self {
        Self {
            max_depth: 80.0,
            focal_scaled: true,
            ..Self::nyu(encoder)
        }
    }
}

/// Focal length at which the networks for KITTI leave depth unscaled, in pixels.
const KITTI_FOCAL: f64 = 715.0873;

/// The BTS network.
#[derive(Debug, Clone)]
pub struct Bts {
    encoder: Encoder,
    decoder: Decoder,
    max_depth: f64,
    focal_scaled: bool,
    layers: Vec<LayerInfo>,
}

impl Bts {
    /// Builds the network; parameters have the reference implementation's names
    /// (`encoder.base_model.…`, `decoder.…`).
    ///
    /// # Errors
    /// If a parameter is missing or has a different shape.
    pub fn new(config: BtsConfig, vb: VarBuilder) -> Result<Self> {
        let units = config.decoder.iter().enumerate();
        let layers = units.flat_map(|(index, &units)| {
            let (number, stride) = (5 - index, 16 >> index);
            ["upconv", "iconv"]
                .map(|kind| LayerInfo::new(&format!("{kind}{number}"), units, stride))
        });
        Ok(Self {
            layers: layers.collect(),
            encoder: Encoder::new(config.encoder, vb.pp("encoder.base_model"))?,
            decoder: decoder(&config, vb.pp("decoder"))?,
            max_depth: config.max_depth,
            focal_scaled: config.focal_scaled,
        })
    }
}

impl DepthNet for Bts {
    fn layers(&self) -> &[LayerInfo] {
        &self.layers
    }

    fn forward(&self, input: &DepthInput, mode: Mode, probe: &mut dyn Probe) -> Result<Tensor> {
        let scale = match self.focal_scaled {
            true => Some(focal_scale(input)?),
            false => None,
        };
        let mut pass = ProbedPass::new(&self.layers, probe);
        let pyramid = pass.part("pyramid", || self.encoder.pyramid(&input.image, mode))?;
        let fraction = self
            .decoder
            .forward(&pyramid, size(&input.image)?, mode, &mut pass)?;
        let depth = (fraction * self.max_depth)?;
        match scale {
            Some(scale) => depth.broadcast_mul(&scale.to_dtype(depth.dtype())?),
            None => Ok(depth),
        }
    }
}

/// Focal length / [`KITTI_FOCAL`], [B, 1, 1, 1].
fn focal_scale(input: &DepthInput) -> Result<Tensor> {
    let Some(focal) = &input.focal else {
        candle_core::bail!(
            "BTS for KITTI scales depth by the focal length, which is missing: pass one per image \
             with DepthInput::with_focal, in pixels, for example 721.5377"
        );
    };
    let images = input.image.dim(0)?;
    if focal.dims() != [images] {
        candle_core::bail!(
            "BTS: focal lengths of shape {:?} for {images} images; pass one per image",
            focal.dims()
        );
    }
    let lengths: Vec<f32> = focal.to_dtype(candle_core::DType::F32)?.to_vec1()?;
    if let Some(wrong) = lengths.iter().find(|f| !f.is_finite() || **f <= 0.0) {
        candle_core::bail!("BTS: focal length {wrong} px; it must be positive and finite");
    }
    (focal / KITTI_FOCAL)?.reshape((images, 1, 1, 1))
}

/// Every `step`-th row and column of [B, 1, H, W]. H and W are multiples of `step`.
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
        // The depth of the planes is one more channel.
        iconv3: fuse(3, w3 + quarter + 1, w3)?,
        planes4: planes(4, w3, w3 / 2, vb.pp("reduc4x4.reduc"))?,
        upconv2: up(2, w3, w2)?,
        iconv2: fuse(2, w2 + half + 1, w2)?,
        planes2: planes(2, w2, w2 / 2, vb.pp("reduc2x2.reduc"))?,
        upconv1: up(1, w2, w1)?,
        reduc1: reduction(w1, w1 / 2, ("final.0", 1), vb.pp("reduc1x1.reduc"))?,
        iconv1: fuse(1, w1 + 4, w1)?,
        get_depth: conv2d(w1, 1, 3, vb.pp("get_depth.0"))?,
    })
}

impl Decoder {
    /// Depth as a fraction of the maximum, [B, 1, H, W].
    fn forward(
        &self,
        pyramid: &[Tensor; 5],
        full: Size,
        mode: Mode,
        pass: &mut ProbedPass,
    ) -> Result<Tensor> {
        let [half, quarter, eighth, sixteenth, last] = pyramid;
        let x = pass.layer("upconv5", || {
            self.upconv5.forward(last, size(sixteenth)?, mode)
        })?;
        let x = pass.layer("iconv5", || self.iconv5.forward(&[&x, sixteenth], mode))?;

        let x = pass.layer("upconv4", || self.upconv4.forward(&x, size(eighth)?, mode))?;
        let [concat4] = pass.part("concat4", || Ok([Tensor::cat(&[&x, eighth], 1)?]))?;
        let x = pass.layer("iconv4", || {
            let x = self.iconv4.forward(&[&concat4], mode)?;
            self.bn4_2.forward(&x, mode)
        })?;
        let [context, depth8] = pass.part("planes8", || {
            let context = self.aspp.forward(&x, &concat4, mode)?;
            let depth8 = self.planes8.forward(&context, mode)?;
            Ok([context, depth8])
        })?;

        let x = pass.layer("upconv3", || {
            self.upconv3.forward(&context, size(quarter)?, mode)
        })?;
        let x = pass.layer("iconv3", || {
            let guide = crop(&every(&depth8, 4)?, size(quarter)?)?;
            self.iconv3.forward(&[&x, quarter, &guide], mode)
        })?;
        let [depth4] = pass.part("planes4", || Ok([self.planes4.forward(&x, mode)?]))?;

        let x = pass.layer("upconv2", || self.upconv2.forward(&x, size(half)?, mode))?;
        let x = pass.layer("iconv2", || {
            let guide = crop(&every(&depth4, 2)?, size(half)?)?;
            self.iconv2.forward(&[&x, half, &guide], mode)
        })?;
        let [depth2] = pass.part("planes2", || Ok([self.planes2.forward(&x, mode)?]))?;

        let x = pass.layer("upconv1", || self.upconv1.forward(&x, full, mode))?;
        let [depth1] = pass.part("reduc1", || Ok([sigmoid(&self.reduc1.forward(&x, mode)?)?]))?;
        let x = pass.layer("iconv1", || {
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
