//! Coefficients, statistics and in-place gradient of batch norms.

use candle_core::{Result, Tensor};
use pulp::Simd;
use rayon::prelude::*;

use crate::cpu::{self, Kernel, Rectifier, vectorised};
use crate::shapes::BatchStats;

/// Coefficients of a norm over the batch `x` [B, C, H, W], and the statistics of the batch.
pub(crate) fn norm_batch(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    eps: f64,
    rectifier: Rectifier,
) -> Result<(Vec<Channel>, BatchStats)> {
    let (b, c, h, w) = x.dims4()?;
    cpu::with_values([x, weight, bias], |[x, weight, bias]| {
        let moments = moments(x, c, h * w);
        let stats = BatchStats::from_moments(&moments, b * h * w)?;
        Ok((
            Channel::from_moments(&moments, weight, bias, eps, rectifier),
            stats,
        ))
    })
}

impl BatchStats {
    pub(crate) fn from_moments(moments: &[Moments], count: usize) -> Result<Self> {
        let per_channel = |value: fn(&Moments) -> f64| {
            let values = moments.iter().map(|moments| value(moments) as f32);
            cpu::tensor(values.collect(), moments.len())
        };
        Ok(Self {
            mean: per_channel(|moments| moments.mean)?,
            var: per_channel(|moments| moments.var)?,
            count,
        })
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Moments {
    pub(crate) mean: f64,
    pub(crate) var: f64,
}

/// Mean and biased variance of each channel of `[B, C, pixels]`, in two passes.
pub(crate) fn moments(x: &[f32], channels: usize, pixels: usize) -> Vec<Moments> {
    let count = (x.len() / channels) as f64;
    (0..channels)
        .into_par_iter()
        .map(|channel| {
            let planes = || x.chunks_exact(pixels).skip(channel).step_by(channels);
            let mean = planes().map(|plane| sum(plane, |value| value)).sum::<f64>() / count;
            let centre = mean as f32;
            let squares =
                planes().map(|plane| sum(plane, |value| (value - centre) * (value - centre)));
            // The centre is the mean rounded to f32; this corrects for the difference.
            let rounding = mean - f64::from(centre);
            Moments {
                mean,
                var: (squares.sum::<f64>() / count - rounding * rounding).max(0.0),
            }
        })
        .collect()
}

/// The sum of `f` over a plane: short runs in eight f32 lanes, which vectorise, added in f64.
fn sum(plane: &[f32], f: impl Fn(f32) -> f32) -> f64 {
    let mut total = 0.0;
    for run in plane.chunks(64) {
        let mut lanes = [0f32; 8];
        let (eights, rest) = run.as_chunks::<8>();
        for eight in eights {
            for lane in 0..8 {
                lanes[lane] += f(eight[lane]);
            }
        }
        total += f64::from(lanes.iter().sum::<f32>())
            + rest.iter().map(|&value| f64::from(f(value))).sum::<f64>();
    }
    total
}

/// One channel of a norm, `scale y + shift`, with its statistics.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Channel {
    mean: f64,
    inv_std: f64,
    scale: f64,
    shift: f32,
    rectifier: Rectifier,
}

impl Channel {
    /// One entry per channel, from statistics, weights and biases. `rectifier` follows.
    pub(crate) fn from_moments(
        moments: &[Moments],
        weight: &[f32],
        bias: &[f32],
        eps: f64,
        rectifier: Rectifier,
    ) -> Vec<Self> {
        let values = moments.iter().zip(weight.iter().zip(bias));
        values
            .map(|(moments, (weight, bias))| {
                let inv_std = 1.0 / (moments.var + eps).sqrt();
                let scale = f64::from(*weight) * inv_std;
                Self {
                    mean: moments.mean,
                    inv_std,
                    scale,
                    shift: (f64::from(*bias) - scale * moments.mean) as f32,
                    rectifier,
                }
            })
            .collect()
    }

