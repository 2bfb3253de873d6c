//! Batch normalisation over batch and pixels, train and eval, with an optional ReLU in the same pass.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use crate::affine::{affine_planes, channel_sums, mask};
use crate::cpu;
use crate::trace::{self, Work};

/// The statistics of one batch, for the running averages.
#[derive(Debug, Clone)]
pub struct BatchStats {
    /// Mean per channel, `[C]`.
    pub mean: Tensor,
    /// Biased variance per channel, `[C]`.
    pub var: Tensor,
    /// Values per channel: B H W.
    pub count: usize,
}

/// Normalises `x` [B, C, H, W] with its own batch's statistics: `weight[c] (x - mean[c]) / sqrt(var[c] + eps) + bias[c]`, then ReLU
/// where asked. The gradient runs through the statistics; the returned [`BatchStats`] carry none.
///
/// # Errors
/// If the shapes do not agree or a dimension is empty.
pub fn batch_norm_train(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    eps: f64,
    relu: bool,
) -> Result<(Tensor, BatchStats)> {
    let (b, c, h, w) = crate::affine::check("batch_norm_train", x, weight, bias)?;
    let _span = trace::forward("batch_norm_train", || Work::on(x));
    if !crate::on_cpu_kernels(x) {
        return crate::plain::batch_norm_train(x, weight, bias, eps, relu);
    }
    let x = x.contiguous()?;
    let moments = cpu::with_values([&x], |[x]| Ok(moments(x, c, h * w)))?;
    let per_channel = |value: fn(&Moments) -> f64| {
        cpu::tensor(
            moments.iter().map(|moment| value(moment) as f32).collect(),
            c,
        )
    };
    let stats = BatchStats {
        mean: per_channel(|m| m.mean)?,
        var: per_channel(|m| m.var)?,
        count: b * h * w,
    };
    let op = BatchNormTrain { moments, eps, relu };
    Ok((
        x.apply_op3(&weight.contiguous()?, &bias.contiguous()?, op)?,
        stats,
    ))
}

/// Normalises `x` [B, C, H, W] with given statistics (one `mean` and one `var` per channel), then ReLU where asked.
///
/// # Errors
/// If the shapes do not agree.
pub fn batch_norm_eval(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    mean: &Tensor,
    var: &Tensor,
    eps: f64,
    relu: bool,
) -> Result<Tensor> {
    let _span = trace::forward("batch_norm_eval", || Work::on(x));
    let (scale, shift) = batch_norm_affine(weight, bias, mean, var, eps)?;
    crate::channel_affine(x, &scale, &shift, relu)
}

/// Scale and shift of every channel, all `[C]`, to which a batch norm with given statistics comes down.
///
/// # Errors
/// If the shapes do not agree.
pub fn batch_norm_affine(
    weight: &Tensor,
    bias: &Tensor,
    mean: &Tensor,
    var: &Tensor,
    eps: f64,
) -> Result<(Tensor, Tensor)> {
    let scale = (weight / (var + eps)?.sqrt()?)?;
    let shift = (bias - (mean * &scale)?)?;
    Ok((scale, shift))
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Moments {
    pub(crate) mean: f64,
    pub(crate) var: f64,
}

/// Mean and biased variance of every channel of `[B, C, pixels]`, in two passes.
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
            // The centre is the mean rounded to f32; its distance to the mean is taken off again.
            let rounding = mean - f64::from(centre);
            Moments {
                mean,
                var: (squares.sum::<f64>() / count - rounding * rounding).max(0.0),
            }
        })
        .collect()
}

/// The sum of `f` over a plane: short runs in eight f32 lanes, which vectorise, their sum in f64.
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

struct BatchNormTrain {
    moments: Vec<Moments>,
    eps: f64,
    relu: bool,
}

impl BatchNormTrain {
    fn inv_std(&self, channel: usize) -> f64 {
        1.0 / (self.moments[channel].var + self.eps).sqrt()
    }
}

impl CustomOp3 for BatchNormTrain {
    fn name(&self) -> &'static str {
        "mde-batch-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let weight = cpu::values(weight, weight_layout)?;
        let bias = cpu::values(bias, bias_layout)?;
        let (_, c, h, w) = layout.shape().dims4()?;
        let out = affine_planes(cpu::values(x, layout)?, h * w, self.relu, |plane| {
            let channel = plane % c;
            let scale = f64::from(weight[channel]) * self.inv_std(channel);
            (
                scale as f32,
                (f64::from(bias[channel]) - scale * self.moments[channel].mean) as f32,
            )
        });
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _bias: &Tensor,
        out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let _span = trace::backward("batch_norm_train", || Work::on(x));
        let (b, c, h, w) = x.dims4()?;
        let (pixels, count) = (h * w, (b * h * w) as f64);
        cpu::with_values(
            [x, weight, out, grad],
            |[x_values, weight_values, out, grad]| {
                let grad = mask(grad, out, self.relu);
                let sums = channel_sums(&grad, x_values, c, pixels);
                // With n = (x - mean) / std: d weight = Σ g n, d bias = Σ g,
                // d x = weight / std (g - mean(g) - n mean(g n)), linear in g and x once the sums are known.
                let grad_weight: Vec<f64> = (0..c)
                    .map(|c| {
                        (sums[c].product - self.moments[c].mean * sums[c].value) * self.inv_std(c)
                    })
                    .collect();
                let mut grad_x = vec![0.0; x_values.len()];
                grad_x
                    .par_chunks_mut(pixels)
                    .zip(x_values.par_chunks(pixels))
                    .zip(grad.par_chunks(pixels))
                    .enumerate()
                    .for_each(|(plane, ((grad_x, x), grad))| {
                        let c = plane % c;
                        let inv_std = self.inv_std(c);
                        let scale = f64::from(weight_values[c]) * inv_std;
                        let slope = -scale * inv_std * grad_weight[c] / count;
                        let offset = -scale * sums[c].value / count - slope * self.moments[c].mean;
                        let (scale, slope, offset) = (scale as f32, slope as f32, offset as f32);
                        for ((grad_x, x), grad) in grad_x.iter_mut().zip(x).zip(grad) {
                            *grad_x = scale * grad + slope * x + offset;
                        }
                    });
                Ok((
                    Some(cpu::tensor(grad_x, x.shape())?),
                    Some(cpu::tensor(
                        grad_weight.iter().map(|&g| g as f32).collect(),
                        c,
                    )?),
                    Some(cpu::tensor(
                        sums.iter().map(|sum| sum.value as f32).collect(),
                        c,
                    )?),
                ))
            },
        )
    }
}
