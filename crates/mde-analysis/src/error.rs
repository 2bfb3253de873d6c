//! The crate's error type.

/// Why a network could not be analysed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnalysisError {
    /// A metric cannot be computed for an image.
    #[error("image {id}: {source}")]
    Image {
        /// The image.
        id: String,
        /// The reason.
        source: mde_metrics::MetricsError,
    },
    /// No image has a valid pixel.
    #[error(
        "none of the {images} images has a pixel whose depth the protocol {protocol} accepts: check \
         the depth maps, their encoding and the protocol"
    )]
    NothingToEvaluate {
        /// Number of images.
        images: usize,
        /// Name of the protocol.
        protocol: String,
    },
    /// A layer is requested twice.
    #[error("layer {name:?} is named twice; name each layer once")]
    LayerTwice {
        /// The layer.
        name: String,
    },
    /// No pixel of any image lies in a bin.
    #[error(
        "none of the {images} images has valid depth in the bins of layer {layer:?}: check the depth \
         maps and their encoding"
    )]
    NothingToDissect {
        /// Number of images.
        images: usize,
        /// The layer.
        layer: String,
    },
    /// A layer's maps differ in size between images, so depth maps cannot be permuted among them.
    #[error(
        "image {id}: the maps of layer {layer:?} are {found} (height x width), those of the first \
         image {expected}; the chance level needs maps of one size: dissect with 0 permutations"
    )]
    OtherMaps {
        /// The image.
        id: String,
        /// The layer.
        layer: String,
        /// Size of the first image's maps.
        expected: mde_metrics::ImageSize,
        /// Size of this image's maps.
        found: mde_metrics::ImageSize,
    },
    /// The passes over the data differ in their number of images.
    #[error(
        "the first pass over the data had {images} images and the second has another number; do not \
         change the data while it is dissected"
    )]
    OtherImages {
        /// Number of images in the first pass.
        images: usize,
    },
    /// A layer's dissection is of another network, or damaged.
    #[error(
        "the dissection of layer {layer:?} has {found} units where the network has {units}, or it is \
         damaged; dissect again"
    )]
    Dissection {
        /// The layer.
        layer: String,
        /// Number of units in the network.
        units: usize,
        /// Number of units in the dissection.
        found: usize,
    },
    /// An ablation without random orders to compare with.
    #[error("an ablation compares with random orders of removal; set at least one")]
    NoRandomOrder,
    /// A requested unit does not exist.
    #[error("layer {layer} has units 0 to {}, not {unit}", .units - 1)]
    UnknownUnit {
        /// The layer.
        layer: String,
        /// The unit.
        unit: usize,
        /// Number of units in the layer.
        units: usize,
    },
    /// The predicted depth is infinite or NaN.
    #[error(
        "the predicted depth is not finite: the weights are damaged, or training has diverged; use \
         other weights"
    )]
    NonFiniteDepth,
    /// Bins, tallies or an assignment do not fit together.
    #[error(transparent)]
    Metrics(#[from] mde_metrics::MetricsError),
    /// The network has no such layer.
    #[error(transparent)]
    Model(#[from] mde_models::ModelError),
    /// A sample could not be loaded.
    #[error(transparent)]
    Data(BoxError),
    /// Results could not be serialised.
    #[error(transparent)]
    Results(#[from] mde_results::ResultsError),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// The error type of batches, into which the errors of every data set convert.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An [`AnalysisError::Data`].
pub(crate) fn data_error(error: impl Into<BoxError>) -> AnalysisError {
    AnalysisError::Data(error.into())
}
