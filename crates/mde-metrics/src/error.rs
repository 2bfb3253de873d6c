//! What can go wrong in this crate.

use crate::ImageSize;

/// Bad input to a metric, a bin grid or a tally. Sizes read height x width.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// A buffer does not have the length that its shape says.
    #[error(
        "{what}: expected {maps} x {size} values (neither side may be 0), found {found}; \
         check the shape that goes with the buffer"
    )]
    Length {
        /// Which buffer.
        what: &'static str,
        /// How many maps it should hold.
        maps: usize,
        /// The size of one map.
        size: ImageSize,
        /// Its length.
        found: usize,
    },
    /// No preset has this name.
    #[error("unknown evaluation protocol {name:?}; the protocols are {}", known.join(", "))]
    UnknownProtocol {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: &'static [&'static str],
    },
    /// The protocol cannot be applied to any image.
    #[error("evaluation protocol {name:?}: {reason}")]
    InvalidProtocol {
        /// The protocol's name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The protocol's crop does not fit the image.
    #[error(
        "the crop is made for images of {expected}, found {found}; choose another protocol or resize first"
    )]
    CropSize {
        /// The size that the crop needs.
        expected: ImageSize,
        /// The image's size.
        found: ImageSize,
    },
    /// The crop leaves no pixel of the image.
    #[error("the crop leaves no pixel of a {size} image")]
    EmptyCrop {
        /// The image's size.
        size: ImageSize,
    },
    /// No ground truth inside the crop lies in the protocol's depth range.
    #[error(
        "no valid pixel: no ground-truth depth inside the crop of protocol {protocol:?} lies between \
         {min_depth} and {max_depth} m; check the depth encoding, or skip this image"
    )]
    NoValidPixel {
        /// The protocol's name.
        protocol: String,
        /// Its least depth, metres.
        min_depth: f32,
        /// Its greatest depth, metres.
        max_depth: f32,
    },
    /// A prediction is NaN or infinite where the ground truth is valid.
    #[error(
        "the prediction at row {row}, column {column} is {value}; a prediction must be finite at every valid pixel"
    )]
    NonFinitePrediction {
        /// Row of the first such pixel.
        row: usize,
        /// Column of the first such pixel.
        column: usize,
        /// The prediction there.
        value: f32,
    },
    /// Median scaling divides by the predictions' median.
    #[error(
        "median scaling needs a positive median prediction, found {median}; turn median scaling off or check the predictions"
    )]
    MedianScaling {
        /// The median of the predictions at the valid pixels.
        median: f64,
    },
    /// Scale and shift cannot be told from a prediction that does not vary.
    #[error(
        "the prediction is {value} at all {pixels} valid pixels; least squares needs at least two values: align with \
         the median or not at all"
    )]
    ConstantPrediction {
        /// The prediction.
        value: f32,
        /// Valid pixels.
        pixels: usize,
    },
    /// No alignment has this name.
    #[error("unknown alignment {name:?}; expected none, median or least-squares")]
    UnknownAlignment {
        /// The name asked for.
        name: String,
    },
    /// The edges do not make a bin grid.
    #[error("invalid depth bins: {reason}")]
    InvalidBins {
        /// What is wrong with them.
        reason: String,
    },
    /// A feature is NaN or infinite.
    #[error(
        "the feature of unit {unit} at row {row}, column {column} is {value}; a tally needs finite features"
    )]
    NonFiniteFeature {
        /// The unit.
        unit: usize,
        /// Row in the feature map.
        row: usize,
        /// Column in the feature map.
        column: usize,
        /// The feature there.
        value: f32,
    },
    /// Stored sums are NaN or infinite.
    #[error(
        "the sum of unit {unit} in slot {slot} is {value}; the stored tally is damaged, dissect again"
    )]
    NonFiniteSum {
        /// The unit.
        unit: usize,
        /// The slot (a bin, or the one beyond the last edge).
        slot: usize,
        /// The sum there.
        value: f64,
    },
    /// Two things that belong together differ in a number.
    #[error("{what}: expected {expected}, found {found}")]
    Mismatch {
        /// What was compared.
        what: &'static str,
        /// The number it should be.
        expected: usize,
        /// The number it is.
        found: usize,
    },
    /// Two tallies were made with different bins.
    #[error(
        "the tallies' bins differ, so their sums cannot be added; dissect both with the same bins"
    )]
    DifferentBins,
    /// A coarser grid has an edge that the finer one lacks.
    #[error("cannot regroup: the edge at {edge} m is not an edge of the finer bins")]
    NotASubset {
        /// The edge, metres.
        edge: f64,
    },
    /// An assignment without units, without bins, or with bins that nobody would own.
    #[error(
        "cannot assign {bins} bins to {units} units; take from 1 bin to as many bins as there are units"
    )]
    InvalidAssignment {
        /// Number of units.
        units: usize,
        /// Number of bins.
        bins: usize,
    },
}
