//! The JSON documents that cross program and crate borders: `evaluate.json`, `dissect.json`, `ablate.json` and
//! `correct.json` of a run folder.
//!
//! Keys are snake_case, depths metres. A value that is not defined is `null`, never NaN: JSON has no NaN, and reading
//! `null` where a number is required fails.

use mde_metrics::{DepthErrors, ErrorSummary, EvalProtocol};
use serde::{Deserialize, Serialize};

mod ablation;
mod comparison;
mod correction;
mod dissection;
mod sweep;

pub use ablation::{
    Ablation, AblationArea, AblationCurve, AblationPoint, DepthRange, Fill, LayerAblation,
    RemovalOrder, SingleRemovals,
};
pub use comparison::{
    AccuracyComparison, LayerComparison, MetricComparison, RunComparison, SelectivityComparison,
};
pub use correction::{
    BinGroup, Corrected, Correction, ImageCorrection, Indicator, LayerCorrection, ORACLE,
    UnitDistance, UnitShare,
};

pub use dissection::{
    DiscretisationScore, Dissection, EstimatedSelectivity, HeldOutSelectivity, LayerDissection,
    PermutationNull, UnitNull,
};

pub use sweep::{AlphaSweep, FailedPoint, SweepLayer, SweepPoint};

/// The version of these documents; raised when an old reader would misread a new document.
pub const FORMAT: u32 = 2;

/// Where a result comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of the program that computed it.
    pub version: String,
    /// The model preset's name.
    pub model: String,
    /// blake3 of the weights; of results about another program's files [`Provenance::STORED`] and the files' blake3.
    pub checkpoint: String,
    /// The data set's name, such as "rooms".
    pub data: String,
    /// The split, such as "test".
    pub split: String,
    /// blake3 of the list and the files it names.
    pub data_hash: String,
    /// The training run's seed, where there was one.
    pub seed: Option<u64>,
}

impl Provenance {
    /// What [`Provenance::checkpoint`] begins with where the network itself was not at hand: predictions or activations that
    /// another program has stored.
    pub const STORED: &str = "stored:";

    /// True if the network itself was not at hand.
    pub fn is_stored(&self) -> bool {
        self.checkpoint.starts_with(Self::STORED)
    }

    /// True if both results are about one network: the same weights, or stored by programs that call it the same.
    pub fn is_of_one_network(&self, other: &Self) -> bool {
        let stored = self.is_stored() && other.is_stored() && self.model == other.model;
        stored || self.checkpoint == other.checkpoint
    }
}

/// Accuracy of a model on one split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// [`FORMAT`].
    pub format: u32,
    /// Where it comes from.
    pub provenance: Provenance,
    /// How pixels were chosen.
    pub protocol: EvalProtocol,
    /// All images.
    pub summary: ErrorSummary,
    /// What answering one depth everywhere would give.
    pub constant_baseline: Option<ConstantBaseline>,
    /// Errors by true depth, pixels of all images pooled.
    pub by_depth: Vec<DepthRangeErrors>,
    /// Each image, in the list's order.
    pub per_image: Vec<ImageErrors>,
    /// Ids of the images without any valid pixel; they are not in `summary`.
    pub skipped: Vec<String>,
}

