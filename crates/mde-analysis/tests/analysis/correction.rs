//! Correction: a network whose errors can be computed by hand, and invariants on a real one.

use std::sync::atomic::Ordering;

use candle_core::Device;
use mde_analysis::{AnalysisError, CorrectOptions, CorrectedLayers, correct};
use mde_metrics::statistics::Bootstrap;
use mde_metrics::{DepthBins, EvalProtocol};
use mde_models::{DepthNet, Parameters, build};
use mde_results::{Correction, LayerDissection, ORACLE, UnitShare};
use safetensors::{Dtype, SafeTensors};
use serde_json::json;

use crate::common::{
    Adds, Image, Map, assert_near, batches, dissected, halves, matrix, metadata, picture,
    provenance, rooms, sets, three_units,
};

fn two_bins() -> DepthBins {
    DepthBins::from_edges(vec![0.0, 1.5, 3.0]).unwrap()
}

/// A dissection with the mean responses ½ and 0, ½ and 2, 0 and 0.
fn by_hand(network: &Adds) -> LayerDissection {
    let seen = [halves("a", [1.0, 2.0], [1.0, 2.0])];
    let layer = dissected(network, &seen, &[("L", two_bins())]).remove(0).0;
    assert_eq!(
        layer.mean_response,
        [[0.5, 0.0], [0.5, 2.0], [0.0, 0.0]].map(|unit| unit.map(Some))
    );
    layer
}

/// The first image is seen correctly, the right half of the second is seen too near, and the third
/// is a wall at 4 m, beyond the bins, seen at 2 m.
fn three_images() -> [Image; 3] {
    [
        halves("a", [1.0, 2.0], [1.0, 2.0]),
        halves("b", [1.0, 1.0], [1.0, 2.0]),
        halves("c", [3.0, 3.0], [4.0, 4.0]),
    ]
}

fn run(
    network: &dyn DepthNet,
    images: &[Image],
    batch: usize,
    layers: &[LayerDissection],
) -> Result<CorrectedLayers, AnalysisError> {
    let options = CorrectOptions {
        protocol: EvalProtocol::preset("nyu-full").unwrap(),
        bootstrap: Bootstrap::default(),
        dissection: "d".into(),
        images: images.len(),
        maps: 2,
    };
    correct(
        network,
        batches(images, batch),
        &Device::Cpu,
        layers,
        &options,
        provenance(),
        &mut |_| {},
    )
}

#[test]
fn errors_before_and_after_by_hand() {
    let network = three_units();
    let found = run(&network, &three_images(), 2, &[by_hand(&network)]).unwrap();
    let correction = &found.correction;
    assert_eq!(correction.note, ORACLE);
    assert_eq!(
        (correction.images, correction.dissection.as_str()),
        (3, "d")
    );
    let layer = &correction.layers[0];
    assert_eq!(layer.pixels, [200, 200]);
    // The wall lies in no bin.
    assert_near(layer.replaced, 400.0 / 600.0);
    assert_near(layer.before.abs_rel, (0.0 + 0.25 + 0.5) / 3.0);
    assert_near(layer.all_units.errors.abs_rel, (0.0 + 0.0 + 0.5) / 3.0);
    assert_near(layer.all_units.abs_rel_reduction.value, 0.25 / 3.0);
    assert_near(layer.all_units.relative_reduction.unwrap(), 1.0 / 3.0);
    // In the second image the right half becomes ½ m by the first unit, 2½ m by the second.
    for (unit, lowered) in [-0.125, 0.125, 0.0].into_iter().enumerate() {
        assert_near(
            layer.single_units[unit].abs_rel_reduction.value,
            lowered / 3.0,
        );
    }
    assert_eq!(layer.ranking, [1, 2, 0]);
    // Of the pixels beyond 1½ m, those of the first image are right, those of the second off by
    // half.
    let (near, far) = (
        layer.before_by_bin[0].unwrap(),
        layer.before_by_bin[1].unwrap(),
    );
    assert_eq!((near.abs_rel, far.abs_rel), (0.0, 0.25));
    assert_eq!(layer.all_units.by_bin[1].unwrap().abs_rel, 0.0);
    // The first unit prefers the near bin, the second the far one, the third none.
    assert_eq!(layer.groups[0].units, [0]);
    assert_eq!(layer.groups[1].units, [1]);
    assert_eq!(
        layer.groups[1].corrected.as_ref(),
        Some(&layer.single_units[1])
    );
    let image = &layer.per_image[1];
    assert_eq!(image.id, "b");
    assert_eq!((image.before.abs_rel, image.after.abs_rel), (0.25, 0.0));
    let shares = [(1, 0.125), (2, 0.0), (0, -0.125)];
    assert_eq!(
        image.units,
        shares.map(|(unit, abs_rel_reduction)| UnitShare {
            unit,
            abs_rel_reduction,
        })
    );
}

