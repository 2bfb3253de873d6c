//! The differentiable operations that depth networks need and that candle lacks, gets wrong in the
//! backward pass, or has too slow on a CPU.
//!
//! Why this crate exists: candle 0.11.1 has no backward for bilinear upsampling nor for max-pooling
//! whose kernel and stride differ, its strided convolution fails in the backward pass where height
//! and width want different output padding, and its CPU convolution runs far below the machine's
//! matrix product. A training step of the networks of this workspace needs all of them.
//!
//! Every operation comes twice:
//! - a CPU kernel for `f32` behind a [`candle_core::CustomOp2`] or the like, with a hand-written backward (or, where an
//!   identity turns it into another operation of this crate, that one);
//! - a [`plain`] path made of candle's own differentiable primitives, for every other device and
//!   type. The tests hold the first to the second.
//!
//! A few come a third time in [`device`], where `plain` would waste a GPU. The public functions choose. Tensors are
//! `[B, C, H, W]`.
//!
//! Every pass of an operation is a `tracing` span, from which `mde profile` makes its table: level TRACE, target `mde_ops`,
//! fields `op`, `pass`, `shape`, `bytes` and `flops`. The gradient of what is made of other operations, here or in [`plain`], is
//! that of its parts, and candle's own have no spans.

#![doc = include_str!("../README.md")]

mod activation;
mod add_relu;
mod affine;
mod attention;
mod avg_pool;
mod batch_norm;
mod bin_pool;
mod conv;
mod conv_after_nearest;
mod conv_after_resize;
mod conv_norm;
mod conv_transpose;
mod cpu;
pub mod device;
mod exp;
mod layer_norm;
mod linear;
mod norm;
mod norm_add_relu;
mod phases;
mod pixel_shuffle;
pub mod plain;
mod pool;
mod resize;
mod shapes;
mod trace;

pub use activation::{elu, relu};
pub use add_relu::add_relu;
pub use affine::channel_affine;
pub use attention::attention;
pub use avg_pool::avg_pool2x2;
pub use batch_norm::{batch_norm_affine, batch_norm_train};
pub use bin_pool::bin_pool;
pub use conv::{conv2d, conv2d_affine};
pub use conv_after_nearest::conv_after_nearest2x;
pub use conv_after_resize::conv_after_resize;
pub use conv_norm::conv_norm_chain;
pub use conv_transpose::conv_transpose2x;
pub use layer_norm::layer_norm;
pub use linear::linear;
pub use norm_add_relu::norm_add_relu;
pub use pixel_shuffle::pixel_shuffle;
pub use pool::max_pool2d;
pub use resize::resize_bilinear;
pub use shapes::{Activations, BatchStats, ChainStage, ConvConfig, Norm, PoolConfig, Residual};
