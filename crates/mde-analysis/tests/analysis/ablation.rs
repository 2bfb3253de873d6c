//! Ablation: a network whose errors can be computed by hand, and invariants on a real one.

use std::sync::atomic::Ordering;

use candle_core::Device;
use mde_analysis::{
    AblateLayer, AblateOptions, Ablated, AnalysisError, EvaluateOptions, ablate, evaluate,
};
use mde_metrics::statistics::{Bootstrap, permutation};
use mde_metrics::{CoreErrors, DepthBins, EvalProtocol};
use mde_models::{DepthNet, Parameters, build};
use mde_results::{Fill, LayerAblation, RemovalOrder};
use safetensors::SafeTensors;
use serde_json::json;

use crate::common::{
    Adds, Image, Map, assert_near, batches, dissected, halves, matrix, metadata, provenance, rooms,
    sets, three_units,
};

const MOST: RemovalOrder = RemovalOrder::MostSelectiveFirst;
const LEAST: RemovalOrder = RemovalOrder::LeastSelectiveFirst;

fn layers(
    network: &dyn DepthNet,
    images: &[Image],
    names: &[(&str, DepthBins)],
) -> Vec<AblateLayer> {
    let layers = dissected(network, images, names).into_iter();
    layers
        .map(|(dissection, mean_response)| AblateLayer {
            dissection,
            mean_response,
        })
        .collect()
}

fn two_bins() -> DepthBins {
    DepthBins::from_edges(vec![0.0, 1.5, 3.0]).unwrap()
}

fn options() -> AblateOptions {
    AblateOptions {
        protocol: EvalProtocol::preset("nyu-full").unwrap(),
        random_orders: 3,
        bootstrap: Bootstrap::default(),
        dissection: "d".into(),
    }
}

fn run(
    network: &dyn DepthNet,
    images: &[Image],
    batch: usize,
    layers: &[AblateLayer],
) -> Result<Ablated, AnalysisError> {
    ablate(
        network,
        batches(images, batch),
        &Device::Cpu,
        layers,
        &options(),
        provenance(),
        &mut |_| {},
    )
}

/// An image in which the network sees the true depth.
fn seen() -> Image {
    halves("a", [1.0, 2.0], [1.0, 2.0])
}

fn abs_rel(layer: &LayerAblation, fill: Fill, order: RemovalOrder) -> Vec<f64> {
    let mut curves = layer.curves.iter();
    let curve = curves.find(|curve| (curve.fill, curve.order) == (fill, order));
    let points = &curve.unwrap().points;
    assert_eq!(
        points.iter().map(|p| p.removed).collect::<Vec<_>>(),
        [0, 1, 2, 3]
    );
    points.iter().map(|point| point.errors.abs_rel).collect()
}

#[test]
fn curves_by_hand() {
    let (network, images) = (three_units(), [seen()]);
    let layers = layers(&network, &images, &[("L", two_bins())]);
    let found = run(&network, &images, 1, &layers).unwrap().ablation;
    assert_eq!((found.images, found.dissection.as_str()), (1, "d"));
    let layer = &found.layers[0];
    // Selectivity 1, 0.6 and none: the third unit is silent.
    assert_eq!(layer.order, [0, 1, 2]);
    assert_eq!(layer.mean_response, [0.25, 1.25, 0.0]);
    assert_eq!(
        layer.baseline,
        CoreErrors {
            abs_rel: 0.0,
            rmse: 0.0,
            delta_1: 1.0
        }
    );
    // Without units the prediction is 0 m, which the protocol clamps to 1 mm.
    let nothing = (0.999 + 1.999 / 2.0) / 2.0;
    let near = |found: Vec<f64>, expected: [f64; 4]| {
        for (found, expected) in found.iter().zip(expected) {
            assert_near(*found, expected);
        }
    };
    near(
        abs_rel(layer, Fill::Zero, MOST),
        [0.0, 0.25, nothing, nothing],
    );
    let half_left = (0.5 + 1.999 / 2.0) / 2.0;
    near(
        abs_rel(layer, Fill::Zero, LEAST),
        [0.0, 0.0, half_left, nothing],
    );
    // 0.75 and 2.25 m without the first; 1.5 m everywhere without any.
    near(
        abs_rel(layer, Fill::Mean, MOST),
        [0.0, 0.1875, 0.375, 0.375],
    );
    // Without the second 1.75 and 1.25 m.
    near(abs_rel(layer, Fill::Mean, LEAST), [0.0, 0.0, 0.5625, 0.375]);
    // By depth range: 0 to 1 m and 1 to 2 m hold the pixels.
    assert_eq!(found.ranges.len(), 10);
    assert_eq!(
        found.ranges.iter().map(|range| range.pixels).sum::<u64>(),
        200
    );
    let first = layer.curves[0].points[1].by_range.clone();
    assert_eq!(
        (first[0].unwrap().abs_rel, first[1].unwrap().abs_rel),
        (0.5, 0.0)
    );
    assert!(first[2..].iter().all(Option::is_none));
    // One unit removed alone.
    let single = |fill: usize| -> Vec<f64> {
        let units = layer.single_removals[fill].units.iter();
        units.map(|errors| errors.abs_rel).collect()
    };
    assert_eq!(
        (layer.single_removals[0].fill, layer.single_removals[1].fill),
        (Fill::Zero, Fill::Mean)
    );
    assert_near(single(0)[0], 0.25);
    assert_near(single(0)[1], half_left);
    assert_near(single(0)[2], 0.0);
    assert_near(single(1)[1], 0.5625);
}

