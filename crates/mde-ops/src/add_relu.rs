//! `max(x + y, 0)` in one pass: the end of a residual block.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use crate::affine::mask;
use crate::cpu::{self, rectify};
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
        x.contiguous()?.apply_op2(&y.contiguous()?, AddRelu)
    } else {
        plain::add_relu(x, y)
    }
}

struct AddRelu;

impl CustomOp2 for AddRelu {
    fn name(&self) -> &'static str {
        "mde-add-relu"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        const RUN: usize = 1 << 14;
        let (x, y) = (cpu::values(x, x_layout)?, cpu::values(y, y_layout)?);
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
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        _y: &Tensor,
        out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let _span = trace::backward("add_relu", || Work::elementwise(x));
        cpu::with_values([out, grad], |[out, grad]| {
            let grad = cpu::tensor(mask(grad, out, true).into_owned(), x.shape())?;
            Ok((Some(grad.clone()), Some(grad)))
        })
    }
}
