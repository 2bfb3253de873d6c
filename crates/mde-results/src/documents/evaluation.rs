//! `evaluate.json`: the accuracy of a network on one split.

use mde_metrics::{DepthErrors, ErrorSummary, EvalProtocol};
use serde::{Deserialize, Serialize};

use super::Provenance;

/// Depth errors of a network on one split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// [`FORMAT`](super::FORMAT).
    pub format: u32,
    /// The network and the data.
    pub provenance: Provenance,
    /// How pixels were selected.
    pub protocol: EvalProtocol,
    /// Errors over all images.
    pub summary: ErrorSummary,
    /// Errors of predicting one depth at every pixel.
    pub constant_baseline: Option<ConstantBaseline>,
    /// Set if the predictions seem to be in another unit than the ground truth.
    pub unit_warning: Option<UnitWarning>,
    /// Errors by true depth, pixels of all images pooled.
    pub by_depth: Vec<DepthRangeErrors>,
    /// Errors of each image, in the order of the list.
    pub per_image: Vec<ImageErrors>,
    /// Ids of the images without a valid pixel. They are not part of `summary`.
    pub images_without_valid_depth: Vec<String>,
    /// Number of images whose fitted scale is negative, which hints at depth in place of disparity
    /// or the reverse.
    pub images_with_negative_scale: usize,
    /// Fraction of the scored pixels whose prediction was at or below the protocol's minimum depth,
    /// zero or negative for instance, and counts as that depth.
    #[serde(default)]
    pub raised_fraction: f64,
}

/// The errors of predicting the same depth at every pixel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConstantBaseline {
    /// That depth, metres.
    pub depth: f64,
    /// Where the depth comes from.
    pub source: BaselineSource,
    /// Its errors on the evaluated images.
    pub summary: ErrorSummary,
}

/// Where the constant baseline's depth comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaselineSource {
    /// The mean depth of the training split.
    TrainingMean,
    /// The mean depth of the evaluated ground truth, where no training split is known. No constant
    /// chosen without the test images does much better.
    TestMean,
}

impl BaselineSource {
    /// The source in words: "mean depth of the training split".
    pub fn describe(self) -> &'static str {
        match self {
            Self::TrainingMean => "mean depth of the training split",
            Self::TestMean => "mean depth of the test split",
        }
    }
}

/// A median ratio of prediction to ground truth that is far from 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitWarning {
    /// Median over images of the median over valid pixels of prediction / ground truth, before
    /// clamping.
    pub median_ratio: f64,
    /// How far off the predictions are, and what to check.
    pub likely: String,
}

impl UnitWarning {
    /// A warning if the ratio is below 2/3 or above 3/2; `None` otherwise.
    pub fn check(median_ratio: f64) -> Option<Self> {
        if (2.0 / 3.0..=1.5).contains(&median_ratio) || !median_ratio.is_finite() {
            return None;
        }
        // The ratio, the unit that explains it, and the tolerance of its logarithm: a factor that
        // a bad network reaches as well must fit closely.
        let known = [
            (1000.0, "millimetres", 0.15),
            (256.0, "KITTI's stored values (metres x 256)", 0.15),
            (100.0, "centimetres", 0.15),
            (10.0, "decimetres, or relative to a range of 10 m", 0.05),
            (
                5.0,
                "TUM's stored values (metres x 5000), read as millimetres",
                0.05,
            ),
        ];
        const CHECK: &str = "check that the weights belong to this preset and data set, that \
                             training has finished, and the unit of depth (or whether it is \
                             disparity)";
        if median_ratio <= 0.0 {
            return Some(Self {
                median_ratio,
                likely: format!("predictions are not positive; {CHECK}"),
            });
        }
        let (factor, side) = match median_ratio > 1.0 {
            true => (median_ratio, "large"),
            false => (1.0 / median_ratio, "small"),
        };
        let unit = known
            .into_iter()
            .find(|(known, _, tolerance)| (factor / known).ln().abs() < *tolerance);
        let (times, cause) = match unit {
            Some((known, unit, tolerance)) => {
                let unit = format!("one of the two may be in {unit}");
                let is_certain = tolerance > 0.1;
                let cause = match is_certain {
                    true => unit,
                    false => format!("{unit}; otherwise {CHECK}"),
                };
                (known, cause)
            }
            None => (factor, CHECK.to_owned()),
        };
        Some(Self {
            median_ratio,
            likely: format!(
                "predictions are about {} times too {side}; {cause}",
                rounded(times)
            ),
        })
    }
}

/// Two significant digits: `2`, `2.4`, `31`.
fn rounded(factor: f64) -> String {
    match factor < 9.95 {
        true => format!("{factor:.1}").trim_end_matches(".0").to_owned(),
        false => format!("{factor:.0}"),
    }
}

/// Errors at the pixels whose true depth lies in one range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DepthRangeErrors {
    /// Lower edge, metres, exclusive.
    pub from: f64,
    /// Upper edge, metres, inclusive.
    pub to: f64,
    /// Valid pixels in the range.
    pub pixels: u64,
    /// Mean |p - d| / d over them; `None` without pixels.
    pub abs_rel: Option<f64>,
    /// Root of the mean (p - d)² over them, metres; `None` without pixels.
    pub rmse: Option<f64>,
}

/// The errors of one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageErrors {
    /// The sample's id.
    pub id: String,
    /// Its errors.
    pub errors: DepthErrors,
}