#[test]
fn the_indicator_by_hand() {
    let network = three_units();
    let found = run(&network, &three_images(), 1, &[by_hand(&network)]).unwrap();
    let layer = &found.correction.layers[0];
    // Only in the third image do responses differ from those at the predicted depth: by ½, 1½ and
    // 1.
    let scores: Vec<_> = layer.per_image.iter().map(|image| image.score).collect();
    assert_eq!(scores, [Some(0.0), Some(0.0), Some(3.0)]);
    let indicator = &layer.indicator;
    assert_eq!(indicator.images, 3);
    // Ranks ½ ½ 2 of the scores, 0 1 2 of the errors.
    let expected = 1.5 / 3.0_f64.sqrt();
    assert_near(indicator.spearman.unwrap().value, expected);
    // Mean predicted depths 1½, 1 and 2 m.
    assert_near(indicator.spearman_of_depth.unwrap().value, 0.5);
    let units = &indicator.units;
    assert_near(units[1].distance.unwrap(), 0.5);
    assert_near(units[1].relative.unwrap(), 0.5 / 1.25);
    // The third unit responds with 0 at every depth: its distance has no scale.
    assert_eq!(
        (units[2].distance, units[2].relative),
        (Some(1.0 / 3.0), None)
    );
    assert_near(units[2].spearman.unwrap(), expected);
}

#[test]
fn files_hold_every_images_values_and_a_few_maps() {
    let network = three_units();
    let found = run(&network, &three_images(), 2, &[by_hand(&network)]).unwrap();
    let layer = &found.correction.layers[0];
    let files: Vec<&String> = found.files.iter().map(|file| &file.0).collect();
    assert_eq!(files, [&layer.values, &layer.maps]);
    let values = &found.files[0].1;
    assert_eq!(metadata(values, "ids"), json!(["a", "b", "c"]));
    assert_eq!(
        sets(values),
        [vec![], vec![0, 1, 2], vec![0], vec![1], vec![2]]
    );
    let (shape, abs_rel) = matrix(values, "abs_rel");
    assert_eq!(shape, [3, 5]);
    assert_eq!(abs_rel[5..10], [0.25, 0.0, 0.375, 0.125, 0.25]);
    let (shape, distance) = matrix(values, "distance");
    assert_eq!(shape, [3, 3]);
    assert_eq!(distance[6..], [0.5, 1.5, 1.0]);

    // Two of three: the first and the third.
    let maps = &found.files[1].1;
    assert_eq!(metadata(maps, "ids"), json!(["a", "c"]));
    // The second image alone, for its maps.
    let second = [halves("b", [1.0, 1.0], [1.0, 2.0])];
    let found = run(&network, &second, 2, &[by_hand(&network)]).unwrap();
    let tensors = SafeTensors::deserialize(&found.files[1].1).unwrap();
    assert_eq!(tensors.len(), 6);
    let map = |name: &str, dtype: Dtype| -> Vec<[u8; 4]> {
        let view = tensors.tensor(&format!("0/{name}")).unwrap();
        assert_eq!((view.dtype(), view.shape()), (dtype, &[10, 20][..]));
        view.data().as_chunks().0.to_vec()
    };
    let ends = |name: &str| {
        let map = map(name, Dtype::F32);
        (f32::from_le_bytes(map[0]), f32::from_le_bytes(map[19]))
    };
    assert_eq!(ends("gt"), (1.0, 2.0));
    assert_eq!(ends("pred"), (1.0, 1.0));
    assert_eq!(ends("corrected"), (1.0, 2.0));
    assert_eq!(ends("gain"), (0.0, 0.5));
    let unit = map("unit", Dtype::I32);
    assert_eq!(
        (i32::from_le_bytes(unit[0]), i32::from_le_bytes(unit[19])),
        (-1, 1)
    );
    let rgb = tensors.tensor("0/rgb").unwrap();
    assert_eq!(rgb.data(), picture("b", 200));
}

