//! Batch normalisation over batch and pixels with an optional ReLU in the same pass, and what it comes down to in eval.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use crate::affine::affine_planes;
use crate::cpu;
use crate::norm::{Channel, norm_backward};
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
    crate::affine::check("batch_norm_train", x, weight, bias)?;
    let _span = trace::forward("batch_norm_train", || Work::on(x));
    if !crate::on_cpu_kernels(x) {
        return crate::plain::batch_norm_train(x, weight, bias, eps, relu);
    }
    let x = x.contiguous()?;
    let (channels, stats) = normed(&x, weight, bias, eps, relu)?;
    let op = BatchNormTrain { channels, relu };
    Ok((
        x.apply_op3(&weight.contiguous()?, &bias.contiguous()?, op)?,
        stats,
    ))
}

/// What a norm over the batch `x` [B, C, H, W] does to each channel, and the batch's statistics.
pub(crate) fn normed(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    eps: f64,
    relu: bool,
) -> Result<(Vec<Channel>, BatchStats)> {
    let (b, c, h, w) = x.dims4()?;
    cpu::with_values([x, weight, bias], |[x, weight, bias]| {
        let moments = moments(x, c, h * w);
        let stats = BatchStats::of(&moments, b * h * w)?;
        Ok((Channel::all(&moments, weight, bias, eps, relu), stats))
    })
}

/// Scale and shift of every channel, all `[C]`, to which a batch norm with given statistics comes down: for
/// [`channel_affine`](crate::channel_affine), or for [`conv2d_affine`](crate::conv2d_affine) after a convolution.
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

impl BatchStats {
    pub(crate) fn of(moments: &[Moments], count: usize) -> Result<Self> {
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
    channels: Vec<Channel>,
    relu: bool,
}

impl CustomOp3 for BatchNormTrain {
    fn name(&self) -> &'static str {
        "mde-batch-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        _weight: &CpuStorage,
        _weight_layout: &Layout,
        _bias: &CpuStorage,
        _bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, c, h, w) = layout.shape().dims4()?;
        let out = affine_planes(cpu::values(x, layout)?, h * w, self.relu, |plane| {
            self.channels[plane % c].affine()
        });
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        _weight: &Tensor,
        _bias: &Tensor,
        _out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let _span = trace::backward("batch_norm_train", || Work::on(x));
        let (_, c, h, w) = x.dims4()?;
        cpu::with_values([x, grad], |[x_values, grad]| {
            let mut grad_x = grad.to_vec();
            let (mut grad_weight, mut grad_bias) = (vec![0.0; c], vec![0.0; c]);
            let gradients = (&mut grad_weight[..], &mut grad_bias[..]);
            norm_backward(&self.channels, x_values, h * w, &mut grad_x, gradients);
            Ok((
                Some(cpu::tensor(grad_x, x.shape())?),
                Some(cpu::tensor(grad_weight, c)?),
                Some(cpu::tensor(grad_bias, c)?),
            ))
        })
    }
}
