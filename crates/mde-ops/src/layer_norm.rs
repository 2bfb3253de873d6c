//! Layer norm over the last dimension (Ba et al. 2016, "Layer normalization").

use candle_core::{D, Result, Shape, Tensor};
use pulp::Simd;
use rayon::prelude::*;

use crate::cpu::{self, CpuOp, Gradients, Kernel, Output, apply3, vectorised};
use crate::plain;
use crate::shapes::{check_layer_norm, on_cpu_kernels};
use crate::trace::{self, Work};

/// `weight (x - mean) / sqrt(var + eps) + bias`, with mean and biased variance over the last
/// dimension.
///
/// `x` [.., C], `weight` and `bias` `[C]`.
///
/// # Errors
/// If the shapes do not agree or a dimension is empty.
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    check_layer_norm(x, weight, bias)?;
    let _span = trace::forward("layer_norm", || Work::elementwise(x));
    if on_cpu_kernels(x) {
        let op = LayerNorm { eps: eps as f32 };
        apply3(op, x, weight, bias)
    } else {
        plain::layer_norm(x, weight, bias, eps)
    }
}

/// Rows per task. A fixed number, so that sums over rows have a fixed order.
const ROWS: usize = 96;

struct LayerNorm {
    eps: f32,
}

impl CpuOp<3> for LayerNorm {
    const NAME: &'static str = "mde-layer-norm";

    fn forward(&self, [x, weight, bias]: [&[f32]; 3], [shape, _, _]: [&Shape; 3]) -> Output {
        let mut out = vec![0.0; x.len()];
        out.par_chunks_mut(ROWS * weight.len())
            .zip(x.par_chunks(ROWS * weight.len()))
            .for_each(|(out, x)| {
                vectorised(Forward {
                    x,
                    weight,
                    bias,
                    eps: self.eps,
                    out,
                });
            });
        Ok((out, shape.clone()))
    }

    fn backward(&self, [x, weight, _]: [&Tensor; 3], _out: &Tensor, grad: &Tensor) -> Gradients<3> {
        let _span = trace::backward("layer_norm", || Work::elementwise(x));
        let length = x.dim(D::Minus1)?;
        cpu::with_values([x, weight, grad], |[x_values, weight, grad]| {
            let mut grad_x = vec![0.0; x_values.len()];
            let parts: Vec<Vec<f32>> = grad_x
                .par_chunks_mut(ROWS * length)
                .zip(x_values.par_chunks(ROWS * length))
                .zip(grad.par_chunks(ROWS * length))
                .map(|((grad_x, x), grad)| {
                    let mut sums = vec![0.0; 2 * length];
                    let (grad_weight, grad_bias) = sums.split_at_mut(length);
                    vectorised(Backward {
                        x,
                        weight,
                        grad,
                        eps: self.eps,
                        grad_x,
                        grad_weight,
                        grad_bias,
                    });
                    sums
                })
                .collect();
            let mut grads = cpu::sum(&parts);
            let grad_bias = grads.split_off(length);
            Ok([
                Some(cpu::tensor(grad_x, x.shape())?),
                Some(cpu::tensor(grads, length)?),
                Some(cpu::tensor(grad_bias, length)?),
            ])
        })
    }
}

struct Forward<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    bias: &'a [f32],
    eps: f32,
    out: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        let length = self.weight.len();
        let rows = self.x.chunks_exact(length);
        for (out, x) in self.out.chunks_exact_mut(length).zip(rows) {
            let (mean, inv_std) = moments(x, self.eps);
            let affine = self.weight.iter().zip(self.bias);
            for ((out, x), (weight, bias)) in out.iter_mut().zip(x).zip(affine) {
                *out = (x - mean) * inv_std * weight + bias;
            }
        }
    }
}

struct Backward<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    grad: &'a [f32],
    eps: f32,
    grad_x: &'a mut [f32],
    grad_weight: &'a mut [f32],
    grad_bias: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    /// With n = (x - mean) / std and h = weight g: d x = (h - mean(h) - n mean(h n)) / std.
    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        let length = self.weight.len();
        let rows = self.x.chunks_exact(length);
        let rows = rows.zip(self.grad.chunks_exact(length));
        for (grad_x, (x, grad)) in self.grad_x.chunks_exact_mut(length).zip(rows) {
            let (mean, inv_std) = moments(x, self.eps);
            let count = length as f32;
            let slope = sum([grad, self.weight], |[grad, weight]| grad * weight);
            let curve = sum([grad, self.weight, x], |[grad, weight, x]| {
                grad * weight * ((x - mean) * inv_std)
            });
            let (slope, curve) = (slope / count, curve / count);
            let sums = self.grad_weight.iter_mut().zip(&mut *self.grad_bias);
            let values = x.iter().zip(grad).zip(self.weight);
            for ((grad_x, ((x, grad), weight)), (grad_weight, grad_bias)) in
                grad_x.iter_mut().zip(values).zip(sums)
            {
                let normal = (x - mean) * inv_std;
                *grad_x = (weight * grad - slope - normal * curve) * inv_std;
                *grad_weight += grad * normal;
                *grad_bias += grad;
            }
        }
    }
}

/// Mean of a row, and 1 / sqrt(variance + eps).
#[inline(always)]
fn moments(row: &[f32], eps: f32) -> (f32, f32) {
    let count = row.len() as f32;
    let mean = sum([row], |[x]| x);
    let mean = mean / count;
    let var = sum([row], |[x]| (x - mean) * (x - mean));
    (mean, 1.0 / (var / count + eps).sqrt())
}

/// The sum of `f` over rows of equal length, in 16 lanes, which vectorises.
#[inline(always)]
fn sum<const N: usize>(rows: [&[f32]; N], f: impl Fn([f32; N]) -> f32) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0f32; LANES];
    let chunks = rows.map(|row| row.as_chunks::<LANES>());
    let whole = chunks.map(|(whole, _)| &whole[..chunks[0].0.len()]);
    for index in 0..chunks[0].0.len() {
        let values = whole.map(|whole| whole[index]);
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum += f(values.map(|values| values[lane]));
        }
    }
    let rests = chunks.map(|(_, rest)| &rest[..chunks[0].1.len()]);
    for (lane, sum) in sums.iter_mut().enumerate().take(chunks[0].1.len()) {
        *sum += f(rests.map(|rest| rest[lane]));
    }
    sums.iter().sum()
}