/// The errors of predicting the same depth at every pixel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConstantBaseline {
    /// That depth: the training set's mean, metres.
    pub depth: f64,
    /// Its errors on the images evaluated.
    pub summary: ErrorSummary,
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use mde_metrics::statistics::Bootstrap;
    use crate::{
        DepthBins, DepthPair, ErrorTally, Estimator, ImageSize, ResponseTally, depth_errors,
    };
    use serde::de::DeserializeOwned;

    fn round_trip<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(document: &T) {
        let json = serde_json::to_string_pretty(document).unwrap();
        assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), document);
    }

    fn provenance() -> Provenance {
        Provenance {
            version: "0.1.0".into(),
            model: "mff-tiny".into(),
            checkpoint: "00ff".into(),
            data: "rooms".into(),
            split: "test".into(),
            data_hash: "ff00".into(),
            seed: Some(u64::MAX),
        }
    }

    #[test]
    fn an_evaluation_round_trips() {
        let protocol = EvalProtocol::preset("kitti-bts").unwrap();
        let size = ImageSize::new(352, 1216);
        let pair = DepthPair {
            pred: &vec![3.3; size.pixels()],
            gt: &vec![7.1; size.pixels()],
            size,
        };
        let errors = depth_errors(pair, &protocol).unwrap();
        let mut tally = ErrorTally::default();
        tally.push(&errors);
        let summary = tally.summary().unwrap();
        round_trip(&Evaluation {
            format: FORMAT,
            provenance: provenance(),
            protocol,
            summary: summary.clone(),
            constant_baseline: Some(ConstantBaseline {
                depth: 0.1 + 0.2,
                summary,
            }),
            by_depth: vec![DepthRangeErrors {
                from: 0.0,
                to: 1.0,
                pixels: 0,
                abs_rel: None,
                rmse: None,
            }],
            per_image: vec![ImageErrors {
                id: "a/b.png".into(),
                errors,
            }],
            skipped: vec!["c".into()],
        });
    }

    #[test]
    fn a_dissection_round_trips_and_holds_no_nan() {
        // One silent unit, one that responds; of 4 bins one is filled: most values are undefined.
        let bins = DepthBins::nyu(4).unwrap();
        let size = ImageSize::new(1, 3);
        let mut tally = ResponseTally::new(2, &bins);
        let features = [0.0, 0.0, 0.0, 0.1, 0.2, 0.4];
        tally
            .update(&features, size, &[0.5, 0.6, 0.0], size)
            .unwrap();
        let estimated = |estimator| {
            let layer = tally.selectivity(estimator);
            EstimatedSelectivity {
                estimator,
                mean: layer.mean,
                bins_used: layer.bins_used,
                interval: None,
                unit_intervals: vec![None; layer.units.len()],
                held_out: HeldOutSelectivity {
                    splits: 10,
                    mean: None,
                    units: vec![None; layer.units.len()],
                },
                units: layer.units,
                assigned: Some(vec![None, Some(0.0)]),
            }
        };
        let one_pixel = Estimator::ValidBins { min_pixels: 1 };
        let dissection = Dissection {
            format: FORMAT,
            provenance: provenance(),
            images: 1,
            bootstrap: Bootstrap::default(),
            layers: vec![LayerDissection {
                layer: "D".into(),
                units: tally.units(),
                stride: 16,
                bins: bins.clone(),
                pixels: tally.counts()[..bins.len()].to_vec(),
                pixels_beyond: tally.counts()[bins.len()],
                reference: estimated(Estimator::Reference),
                valid_bins: estimated(one_pixel),
                mean_response: tally.mean_response(one_pixel),
                response_intervals: vec![vec![None; 4]; 2],
                flat_floor: Some(1.0),
                null: Some(PermutationNull {
                    permutations: 9,
                    seed: 0,
                    mean: None,
                    units: vec![
                        UnitNull {
                            mean: Some(0.25),
                            quantile_95: None,
                            p_value: Some(0.1),
                        };
                        2
                    ],
                    above: 0,
                    tested: 2,
                }),
                discretisations: vec![DiscretisationScore {
                    bins: DepthBins::uniform(0.0, 10.0, 3).unwrap(),
                    bins_used: 1,
                    valid_bins: None,
                    reference: Some(0.5),
                    flat_floor: Some(1.0),
                }],
                top_images: None,
                tally: "dissect/D.safetensors".into(),
            }],
        };
        // NaN is unequal to itself, so equality after a round trip also says that there is none.
        round_trip(&dissection);
        let json = serde_json::to_value(&dissection.layers[0]).unwrap();
        assert_eq!(json["valid_bins"]["mean"], serde_json::Value::Null);
        assert_eq!(json["valid_bins"]["estimator"]["name"], "valid_bins");
        assert_eq!(json["reference"]["estimator"]["name"], "reference");
    }
}
