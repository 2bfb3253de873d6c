//! Tests of the operations, one module each.
//!
//! The CPU kernels are compared with [`mde_ops::plain`] in f64, and `plain` with finite differences
//! and with the defining sums written out here. Neither candle's autograd nor the kernels vouch for
//! themselves.
#![allow(clippy::unwrap_used, missing_docs)]

mod gradient;

mod activation;
mod avg_pool;
mod batch_norm;
mod bin_pool;
mod conv;
mod conv_after_resize;
mod conv_norm;
mod device;
mod doubling;
mod norm_add_relu;
mod pixel_shuffle;
mod pool;
mod resize;
mod spans;
mod transformer;

mod bad_input;
mod candle_traps;
mod threads;
