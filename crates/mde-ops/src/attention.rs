//! Scaled dot-product attention (Vaswani et al. 2017, "Attention is all you need").
//!
//! Each task handles one sequence. It keeps the scores of one query at a time; the backward pass
//! computes them again.

use candle_core::{Result, Shape, Tensor};
use pulp::Simd;
use rayon::prelude::*;

use crate::cpu::{
    self, CpuOp, Gradients, Kernel, Output, apply1, transpose, vectorised, with_scratch,
};
use crate::exp::exp_m1;
use crate::plain;
use crate::shapes::{AttentionDims, on_cpu_kernels};
use crate::trace::{self, Work};

/// `softmax(Q Kᵀ / sqrt(d)) V` in each head.
///
/// `qkv` [N, tokens, 3 heads d] gives [N, tokens, heads d]. The last dimension holds the queries of
/// all heads, then the keys, then the values; the d values of a head are adjacent.
///
/// # Errors
/// If `qkv` is not three-dimensional, has an empty dimension, or its last dimension is not a
/// multiple of 3 `heads`.
pub fn attention(qkv: &Tensor, heads: usize) -> Result<Tensor> {
    let sizes = AttentionDims::new(qkv, heads)?;
    let _span = trace::forward("attention", || Work::attention(qkv, heads));
    if on_cpu_kernels(qkv) {
        apply1(Attention { sizes }, qkv)
    } else {
        plain::attention(qkv, heads)
    }
}

impl AttentionDims {
    fn out_shape(&self) -> (usize, usize, usize) {
        (self.sequences, self.tokens, self.heads * self.head)
    }

    /// Values of `qkv` for one token.
    fn token(&self) -> usize {
        3 * self.heads * self.head
    }

    /// Factor of the scores, 1 / sqrt(d).
    fn scale(&self) -> f32 {
        (self.head as f64).powf(-0.5) as f32
    }

    /// Number of tokens, rounded up to whole vectors of any processor. The padding is 0 and gets no
    /// weight.
    fn row(&self) -> usize {
        self.tokens.next_multiple_of(16)
    }

    /// Copies the values of one head and kind (0 queries, 1 keys, 2 values) to `out` `[head, row]`.
    #[inline(always)]
    fn columns(&self, qkv: &[f32], kind: usize, head: usize, out: &mut [f32]) {
        let first = (kind * self.heads + head) * self.head;
        out.fill(0.0);
        for (token, values) in qkv.chunks_exact(self.token()).enumerate() {
            let values = &values[first..first + self.head];
            for (row, value) in out.chunks_exact_mut(self.row()).zip(values) {
                row[token] = *value;
            }
        }
    }
}

struct Attention {
    sizes: AttentionDims,
}

impl CpuOp<1> for Attention {
    const NAME: &'static str = "mde-attention";

    fn forward(&self, [qkv]: [&[f32]; 1], _: [&Shape; 1]) -> Output {
        let sizes = self.sizes;
        let mut out = vec![0.0; qkv.len() / 3];
        out.par_chunks_exact_mut(sizes.tokens * sizes.token() / 3)
            .zip(qkv.par_chunks_exact(sizes.tokens * sizes.token()))
            .for_each(|(out, qkv)| {
                let columns = sizes.head * sizes.row();
                with_scratch(
                    [columns, columns, sizes.row(), sizes.head],
                    |[keys, values, weights, query]| {
                        vectorised(Forward {
                            sizes,
                            qkv,
                            keys,
                            values,
                            weights,
                            query,
                            out,
                        });
                    },
                );
            });
        Ok((out, sizes.out_shape().into()))
    }

