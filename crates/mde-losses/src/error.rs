//! What can go wrong in a loss.

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LossError {
    /// Prediction and ground truth are not both [B, 1, H, W].
    #[error("prediction {pred:?} and ground truth {gt:?} must have one shape [B, 1, H, W]")]
    Shapes {
        /// Shape of the prediction.
        pred: Vec<usize>,
        /// Shape of the ground truth.
        gt: Vec<usize>,
    },
    /// No pixel of the batch has a measured depth.
    #[error(
        "no pixel of the batch has a depth beyond {min_depth} m: check the depth maps and their encoding"
    )]
    NoValidDepth {
        /// Depths up to this one do not count.
        min_depth: f64,
    },
    /// Features, ground truth and assignment do not fit together.
    #[error(
        "features {features:?}, ground truth {gt:?} and an assignment of {units} units to {bins} bins do not fit together"
    )]
    Assignment {
        /// Shape of the features.
        features: Vec<usize>,
        /// Shape of the ground truth.
        gt: Vec<usize>,
        /// Units of the assignment.
        units: usize,
        /// Bins of the assignment.
        bins: usize,
    },
    /// The bins could not be pooled.
    #[error(transparent)]
    Metrics(#[from] mde_metrics::MetricsError),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}