/// Equally selective units keep the layer's order in both directions. Units without a value count
/// as least selective.
#[test]
fn ties_keep_the_order_of_the_layer() {
    let (network, images) = (three_units(), [seen()]);
    let mut layers = layers(&network, &images, &[("L", two_bins())]);
    for (selectivity, most, least) in [
        ([Some(0.5); 3], [0, 1, 2], [0, 1, 2]),
        ([None; 3], [0, 1, 2], [0, 1, 2]),
        ([Some(0.5), Some(0.7), Some(0.5)], [1, 0, 2], [0, 2, 1]),
        ([None, Some(0.1), None], [1, 0, 2], [0, 2, 1]),
        ([Some(0.2), None, Some(0.9)], [2, 0, 1], [1, 0, 2]),
    ] {
        let units = layers[0].dissection.valid_bins.units.iter_mut();
        for (unit, value) in units.zip(selectivity) {
            unit.selectivity = value;
        }
        let found = run(&network, &images, 1, &layers).unwrap();
        let layer = &found.ablation.layers[0];
        assert_eq!(layer.order, most);
        // The curves are those of the orders: each point is the removal of the first units.
        let (sets, bytes) = (sets(&found.files[0].1), &found.files[0].1);
        let (_, values) = matrix(bytes, "abs_rel");
        for (order, expected) in [(MOST, most), (LEAST, least)] {
            for (removed, abs_rel) in abs_rel(layer, Fill::Zero, order).into_iter().enumerate() {
                let mut units = expected[..removed].to_vec();
                units.sort_unstable();
                let column = sets.iter().position(|found| *found == units).unwrap();
                assert_eq!(
                    abs_rel, values[column],
                    "{order:?} {selectivity:?} {removed}"
                );
            }
        }
    }
}

