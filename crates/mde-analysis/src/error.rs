//! What can go wrong in an analysis.

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnalysisError {
    /// An image's prediction or ground truth cannot be compared.
    #[error("image {id}: {source}")]
    Image {
        /// The image.
        id: String,
        /// Why.
        source: mde_metrics::MetricsError,
    },
    /// No image has a valid pixel.
    #[error(
        "none of the {images} images has a pixel whose depth the protocol {protocol} accepts: check the depth maps, their encoding \
         and the protocol"
    )]
    NothingToEvaluate {
        /// Images seen.
        images: usize,
        /// The protocol.
        protocol: String,
    },
    /// A layer is asked for twice.
    #[error("layer {name:?} is named twice; name each layer once")]
    LayerTwice {
        /// The layer.
        name: String,
    },
    /// No pixel of any image lies in a bin.
    #[error(
        "none of the {images} images has a measured depth in the bins of layer {layer:?}: check the depth maps and their encoding"
    )]
    NothingToDissect {
        /// Images seen.
        images: usize,
        /// The layer.
        layer: String,
    },
    /// A layer's maps differ in size, so that an image cannot be given another's depth.
    #[error(
        "image {id}: the maps of layer {layer:?} are {found} (height x width), those of the first image {expected}; chance is measured by          giving images each other's depth maps, which needs maps of one size: dissect with 0 permutations"
    )]
    OtherMaps {
        /// The image.
        id: String,
        /// The layer.
        layer: String,
        /// The size of the first image's maps.
        expected: mde_metrics::ImageSize,
        /// The size of this image's.
        found: mde_metrics::ImageSize,
    },
    /// The images of a second pass are more or fewer than those of the first.
    #[error(
        "the first pass over the data had {images} images and the second has another number; do not change the data meanwhile"
    )]
    OtherImages {
        /// Images of the first pass.
        images: usize,
    },
    /// A layer's dissection is not of this network, or not whole.
    #[error(
        "the dissection of layer {layer:?} is not of this network, whose layer has {units} units, or it is damaged (it says {found} units); dissect again"
    )]
    Dissection {
        /// The layer.
        layer: String,
        /// Its units in the network.
        units: usize,
        /// Its units in the dissection.
        found: usize,
    },
    /// An ablation without anything to compare with.
    #[error("an ablation compares with units removed at random: ask for at least one random order")]
    NoRandomOrder,
    /// A unit is asked for that its layer does not have.
    #[error("layer {layer} has the units 0 to {}, and no unit {unit}", .units - 1)]
    UnknownUnit {
        /// The layer.
        layer: String,
        /// The unit.
        unit: usize,
        /// Units that the layer has.
        units: usize,
    },
    /// A network's depth is no number.
    #[error(
        "the network's depth is not finite: its weights are damaged, or it was not trained to the end"
    )]
    NoDepth,
    /// Bins, tallies or an assignment do not fit.
    #[error(transparent)]
    Metrics(#[from] mde_metrics::MetricsError),
    /// The network has no such layer.
    #[error(transparent)]
    Model(#[from] mde_models::ModelError),
    /// A sample could not be loaded.
    #[error(transparent)]
    Data(BoxError),
    /// Results could not be put into their files' formats.
    #[error(transparent)]
    Results(#[from] mde_results::ResultsError),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// The error of a batch: that of any data set.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A batch could not be loaded.
pub(crate) fn data_error(error: impl Into<BoxError>) -> AnalysisError {
    AnalysisError::Data(error.into())
}
