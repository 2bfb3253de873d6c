//! `correct.json`: how much of a network's error is in which units' responses.

use serde::{Deserialize, Serialize};

use super::Provenance;
use mde_metrics::statistics::{Bootstrap, Estimate};
use mde_metrics::{DepthBins, EvalProtocol, CoreErrors};

/// What a reader of [`Correction`] must know.
pub const ORACLE: &str = "oracle analysis: responses are corrected by the ground truth of the images that are measured, so the \
    errors after correction are no achievable accuracy; `indicator` alone uses no ground truth but to be compared with it";

/// Depth errors of a model whose responses are set to what its units answer to the true depth on average.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Correction {
    /// [`FORMAT`](super::FORMAT).
    pub format: u32,
    /// [`ORACLE`].
    pub note: String,
    /// Where it comes from.
    pub provenance: Provenance,
    /// blake3 of the `dissect.json` with the units' mean responses.
    pub dissection: String,
    /// How pixels were chosen.
    pub protocol: EvalProtocol,
    /// Images with a valid pixel.
    pub images: usize,
    /// Ids of the images without one.
    pub skipped: Vec<String>,
    /// How the intervals were drawn.
    pub bootstrap: Bootstrap,
    /// The layers corrected.
    pub layers: Vec<LayerCorrection>,
}

/// One layer, corrected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerCorrection {
    /// The layer's name in the model.
    pub layer: String,
    /// Number of units, N.
    pub units: usize,
    /// The depth bins of the dissection, K of them.
    pub bins: DepthBins,
    /// Valid pixels per bin, of all images, `[K]`.
    pub pixels: Vec<u64>,
    /// Share of the feature maps' pixels at which responses were replaced: where the nearest pixel of the ground truth was
    /// measured and lies in a bin that the dissection has a mean response for.
    pub replaced: f64,
    /// Errors before: mean over images.
    pub before: CoreErrors,
    /// Errors before, in every bin, pixels of all images pooled, `[K]`; `None` in bins without pixels.
    pub before_by_bin: Vec<Option<CoreErrors>>,
    /// All units corrected.
    pub all: Corrected,
    /// Each unit corrected by itself, `[N]`.
    pub single: Vec<Corrected>,
    /// The units, those first that lower AbsRel most when corrected by themselves.
    pub ranking: Vec<usize>,
    /// The units of each bin corrected together, `[K]`.
    pub groups: Vec<BinGroup>,
    /// Each image with a valid pixel, in the list's order.
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
    /// AbsRel before less AbsRel after, mean over images; negative where the correction does harm.
    pub lowered: Estimate,
    /// `lowered` as a share of AbsRel before; `None` if that is 0.
    pub explained: Option<f64>,
}

/// The units of one bin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BinGroup {
    /// Those that own the bin by the assignment that the layer was trained with, else those that prefer it.
    pub units: Vec<usize>,
    /// All of them corrected; `None` without units.
    pub corrected: Option<Corrected>,
}

/// One image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageCorrection {
    /// The sample's id.
    pub id: String,
    /// Its errors before.
    pub before: CoreErrors,
    /// Its errors with all units corrected.
    pub after: CoreErrors,
    /// The units that lower its AbsRel most when corrected by themselves, the first of the ranking only.
    pub units: Vec<UnitShare>,
    /// [`Indicator`]'s score of it; `None` where no unit has a distance.
    pub score: Option<f64>,
}

/// How much of an image's error a unit explains.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitShare {
    /// The unit.
    pub unit: usize,
    /// AbsRel before less AbsRel after.
    pub lowered: f64,
}

/// Whether responses that do not fit the predicted depth tell where the prediction is wrong.
///
/// A unit's distance in an image is the mean, over the pixels of its feature map, of |response - mean response at the
/// predicted depth's bin|. An image's score is the mean over the units of their distance there, each divided by its mean
/// over all images. Neither uses ground truth; the correlations with the true errors do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Indicator {
    /// Images that have a score.
    pub images: usize,
    /// Spearman's rank correlation of the score with the image's AbsRel; `None` where one of them does not vary.
    pub spearman: Option<Estimate>,
    /// The same of the image's mean predicted depth: what can be had without looking into the network.
    pub spearman_of_depth: Option<Estimate>,
    /// Every unit, `[N]`.
    pub units: Vec<UnitDistance>,
}

/// How far one unit's responses are from what the predicted depth implies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitDistance {
    /// Mean distance over images; `None` if no predicted depth lies in a bin with a mean response.
    pub distance: Option<f64>,
    /// The same divided by the mean over bins of |mean response|; `None` for a unit that does not respond.
    pub relative: Option<f64>,
    /// Spearman's rank correlation of the distance with AbsRel; the greatest of N such numbers is great by chance alone.
    pub spearman: Option<f64>,
}
