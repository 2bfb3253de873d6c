//! ReLU and ELU, with PyTorch's gradient everywhere, including at 0. One pass each.

use candle_core::{Result, Shape, Tensor};
use rayon::prelude::*;

use crate::cpu::{self, CpuOp, Gradients, Kernel, Output, apply1, rectify, vectorised};
use crate::exp::exp_m1;
use crate::plain;
use crate::shapes::on_cpu_kernels;
use crate::trace::{self, Work};

/// `max(x, 0)` for any shape. A NaN stays NaN.
///
/// The gradient at 0 is 0, as in PyTorch; candle's `relu` has 1 there.
///
/// # Errors
/// If the device fails.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    let _span = trace::forward("relu", || Work::elementwise(x));
    if on_cpu_kernels(x) {
        apply1(Activation::Relu, x)
    } else {
        plain::relu(x)
    }
}

/// `x` where positive, otherwise `exp(x) - 1`, for any shape (Clevert et al. 2016, α = 1).
///
/// # Errors
/// If the device fails.
pub fn elu(x: &Tensor) -> Result<Tensor> {
    let _span = trace::forward("elu", || Work::elementwise(x));
    if on_cpu_kernels(x) {
        apply1(Activation::Elu, x)
    } else {
        plain::elu(x)
    }
}

#[derive(Debug, Clone, Copy)]
enum Activation {
    Relu,
    Elu,
}

impl Activation {
    fn op(self) -> &'static str {
        match self {
            Activation::Relu => "relu",
            Activation::Elu => "elu",
        }
    }
}

impl CpuOp<1> for Activation {
    const NAME: &'static str = "mde-activation";

    fn forward(&self, [x]: [&[f32]; 1], [shape]: [&Shape; 1]) -> Output {
        let out = match self {
            Activation::Relu => map([x], |[x]| rectify(x)),
            Activation::Elu => map([x], |[x]| if x > 0.0 { x } else { exp_m1(x) }),
        };
        Ok((out, shape.clone()))
    }

    /// The slope follows from the output: that of ELU is exp(x) = out + 1 where x is not positive.
    fn backward(&self, [x]: [&Tensor; 1], out: &Tensor, grad: &Tensor) -> Gradients<1> {
        let _span = trace::backward(self.op(), || Work::elementwise(x));
        let grad_x = cpu::with_values([out, grad], |operands| {
            let grad_x = match self {
                Activation::Relu => map(operands, |[out, grad]| if out > 0.0 { grad } else { 0.0 }),
                Activation::Elu => map(operands, |[out, grad]| {
                    grad * if out > 0.0 { 1.0 } else { out + 1.0 }
                }),
            };
            cpu::tensor(grad_x, x.shape())
        })?;
        Ok([Some(grad_x)])
    }
}

/// Applies `f` to the N operands element by element.
fn map<const N: usize>(operands: [&[f32]; N], f: impl Fn([f32; N]) -> f32 + Sync) -> Vec<f32> {
    const RUN: usize = 1 << 14;
    let mut out = vec![0.0; operands[0].len()];
    out.par_chunks_mut(RUN).enumerate().for_each(|(run, out)| {
        // Slices of equal length need no bounds checks in the loop.
        let operands = operands.map(|values| &values[run * RUN..][..out.len()]);
        vectorised(Map {
            operands,
            f: &f,
            out,
        });
    });
    out
}

struct Map<'a, F, const N: usize> {
    operands: [&'a [f32]; N],
    f: &'a F,
    out: &'a mut [f32],
}

impl<F: Fn([f32; N]) -> f32, const N: usize> Kernel for Map<'_, F, N> {
    #[inline(always)]
    fn run<S: pulp::Simd>(self, _simd: S) {
        for (index, out) in self.out.iter_mut().enumerate() {
            *out = (self.f)(self.operands.map(|values| values[index]));
        }
    }
}
