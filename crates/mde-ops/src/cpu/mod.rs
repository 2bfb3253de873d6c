//! What the CPU kernels share: values of tensors, matrix products, vectorised loops, scratch
//! memory.

mod gemm;
pub(crate) mod im2col;
pub(crate) mod lerp;
mod op;
mod panel;
mod scratch;
mod simd;
mod values;

pub(crate) use gemm::{Matrix, MatrixMut, Threads, for_each_tile, gemm};
pub(crate) use op::{CpuOp, Gradients, Output, apply1, apply2, apply3};
pub(crate) use panel::{Finish, PANEL, Rows, multiply};
pub(crate) use scratch::with_scratch;
pub use simd::Rectifier;
pub(crate) use simd::{Kernel, rectify, vectorised};
pub(crate) use values::{sum, tensor, transpose, with_values};
