//! Configuration and sizes of convolutions.

use candle_core::{Result, Tensor};

use super::checks::map_dims;
use crate::cpu::im2col::Geometry;

/// Zeros around the input of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// As many on all four sides.
    Each(usize),
    /// TensorFlow's `SAME`: an output of `ceil(size / stride)`. If the number of zeros along an
    /// axis is odd, the end gets one more than the start.
    Same,
}

impl From<usize> for Padding {
    fn from(zeros: usize) -> Self {
        Self::Each(zeros)
    }
}

/// Movement of a convolution's kernel over its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvConfig {
    /// Step between output pixels, in both directions.
    pub stride: usize,
    /// Zeros around the input.
    pub padding: Padding,
    /// Step between the taps of the kernel.
    pub dilation: usize,
    /// Number of groups of channels that are convolved separately.
    pub groups: usize,
}

impl Default for ConvConfig {
    fn default() -> Self {
        Self {
            stride: 1,
            padding: Padding::Each(0),
            dilation: 1,
            groups: 1,
        }
    }
}

impl ConvConfig {
    /// Output size along one axis and the zeros before its start; `None` if the kernel does not
    /// fit.
    fn out_size(&self, size: usize, kernel: usize) -> Option<(usize, usize)> {
        let reach = self.dilation.checked_mul(kernel.checked_sub(1)?)?;
        let zeros = match self.padding {
            Padding::Each(zeros) => zeros,
            Padding::Same => {
                let out = size.div_ceil(self.stride);
                let read =
                    (out.checked_sub(1)? * self.stride).checked_add(reach.checked_add(1)?)?;
                return Some((out, read.saturating_sub(size) / 2));
            }
        };
        let padded = size.checked_add(zeros.checked_mul(2)?)?;
        let last = padded.checked_sub(reach.checked_add(1)?)?;
        Some((last.checked_div(self.stride)?.checked_add(1)?, zeros))
    }
}

/// All sizes of one convolution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConvDims {
    pub(crate) batch: usize,
    pub(crate) groups: usize,
    /// Input channels per group.
    pub(crate) in_channels: usize,
    /// Output channels per group.
    pub(crate) out_channels: usize,
    pub(crate) geometry: Geometry,
}

impl ConvDims {
    pub(crate) fn new(x: &Tensor, weight: &Tensor, config: ConvConfig) -> Result<Self> {
        let (batch, channels, height, width) = map_dims("conv2d", x)?;
        let (out, in_channels, kh, kw) = map_dims("conv2d", weight)?;
        let ConvConfig {
            stride,
            dilation,
            groups,
            ..
        } = config;
        if stride == 0 || dilation == 0 || groups == 0 {
            candle_core::bail!("conv2d: stride, dilation and groups must be positive: {config:?}");
        }
        if in_channels.checked_mul(groups) != Some(channels) || !out.is_multiple_of(groups) {
            candle_core::bail!(
                "conv2d: weight [{out}, {in_channels}, {kh}, {kw}] in {groups} groups does not \
                 fit {channels} channels"
            );
        }
        let sizes = config.out_size(height, kh).zip(config.out_size(width, kw));
        let Some(((out_height, top), (out_width, left))) = sizes else {
            candle_core::bail!(
                "conv2d: kernel {kh}x{kw} with {config:?} does not fit {height}x{width}"
            );
        };
        Ok(Self {
            batch,
            groups,
            in_channels,
            out_channels: out / groups,
            geometry: Geometry {
                height,
                width,
                kernel: (kh, kw),
                stride,
                padding: (top, left),
                dilation,
                out_height,
                out_width,
            },
        })
    }

    /// Number of products summed per output value.
    pub(crate) fn depth(&self) -> usize {
        self.in_channels * self.geometry.taps()
    }

    /// The input planes of one image and group.
    pub(crate) fn input<'a>(&self, x: &'a [f32], image: usize, group: usize) -> &'a [f32] {
        let size = self.in_channels * self.geometry.pixels();
        &x[(image * self.groups + group) * size..][..size]
    }

    /// The filters of one group.
    pub(crate) fn group_weight<'a>(&self, weight: &'a [f32], group: usize) -> &'a [f32] {
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

/// All sizes of a convolution of a resized map.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResizedConvDims {
    pub(crate) batch: usize,
    pub(crate) channels: usize,
    pub(crate) out: usize,
    pub(crate) kernel: usize,
    /// Height and width of the input.
    pub(crate) size: (usize, usize),
    /// Height and width after the resize.
    pub(crate) target: (usize, usize),
}

impl ResizedConvDims {
    pub(crate) fn new(x: &Tensor, weight: &Tensor, target: (usize, usize)) -> Result<Self> {
        let (batch, channels, h, w) = map_dims("conv_after_resize", x)?;
        let (out, in_channels, k, k2) = map_dims("conv_after_resize", weight)?;
        if in_channels != channels || k != k2 || k % 2 == 0 || target.0 == 0 || target.1 == 0 {
            candle_core::bail!(
                "conv_after_resize: weight {:?} on {:?} resized to {target:?}: channels must agree, \
                 the kernel must be square and odd, sizes positive",
                weight.dims(),
                x.dims()
            );
        }
        Ok(Self {
            batch,
            channels,
            out,
            kernel: k,
            size: (h, w),
            target,
        })
    }

    pub(crate) fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    /// Pixels of an input plane.
    pub(crate) fn pixels(&self) -> usize {
        self.size.0 * self.size.1
    }

    /// Distance of a tap from the centre of the kernel along one axis.
    pub(crate) fn shift(&self, tap: usize) -> isize {
        tap as isize - (self.kernel / 2) as isize
    }
}
