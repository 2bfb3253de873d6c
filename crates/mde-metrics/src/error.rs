//! The error type.

use crate::ImageSize;

/// Errors of this crate. Sizes are height x width.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// The length of a buffer does not match its shape.
    #[error(
        "{what}: expected {maps} x {size} values (at least one pixel), found {found}; \
         check the shape passed with the buffer"
    )]
    Length {
        /// The buffer.
        what: &'static str,
        /// Expected number of maps.
        maps: usize,
        /// Size of one map.
        size: ImageSize,
        /// Length of the buffer.
        found: usize,
    },
    /// Feature maps and ground truth differ in aspect ratio, so they do not show the same view.
    #[error(
        "feature maps of {features} and ground truth of {gt} (height x width) differ in aspect ratio \
         by more than 2 % and by more than rounding; check the order of the axes, or crop the ground truth to the network's view"
    )]
    AspectRatio {
        /// Size of the feature maps.
        features: ImageSize,
        /// Size of the ground truth.
        gt: ImageSize,
    },
    /// No preset has this name.
    #[error(
        "unknown evaluation protocol {name:?}{}; available protocols: {}",
        suggestion.map_or(String::new(), |known| format!("; did you mean {known:?}?")),
        known.join(", ")
    )]
    UnknownProtocol {
        /// The requested name.
        name: String,
        /// The most similar preset, if one is similar enough.
        suggestion: Option<&'static str>,
        /// Names of all presets.
        known: &'static [&'static str],
    },
    /// The protocol cannot be applied to any image.
    #[error("evaluation protocol {name:?}: {reason}")]
    InvalidProtocol {
        /// Name of the protocol.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The image size does not match the protocol's crop.
    #[error(
        "the crop is defined for images of {expected}, found {found}; choose another protocol or resize first"
    )]
    CropSize {
        /// Image size of the crop.
        expected: ImageSize,
        /// Size of the image.
        found: ImageSize,
    },
    /// The crop contains no pixel of the image.
    #[error("the crop contains no pixel of a {size} image")]
    EmptyCrop {
        /// Size of the image.
        size: ImageSize,
    },
    /// A part of a frame reaches beyond the frame, or has no pixel.
    #[error("a part of {view} does not fit into a frame of {frame} (height x width)")]
    ViewOutsideFrame {
        /// The part, as [`View`](crate::View) shows it.
        view: String,
        /// Size of the frame.
        frame: ImageSize,
    },
    /// No ground-truth depth inside the crop is in the protocol's depth range.
    #[error(
        "no valid pixel: no ground-truth depth inside the crop of protocol {protocol:?} is between \
         {min_depth} and {max_depth} m; check the depth encoding, or skip this image"
    )]
    NoValidPixel {
        /// Name of the protocol.
        protocol: String,
        /// Minimum depth of the protocol, metres.
        min_depth: f32,
        /// Maximum depth of the protocol, metres.
        max_depth: f32,
    },
    /// A prediction is infinite at a valid pixel.
    #[error(
        "the prediction at row {row}, column {column} is {value}; predictions must be finite at all valid pixels"
    )]
    NonFinitePrediction {
        /// Row of the first such pixel.
        row: usize,
        /// Column of the first such pixel.
        column: usize,
        /// The prediction at that pixel.
        value: f32,
    },
    /// A prediction is NaN at a valid pixel: the network failed there, or did not see it.
    #[error(
        "protocol {protocol:?} scores {missing} of {pixels} valid pixels where the prediction is NaN, the first at \
         row {row}, column {column}; score a part that the prediction covers (another protocol), or check the network"
    )]
    NotPredicted {
        /// Name of the protocol.
        protocol: String,
        /// Number of such pixels.
        missing: usize,
        /// Number of valid pixels.
        pixels: usize,
        /// Row of the first.
        row: usize,
        /// Column of the first.
        column: usize,
    },
    /// The median prediction is not positive, so median scaling is undefined.
    #[error(
        "median scaling needs a positive median prediction, found {median}; turn it off, or check the predictions"
    )]
    MedianScaling {
        /// Median prediction over the valid pixels.
        median: f64,
    },
    /// The prediction is constant, so least squares is undefined.
    #[error(
        "the prediction is {value} at all {pixels} valid pixels; least squares needs at least two values; \
         use another alignment"
    )]
    ConstantPrediction {
        /// The constant prediction.
        value: f32,
        /// Number of valid pixels.
        pixels: usize,
    },
    /// The alignment inverts the prediction, which is not positive.
    #[error(
        "alignment {alignment} inverts the prediction, which is 0 or less at {found} of {pixels} valid pixels, the \
         first {value}; use another alignment"
    )]
    NotInvertible {
        /// Name of the alignment.
        alignment: &'static str,
        /// The first such prediction.
        value: f32,
        /// Number of such pixels.
        found: usize,
        /// Number of valid pixels.
        pixels: usize,
    },
    /// No alignment has this name.
    #[error(
        "unknown alignment {name:?}; available alignments: {}",
        known.join(", ")
    )]
    UnknownAlignment {
        /// The requested name.
        name: String,
        /// The names of all alignments.
        known: Vec<&'static str>,
    },
    /// The edges are not a valid bin grid.
    #[error("invalid depth bins: {reason}")]
    InvalidBins {
        /// What is wrong with the edges.
        reason: String,
    },
    /// A feature is NaN or infinite.
    #[error(
        "the feature of unit {unit} at row {row}, column {column} is {value}; features must be finite"
    )]
    NonFiniteFeature {
        /// The unit.
        unit: usize,
        /// Row in the feature map.
        row: usize,
        /// Column in the feature map.
        column: usize,
        /// The feature at that position.
        value: f32,
    },
    /// A stored sum is NaN or infinite.
    #[error(
        "the sum of unit {unit} in slot {slot} is {value}; the stored tally is damaged; dissect again"
    )]
    NonFiniteSum {
        /// The unit.
        unit: usize,
        /// The slot: a bin, or K for depths beyond the last edge.
        slot: usize,
        /// The sum.
        value: f64,
    },
    /// Two related quantities differ.
    #[error("{what}: expected {expected}, found {found}")]
    Mismatch {
        /// The quantity compared.
        what: &'static str,
        /// The expected number.
        expected: usize,
        /// The number found.
        found: usize,
    },
    /// Two tallies, or a tally and pooling weights, have different bins.
    #[error("the bins differ, so the sums cannot be added; use the same bins for both")]
    DifferentBins,
    /// An edge of the coarser grid is not an edge of the finer one.
    #[error("cannot regroup: the edge at {edge} m is not an edge of the finer bins")]
    NotASubset {
        /// The missing edge, metres.
        edge: f64,
    },
    /// An assignment needs at least one bin and at most as many bins as units.
    #[error("cannot assign {bins} bins to {units} units; use at least 1 and at most {units} bins")]
    InvalidAssignment {
        /// Number of units.
        units: usize,
        /// Number of bins.
        bins: usize,
    },
}
