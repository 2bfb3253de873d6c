//! Errors of the losses.

use mde_metrics::ImageSize;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LossError {
    /// Prediction and ground truth are not both [B, 1, H, W].
    #[error("prediction {pred:?} and ground truth {gt:?} must have the same shape [B, 1, H, W]")]
    Shapes {
        /// Shape of the prediction.
        pred: Vec<usize>,
        /// Shape of the ground truth.
        gt: Vec<usize>,
    },
    /// The ground truth is not [B, 1, H, W].
    #[error("ground truth {gt:?} must have the shape [B, 1, H, W]")]
    GroundTruth {
        /// Shape of the ground truth.
        gt: Vec<usize>,
    },
    /// The batch has no valid depth.
    #[error(
        "no pixel of the batch has a depth above {min_depth} m: \
         check the depth maps and their encoding"
    )]
    NoValidDepth {
        /// Depths up to this one are invalid, in metres.
        min_depth: f64,
    },
    /// Features, pooling weights and assignment do not agree.
    #[error(
        "features {features:?} and an assignment of {units} units to {bins} bins do not match \
         ground truth {gt:?} pooled to {}x{} in {depth_bins} bins (at least 2): \
         batch, size, units and bins must agree",
        feature_size.height,
        feature_size.width
    )]
    Assignment {
        /// Shape of the features.
        features: Vec<usize>,
        /// Shape of the ground truth.
        gt: Vec<usize>,
        /// Feature size that the pooling weights fit.
        feature_size: ImageSize,
        /// Number of depth bins of the pooling weights.
        depth_bins: usize,
        /// Number of units of the assignment.
        units: usize,
        /// Number of bins of the assignment.
        bins: usize,
    },
    /// The depth bins could not be pooled.
    #[error(transparent)]
    Metrics(#[from] mde_metrics::MetricsError),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}
