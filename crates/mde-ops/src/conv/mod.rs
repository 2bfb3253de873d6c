//! 2-D convolution with stride, padding, dilation and groups, trainable for every shape.
//!
//! Chosen by shape alone: [`depthwise`] for 3x3 in every channel by itself; [`winograd`] for 3x3 and 5x5 with stride 1 on
//! large maps; otherwise [`panels`] for the output and [`strips`], or [`merged`] for maps with few pixels, for the
//! gradients. With stride 1 the gradient in the input is a convolution of the output's gradient with the mirrored
//! weight. All sums have a fixed order, so that the number of threads changes no bit of a result, and an image's output
//! does not depend on its neighbours in the batch.

mod depthwise;
mod merged;
mod panels;
mod strips;
mod winograd;

use crate::cpu::im2col::Geometry;
use crate::cpu::{self, Finish};
use crate::trace::{self, Work};
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;
use winograd::Tiles;

/// How a kernel moves over its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvConfig {
    /// Step between output pixels, in both directions.
    pub stride: usize,
    /// Zeros around the input, on all four sides.
    pub padding: usize,
    /// Step between the taps of the kernel.
    pub dilation: usize,
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

impl Default for ConvConfig {
    fn default() -> Self {
        Self {
            stride: 1,
            padding: 0,
            dilation: 1,
            groups: 1,
        }
    }
}

impl ConvConfig {
    /// The size of the output along one axis, `None` where the kernel does not fit.
    fn out_size(&self, size: usize, kernel: usize) -> Option<usize> {
        let reach = self.dilation.checked_mul(kernel.checked_sub(1)?)?;
        let padded = size.checked_add(self.padding.checked_mul(2)?)?;
        let last = padded.checked_sub(reach.checked_add(1)?)?;
        last.checked_div(self.stride)?.checked_add(1)
    }
}

/// Convolution (cross-correlation) without bias: `x` [B, C, H, W] with `weight` [O, C / groups, kh, kw]
/// gives [B, O, H', W'] with H' = (H + 2 padding - dilation (kh - 1) - 1) / stride + 1.
///
/// # Errors
/// If the shapes do not agree, a dimension is empty, the kernel does not fit, or stride, dilation or
/// groups are 0.
pub fn conv2d(x: &Tensor, weight: &Tensor, config: ConvConfig) -> Result<Tensor> {
    let dims = Dims::new(x, weight, config)?;
    let _span = trace::forward("conv2d", || dims.work(x, weight));
    if crate::on_cpu_kernels(x) {
        x.contiguous()?
            .apply_op2(&weight.contiguous()?, Conv2d { dims })
    } else {
        crate::device::conv2d(x, weight, config)
    }
}

/// A convolution and what follows it in a network that is not trained, in one pass over the output:
/// `relu(scale[o] * conv2d(x, weight)[o] + shift[o])`, without ReLU where `relu` is not set. `scale` and `shift` are `[O]`: a
/// batch norm with its running statistics, or a bias.
///
/// # Errors
/// As [`conv2d`], or if scale or shift have another length.
pub fn conv2d_affine(
    x: &Tensor,
    weight: &Tensor,
    config: ConvConfig,
    scale: &Tensor,
    shift: &Tensor,
    relu: bool,
) -> Result<Tensor> {
    let tracked = [x, weight, scale, shift].iter().any(|t| t.track_op());
    if tracked || !crate::on_cpu_kernels(x) {
        return crate::channel_affine(&conv2d(x, weight, config)?, scale, shift, relu);
    }
    let dims = Dims::new(x, weight, config)?;
    let _span = trace::forward("conv2d_affine", || dims.work(x, weight));
    crate::affine::check_channels("conv2d_affine", dims.out_shape().1, scale, shift)?;
    let op = FinishedConv2d {
        dims,
        scale: scale.to_vec1()?,
        shift: shift.to_vec1()?,
        relu,
    };
    x.contiguous()?.apply_op2_no_bwd(&weight.contiguous()?, &op)
}

/// All sizes of one convolution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dims {
    batch: usize,
    groups: usize,
    /// Channels of one group.
    in_channels: usize,
    out_channels: usize,
    geometry: Geometry,
}

