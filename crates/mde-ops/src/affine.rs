//! `scale[c] * x + shift[c]`, with an optional rectifier in the same pass: batch norm in eval mode.

use candle_core::{Result, Shape, Tensor};
use rayon::prelude::*;

use crate::cpu::{self, CpuOp, Gradients, Output, Rectifier, apply3};
use crate::plain;
use crate::shapes::{check_norm, on_cpu_kernels};
use crate::trace::{self, Work};

/// `scale[c] * x[b, c] + shift[c]`, followed by `rectifier`.
///
/// `x` [B, C, H, W], `scale` and `shift` `[C]`.
///
/// # Errors
/// If the shapes do not agree or a dimension is empty.
pub fn channel_affine(
    x: &Tensor,
    scale: &Tensor,
    shift: &Tensor,
    rectifier: Rectifier,
) -> Result<Tensor> {
    check_norm("channel_affine", x, scale, shift)?;
    let _span = trace::forward("channel_affine", || Work::elementwise(x));
    if on_cpu_kernels(x) {
        apply3(ChannelAffine { rectifier }, x, scale, shift)
    } else {
        plain::channel_affine(x, scale, shift, rectifier)
    }
}

struct ChannelAffine {
    rectifier: Rectifier,
}

impl CpuOp<3> for ChannelAffine {
    const NAME: &'static str = "mde-channel-affine";

    fn forward(&self, [x, scale, shift]: [&[f32]; 3], [shape, _, _]: [&Shape; 3]) -> Output {
        let (_, c, h, w) = shape.dims4()?;
        let out = affine_planes(x, h * w, self.rectifier, |plane| {
            (scale[plane % c], shift[plane % c])
        });
        Ok((out, shape.clone()))
    }

    fn backward(&self, [x, scale, _]: [&Tensor; 3], out: &Tensor, grad: &Tensor) -> Gradients<3> {
        let _span = trace::backward("channel_affine", || Work::elementwise(x));
        let (_, c, h, w) = x.dims4()?;
        cpu::with_values(
            [x, scale, out, grad],
            |[x_values, scale_values, out, grad]| {
                let grad = mask(grad, out, self.rectifier);
                let sums = channel_sums(&grad, x_values, c, h * w);
                let grad_x = affine_planes(&grad, h * w, Rectifier::None, |plane| {
                    (scale_values[plane % c], 0.0)
                });
                Ok([
                    Some(cpu::tensor(grad_x, x.shape())?),
                    Some(cpu::tensor(
                        sums.iter().map(|sum| sum.product as f32).collect(),
                        c,
                    )?),
                    Some(cpu::tensor(
                        sums.iter().map(|sum| sum.value as f32).collect(),
                        c,
                    )?),
                ])
            },
        )
    }
}

/// `scale * x + shift` plane by plane, followed by `rectifier`.
pub(crate) fn affine_planes(
    x: &[f32],
    pixels: usize,
    rectifier: Rectifier,
    coefficients: impl Fn(usize) -> (f32, f32) + Sync,
) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    out.par_chunks_mut(pixels.max(1))
        .zip(x.par_chunks(pixels.max(1)))
        .enumerate()
        .for_each(|(plane, (out, x))| {
            let (scale, shift) = coefficients(plane);
            for (out, x) in out.iter_mut().zip(x) {
                *out = rectifier.apply(scale * x + shift);
            }
        });
    out
}

/// The gradient before the rectifier, from its output.
pub(crate) fn mask<'a>(
    grad: &'a [f32],
    out: &[f32],
    rectifier: Rectifier,
) -> std::borrow::Cow<'a, [f32]> {
    if rectifier == Rectifier::None {
        return grad.into();
    }
    let mut masked = vec![0.0; grad.len()];
    masked
        .par_chunks_mut(1 << 14)
        .zip(grad.par_chunks(1 << 14))
        .zip(out.par_chunks(1 << 14))
        .for_each(|((masked, grad), out)| {
            for ((masked, grad), out) in masked.iter_mut().zip(grad).zip(out) {
                *masked = if rectifier.passes(*out) { *grad } else { 0.0 };
            }
        });
    masked.into()
}

/// Sums of one channel over batch and pixels.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ChannelSums {
    pub(crate) value: f64,
    /// Sum of the value times the other operand.
    pub(crate) product: f64,
}

/// The sums of `values` and `values * others` per channel, both `[B, C, pixels]`.
pub(crate) fn channel_sums(
    values: &[f32],
    others: &[f32],
    channels: usize,
    pixels: usize,
) -> Vec<ChannelSums> {
    (0..channels)
        .into_par_iter()
        .map(|channel| {
            let mut sums = ChannelSums::default();
            let planes = values.chunks_exact(pixels).zip(others.chunks_exact(pixels));
            for (values, others) in planes.skip(channel).step_by(channels) {
                // Short runs are summed in f32, which vectorises; their sums are added in f64.
                for (values, others) in values.chunks(64).zip(others.chunks(64)) {
                    let (mut value, mut product) = ([0f32; 8], [0f32; 8]);
                    let (values, value_rest) = values.as_chunks::<8>();
                    let (others, other_rest) = others.as_chunks::<8>();
                    for (v, o) in values.iter().zip(others) {
                        for lane in 0..8 {
                            value[lane] += v[lane];
                            product[lane] += v[lane] * o[lane];
                        }
                    }
                    sums.value += f64::from(value.iter().sum::<f32>());
                    sums.product += f64::from(product.iter().sum::<f32>());
                    for (v, o) in value_rest.iter().zip(other_rest) {
                        sums.value += f64::from(*v);
                        sums.product += f64::from(*v) * f64::from(*o);
                    }
                }
            }
            sums
        })
        .collect()
}