    fn backward(&self, [x]: [&Tensor; 1], _out: &Tensor, grad: &Tensor) -> Gradients<1> {
        let sizes = self.sizes;
        let work = || Work::attention(x, sizes.heads).both_gradients();
        let _span = trace::backward("attention", work);
        let grad_qkv = cpu::with_values([x, grad], |[qkv, grad]| {
            let mut grad_qkv = vec![0.0; qkv.len()];
            grad_qkv
                .par_chunks_exact_mut(sizes.tokens * sizes.token())
                .zip(qkv.par_chunks_exact(sizes.tokens * sizes.token()))
                .zip(grad.par_chunks_exact(sizes.tokens * sizes.token() / 3))
                .for_each(|((grad_qkv, qkv), grad)| {
                    let columns = sizes.head * sizes.row();
                    with_scratch(
                        [
                            columns,
                            columns,
                            2 * columns,
                            2 * sizes.row(),
                            sizes.head,
                            columns,
                        ],
                        |[keys, values, grads, rows, query, transposed]| {
                            let (grad_keys, grad_values) = grads.split_at_mut(columns);
                            let (weights, slopes) = rows.split_at_mut(sizes.row());
                            vectorised(Backward {
                                sizes,
                                qkv,
                                grad,
                                keys,
                                values,
                                grad_keys,
                                grad_values,
                                weights,
                                slopes,
                                query,
                                transposed,
                                grad_qkv,
                            });
                        },
                    );
                });
            cpu::tensor(grad_qkv, x.shape())
        })?;
        Ok([Some(grad_qkv)])
    }
}

struct Forward<'a> {
    sizes: AttentionDims,
    /// One sequence.
    qkv: &'a [f32],
    keys: &'a mut [f32],
    values: &'a mut [f32],
    weights: &'a mut [f32],
    query: &'a mut [f32],
    out: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let sizes = self.sizes;
        for head in 0..sizes.heads {
            sizes.columns(self.qkv, 1, head, self.keys);
            sizes.columns(self.qkv, 2, head, self.values);
            let tokens = self.qkv.chunks_exact(sizes.token());
            let outs = self.out.chunks_exact_mut(sizes.heads * sizes.head);
            for (token, out) in tokens.zip(outs) {
                let query = &token[head * sizes.head..][..sizes.head];
                let scale = attend(simd, sizes, query, self.keys, self.query, self.weights);
                let out = &mut out[head * sizes.head..][..sizes.head];
                dots(simd, self.weights, self.values, scale, out);
            }
        }
    }
}

struct Backward<'a> {
    sizes: AttentionDims,
    /// One sequence.
    qkv: &'a [f32],
    grad: &'a [f32],
    keys: &'a mut [f32],
    values: &'a mut [f32],
    grad_keys: &'a mut [f32],
    grad_values: &'a mut [f32],
    weights: &'a mut [f32],
    slopes: &'a mut [f32],
    query: &'a mut [f32],
    transposed: &'a mut [f32],
    grad_qkv: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    /// With weights p, scores s and output o = Σ p v: d v = p g, d p = g v, d s = p (d p - Σ p d
    /// p), d q = scale d s k, d k = scale d s q.
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let sizes = self.sizes;
        for head in 0..sizes.heads {
            sizes.columns(self.qkv, 1, head, self.keys);
            sizes.columns(self.qkv, 2, head, self.values);
            self.grad_keys.fill(0.0);
            self.grad_values.fill(0.0);
            let own = head * sizes.head..(head + 1) * sizes.head;
            let tokens = self.qkv.chunks_exact(sizes.token());
            let grads = self.grad.chunks_exact(sizes.heads * sizes.head);
            let grad_tokens = self.grad_qkv.chunks_exact_mut(sizes.token());
            for ((token, grad), grad_token) in tokens.zip(grads).zip(grad_tokens) {
                let (query, grad) = (&token[own.clone()], &grad[own.clone()]);
                let scale = attend(simd, sizes, query, self.keys, self.query, self.weights);
                for weight in self.weights.iter_mut() {
                    *weight *= scale;
                }
                add_outer(simd, grad, self.weights, self.grad_values);
                combine(simd, grad, self.values, self.slopes);
                let mut mean = [0.0];
                dots(simd, self.weights, self.slopes, 1.0, &mut mean);
                for (slope, weight) in self.slopes.iter_mut().zip(&*self.weights) {
                    *slope = weight * (*slope - mean[0]);
                }
                dots(
                    simd,
                    self.slopes,
                    self.keys,
                    sizes.scale(),
                    &mut grad_token[own.clone()],
                );
                add_outer(simd, self.query, self.slopes, self.grad_keys);
            }
            for (kind, columns) in [(1, &*self.grad_keys), (2, &*self.grad_values)] {
                transpose(columns, sizes.head, self.transposed);
                let first = (kind * sizes.heads + head) * sizes.head;
                let tokens = self.grad_qkv.chunks_exact_mut(sizes.token());
                for (token, values) in tokens.zip(self.transposed.chunks_exact(sizes.head)) {
                    token[first..first + sizes.head].copy_from_slice(values);
                }
            }
        }
    }
}

