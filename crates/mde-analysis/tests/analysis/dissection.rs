//! Dissection of networks that respond to depth, do not, or fail.

use candle_core::Device;
use mde_analysis::{
    AnalysisError, DissectData, DissectLayer, DissectOptions, DissectedLayer, dissect,
};
use mde_metrics::statistics::Bootstrap;
use mde_metrics::{BinWeights, DepthBins, Estimator, ImageSize, ResponseTally, UnitAssignment};
use mde_models::{DepthNet, ModelError};
use mde_results::LayerTallies;

use crate::common::{Fake, Image, Map, TestBatches, data, random};

const K: usize = 4;
const ONE_PIXEL: Estimator = Estimator::ValidBins { min_pixels: 1 };

/// Four bins of 1 m.
fn bins() -> DepthBins {
    DepthBins::uniform(0.0, K as f64, K).unwrap()
}

/// The size of every ground truth here.
const GT: (usize, usize) = (23, 81);

/// Four vertical stripes at 0.5 m, 1.5 m, …, seen correctly at `size`.
fn stripes(size: (usize, usize)) -> Image {
    let stripe = |(height, width): (usize, usize)| -> Vec<f32> {
        let depth = |index: usize| 0.5 + ((index % width * K) / width) as f32;
        (0..height * width).map(depth).collect()
    };
    Image {
        id: "stripes".into(),
        seen: stripe(size),
        size,
        gt: stripe(GT),
        gt_size: GT,
    }
}

/// Unit u responds with 1 where the depth seen lies in bin u, else with 0.
fn knows_depth() -> Fake {
    Fake::new().layer("L", K, |seen, size| {
        let responses = (0..K).flat_map(|unit| {
            seen.iter()
                .map(move |&depth| f32::from(u8::from(bins().bin(depth) == Some(unit))))
        });
        Map {
            size,
            values: responses.collect(),
        }
    })
}

/// Five random images with random depths, some missing and some beyond the last edge.
fn random_images() -> Vec<Image> {
    (0..5u64)
        .map(|index| {
            let mut gt = random(GT.0 * GT.1, 0.1, 5.0, index);
            gt.iter_mut().step_by(4).for_each(|depth| *depth = 0.0);
            Image {
                id: format!("a/{index}"),
                seen: random(7 * 9, -1.0, 2.0, 50 + index),
                size: (7, 9),
                gt,
                gt_size: GT,
            }
        })
        .collect()
}

/// Two layers of different sizes and numbers of units: multiples of the depth seen, and a crop of
/// it.
fn two_layers() -> Fake {
    Fake::new()
        .layer("wide", 3, |seen, size| Map {
            size,
            values: (1..=3)
                .flat_map(|unit| seen.iter().map(move |v| v * unit as f32))
                .collect(),
        })
        .layer("narrow", 2, |seen, _| Map {
            size: (3, 5),
            values: seen[..30].to_vec(),
        })
}

fn layer(name: &str, bins: DepthBins) -> DissectLayer {
    DissectLayer {
        name: name.into(),
        bins,
    }
}

fn run(
    network: &dyn DepthNet,
    images: &[Image],
    batch: usize,
    layers: &[DissectLayer],
) -> Result<Vec<LayerTallies>, AnalysisError> {
    let layers = run_with(&DissectOptions::default(), network, images, batch, layers)?;
    Ok(layers.into_iter().map(|layer| layer.tallies).collect())
}

fn run_with(
    options: &DissectOptions,
    network: &dyn DepthNet,
    images: &[Image],
    batch: usize,
    layers: &[DissectLayer],
) -> Result<Vec<DissectedLayer>, AnalysisError> {
    let data = &data(images, batch);
    dissect(network, data, &Device::Cpu, layers, options, &mut |_| {})
}

#[test]
fn units_that_know_their_bin_score_1() {
    let tallies = run(&knows_depth(), &[stripes(GT)], 1, &[layer("L", bins())]).unwrap();
    let total = tallies[0].total().unwrap();
    for estimator in [Estimator::Reference, ONE_PIXEL] {
        let found = total.selectivity(estimator);
        assert_eq!(found.mean, Some(1.0));
        assert_eq!(found.bins_used, K);
        for (unit, found) in found.units.iter().enumerate() {
            assert_eq!(found.preferred_bin, Some(unit));
            assert_eq!(found.response, Some(1.0));
        }
    }
    assert_eq!(total.counts().iter().sum::<u64>(), (GT.0 * GT.1) as u64);
}

