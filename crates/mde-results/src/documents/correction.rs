//! `correct.json`: how much of a network's error lies in which units' responses.

use mde_metrics::statistics::{Bootstrap, Estimate};
use mde_metrics::{CoreErrors, DepthBins, EvalProtocol};
use serde::{Deserialize, Serialize};

use super::Provenance;

/// What a reader of [`Correction`] must know.
pub const ORACLE: &str = "oracle analysis: responses are corrected with the ground truth of the \
    evaluated images, so the errors after correction are not achievable accuracy; only `indicator` \
    does without ground truth, except for its correlation with the true errors";

/// Depth errors of a network whose responses are replaced by their mean at the true depth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Correction {
    /// [`FORMAT`](super::FORMAT).
    pub format: u32,
    /// [`ORACLE`].
    pub note: String,
    /// The network and the data.
    pub provenance: Provenance,
    /// blake3 of the `dissect.json` that holds the units' mean responses.
    pub dissection: String,
    /// How pixels were selected.
    pub protocol: EvalProtocol,
    /// Images with a valid pixel.
    pub images: usize,
    /// Ids of the images without one.
    pub images_without_valid_depth: Vec<String>,
    /// How the intervals were computed.
    pub bootstrap: Bootstrap,
    /// The corrected layers.
    pub layers: Vec<LayerCorrection>,
}

/// The correction of one layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerCorrection {
    /// The layer's name in the network.
    pub layer: String,
    /// Number of units, N.
    pub units: usize,
    /// The depth bins of the dissection, K of them.
    pub bins: DepthBins,
    /// Valid pixels per bin, over all images, `[K]`.
    pub pixels: Vec<u64>,
    /// Fraction of the feature maps' pixels whose responses were replaced: the nearest pixel of the
    /// ground truth has depth, in a bin with a mean response.
    pub replaced: f64,
    /// Errors before correction: mean over images.
    pub before: CoreErrors,
    /// Errors before correction in every bin, pixels of all images pooled, `[K]`; `None` in bins
    /// without pixels.
    pub before_by_bin: Vec<Option<CoreErrors>>,
    /// All units corrected.
    pub all_units: Corrected,
    /// Each unit corrected alone, `[N]`.
    pub single_units: Vec<Corrected>,
    /// The units, ordered by how much correcting them alone reduces AbsRel, most first.
    pub ranking: Vec<usize>,
    /// The units of each bin corrected together, `[K]`.
    pub groups: Vec<BinGroup>,
    /// Each image with a valid pixel, in the order of the list.
    pub per_image: Vec<ImageCorrection>,
    /// What the responses say about the error without ground truth.
    pub indicator: Indicator,
    /// The file with the errors of every image, relative to the run folder.
    pub values: String,
    /// The file with the maps of a few images, relative to the run folder.
    pub maps: String,
}

/// Errors after a correction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Corrected {
    /// Mean over images.
    pub errors: CoreErrors,
    /// In every bin, pixels of all images pooled, `[K]`; `None` in bins without pixels.
    pub by_bin: Vec<Option<CoreErrors>>,
    /// AbsRel before minus AbsRel after, mean over images; negative where the correction does harm.
    pub abs_rel_reduction: Estimate,
    /// `abs_rel_reduction` as a fraction of AbsRel before; `None` if that is 0.
    pub relative_reduction: Option<f64>,
}

/// The units of one bin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BinGroup {
    /// The units assigned to the bin in training; without an assignment those that prefer it.
    pub units: Vec<usize>,
    /// All of them corrected; `None` without units.
    pub corrected: Option<Corrected>,
}

/// The correction of one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageCorrection {
    /// The sample's id.
    pub id: String,
    /// Its errors before correction.
    pub before: CoreErrors,
    /// Its errors with all units corrected.
    pub after: CoreErrors,
    /// The units whose correction alone reduces its AbsRel most, the first of the ranking only.
    pub units: Vec<UnitShare>,
    /// The [`Indicator`]'s score of it; `None` where no unit has a distance.
    pub score: Option<f64>,
}

/// How much of an image's error a unit explains.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitShare {
    /// The unit.
    pub unit: usize,
    /// AbsRel before minus AbsRel after.
    pub abs_rel_reduction: f64,
}

/// Whether responses that do not fit the predicted depth tell where the prediction is wrong.
///
/// A unit's distance in an image is the mean, over the pixels of its feature map, of
/// |response - mean response at the predicted depth's bin|. An image's score is the mean over units
/// of their distance, each divided by its mean over all images. Neither uses ground truth; the
/// correlations with the true errors do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Indicator {
    /// Images that have a score. Both correlations are of these.
    pub images: usize,
    /// Spearman's rank correlation of the score with the image's AbsRel; `None` where one of them
    /// does not vary.
    pub spearman: Option<Estimate>,
    /// The same for the image's mean predicted depth: what the output alone tells.
    pub spearman_of_depth: Option<Estimate>,
    /// Every unit, `[N]`.
    pub units: Vec<UnitDistance>,
}

/// How far one unit's responses are from what the predicted depth implies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitDistance {
    /// Mean distance over images; `None` if no predicted depth lies in a bin with a mean response.
    pub distance: Option<f64>,
    /// `distance` divided by the mean over bins of |mean response|; `None` for a unit that does not
    /// respond.
    pub relative: Option<f64>,
    /// Spearman's rank correlation of the distance with AbsRel. The largest of N such numbers is
    /// large by chance alone.
    pub spearman: Option<f64>,
}
