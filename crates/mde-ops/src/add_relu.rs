//! `max(x + y, 0)` in one pass: the end of a residual block.

use candle_core::{Result, Shape, Tensor};
use rayon::prelude::*;

use crate::affine::mask;
use crate::cpu::{self, CpuOp, Gradients, Output, Rectifier, apply2, rectify};
use crate::plain;
use crate::shapes::on_cpu_kernels;
use crate::trace::{self, Work};

/// `max(x + y, 0)` for two tensors of the same shape.
///
/// The gradient is 0 where the result is 0, as in PyTorch; candle's `relu` has 1 there.
///
/// # Errors
/// If the shapes differ.
pub fn add_relu(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    if x.dims() != y.dims() {
        candle_core::bail!(
            "add_relu: {:?} and {:?} must have one shape",
            x.dims(),
            y.dims()
        );
    }
    let _span = trace::forward("add_relu", || Work::elementwise(x));
    if on_cpu_kernels(x) {
        apply2(AddRelu, x, y)
    } else {
        plain::add_relu(x, y)
    }
}

struct AddRelu;

impl CpuOp<2> for AddRelu {
    const NAME: &'static str = "mde-add-relu";

    fn forward(&self, [x, y]: [&[f32]; 2], [shape, _]: [&Shape; 2]) -> Output {
        const RUN: usize = 1 << 14;
        let mut out = vec![0.0; x.len()];
        let runs = out
            .par_chunks_mut(RUN)
            .zip(x.par_chunks(RUN))
            .zip(y.par_chunks(RUN));
        runs.for_each(|((out, x), y)| {
            for ((out, x), y) in out.iter_mut().zip(x).zip(y) {
                *out = rectify(x + y);
            }
        });
        Ok((out, shape.clone()))
    }

    fn backward(&self, [x, _]: [&Tensor; 2], out: &Tensor, grad: &Tensor) -> Gradients<2> {
        let _span = trace::backward("add_relu", || Work::elementwise(x));
        cpu::with_values([out, grad], |[out, grad]| {
            let grad = cpu::tensor(mask(grad, out, Rectifier::Relu).into_owned(), x.shape())?;
            Ok([Some(grad.clone()), Some(grad)])
        })
    }
}