#[test]
fn an_assignment_groups_units_by_the_bins_they_own() {
    let network = three_units();
    let mut layer = by_hand(&network);
    layer.valid_bins.assigned = Some(vec![None; 3]);
    let found = run(&network, &three_images(), 1, &[layer]).unwrap();
    let groups = &found.correction.layers[0].groups;
    assert_eq!(groups[0].units, [0, 1]);
    assert_eq!(groups[1].units, [2]);
    // No other unit changes anything.
    let lowered = groups[0].corrected.as_ref().unwrap().abs_rel_reduction;
    assert_eq!(
        lowered,
        found.correction.layers[0].all_units.abs_rel_reduction
    );
}

#[test]
fn the_batch_does_not_matter_and_the_part_before_the_layer_is_run_once() {
    let network = three_units();
    let layer = by_hand(&network);
    network.runs.store(0, Ordering::Relaxed);
    run(&network, &three_images(), 2, &[layer]).unwrap();
    assert_eq!(network.runs.load(Ordering::Relaxed), 2);

    let parameters = Parameters::new(1, &Device::Cpu);
    let network = build("mff-tiny", &parameters).unwrap();
    let images = rooms();
    let names = ["block3", "MFF"].map(|name| (name, DepthBins::nyu(8).unwrap()));
    let layers = dissected(network.as_ref(), &images, &names);
    let layers: Vec<_> = layers.into_iter().map(|layer| layer.0).collect();
    let expected = run(network.as_ref(), &images, 1, &layers).unwrap();
    let other = run(network.as_ref(), &images, 3, &layers).unwrap();
    assert_eq!(expected.correction, other.correction);
    assert_eq!(expected.files, other.files);
    // The two layers see the same network.
    let [first, second] = &expected.correction.layers[..] else {
        panic!()
    };
    assert_eq!(first.before, second.before);
    assert_ne!(first.all_units, second.all_units);
}

#[test]
fn images_without_depth_and_undefined_values_are_null_not_nan() {
    // A constant unit.
    let network = Adds::new(1, |seen, size| Map {
        size,
        values: vec![1.0; seen.len()],
    });
    let images = [
        halves("blank", [1.0, 1.0], [0.0, 0.0]),
        halves("a", [1.0, 1.0], [1.0, 1.0]),
        // A bin without a mean response.
        halves("far", [1.0, 1.0], [2.0, 2.0]),
    ];
    let layer = dissected(&network, &images[1..2], &[("L", two_bins())])
        .remove(0)
        .0;
    assert_eq!(layer.mean_response, [[Some(1.0), None]]);
    let found = run(&network, &images, 2, std::slice::from_ref(&layer))
        .unwrap()
        .correction;
    assert_eq!(
        (found.images, found.images_without_valid_depth.as_slice()),
        (2, &["blank".to_owned()][..])
    );
    let layer_found = &found.layers[0];
    assert_eq!(layer_found.all_units.abs_rel_reduction.value, 0.0);
    assert_eq!(layer_found.groups[1].corrected, None);
    assert_eq!(layer_found.indicator.spearman, None);
    let json = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Correction>(&json).unwrap(), found);
    // A network without error has nothing to correct.
    let found = run(&network, &images[1..2], 1, std::slice::from_ref(&layer))
        .unwrap()
        .correction;
    assert_eq!(found.layers[0].all_units.relative_reduction, None);
    let error = run(&network, &images[..1], 1, &[layer]).unwrap_err();
    assert!(
        matches!(error, AnalysisError::NothingToEvaluate { images: 1, .. }),
        "{error}"
    );
}

#[test]
fn a_response_that_is_not_finite_names_image_layer_and_unit() {
    let network = three_units();
    let layer = by_hand(&network);
    let broken = Adds::new(3, |seen, size| Map {
        size,
        values: seen.iter().cycle().take(600).copied().collect(),
    });
    let mut images = three_images();
    images[1].seen[37] = f32::NAN;
    let error = run(&broken, &images, 3, &[layer]).unwrap_err().to_string();
    assert!(
        error.contains("image b, layer L") && error.contains("unit 0 at row 1, column 17"),
        "{error}"
    );
}

#[test]
fn a_damaged_dissection_is_an_error() {
    let network = three_units();
    let good = by_hand(&network);
    let mut short = good.clone();
    short.mean_response[1].pop();
    let mut outside = good.clone();
    outside.valid_bins.units[0].preferred_bin = Some(2);
    for layer in [short, outside] {
        let error = run(&network, &three_images(), 1, &[layer]).unwrap_err();
        assert!(matches!(error, AnalysisError::Dissection { .. }), "{error}");
    }
    let error = run(&network, &three_images(), 1, &[good.clone(), good]).unwrap_err();
    assert!(matches!(error, AnalysisError::LayerTwice { .. }), "{error}");
}
