//! Local planar guidance of BTS: predicts one plane per pixel of a map and the depths of the planes
//! at full size.

use std::f64::consts::PI;

use candle_core::{Result, Tensor};
use candle_nn::{VarBuilder, ops::sigmoid};
use mde_ops::{ConvConfig, elu, pixel_shuffle};

use crate::layers::{Conv2d, conv2d};
use crate::network::Mode;

/// 1x1 convolutions with ELU that halve the channels until fewer than 16 are left, and a last one
/// without ELU.
#[derive(Debug, Clone)]
pub(super) struct Reduction {
    inter: Vec<Conv2d>,
    last: Conv2d,
}

/// From `input` to `first` channels, halved at each further convolution. `name` and `out` describe
/// the last convolution.
pub(super) fn reduction(
    input: usize,
    first: usize,
    (name, out): (&str, usize),
    vb: VarBuilder,
) -> Result<Reduction> {
    let mut inter = Vec::new();
    let (mut channels, mut next) = (input, first);
    while next >= 8 {
        let vb = vb.pp(format!("inter_{channels}_{next}.0"));
        inter.push(conv2d(channels, next, 1, vb)?);
        (channels, next) = (next, next / 2);
    }
    Ok(Reduction {
        inter,
        last: conv2d(channels, out, 1, vb.pp(name))?,
    })
}

impl Reduction {
    pub(super) fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut x = x.clone();
        for conv in &self.inter {
            x = elu(&conv.forward(&x, mode)?)?;
        }
        self.last.forward(&x, mode)
    }
}

/// One plane per pixel of a map, and its depth along the rays of the `ratio` x `ratio` pixels that
/// it covers.
#[derive(Debug, Clone)]
pub(super) struct Planes {
    reduction: Reduction,
    ratio: usize,
}

pub(super) fn planes(ratio: usize, input: usize, first: usize, vb: VarBuilder) -> Result<Planes> {
    Ok(Planes {
        reduction: reduction(input, first, ("plane_params", 3), vb)?,
        ratio,
    })
}

impl Planes {
    /// [B, C, h, w] to [B, 1, h ratio, w ratio], as a fraction of the maximum depth.
    ///
    /// For a plane with polar angle θ in (0, π/3), azimuth φ and distance d, the depth at (u, v) is
    /// d / (u sin θ cos φ + v sin θ sin φ + cos θ) (equation 2 of the paper). The origin is the
    /// centre of the covered block, and its side has length 1.
    pub(super) fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let parameters = self.reduction.forward(x, mode)?;
        let parameter = |index, scale: f64| sigmoid(&parameters.narrow(1, index, 1)?)? * scale;
        let (theta, phi) = (parameter(0, PI / 3.0)?, parameter(1, 2.0 * PI)?);
        let distance = parameter(2, 1.0)?;
        let sin = theta.sin()?;
        let normal = [(&sin * phi.cos()?)?, (&sin * phi.sin()?)?, theta.cos()?];
        let normal = Tensor::cat(&normal, 1)?;
        let rays = mde_ops::conv2d(&normal, &self.rays(&normal)?, ConvConfig::default())?;
        pixel_shuffle(&distance.broadcast_div(&rays)?, self.ratio)
    }

    /// (u, v, 1) of each pixel of a block, as filters of a 1x1 convolution: [ratio², 3, 1, 1].
    fn rays(&self, like: &Tensor) -> Result<Tensor> {
        let ratio = self.ratio as f32;
        let at = |index: usize| (index as f32 - 0.5 * (ratio - 1.0)) / ratio;
        let pixels = 0..self.ratio * self.ratio;
        let rays = pixels.flat_map(|pixel| [at(pixel % self.ratio), at(pixel / self.ratio), 1.0]);
        let shape = (self.ratio * self.ratio, 3, 1, 1);
        Tensor::from_vec(rays.collect::<Vec<f32>>(), shape, like.device())?.to_dtype(like.dtype())
    }
}
