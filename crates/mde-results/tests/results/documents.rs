//! Every document equals itself after a round trip through its file.

use std::fmt::Debug;

use mde_metrics::Estimator;
use mde_results::{
    AlphaSweep, FORMAT, FailedPoint, RunFolder, SweepLayer, SweepPoint, UnitWarning, compare,
    names, to_json,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::common::{
    BOOTSTRAP, LAYER, ablation, assert_parts, correction, dissection, estimate, evaluation,
    write_run,
};

/// NaN is unequal to itself, so equality also means that there is none.
#[track_caller]
fn assert_round_trip<T>(name: &str, document: &T)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::new(dir.path().join("new/run"));
    folder.write_document(name, document).unwrap();
    let (read, hash): (T, String) = folder.document(name, "mde stage").unwrap();
    assert_eq!(&read, document);
    let bytes = std::fs::read(folder.file(name)).unwrap();
    assert_eq!(hash, blake3::hash(&bytes).to_string());
    assert_eq!(bytes, to_json(document).unwrap());
    assert!(bytes.ends_with(b"}\n"));
}

#[test]
fn an_evaluation() {
    assert_round_trip(names::EVALUATION, &evaluation());
    let json = serde_json::to_value(evaluation()).unwrap();
    assert_eq!(json["constant_baseline"]["source"], "training_mean");
    assert!(json["by_depth"][0]["abs_rel"].is_null());
}

#[test]
fn a_dissection() {
    let mut dissection = dissection();
    assert_round_trip(names::DISSECTION, &dissection);
    let layer = &mut dissection.layers[0];
    assert_eq!(
        layer.valid_bins.units[1].selectivity, None,
        "unit 1 is silent"
    );
    let json = serde_json::to_value(&*layer).unwrap();
    assert!(json["valid_bins"]["units"][1]["selectivity"].is_null());
    assert_eq!(json["valid_bins"]["estimator"]["name"], "valid_bins");
    assert_eq!(json["reference"]["estimator"]["name"], "reference");

    // A layer without a single value.
    layer.valid_bins.estimator = Estimator::ValidBins {
        min_pixels: u64::MAX,
    };
    layer.valid_bins.mean = None;
    layer.valid_bins.assigned = Some(vec![None, Some(0.0)]);
    layer.mean_response = vec![vec![None; 3]; 2];
    layer.null = None;
    assert_round_trip(names::DISSECTION, &dissection);
}

#[test]
fn an_ablation() {
    assert_round_trip(names::ABLATION, &ablation("00"));
    let json = serde_json::to_value(ablation("00")).unwrap();
    let curve = &json["layers"][0]["curves"][0];
    assert_eq!(
        (&curve["fill"], &curve["order"]["seed"]),
        (&"mean".into(), &1.into())
    );
}

#[test]
fn a_correction() {
    assert_round_trip(names::CORRECTION, &correction("00"));
}

#[test]
fn a_sweep() {
    let layer = |valid_bins| SweepLayer {
        layer: LAYER.into(),
        units: 2,
        defined_units: 1,
        valid_bins,
        interval: None,
        reference: Some(0.1),
    };
    assert_round_trip(
        names::SWEEP,
        &AlphaSweep {
            format: FORMAT,
            model: "mff-tiny".into(),
            seed: u64::MAX,
            data: "rooms".into(),
            data_hash: "ff".into(),
            protocol: "nyu-full".into(),
            images: 3,
            bootstrap: BOOTSTRAP,
            points: vec![SweepPoint {
                alpha: 0.1,
                layers: vec![LAYER.into()],
                run: "alpha-0.1".into(),
                abs_rel: estimate(0.2),
                rmse: estimate(0.3),
                delta_1: estimate(0.5),
                selectivity: None,
                selectivity_change: Some(-0.25),
                by_layer: vec![layer(None), layer(Some(0.5))],
            }],
            failed: vec![FailedPoint {
                alpha: 1e9,
                layers: Vec::new(),
                message: "the loss became NaN".into(),
            }],
        },
    );
}

#[test]
fn a_comparison() {
    let dir = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| {
        let folder = write_run(&dir.path().join(name));
        mde_results::RunResults::read(folder.path()).unwrap()
    });
    let comparison = compare(&first, &second, BOOTSTRAP).unwrap();
    assert_eq!(comparison.layers[0].unit_differences, [Some(0.0), None]);
    assert_round_trip(names::COMPARISON, &comparison);
}

#[test]
fn a_unit_warning_names_the_unit() {
    for (ratio, parts) in [
        (1000.0, &["about 1000 times too large", "millimetres"][..]),
        (0.001, &["about 1000 times too small", "millimetres"]),
        (900.0, &["about 1000 times too large"]),
        (256.0, &["256 times too large", "KITTI"]),
        (1.0 / 256.0, &["256 times too small"]),
        (100.0, &["100 times too large", "centimetres"]),
        (
            10.2,
            &["10 times too large", "decimetres", "weights belong to"],
        ),
        (9.0, &["9 times too large", "weights belong to"]),
        (5.0, &["5 times too large", "TUM"]),
        (0.2, &["5 times too small", "TUM"]),
        (2.0, &["2 times too large"]),
        (0.5, &["2 times too small"]),
        // Weights for streets, on rooms.
        (
            0.415,
            &["2.4 times too small", "weights belong to this preset"],
        ),
        (0.27, &["3.7 times too small", "training has finished"]),
        (30.0, &["30 times too large", "disparity"]),
        (0.66, &["1.5 times too small", "weights belong to"]),
        (1.51, &["1.5 times too large", "weights belong to"]),
        (0.0, &["not positive", "weights belong to"]),
        (-2.0, &["not positive", "weights belong to"]),
    ] {
        let warning = UnitWarning::check(ratio).unwrap();
        assert_eq!(warning.median_ratio, ratio);
        assert_parts(&warning.likely, parts);
    }
    for ratio in [1.0, 2.0 / 3.0, 1.5, 0.9, f64::NAN, f64::INFINITY] {
        assert_eq!(UnitWarning::check(ratio), None, "{ratio}");
    }
}