/// Computes the unnormalised softmax weights of all tokens for one query, and returns the factor
/// that normalises them. Leaves the scaled query in `scaled`.
#[inline(always)]
fn attend<S: Simd>(
    simd: S,
    sizes: AttentionDims,
    query: &[f32],
    keys: &[f32],
    scaled: &mut [f32],
    weights: &mut [f32],
) -> f32 {
    for (scaled, query) in scaled.iter_mut().zip(query) {
        *scaled = query * sizes.scale();
    }
    combine(simd, scaled, keys, weights);
    weights[sizes.tokens..].fill(f32::NEG_INFINITY);
    let vectors = S::as_simd_f32s(weights).0;
    let mut largest = simd.splat_f32s(f32::NEG_INFINITY);
    for scores in vectors {
        largest = simd.max_f32s(*scores, largest);
    }
    let largest = simd.reduce_max_f32s(largest);
    for weight in weights.iter_mut() {
        *weight = exp_m1(*weight - largest) + 1.0;
    }
    let mut sum = simd.splat_f32s(0.0);
    for weights in S::as_simd_f32s(weights).0 {
        sum = simd.add_f32s(sum, *weights);
    }
    1.0 / simd.reduce_sum_f32s(sum)
}

/// `out = Σ factors[i] rows[i]`; rows have the length of `out`.
#[inline(always)]
fn combine<S: Simd>(simd: S, factors: &[f32], rows: &[f32], out: &mut [f32]) {
    let length = out.len();
    let out = S::as_mut_simd_f32s(out).0;
    let mut quads = out.chunks_exact_mut(4);
    let mut start = 0;
    for quad in &mut quads {
        let mut sums = [simd.splat_f32s(0.0); 4];
        for (factor, row) in factors.iter().zip(rows.chunks_exact(length)) {
            let (row, factor) = (S::as_simd_f32s(row).0, simd.splat_f32s(*factor));
            for (sum, value) in sums.iter_mut().zip(&row[start..start + 4]) {
                *sum = simd.mul_add_f32s(factor, *value, *sum);
            }
        }
        quad.copy_from_slice(&sums);
        start += 4;
    }
    for (index, out) in quads.into_remainder().iter_mut().enumerate() {
        let mut sum = simd.splat_f32s(0.0);
        for (factor, row) in factors.iter().zip(rows.chunks_exact(length)) {
            let value = S::as_simd_f32s(row).0[start + index];
            sum = simd.mul_add_f32s(simd.splat_f32s(*factor), value, sum);
        }
        *out = sum;
    }
}

/// `out[i] = scale <values, rows[i]>`; rows have the length of `values`.
#[inline(always)]
fn dots<S: Simd>(simd: S, values: &[f32], rows: &[f32], scale: f32, out: &mut [f32]) {
    let vectors = S::as_simd_f32s(values).0;
    let mut rows = rows.chunks_exact(values.len());
    // Four rows at a time, whose sums are independent of each other.
    for out in out.chunks_mut(4) {
        let mut sums = [simd.splat_f32s(0.0); 4];
        let four: [&[f32]; 4] = std::array::from_fn(|i| {
            if i < out.len() {
                rows.next().unwrap_or(values)
            } else {
                values
            }
        });
        let four = four.map(|row| &S::as_simd_f32s(row).0[..vectors.len()]);
        for (index, value) in vectors.iter().enumerate() {
            for (sum, row) in sums.iter_mut().zip(four) {
                *sum = simd.mul_add_f32s(*value, row[index], *sum);
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = scale * simd.reduce_sum_f32s(sum);
        }
    }
}

/// `rows[i] += factors[i] values`; rows have the length of `values`.
#[inline(always)]
fn add_outer<S: Simd>(simd: S, factors: &[f32], values: &[f32], rows: &mut [f32]) {
    let vectors = S::as_simd_f32s(values).0;
    for (factor, row) in factors.iter().zip(rows.chunks_exact_mut(values.len())) {
        let factor = simd.splat_f32s(*factor);
        for (value, row) in vectors.iter().zip(S::as_mut_simd_f32s(row).0) {
            *row = simd.mul_add_f32s(factor, *value, *row);
        }
    }
}
