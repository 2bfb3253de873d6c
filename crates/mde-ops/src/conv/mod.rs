//! 2-D convolution with stride, padding, dilation and groups, trainable for every shape.
//!
//! The kernel depends on the shape only:
//! - [`depthwise`] for 3x3 and 5x5 kernels with one filter per channel;
//! - [`winograd`] for 3x3 and 5x5 kernels with stride 1 on large maps;
//! - otherwise [`panels`] for the output, and for the gradients [`strips`], or [`merged`] for maps
//!   with few pixels.
//!
//! With stride 1, the gradient in the input is a convolution of the output's gradient with the
//! mirrored weight. All sums have a fixed order: the number of threads changes no bit of a result,
//! and an image's output does not depend on the rest of the batch.

mod depthwise;
mod merged;
mod panels;
mod strips;
mod winograd;

use candle_core::{Result, Shape, Tensor};
use rayon::prelude::*;

use crate::affine::channel_affine;
use crate::cpu::im2col::Geometry;
use crate::cpu::{self, CpuOp, Finish, Gradients, Output, Rectifier, apply2};
use crate::device;
use crate::shapes::{ConvConfig, ConvDims, check_channels, on_cpu_kernels};
use crate::trace::{self, Work};
use winograd::Tiles;

/// Convolution (cross-correlation) without bias.
///
/// `x` [B, C, H, W] and `weight` [O, C / groups, kh, kw] give [B, O, H', W'] with H' = (H + 2
/// padding - dilation (kh - 1) - 1) / stride + 1, or H' = ceil(H / stride) for
/// [`crate::Padding::Same`].
///
/// # Errors
/// If the shapes do not agree, a dimension is empty, the kernel does not fit, or stride, dilation
/// or groups are 0.
pub fn conv2d(x: &Tensor, weight: &Tensor, config: ConvConfig) -> Result<Tensor> {
    let dims = ConvDims::new(x, weight, config)?;
    let _span = trace::forward("conv2d", || work(&dims, x, weight));
    if on_cpu_kernels(x) {
        let op = Conv2d {
            dims,
            affine: None,
            rectifier: Rectifier::None,
        };
        apply2(op, x, weight)
    } else {
        device::conv2d(x, weight, config)
    }
}

/// A convolution and its affine map in one pass, for evaluation.
///
/// `scale[o] * conv2d(x, weight)[o] + shift[o]`, followed by `rectifier`. `scale` and
/// `shift` `[O]` are a batch norm with running statistics, or a bias.
///
/// # Errors
/// As [`conv2d`], or if `scale` or `shift` has another length.
pub fn conv2d_affine(
    x: &Tensor,
    weight: &Tensor,
    config: ConvConfig,
    scale: &Tensor,
    shift: &Tensor,
    rectifier: Rectifier,
) -> Result<Tensor> {
    let tracked = [x, weight, scale, shift].iter().any(|t| t.track_op());
    if tracked || !on_cpu_kernels(x) {
        return channel_affine(&conv2d(x, weight, config)?, scale, shift, rectifier);
    }
    let dims = ConvDims::new(x, weight, config)?;
    let _span = trace::forward("conv2d_affine", || work(&dims, x, weight));
    check_channels("conv2d_affine", dims.out_shape().1, scale, shift)?;
    let op = Conv2d {
        dims,
        affine: Some((scale.to_vec1()?, shift.to_vec1()?)),
        rectifier,
    };
    apply2(op, x, weight)
}

/// The convolution as reported to a profiler.
pub(crate) fn work(dims: &ConvDims, x: &Tensor, weight: &Tensor) -> Work {
    let geometry = &dims.geometry;
    let config = ConvConfig {
        stride: geometry.stride,
        dilation: geometry.dilation,
        groups: dims.groups,
        ..ConvConfig::default()
    };
    Work::convolution(x, weight, (geometry.out_height, geometry.out_width), config)
}

/// The kernel for this shape.
fn method(dims: &ConvDims) -> Method {
    /// Images with fewer output pixels share one product, since packing each would cost too much.
    const FEW_PIXELS: usize = 512;
    if depthwise::fits(dims) {
        return Method::Depthwise;
    }
    if dims.groups != 1 {
        return Method::Strips;
    }
    match Tiles::choose(&dims.geometry, dims.in_channels.min(dims.out_channels)) {
        Some(tiles) => Method::Winograd(tiles),
        None if dims.geometry.out_pixels() <= FEW_PIXELS => Method::Merged,
        None => Method::Strips,
    }
}

/// The convolution whose output is the gradient in the input of this one, for stride 1.
fn mirrored(dims: &ConvDims) -> Option<ConvDims> {
    let geometry = &dims.geometry;
    let reach = (
        geometry.dilation * (geometry.kernel.0 - 1),
        geometry.dilation * (geometry.kernel.1 - 1),
    );
    let possible =
        geometry.stride == 1 && geometry.padding.0 <= reach.0 && geometry.padding.1 <= reach.1;
    possible.then(|| ConvDims {
        in_channels: dims.out_channels,
        out_channels: dims.in_channels,
        geometry: Geometry {
            height: geometry.out_height,
            width: geometry.out_width,
            out_height: geometry.height,
            out_width: geometry.width,
            padding: (reach.0 - geometry.padding.0, reach.1 - geometry.padding.1),
            ..*geometry
        },
        ..*dims
    })
}