/// The areas computed from the values of every image and the orders.
#[test]
fn areas_are_those_of_the_curves_written_out() {
    let parameters = Parameters::new(1, &Device::Cpu);
    let network = build("mff-tiny", &parameters).unwrap();
    let images = rooms();
    let names = [("MFF", DepthBins::nyu(8).unwrap())];
    let layers = layers(network.as_ref(), &images, &names);
    let found = run(network.as_ref(), &images, 2, &layers).unwrap();
    let (file, bytes) = &found.files[0];
    let layer = &found.ablation.layers[0];
    assert_eq!(
        (file, &layer.values),
        (&layer.values, &"ablate/MFF.safetensors".to_owned())
    );
    let (shape, values) = matrix(bytes, "abs_rel");
    let (sets, tensors) = (sets(bytes), SafeTensors::deserialize(bytes).unwrap());
    let fills = tensors.tensor("fill").unwrap().data().to_vec();
    assert_eq!(shape, [5, sets.len()]);
    assert_eq!(
        metadata(bytes, "ids"),
        json!(images.iter().map(|image| &image.id).collect::<Vec<_>>())
    );
    let counts = [0, 1, 2, 4, 8, 16, 32];
    // Mean over images of the area under the curve of a sequence of units.
    let area = |fill: u8, sequence: &[usize]| -> f64 {
        let errors: Vec<f64> = counts
            .iter()
            .map(|&count| {
                let mut units = sequence[..count].to_vec();
                units.sort_unstable();
                let fill = if count == 0 { 0 } else { fill };
                let mut variants = sets.iter().zip(&fills);
                let column = variants.position(|found| found == (&units, &fill)).unwrap();
                (0..5).map(|i| values[i * sets.len() + column]).sum::<f64>() / 5.0
            })
            .collect();
        let steps = counts.windows(2).zip(errors.windows(2));
        steps
            .map(|(x, y)| (x[1] - x[0]) as f64 / 32.0 * (y[0] + y[1]) / 2.0)
            .sum()
    };
    assert_eq!(layer.areas.len(), 4);
    for found in &layer.areas {
        let fill = u8::from(found.fill == Fill::Mean);
        // No two units are equally selective.
        let mut order = layer.order.clone();
        if found.order == LEAST {
            order.reverse();
        }
        let by_seed: Vec<f64> = (0..3)
            .map(|seed| area(fill, &order) - area(fill, &permutation(32, seed)))
            .collect();
        for (found, expected) in found.abs_rel_by_seed.iter().zip(&by_seed) {
            assert!((found - expected).abs() < 1e-12);
        }
        let mean = by_seed.iter().sum::<f64>() / 3.0;
        assert!((found.abs_rel.value - mean).abs() < 1e-12);
        let interval = found.abs_rel.interval.unwrap();
        assert!(interval.low <= mean && mean <= interval.high);
    }
}

#[test]
fn nothing_removed_is_the_evaluation_and_the_batch_does_not_matter() {
    is_the_evaluation(&rooms());
    // A list that is not in the order of its ids, one of which occurs twice.
    let mut images = rooms();
    let ids = ["10", "9", "b", "9", "B"];
    for (image, id) in images.iter_mut().zip(ids) {
        image.id = id.to_owned();
    }
    is_the_evaluation(&images);
}

#[track_caller]
fn is_the_evaluation(images: &[Image]) {
    let parameters = Parameters::new(1, &Device::Cpu);
    let network = build("mff-tiny", &parameters).unwrap();
    let names = ["D", "Rconv1"].map(|name| (name, DepthBins::nyu(8).unwrap()));
    let layers = layers(network.as_ref(), images, &names);
    let expected = run(network.as_ref(), images, 1, &layers).unwrap();
    let other = run(network.as_ref(), images, 3, &layers).unwrap();
    assert_eq!(expected.ablation, other.ablation);
    assert_eq!(expected.files, other.files);

    let options = EvaluateOptions {
        protocol: options().protocol,
        constant: None,
        images: 5,
        examples: 0,
        flip_average: false,
    };
    let evaluated = evaluate(
        network.as_ref(),
        batches(images, 2),
        &Device::Cpu,
        &options,
        provenance(),
        &mut |_| {},
    );
    let evaluation = evaluated.unwrap().evaluation;
    let mean = &evaluation.summary.mean;
    for layer in &expected.ablation.layers {
        let whole = layer.baseline;
        assert_eq!(
            (whole.abs_rel, whole.rmse, whole.delta_1),
            (mean.abs_rel, mean.rmse, mean.delta_1)
        );
        for curve in &layer.curves {
            assert_eq!(curve.points[0].errors, whole);
            for (found, expected) in curve.points[0].by_range.iter().zip(&evaluation.by_depth) {
                let (found, whole) = (*found, expected.abs_rel.zip(expected.rmse));
                assert_eq!(found.map(|found| (found.abs_rel, found.rmse)), whole);
            }
            // All orders end with all units removed.
            let (end, first) = (curve.points.last().unwrap(), &layer.curves[0]);
            if curve.fill == Fill::Zero {
                assert_eq!(end.errors, first.points.last().unwrap().errors);
            }
        }
    }
}

