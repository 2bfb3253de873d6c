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
pub use cpu::Rectifier;
pub use layer_norm::layer_norm;
pub use linear::linear;
pub use norm_add_relu::norm_add_relu;
pub use pixel_shuffle::pixel_shuffle;
pub use pool::max_pool2d;
pub use resize::resize_bilinear;
pub use shapes::{
    Activations, BatchStats, ChainStage, ConvConfig, Norm, Padding, PoolConfig, Residual,
};