/// Kernel of a convolution. For `Strips` and `Merged`, the output comes from panels.
#[derive(Debug, Clone, Copy)]
enum Method {
    Depthwise,
    Strips,
    Merged,
    Winograd(Tiles),
}

struct Conv2d {
    dims: ConvDims,
    /// Scale and shift per output channel. Without gradients only.
    affine: Option<(Vec<f32>, Vec<f32>)>,
    /// Without gradients only.
    rectifier: Rectifier,
}

impl CpuOp<2> for Conv2d {
    const NAME: &'static str = "mde-conv2d";

    fn forward(&self, [x, weight]: [&[f32]; 2], _: [&Shape; 2]) -> Output {
        let affine = self.affine.as_ref();
        let finish = Finish {
            affine: affine.map(|(scale, shift)| (&scale[..], &shift[..])),
            rectifier: self.rectifier,
        };
        let out = forward(&self.dims, x, weight, finish);
        Ok((out, self.dims.out_shape().into()))
    }

    fn backward(&self, [x, weight]: [&Tensor; 2], _out: &Tensor, grad: &Tensor) -> Gradients<2> {
        let _span = trace::backward("conv2d", || work(&self.dims, x, weight).gradients(x));
        cpu::with_values([x, weight, grad], |[x_values, weight_values, grad]| {
            // An input image needs no gradient, and its convolution is among the largest.
            let grad_x = if x.track_op() {
                let values = backward_input(&self.dims, weight_values, grad);
                Some(cpu::tensor(values, self.dims.x_shape())?)
            } else {
                None
            };
            let grad_weight = weight.track_op().then(|| {
                let values = backward_weight(&self.dims, x_values, grad);
                cpu::tensor(values, self.dims.weight_shape())
            });
            Ok([grad_x, grad_weight.transpose()?])
        })
    }
}

/// The output, `[batch, groups * out_channels, out_height, out_width]`.
pub(crate) fn forward(dims: &ConvDims, x: &[f32], weight: &[f32], finish: Finish<'_>) -> Vec<f32> {
    match method(dims) {
        Method::Depthwise => depthwise::forward(dims, x, weight, finish),
        Method::Strips | Method::Merged => panels::forward(dims, x, weight, finish),
        Method::Winograd(tiles) => tiles.forward(dims, x, weight, finish),
    }
}

/// The gradient in the input, `[batch, groups * in_channels, height, width]`.
pub(crate) fn backward_input(dims: &ConvDims, weight: &[f32], grad: &[f32]) -> Vec<f32> {
    match (mirrored(dims), method(dims)) {
        (Some(mirrored), _) => forward(&mirrored, grad, &flipped(dims, weight), Finish::default()),
        (None, Method::Depthwise) => depthwise::backward_input(dims, weight, grad),
        (None, Method::Merged) => merged::backward_input(dims, weight, grad),
        (None, _) => strips::backward_input(dims, weight, grad),
    }
}

/// The gradient in the weight, `[groups * out_channels, in_channels, kh, kw]`.
pub(crate) fn backward_weight(dims: &ConvDims, x: &[f32], grad: &[f32]) -> Vec<f32> {
    match method(dims) {
        Method::Depthwise => depthwise::backward_weight(dims, x, grad),
        Method::Strips => strips::backward_weight(dims, x, grad),
        Method::Merged => merged::backward_weight(dims, x, grad),
        Method::Winograd(tiles) => tiles.backward_weight(dims, x, grad),
    }
}

/// The weight of the mirrored convolution: `[groups * in, out, kh, kw]`, taps in reverse order.
fn flipped(dims: &ConvDims, weight: &[f32]) -> Vec<f32> {
    let taps = dims.geometry.taps();
    let mut flipped = vec![0.0; weight.len()];
    if taps == 1 {
        let size = dims.out_channels * dims.in_channels;
        let groups = flipped
            .par_chunks_exact_mut(size)
            .zip(weight.par_chunks_exact(size));
        groups.for_each(|(flipped, weight)| cpu::transpose(weight, dims.out_channels, flipped));
        return flipped;
    }
    flipped
        .par_chunks_exact_mut(dims.out_channels * taps)
        .enumerate()
        .for_each(|(channel, flipped)| {
            let (group, c) = (channel / dims.in_channels, channel % dims.in_channels);
            let filters = dims.group_weight(weight, group).chunks_exact(dims.depth());
            for (flipped, filter) in flipped.chunks_exact_mut(taps).zip(filters) {
                let filter = &filter[c * taps..][..taps];
                for (flipped, value) in flipped.iter_mut().zip(filter.iter().rev()) {
                    *flipped = *value;
                }
            }
        });
    flipped
}