/// Resizing blurs only the borders between stripes.
#[test]
fn units_on_smaller_and_larger_maps_score_nearly_1() {
    for size in [(7, 21), (5, 27), (40, 160)] {
        let tallies = run(&knows_depth(), &[stripes(size)], 1, &[layer("L", bins())]).unwrap();
        let found = tallies[0].total().unwrap().selectivity(ONE_PIXEL);
        for (unit, found) in found.units.iter().enumerate() {
            assert_eq!(found.preferred_bin, Some(unit), "{size:?}");
            let selectivity = found.selectivity.unwrap();
            assert!(
                (0.9..=1.0).contains(&selectivity),
                "{size:?}: {selectivity}"
            );
        }
    }
}

#[test]
fn a_unit_that_responds_equally_at_every_depth_scores_0() {
    let flat = Fake::new().layer("L", 1, |_, size| Map {
        size,
        values: vec![0.7; size.0 * size.1],
    });
    let tallies = run(&flat, &[stripes((7, 21))], 1, &[layer("L", bins())]).unwrap();
    let found = tallies[0].total().unwrap().selectivity(ONE_PIXEL);
    assert!(found.mean.unwrap().abs() < 1e-12);
}

#[test]
fn each_image_is_tallied_as_by_itself_and_the_total_is_their_sum() {
    let images = random_images();
    let layers = [
        layer("wide", bins()),
        layer("narrow", DepthBins::nyu(7).unwrap()),
    ];
    let tallies = run(&two_layers(), &images, 2, &layers).unwrap();
    assert_eq!(tallies.len(), 2);
    for (tally, wanted) in tallies.iter().zip(&layers) {
        assert_eq!(tally.bins(), &wanted.bins);
        assert_eq!(tally.images(), images.len());
        let mut sum: Option<ResponseTally> = None;
        for image in &images {
            let alone = run(
                &two_layers(),
                std::slice::from_ref(image),
                1,
                std::slice::from_ref(wanted),
            );
            let alone = alone.unwrap()[0].total().unwrap();
            match &mut sum {
                Some(sum) => sum.merge(&alone).unwrap(),
                None => sum = Some(alone),
            }
        }
        assert_eq!(tally.total().unwrap(), sum.unwrap());
    }
    // Computed without this crate.
    let mut expected = ResponseTally::new(3, &bins());
    for image in &images {
        let features: Vec<f32> = (1..=3)
            .flat_map(|unit| image.seen.iter().map(move |v| v * unit as f32))
            .collect();
        let (size, gt) = (ImageSize::new(7, 9), ImageSize::new(GT.0, GT.1));
        let weights = BinWeights::for_stretched_features(&bins(), &image.gt, gt, size);
        expected
            .update_pooled(&features, &weights.unwrap())
            .unwrap();
    }
    let total = tallies[0].total().unwrap();
    assert_eq!(total.counts(), expected.counts());
    assert!(
        total.counts()[K] > 0,
        "some depth lies beyond the last edge"
    );
    for (found, expected) in total.sums().iter().zip(expected.sums()) {
        assert!((found - expected).abs() <= 1e-9 * expected.abs());
    }
}

/// Layers share pooling weights only if both size and bins are the same.
#[test]
fn what_layers_share_changes_no_tally() {
    let scaled = |factor: f32| {
        move |seen: &[f32], size: (usize, usize)| Map {
            size,
            values: seen.iter().map(|value| value * factor).collect(),
        }
    };
    let network = Fake::new()
        .layer("a", 1, scaled(1.0))
        .layer("b", 1, scaled(2.0))
        .layer("other bins", 1, scaled(3.0))
        .layer("other size", 1, |seen, _| Map {
            size: (9, 7),
            values: seen.to_vec(),
        });
    let other = DepthBins::uniform(0.0, 3.0, K).unwrap();
    let layers = [
        layer("a", bins()),
        layer("b", bins()),
        layer("other bins", other),
        layer("other size", bins()),
    ];
    let images = random_images();
    let together = run(&network, &images, 3, &layers).unwrap();
    for (together, layer) in together.iter().zip(layers) {
        let alone = run(&network, &images, 3, &[layer]).unwrap();
        assert_eq!(*together, alone[0]);
    }
}

#[test]
fn batches_of_any_size_give_the_same_tallies() {
    let images = random_images();
    let layers = [layer("wide", bins()), layer("narrow", bins())];
    let expected = run(&two_layers(), &images, 1, &layers).unwrap();
    for batch in [2, 3, 5] {
        assert_eq!(
            expected,
            run(&two_layers(), &images, batch, &layers).unwrap()
        );
    }
}

#[test]
fn so_do_those_of_a_real_network() {
    let parameters = mde_models::Parameters::new(1, &Device::Cpu);
    let network = mde_models::build("mff-tiny", &parameters).unwrap();
    let mut images = random_images();
    for (image, seed) in images.iter_mut().zip(0..) {
        image.size = (33, 51);
        image.seen = random(33 * 51, -2.0, 2.0, seed);
    }
    let names = ["block1", "D", "MFF"];
    let layers = names.map(|name| layer(name, DepthBins::nyu(32).unwrap()));
    let expected = run(network.as_ref(), &images, 1, &layers).unwrap();
    for batch in [2, 5] {
        assert_eq!(
            expected,
            run(network.as_ref(), &images, batch, &layers).unwrap()
        );
    }
}