    /// Scale and shift.
    #[inline(always)]
    pub(crate) fn affine(&self) -> (f32, f32) {
        (self.scale as f32, self.shift)
    }
}

/// Replaces the gradient in a norm's output by that in its input, and fills the gradients in its
/// weight and bias. Each task handles one channel, whose planes stay in a core's cache.
pub(crate) fn norm_backward(
    channels: &[Channel],
    inputs: &[f32],
    pixels: usize,
    grad: &mut [f32],
    (grad_weight, grad_bias): (&mut [f32], &mut [f32]),
) {
    let mut by_channel: Vec<Vec<&mut [f32]>> = channels.iter().map(|_| Vec::new()).collect();
    for (plane, grad) in grad.chunks_exact_mut(pixels).enumerate() {
        by_channel[plane % channels.len()].push(grad);
    }
    by_channel
        .par_iter_mut()
        .zip(channels)
        .zip(grad_weight)
        .zip(grad_bias)
        .enumerate()
        .for_each(|(index, (((grads, channel), grad_weight), grad_bias))| {
            let planes = || inputs.chunks_exact(pixels).skip(index);
            let planes = || planes().step_by(channels.len());
            let mut sums = Sums::default();
            for (grad, input) in grads.iter_mut().zip(planes()) {
                vectorised(MaskAndSum {
                    channel: *channel,
                    input,
                    grad,
                    sums: &mut sums,
                });
            }
            // With n = (y - mean) / std: d weight = Σ g n, d bias = Σ g, d y = scale (g - mean(g) -
            // n mean(g n)).
            let count = (grads.len() * pixels) as f64;
            let centre = f64::from(channel.mean as f32);
            let slope = (sums.product - (channel.mean - centre) * sums.value) * channel.inv_std;
            (*grad_weight, *grad_bias) = (slope as f32, sums.value as f32);
            let by_input = -channel.scale * channel.inv_std * slope / count;
            let offset = -channel.scale * sums.value / count - by_input * channel.mean;
            for (grad, input) in grads.iter_mut().zip(planes()) {
                vectorised(Combine {
                    factors: [channel.scale, by_input, offset].map(|factor| factor as f32),
                    input,
                    grad,
                });
            }
        });
}

/// Sums over the gradient of one channel.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    value: f64,
    /// Sum of the gradient times the centred input.
    product: f64,
}

/// Computes the gradient before the rectifier, and its sums.
struct MaskAndSum<'a> {
    channel: Channel,
    input: &'a [f32],
    grad: &'a mut [f32],
    sums: &'a mut Sums,
}

impl Kernel for MaskAndSum<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        /// Values summed in f32 before f64.
        const RUN: usize = 256;
        const LANES: usize = 16;
        let (scale, shift) = self.channel.affine();
        let centre = self.channel.mean as f32;
        for (grad, input) in self.grad.chunks_mut(RUN).zip(self.input.chunks(RUN)) {
            let rectifier = self.channel.rectifier;
            if rectifier != Rectifier::None {
                for (grad, input) in grad.iter_mut().zip(input) {
                    let passes = rectifier.passes(scale * input + shift);
                    *grad = if passes { *grad } else { 0.0 };
                }
            }
            let (mut value, mut product) = ([0f32; LANES], [0f32; LANES]);
            let (grads, grad_rest) = grad.as_chunks::<LANES>();
            let (inputs, input_rest) = input.as_chunks::<LANES>();
            for (grad, input) in grads.iter().zip(inputs) {
                for lane in 0..LANES {
                    value[lane] += grad[lane];
                    product[lane] += grad[lane] * (input[lane] - centre);
                }
            }
            for (lane, (grad, input)) in grad_rest.iter().zip(input_rest).enumerate() {
                value[lane] += grad;
                product[lane] += grad * (input - centre);
            }
            self.sums.value += f64::from(value.iter().sum::<f32>());
            self.sums.product += f64::from(product.iter().sum::<f32>());
        }
    }
}

/// `grad = a grad + b input + c`.
struct Combine<'a> {
    factors: [f32; 3],
    input: &'a [f32],
    grad: &'a mut [f32],
}

impl Kernel for Combine<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        let [a, b, c] = self.factors;
        for (grad, input) in self.grad.iter_mut().zip(self.input) {
            *grad = a * *grad + b * input + c;
        }
    }
}