impl Dims {
    pub(crate) fn new(x: &Tensor, weight: &Tensor, config: ConvConfig) -> Result<Self> {
        let (batch, channels, height, width) = crate::map_dims("conv2d", x)?;
        let (out, in_channels, kh, kw) = crate::map_dims("conv2d", weight)?;
        let ConvConfig {
            stride,
            padding,
            dilation,
            groups,
        } = config;
        if stride == 0 || dilation == 0 || groups == 0 {
            candle_core::bail!("conv2d: stride, dilation and groups must be positive: {config:?}");
        }
        if in_channels.checked_mul(groups) != Some(channels) || !out.is_multiple_of(groups) {
            candle_core::bail!(
                "conv2d: weight [{out}, {in_channels}, {kh}, {kw}] in {groups} groups does not fit {channels} channels"
            );
        }
        let sizes = config.out_size(height, kh).zip(config.out_size(width, kw));
        let Some((out_height, out_width)) = sizes else {
            candle_core::bail!(
                "conv2d: kernel {kh}x{kw} with {config:?} does not fit {height}x{width}"
            );
        };
        let kernel = (kh, kw);
        Ok(Self {
            batch,
            groups,
            in_channels,
            out_channels: out / groups,
            geometry: Geometry {
                height,
                width,
                kernel,
                stride,
                padding,
                dilation,
                out_height,
                out_width,
            },
        })
    }

    /// The convolution as a profiler is told of it.
    pub(crate) fn work(&self, x: &Tensor, weight: &Tensor) -> Work {
        let Geometry {
            out_height,
            out_width,
            stride,
            padding,
            dilation,
            ..
        } = self.geometry;
        let config = ConvConfig {
            stride,
            padding,
            dilation,
            groups: self.groups,
        };
        Work::convolution(x, weight, (out_height, out_width), config)
    }

    /// Length of the sum behind one output value.
    fn depth(&self) -> usize {
        self.in_channels * self.geometry.taps()
    }

    /// Output rows of a strip: its columns should stay in a core's cache, yet be enough for the product.
    fn strip_rows(&self) -> usize {
        const FLOATS: usize = 128 * 1024;
        const MIN_PIXELS: usize = 64;
        let pixels = (FLOATS / self.depth().max(1)).max(MIN_PIXELS);
        (pixels / self.geometry.out_width).clamp(1, self.geometry.out_height)
    }

    /// The kernel for this shape.
    fn method(&self) -> Method {
        /// Below so many pixels an image's product is not worth its packing.
        const FEW_PIXELS: usize = 512;
        if depthwise::fits(self) {
            return Method::Depthwise;
        }
        if self.groups != 1 {
            return Method::Strips;
        }
        match Tiles::choose(&self.geometry, self.in_channels.min(self.out_channels)) {
            Some(tiles) => Method::Winograd(tiles),
            None if self.geometry.out_pixels() <= FEW_PIXELS => Method::Merged,
            None => Method::Strips,
        }
    }

    /// The convolution whose output is this one's gradient in the input, for stride 1.
    fn mirrored(&self) -> Option<Self> {
        let geometry = &self.geometry;
        let reach = (
            geometry.dilation * (geometry.kernel.0 - 1),
            geometry.dilation * (geometry.kernel.1 - 1),
        );
        let possible = geometry.stride == 1 && reach.0 == reach.1 && geometry.padding <= reach.0;
        possible.then(|| Self {
            in_channels: self.out_channels,
            out_channels: self.in_channels,
            geometry: Geometry {
                height: geometry.out_height,
                width: geometry.out_width,
                out_height: geometry.height,
                out_width: geometry.width,
                padding: reach.0 - geometry.padding,
                ..*geometry
            },
            ..*self
        })
    }

