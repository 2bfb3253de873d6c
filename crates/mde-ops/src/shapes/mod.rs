//! Configurations, sizes and shape checks, shared by the CPU kernels, [`crate::device`] and
//! [`crate::plain`].

mod attention;
mod chain;
mod checks;
mod conv;
mod pixel_shuffle;
mod pool;

pub(crate) use attention::AttentionDims;
pub use chain::{Activations, BatchStats, ChainStage, Norm, Residual};
pub(crate) use chain::{StageMap, check_chain, shape_only};
pub(crate) use checks::{
    check_avg_pool, check_batch_norm, check_channels, check_doubling, check_layer_norm,
    check_linear, check_norm, check_resize, map_dims, on_cpu_kernels,
};
pub use conv::{ConvConfig, Padding};
pub(crate) use conv::{ConvDims, ResizedConvDims};
pub(crate) use pixel_shuffle::PixelShuffle;
pub use pool::PoolConfig;
