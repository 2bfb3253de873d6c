//! Linear layer over the last dimension.

use candle_core::{DType, Result, Shape, Tensor};
use rayon::prelude::*;

use crate::cpu::{
    self, CpuOp, Finish, Gradients, Matrix, MatrixMut, Output, PANEL, Rows, Threads, apply3, gemm,
    multiply,
};
use crate::plain;
use crate::shapes::{check_linear, on_cpu_kernels};
use crate::trace::{self, Work};

/// `x weightᵀ + bias`: `x` [.., in], `weight` [out, in] and optional `bias` `[out]` give [.., out].
///
/// # Errors
/// If the shapes do not agree or a dimension is empty.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    check_linear(x, weight, bias)?;
    let _span = trace::forward("linear", || Work::linear(x, weight));
    if !on_cpu_kernels(x) {
        return plain::linear(x, weight, bias);
    }
    let bias = match bias {
        Some(bias) => bias.clone(),
        None => Tensor::zeros(weight.dim(0)?, DType::F32, x.device())?,
    };
    apply3(Linear, x, weight, &bias)
}

/// Rows per task.
const ROWS: usize = 96;
/// Rows per task of the gradient in the weight. A fixed number: each task computes its own sum.
const SUMMED_ROWS: usize = 768;

/// Packs `weight` `[out_size, input]` into `[panels, input, PANEL]`.
fn panels(weight: &[f32], out_size: usize, input: usize) -> Vec<f32> {
    let mut panels = vec![0.0; out_size.div_ceil(PANEL) * input * PANEL];
    for (out, row) in weight.chunks_exact(input).enumerate() {
        let panel = &mut panels[out / PANEL * input * PANEL + out % PANEL..];
        for (value, weight) in panel.iter_mut().step_by(PANEL).zip(row) {
            *value = *weight;
        }
    }
    panels
}

struct Linear;

impl CpuOp<3> for Linear {
    const NAME: &'static str = "mde-linear";

    fn forward(
        &self,
        [x, weight, bias]: [&[f32]; 3],
        [shape, weight_shape, _]: [&Shape; 3],
    ) -> Output {
        let (out_size, input) = weight_shape.dims2()?;
        let panels = panels(weight, out_size, input);
        let mut out = vec![0.0; x.len() / input * out_size];
        out.par_chunks_mut(ROWS * out_size)
            .zip(x.par_chunks(ROWS * input))
            .for_each(|(out, x)| {
                let count = x.len() / input;
                let rows = Rows::new(x, count, input);
                let mut tile = MatrixMut::new(out, count, out_size);
                for (index, panel) in panels.chunks_exact(input * PANEL).enumerate() {
                    let first = index * PANEL;
                    let width = PANEL.min(out_size - first);
                    multiply(rows, panel, width, &mut tile, first, Finish::default());
                }
                for row in out.chunks_exact_mut(out_size) {
                    for (value, bias) in row.iter_mut().zip(bias) {
                        *value += bias;
                    }
                }
            });
        let mut dims = shape.dims().to_vec();
        if let Some(last) = dims.last_mut() {
            *last = out_size;
        }
        Ok((out, dims.into()))
    }

    fn backward(
        &self,
        [x, weight, bias]: [&Tensor; 3],
        _out: &Tensor,
        grad: &Tensor,
    ) -> Gradients<3> {
        let _span = trace::backward("linear", || Work::linear(x, weight).both_gradients());
        let (out_size, input) = weight.dims2()?;
        cpu::with_values([x, weight, grad], |[x_values, weight_values, grad]| {
            let mut grad_x = vec![0.0; x_values.len()];
            grad_x
                .par_chunks_mut(ROWS * input)
                .zip(grad.par_chunks(ROWS * out_size))
                .for_each(|(grad_x, grad)| {
                    let rows = grad.len() / out_size;
                    gemm(
                        MatrixMut::new(grad_x, rows, input),
                        Matrix::new(grad, rows, out_size),
                        Matrix::new(weight_values, out_size, input),
                        false,
                        Threads::One,
                    );
                });
            let parts: Vec<Vec<f32>> = x_values
                .par_chunks(SUMMED_ROWS * input)
                .zip(grad.par_chunks(SUMMED_ROWS * out_size))
                .map(|(x, grad)| {
                    let rows = grad.len() / out_size;
                    let mut sums = vec![0.0; out_size * (input + 1)];
                    let (grad_weight, grad_bias) = sums.split_at_mut(out_size * input);
                    gemm(
                        MatrixMut::new(grad_weight, out_size, input),
                        Matrix::new(grad, rows, out_size).t(),
                        Matrix::new(x, rows, input),
                        false,
                        Threads::One,
                    );
                    for row in grad.chunks_exact(out_size) {
                        for (sum, value) in grad_bias.iter_mut().zip(row) {
                            *sum += value;
                        }
                    }
                    sums
                })
                .collect();
            let mut grads = cpu::sum(&parts);
            let grad_bias = grads.split_off(out_size * input);
            let grad_bias = bias
                .track_op()
                .then(|| cpu::tensor(grad_bias, out_size))
                .transpose()?;
            Ok([
                Some(cpu::tensor(grad_x, x.shape())?),
                Some(cpu::tensor(grads, weight.shape())?),
                grad_bias,
            ])
        })
    }
}
