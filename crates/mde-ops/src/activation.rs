//! ReLU and ELU with PyTorch's gradient at every point, 0 included, each in one pass.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use crate::cpu;

/// `max(x, 0)`, of any shape, with gradient 0 at 0 as in PyTorch (candle's `relu` has 1 there). A NaN stays.
///
/// # Errors
/// If the device fails.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    if crate::on_cpu_kernels(x) {
        x.contiguous()?.apply_op1(Activation::Relu)
    } else {
        crate::plain::relu(x)
    }
}

/// `x` where positive, else `exp(x) - 1`, of any shape (Clevert et al. 2016, α = 1).
///
/// # Errors
/// If the device fails.
pub fn elu(x: &Tensor) -> Result<Tensor> {
    if crate::on_cpu_kernels(x) {
        x.contiguous()?.apply_op1(Activation::Elu)
    } else {
        crate::plain::elu(x)
    }
}

/// Values of one task.
const RUN: usize = 1 << 14;

#[derive(Debug, Clone, Copy)]
enum Activation {
    Relu,
    Elu,
}

impl Activation {
    fn value(self, x: f32) -> f32 {
        match self {
            // Not `max`: a NaN must stay visible.
            Activation::Relu if x < 0.0 => 0.0,
            Activation::Elu if x <= 0.0 => x.exp_m1(),
            _ => x,
        }
    }

    /// The slope where the function has this value.
    fn slope(self, value: f32) -> f32 {
        match self {
            _ if value > 0.0 => 1.0,
            Activation::Relu => 0.0,
            Activation::Elu => value + 1.0,
        }
    }
}

impl CustomOp1 for Activation {
    fn name(&self) -> &'static str {
        match self {
            Activation::Relu => "mde-relu",
            Activation::Elu => "mde-elu",
        }
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = cpu::values(storage, layout)?;
        let mut out = vec![0.0; x.len()];
        out.par_chunks_mut(RUN)
            .zip(x.par_chunks(RUN))
            .for_each(|(out, x)| {
                for (out, x) in out.iter_mut().zip(x) {
                    *out = self.value(*x);
                }
            });
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, out: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let grad_x = cpu::with_values([out, grad], |[out, grad]| {
            let mut grad_x = vec![0.0; out.len()];
            grad_x
                .par_chunks_mut(RUN)
                .zip(out.par_chunks(RUN))
                .zip(grad.par_chunks(RUN))
                .for_each(|((grad_x, out), grad)| {
                    for ((grad_x, out), grad) in grad_x.iter_mut().zip(out).zip(grad) {
                        *grad_x = self.slope(*out) * grad;
                    }
                });
            cpu::tensor(grad_x, x.shape())
        })?;
        Ok(Some(grad_x))
    }
}
