//! 2-D convolution with stride, padding, dilation and groups, trainable for every shape.
//!
//! Forward: the image is unfolded in strips that fit the cache and multiplied with the weight,
//! one strip a task. Input gradient: with stride 1 it is a convolution of the output gradient with
//! the flipped weight; otherwise the product is folded back. Weight gradient: one block of
//! input channels a task, summed over images and strips in a fixed order, so that the result
//! does not depend on the number of threads.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use crate::cpu::im2col::Geometry;
use crate::cpu::{self, Matrix, MatrixMut, Threads, for_each_tile, gemm};

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
    if crate::on_cpu_kernels(x) {
        x.contiguous()?
            .apply_op2(&weight.contiguous()?, Conv2d { dims })
    } else {
        crate::plain::conv2d(x, weight, config)
    }
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

    fn input<'a>(&self, x: &'a [f32], image: usize, group: usize) -> &'a [f32] {
        let size = self.in_channels * self.geometry.pixels();
        &x[(image * self.groups + group) * size..][..size]
    }

    fn group_weight<'a>(&self, weight: &'a [f32], group: usize) -> &'a [f32] {
        let size = self.out_channels * self.depth();
        &weight[group * size..][..size]
    }

    fn x_shape(&self) -> (usize, usize, usize, usize) {
        (
            self.batch,
            self.groups * self.in_channels,
            self.geometry.height,
            self.geometry.width,
        )
    }

    fn weight_shape(&self) -> (usize, usize, usize, usize) {
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
        let out = forward(&self.dims, x, weight);
        Ok((CpuStorage::F32(out), self.dims.out_shape().into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        cpu::with_values([x, weight, grad], |[x_values, weight_values, grad]| {
            // An image from outside needs no gradient, and its convolution is among the largest.
            let grad_x = if x.track_op() {
                let values = backward_input(&self.dims, weight_values, grad);
                Some(cpu::tensor(values, self.dims.x_shape())?)
            } else {
                None
            };
            let values = backward_weight(&self.dims, x_values, grad);
            Ok((grad_x, Some(cpu::tensor(values, self.dims.weight_shape())?)))
        })
    }
}

/// The output, `[batch, groups * out_channels, out_height, out_width]`.
fn forward(dims: &Dims, x: &[f32], weight: &[f32]) -> Vec<f32> {
    let geometry = &dims.geometry;
    let pixels = geometry.out_pixels();
    let mut out = vec![0.0; dims.batch * dims.groups * dims.out_channels * pixels];
    let strip = dims.strip_rows() * geometry.out_width;
    for_each_tile(
        &mut out,
        pixels,
        dims.out_channels,
        strip,
        |columns, block, range, tile| {
            let (image, group) = (block / dims.groups, block % dims.groups);
            let input = dims.input(x, image, group);
            let weight = dims.group_weight(weight, group);
            let unfolded = if geometry.is_pointwise() {
                Matrix::strided(input, range.start, dims.depth(), range.len(), pixels)
            } else {
                columns.resize(dims.depth() * range.len(), 0.0);
                let rows = range.start / geometry.out_width..range.end / geometry.out_width;
                geometry.im2col(input, rows, columns);
                Matrix::new(columns, dims.depth(), range.len())
            };
            let weight = Matrix::new(weight, dims.out_channels, dims.depth());
            gemm(tile, weight, unfolded, false, Threads::One);
        },
    );
    out
}

/// The gradient in the input, `[batch, groups * in_channels, height, width]`.
fn backward_input(dims: &Dims, weight: &[f32], grad: &[f32]) -> Vec<f32> {
    let geometry = &dims.geometry;
    let reach = (
        geometry.dilation * (geometry.kernel.0 - 1),
        geometry.dilation * (geometry.kernel.1 - 1),
    );
    if geometry.stride == 1 && reach.0 == reach.1 && geometry.padding <= reach.0 {
        let mirrored = Dims {
            in_channels: dims.out_channels,
            out_channels: dims.in_channels,
            geometry: Geometry {
                height: geometry.out_height,
                width: geometry.out_width,
                out_height: geometry.height,
                out_width: geometry.width,
                padding: reach.0 - geometry.padding,
                ..*geometry
            },
            ..*dims
        };
        return forward(&mirrored, grad, &flipped(dims, weight));
    }
    let mut grad_x = vec![0.0; dims.batch * dims.groups * dims.in_channels * geometry.pixels()];
    let channels = channel_block(dims);
    let blocks = dims.in_channels.div_ceil(channels);
    // Every chunk of planes belongs to one image and group, so that a task is one block of channels of it.
    grad_x
        .par_chunks_mut(dims.in_channels * geometry.pixels())
        .enumerate()
        .flat_map(|(block, planes)| {
            planes
                .par_chunks_mut(channels * geometry.pixels())
                .enumerate()
                .map(move |(c, planes)| (block, c, planes))
        })
        .for_each_init(Vec::new, |columns, (block, c, planes)| {
            debug_assert!(c < blocks);
            let depth = planes.len() / geometry.pixels() * geometry.taps();
            let weight = dims.group_weight(weight, block % dims.groups);
            let weight = Matrix::strided(
                weight,
                c * channels * geometry.taps(),
                dims.out_channels,
                depth,
                dims.depth(),
            );
            let grad = &grad[block * dims.out_channels * geometry.out_pixels()..];
            let grad = Matrix::strided(
                grad,
                0,
                dims.out_channels,
                geometry.out_pixels(),
                geometry.out_pixels(),
            );
            columns.resize(depth * geometry.out_pixels(), 0.0);
            gemm(
                MatrixMut::new(columns, depth, geometry.out_pixels()),
                weight.t(),
                grad,
                false,
                Threads::One,
            );
            geometry.col2im(columns, planes);
        });
    grad_x
}

/// The gradient in the weight, `[groups * out_channels, in_channels, kh, kw]`.
fn backward_weight(dims: &Dims, x: &[f32], grad: &[f32]) -> Vec<f32> {
    let geometry = &dims.geometry;
    let (pixels, taps) = (geometry.out_pixels(), geometry.taps());
    let (channels, rows) = (channel_block(dims), dims.strip_rows());
    let blocks = dims.in_channels.div_ceil(channels);
    let partial: Vec<Vec<f32>> = (0..dims.groups * blocks)
        .into_par_iter()
        .map_init(Vec::new, |columns, task| {
            let (group, first) = (task / blocks, task % blocks * channels);
            let channels = channels.min(dims.in_channels - first);
            let depth = channels * taps;
            let mut sum = vec![0.0; dims.out_channels * depth];
            for image in 0..dims.batch {
                let input = &dims.input(x, image, group)[first * geometry.pixels()..]
                    [..channels * geometry.pixels()];
                let block = image * dims.groups + group;
                let grad =
                    &grad[block * dims.out_channels * pixels..][..dims.out_channels * pixels];
                for start in (0..geometry.out_height).step_by(rows) {
                    let rows = start..(start + rows).min(geometry.out_height);
                    let range = rows.start * geometry.out_width..rows.end * geometry.out_width;
                    let grad =
                        Matrix::strided(grad, range.start, dims.out_channels, range.len(), pixels);
                    let unfolded = if geometry.is_pointwise() {
                        Matrix::strided(input, range.start, depth, range.len(), pixels)
                    } else {
                        columns.resize(depth * range.len(), 0.0);
                        geometry.im2col(input, rows, columns);
                        Matrix::new(columns, depth, range.len())
                    };
                    let out = MatrixMut::new(&mut sum, dims.out_channels, depth);
                    gemm(out, grad, unfolded.t(), true, Threads::One);
                }
            }
            sum
        })
        .collect();
    let mut grad_weight = vec![0.0; dims.groups * dims.out_channels * dims.depth()];
    for (task, sum) in partial.iter().enumerate() {
        let (group, first) = (task / blocks, task % blocks * channels);
        let depth = sum.len() / dims.out_channels;
        for (o, row) in sum.chunks_exact(depth).enumerate() {
            let start = (group * dims.out_channels + o) * dims.depth() + first * taps;
            grad_weight[start..start + depth].copy_from_slice(row);
        }
    }
    grad_weight
}

/// Input channels of one task of a backward pass: a fixed number, whatever the number of threads.
fn channel_block(dims: &Dims) -> usize {
    const TASKS: usize = 8;
    dims.in_channels.div_ceil(TASKS)
}

/// The weight of the mirrored convolution: `[groups * in, out, kh, kw]`, taps in reverse order.
fn flipped(dims: &Dims, weight: &[f32]) -> Vec<f32> {
    let taps = dims.geometry.taps();
    let mut flipped = vec![0.0; weight.len()];
    for group in 0..dims.groups {
        for o in 0..dims.out_channels {
            for c in 0..dims.in_channels {
                let from = ((group * dims.out_channels + o) * dims.in_channels + c) * taps;
                let to = ((group * dims.in_channels + c) * dims.out_channels + o) * taps;
                for tap in 0..taps {
                    flipped[to + tap] = weight[from + taps - 1 - tap];
                }
            }
        }
    }
    flipped
}