    fn input<'a>(&self, x: &'a [f32], image: usize, group: usize) -> &'a [f32] {
        let size = self.in_channels * self.geometry.pixels();
        &x[(image * self.groups + group) * size..][..size]
    }

    fn group_weight<'a>(&self, weight: &'a [f32], group: usize) -> &'a [f32] {
        let size = self.out_channels * self.depth();
        &weight[group * size..][..size]
    }

    pub(crate) fn x_shape(&self) -> (usize, usize, usize, usize) {
        (
            self.batch,
            self.groups * self.in_channels,
            self.geometry.height,
            self.geometry.width,
        )
    }

    pub(crate) fn weight_shape(&self) -> (usize, usize, usize, usize) {
        let (kh, kw) = self.geometry.kernel;
        (self.groups * self.out_channels, self.in_channels, kh, kw)
    }

    pub(crate) fn out_shape(&self) -> (usize, usize, usize, usize) {
        let geometry = &self.geometry;
        (
            self.batch,
            self.groups * self.out_channels,
            geometry.out_height,
            geometry.out_width,
        )
    }
}

/// How a convolution is computed, or where its output comes from panels, its gradients.
#[derive(Debug, Clone, Copy)]
enum Method {
    Depthwise,
    Strips,
    Merged,
    Winograd(Tiles),
}

struct Conv2d {
    dims: Dims,
}

impl CustomOp2 for Conv2d {
    fn name(&self) -> &'static str {
        "mde-conv2d"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = cpu::values(x, x_layout)?;
        let weight = cpu::values(weight, weight_layout)?;
        let out = forward(&self.dims, x, weight, Finish::default());
        Ok((CpuStorage::F32(out), self.dims.out_shape().into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let _span = trace::backward("conv2d", || self.dims.work(x, weight).gradients(x));
        cpu::with_values([x, weight, grad], |[x_values, weight_values, grad]| {
            // An image from outside needs no gradient, and its convolution is among the largest.
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
            Ok((grad_x, grad_weight.transpose()?))
        })
    }
}

struct FinishedConv2d {
    dims: Dims,
    scale: Vec<f32>,
    shift: Vec<f32>,
    relu: bool,
}

impl CustomOp2 for FinishedConv2d {
    fn name(&self) -> &'static str {
        "mde-conv2d-affine"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = cpu::values(x, x_layout)?;
        let weight = cpu::values(weight, weight_layout)?;
        let finish = Finish {
            affine: Some((&self.scale, &self.shift)),
            relu: self.relu,
        };
        let out = forward(&self.dims, x, weight, finish);
        Ok((CpuStorage::F32(out), self.dims.out_shape().into()))
    }
}

/// The output, `[batch, groups * out_channels, out_height, out_width]`.
pub(crate) fn forward(dims: &Dims, x: &[f32], weight: &[f32], finish: Finish<'_>) -> Vec<f32> {
    match dims.method() {
        Method::Depthwise => depthwise::forward(dims, x, weight, finish),
        Method::Strips | Method::Merged => panels::forward(dims, x, weight, finish),
        Method::Winograd(tiles) => tiles.forward(dims, x, weight, finish),
    }
}

/// The gradient in the input, `[batch, groups * in_channels, height, width]`.
pub(crate) fn backward_input(dims: &Dims, weight: &[f32], grad: &[f32]) -> Vec<f32> {
    match (dims.mirrored(), dims.method()) {
        (Some(mirrored), _) => forward(&mirrored, grad, &flipped(dims, weight), Finish::default()),
        (None, Method::Depthwise) => depthwise::backward_input(dims, weight, grad),
        (None, Method::Merged) => merged::backward_input(dims, weight, grad),
        (None, _) => strips::backward_input(dims, weight, grad),
    }
}

/// The gradient in the weight, `[groups * out_channels, in_channels, kh, kw]`.
pub(crate) fn backward_weight(dims: &Dims, x: &[f32], grad: &[f32]) -> Vec<f32> {
    match dims.method() {
        Method::Depthwise => depthwise::backward_weight(dims, x, grad),
        Method::Strips => strips::backward_weight(dims, x, grad),
        Method::Merged => merged::backward_weight(dims, x, grad),
        Method::Winograd(tiles) => tiles.backward_weight(dims, x, grad),
    }
}

/// The weight of the mirrored convolution: `[groups * in, out, kh, kw]`, taps in reverse order.
fn flipped(dims: &Dims, weight: &[f32]) -> Vec<f32> {
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
