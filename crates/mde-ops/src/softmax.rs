//! Softmax over the last dimension, in one pass each way.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use crate::cpu;
use crate::exp::exp_m1;
use crate::trace::{self, Work};

/// `exp(x) / Σ exp(x)` over the last dimension of `x`.
///
/// # Errors
/// If `x` has no dimension, or an empty one.
pub fn softmax(x: &Tensor) -> Result<Tensor> {
    check(x)?;
    let _span = trace::forward("softmax", || Work::on(x));
    if crate::on_cpu_kernels(x) {
        x.contiguous()?.apply_op1(Softmax)
    } else {
        crate::plain::softmax(x)
    }
}

pub(crate) fn check(x: &Tensor) -> Result<()> {
    if x.rank() == 0 || x.elem_count() == 0 {
        candle_core::bail!(
            "softmax: {:?} has no last dimension, or an empty one",
            x.dims()
        );
    }
    Ok(())
}

struct Softmax;

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "mde-softmax"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = cpu::values(storage, layout)?;
        let length = layout.dims()[layout.dims().len() - 1];
        let mut out = vec![0.0; x.len()];
        out.par_chunks_mut(length)
            .zip(x.par_chunks(length))
            .for_each(|(out, x)| {
                let largest = x
                    .iter()
                    .fold(f32::NEG_INFINITY, |largest, x| largest.max(*x));
                for (out, x) in out.iter_mut().zip(x) {
                    *out = exp_m1(x - largest) + 1.0;
                }
                let scale = 1.0 / sum(out, |index| out[index]);
                for out in out.iter_mut() {
                    *out *= scale;
                }
            });
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    /// d x = y (g - Σ g y).
    fn bwd(&self, x: &Tensor, out: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let _span = trace::backward("softmax", || Work::on(x));
        let length = x.dim(candle_core::D::Minus1)?;
        let grad_x = cpu::with_values([out, grad], |[out, grad]| {
            let mut grad_x = vec![0.0; out.len()];
            grad_x
                .par_chunks_mut(length)
                .zip(out.par_chunks(length))
                .zip(grad.par_chunks(length))
                .for_each(|((grad_x, out), grad)| {
                    let mean = sum(out, |index| out[index] * grad[index]);
                    for ((grad_x, out), grad) in grad_x.iter_mut().zip(out).zip(grad) {
                        *grad_x = out * (grad - mean);
                    }
                });
            cpu::tensor(grad_x, x.shape())
        })?;
        Ok(Some(grad_x))
    }
}

/// The sum of `f` over the places of a row, in eight lanes, which vectorise.
fn sum(row: &[f32], f: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0f32; 8];
    let whole = row.len() / 8 * 8;
    for start in (0..whole).step_by(8) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += f(start + lane);
        }
    }
    lanes.iter().sum::<f32>() + (whole..row.len()).map(f).sum::<f32>()
}