#[test]
fn a_layer_named_twice_is_an_error() {
    let layers = [
        layer("wide", bins()),
        layer("wide", DepthBins::nyu(9).unwrap()),
    ];
    let error = run(&two_layers(), &random_images(), 2, &layers).unwrap_err();
    assert!(matches!(error, AnalysisError::LayerTwice { .. }), "{error}");
}

#[test]
fn without_any_depth_in_the_bins_there_is_nothing_to_dissect() {
    for depth in [0.0, 4.5] {
        let mut images = random_images();
        for image in &mut images {
            image.gt.fill(depth);
        }
        let run = |images: &[Image]| run(&two_layers(), images, 2, &[layer("narrow", bins())]);
        let error = run(&images).unwrap_err();
        let nothing = matches!(error, AnalysisError::NothingToDissect { images: 5, .. });
        assert!(nothing, "{error}");
        // One pixel of one image is enough.
        images[4].gt[100] = 2.0;
        assert_eq!(run(&images).unwrap()[0].images(), 5);
    }
}

#[test]
fn a_response_that_is_not_finite_is_an_error_that_names_image_and_layer() {
    for value in [f32::NAN, f32::INFINITY] {
        let mut images = random_images();
        images[3].seen[10] = value;
        let error = run(&two_layers(), &images, 2, &[layer("wide", bins())]).unwrap_err();
        assert!(matches!(error, AnalysisError::Image { .. }), "{error}");
        let message = error.to_string();
        assert!(
            message.contains("a/3") && message.contains("wide"),
            "{message}"
        );
    }
}

#[test]
fn an_unknown_layer_is_an_error_before_any_image_is_loaded() {
    let images = || -> TestBatches { panic!("an image was loaded") };
    let data = DissectData {
        images,
        depths: images,
    };
    let layers = [layer("wide", bins()), layer("deep", bins())];
    let options = DissectOptions {
        permutations: 3,
        ..DissectOptions::default()
    };
    let found = dissect(
        &two_layers(),
        &data,
        &Device::Cpu,
        &layers,
        &options,
        &mut |_| {},
    );
    let error = found.unwrap_err();
    assert!(
        matches!(error, AnalysisError::Model(ModelError::UnknownLayer { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("wide, narrow"), "{error}");
}

#[test]
fn the_summary_is_that_of_the_total() {
    let images = random_images();
    let tallies = run(&two_layers(), &images, 2, &[layer("wide", bins())]).unwrap();
    let total = tallies[0].total().unwrap();
    let (assignment, bootstrap) = (UnitAssignment::new(3, 3).unwrap(), Bootstrap::default());
    // An assignment of three bins, where the layer has four.
    let summary = tallies[0].summarise("wide", 4, Some(&assignment), &bootstrap, "f".into());
    assert!(summary.is_err());

    let summary = tallies[0].summarise("wide", 4, None, &bootstrap, "dissect/wide".into());
    let found = summary.unwrap();
    assert_eq!(
        (found.layer.as_str(), found.units, found.stride),
        ("wide", 3, 4)
    );
    assert_eq!(found.tally, "dissect/wide");
    assert_eq!(found.pixels, total.counts()[..K]);
    assert_eq!(found.pixels_beyond, total.counts()[K]);
    let pairs = [
        (&found.reference, Estimator::Reference),
        (&found.valid_bins, Estimator::valid_bins()),
    ];
    for (found, estimator) in pairs {
        let expected = total.selectivity(estimator);
        assert_eq!(found.estimator, estimator);
        assert_eq!(
            (found.mean, found.bins_used),
            (expected.mean, expected.bins_used)
        );
        assert_eq!(found.units, expected.units);
        assert_eq!(found.assigned, None);
    }
    assert_eq!(
        found.mean_response,
        total.mean_response(Estimator::valid_bins())
    );
}

#[test]
fn the_summary_of_an_assigned_layer_has_the_score_at_the_owned_bin() {
    let (options, layers) = (DissectOptions::default(), [layer("L", bins())]);
    let dissected = run_with(&options, &knows_depth(), &[stripes(GT)], 1, &layers).unwrap();
    let assignment = UnitAssignment::new(K, K).unwrap();
    let summary = dissected[0].summarise(Some(&assignment), &Bootstrap::default(), "f".into());
    let found = summary.unwrap();
    assert_eq!(found.reference.assigned, Some(vec![Some(1.0); K]));
    assert_eq!(found.valid_bins.assigned, Some(vec![Some(1.0); K]));
}