#[test]
fn what_lies_before_the_layer_is_run_once_per_batch() {
    let network = three_units();
    let images: Vec<Image> = (0..5).map(|_| seen()).collect();
    let layers = layers(&network, &images, &[("L", two_bins())]);
    network.runs.store(0, Ordering::Relaxed);
    run(&network, &images, 2, &layers).unwrap();
    assert_eq!(network.runs.load(Ordering::Relaxed), 3);
}

#[test]
fn images_without_valid_depth_are_left_out() {
    let network = three_units();
    let blank = halves("blank", [1.0, 2.0], [0.0, 0.0]);
    let layers = layers(&network, &[seen()], &[("L", two_bins())]);
    let alone = run(&network, &[seen()], 1, &layers).unwrap();
    let mut found = run(&network, &[blank, seen()], 2, &layers).unwrap();
    assert_eq!(found.ablation.images_without_valid_depth, ["blank"]);
    found.ablation.images_without_valid_depth.clear();
    assert_eq!(found.ablation, alone.ablation);
    assert_eq!(found.files, alone.files);
    let blank = halves("blank", [1.0, 2.0], [0.0, 0.0]);
    let error = run(&network, &[blank], 1, &layers).unwrap_err();
    assert!(
        matches!(error, AnalysisError::NothingToEvaluate { images: 1, .. }),
        "{error}"
    );
}

#[test]
fn a_layer_of_one_unit_and_a_constant_one_have_curves() {
    // The depth seen, and 1 m everywhere.
    let one = Adds::new(1, |seen, size| Map {
        size,
        values: seen.to_vec(),
    });
    let constant = Adds::new(1, |seen, size| Map {
        size,
        values: vec![1.0; seen.len()],
    });
    for network in [one, constant] {
        let images = [seen(), halves("b", [2.0, 1.0], [2.0, 1.5])];
        let bins = DepthBins::uniform(0.0, 10.0, 1).unwrap();
        let layers = layers(&network, &images, &[("L", bins)]);
        let found = run(&network, &images, 2, &layers).unwrap().ablation;
        let layer = &found.layers[0];
        assert_eq!(layer.order, [0]);
        for curve in &layer.curves {
            let removed: Vec<usize> = curve.points.iter().map(|point| point.removed).collect();
            assert_eq!(removed, [0, 1]);
        }
        // There is only one order.
        for area in &layer.areas {
            assert_eq!(area.abs_rel.value, 0.0);
            assert_eq!(area.abs_rel_by_seed, [0.0; 3]);
        }
        let json = serde_json::to_string(&found).unwrap();
        assert_eq!(
            serde_json::from_str::<mde_results::Ablation>(&json).unwrap(),
            found
        );
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let network = three_units();
    let good = layers(&network, &[seen()], &[("L", two_bins())]);
    let refused = |layers: &[AblateLayer]| run(&network, &[seen()], 1, layers).unwrap_err();
    let error = refused(&[good.clone(), good.clone()].concat());
    assert!(matches!(error, AnalysisError::LayerTwice { .. }), "{error}");
    let mut other = good.clone();
    other[0].dissection.layer = "M".into();
    assert!(refused(&other).to_string().contains("no layer \"M\""));
    let mut other = good.clone();
    other[0].dissection.units = 2;
    let error = refused(&other);
    assert!(error.to_string().contains("dissect again"), "{error}");
    let mut other = good.clone();
    other[0].mean_response.pop();
    let error = refused(&other);
    assert!(matches!(error, AnalysisError::Dissection { .. }), "{error}");

    let none = AblateOptions {
        random_orders: 0,
        ..options()
    };
    let error = ablate(
        &network,
        batches(&[seen()], 1),
        &Device::Cpu,
        &good,
        &none,
        provenance(),
        &mut |_| {},
    );
    assert!(matches!(error, Err(AnalysisError::NoRandomOrder)));
}

#[test]
fn a_prediction_that_is_not_finite_names_image_and_removal() {
    let network = three_units();
    let mut layers = layers(&network, &[seen()], &[("L", two_bins())]);
    layers[0].mean_response[0] = f64::NAN;
    let error = run(&network, &[seen()], 1, &layers)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("image a, layer L without units [0]"),
        "{error}"
    );
}
