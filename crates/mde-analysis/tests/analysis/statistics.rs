//! The statistics of a dissection, against slow computations that follow the definitions.

use candle_core::Device;
use mde_analysis::{
    AnalysisError, DissectData, DissectLayer, DissectOptions, DissectedLayer, dissect,
};
use mde_metrics::PermutationNull;
use mde_metrics::statistics::{Bootstrap, keyed_seed, permutation};
use mde_metrics::{DepthBins, Discretisation, Estimator, ImageSize, ResponseTally};
use mde_models::DepthNet;
use mde_results::LayerDissection;

use crate::common::{Fake, Image, Map, TestBatches, batches, data, random};

const UNITS: usize = 3;
const MAP: (usize, usize) = (5, 9);
const BOOTSTRAP: Bootstrap = Bootstrap {
    resamples: 50,
    level: 0.95,
    seed: 0,
};

fn layers(bins: usize) -> Vec<DissectLayer> {
    vec![DissectLayer {
        name: "L".into(),
        bins: DepthBins::nyu(bins).unwrap(),
    }]
}

/// Units that respond with 1, -2 and 0 times the depth seen.
fn network() -> Fake {
    Fake::new().layer("L", UNITS, |seen, size| Map {
        size,
        values: responses(seen),
    })
}

fn responses(seen: &[f32]) -> Vec<f32> {
    let unit = |factor: f32| seen.iter().map(move |value| value * factor);
    [1.0, -2.0, 0.0].into_iter().flat_map(unit).collect()
}

/// Images whose depth maps differ in size from each other and from the features, with missing depth
/// and depths beyond 10 m.
fn images(count: u64) -> Vec<Image> {
    (0..count)
        .map(|index| {
            let gt_size = (20 + index as usize % 3, 31);
            let mut gt = random(gt_size.0 * gt_size.1, 0.3, 11.0, index);
            gt.iter_mut().step_by(7).for_each(|depth| *depth = 0.0);
            Image {
                id: format!("image/{index}"),
                seen: random(MAP.0 * MAP.1, -1.0, 2.0, 90 + index),
                size: MAP,
                gt,
                gt_size,
            }
        })
        .collect()
}

fn run(
    options: &DissectOptions,
    network: &dyn DepthNet,
    images: &[Image],
    batch: usize,
    bins: usize,
) -> Result<DissectedLayer, AnalysisError> {
    let batches = &data(images, batch);
    let layers = layers(bins);
    let mut dissected = dissect(
        network,
        batches,
        &Device::Cpu,
        &layers,
        options,
        &mut |_| {},
    )?;
    Ok(dissected.remove(0))
}

fn permutations(permutations: usize) -> DissectOptions {
    DissectOptions {
        permutations,
        seed: 4,
        ..DissectOptions::default()
    }
}

fn summary(layer: &DissectedLayer) -> LayerDissection {
    layer.summarise(None, &BOOTSTRAP, "f".into()).unwrap()
}

#[track_caller]
fn near(found: Option<f64>, expected: Option<f64>) {
    match (found, expected) {
        (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-9),
        (found, expected) => assert_eq!(found, expected),
    }
}

/// Asserts that the document equals itself after a round trip. JSON has no NaN.
#[track_caller]
fn assert_no_nan(summary: &LayerDissection) {
    let json = serde_json::to_string(summary).unwrap();
    assert_eq!(
        &serde_json::from_str::<LayerDissection>(&json).unwrap(),
        summary
    );
}

/// One tally per permutation, from each image's responses and another image's full-size depths.
#[test]
fn the_null_is_that_of_tallies_of_permuted_depth_maps() {
    let (images, bins) = (images(7), DepthBins::nyu(6).unwrap());
    let size = |(height, width)| ImageSize { height, width };
    let permuted: Vec<_> = (0..20)
        .map(|index| {
            let mut tally = ResponseTally::new(UNITS, &bins);
            let order = permutation(images.len(), keyed_seed(4, index));
            for (image, &given) in images.iter().zip(&order) {
                let (features, given) = (responses(&image.seen), &images[given]);
                tally
                    .update(&features, size(MAP), &given.gt, size(given.gt_size))
                    .unwrap();
            }
            tally
        })
        .collect();
    let dissected = run(&permutations(20), &network(), &images, 1, 6).unwrap();
    let expected = PermutationNull::from_tallies(&dissected.tallies.total().unwrap(), &permuted, 4);
    let found = summary(&dissected).null.unwrap();
    assert_eq!((found.permutations, found.seed), (20, 4));
    assert_eq!((found.above, found.tested), (expected.above, 2));
    near(found.mean, expected.mean);
    for (found, expected) in found.units.iter().zip(&expected.units) {
        near(found.mean, expected.mean);
        near(found.quantile_95, expected.quantile_95);
        assert_eq!(found.p_value, expected.p_value);
    }
    // The silent unit.
    assert_eq!(found.units[2].mean, None);
    assert_eq!(found.units[2].p_value, None);
}

#[test]
fn the_null_tells_units_that_know_depth_from_units_that_do_not() {
    let knowing = Fake::new().layer("L", 2, |seen, size| {
        let flat = random(seen.len(), 0.9, 1.1, seen[0].to_bits().into());
        Map {
            size,
            values: seen.iter().map(|seen| seen * seen).chain(flat).collect(),
        }
    });
    let images: Vec<Image> = (0..12)
        .map(|index| {
            // Each image has a depth of its own, slightly increased.
            let depth = |seed| {
                random(
                    300,
                    0.75 * index as f32 + 0.5,
                    0.75 * index as f32 + 2.0,
                    seed,
                )
            };
            Image {
                id: index.to_string(),
                seen: depth(index),
                size: (15, 20),
                gt: depth(index),
                gt_size: (15, 20),
            }
        })
        .collect();
    let null = summary(&run(&permutations(99), &knowing, &images, 5, 8).unwrap())
        .null
        .unwrap();
    let p: Vec<_> = null
        .units
        .iter()
        .map(|unit| unit.p_value.unwrap())
        .collect();
    assert!(p[0] < 0.05 && p[1] > 0.05, "{p:?}");
    assert_eq!((null.above, null.tested), (1, 2));
}

#[test]
fn depth_maps_that_are_all_the_same_say_nothing_against_chance() {
    let mut images = images(6);
    for index in 1..6 {
        images[index].gt_size = images[0].gt_size;
        images[index].gt = images[0].gt.clone();
    }
    let null = summary(&run(&permutations(9), &network(), &images, 2, 6).unwrap())
        .null
        .unwrap();
    assert_eq!(null.units[0].p_value, Some(1.0));
    assert_eq!((null.above, null.tested), (0, 2));
}

#[test]
fn the_size_of_the_batches_changes_no_statistic() {
    let mut images = images(7);
    for image in &mut images {
        image.gt.truncate(20 * 31);
        image.gt_size = (20, 31);
    }
    let options = DissectOptions {
        grids: Discretisation::NYU.sweep().unwrap(),
        top_images: 2,
        ..permutations(10)
    };
    let one = run(&options, &network(), &images, 1, 6).unwrap();
    for batch in [2, 3, 7] {
        let other = run(&options, &network(), &images, batch, 6).unwrap();
        assert_eq!(summary(&other), summary(&one));
        let top = |layer: &DissectedLayer| layer.top_images().unwrap();
        assert_eq!(top(&other), top(&one));
    }
}

/// One pass for all grids gives the same scores as one dissection per grid.
#[test]
fn other_grids_are_scored_as_if_dissected_on_them() {
    let images = images(5);
    let grids = Discretisation::NYU.sweep().unwrap();
    let options = DissectOptions {
        grids: grids.clone(),
        ..DissectOptions::default()
    };
    let found = summary(&run(&options, &network(), &images, 1, 6).unwrap()).discretisations;
    assert_eq!(found.len(), grids.len());
    for (found, grid) in found.iter().zip(&grids) {
        let layer = DissectLayer {
            name: "L".into(),
            bins: grid.clone(),
        };
        let none = DissectOptions::default();
        let dissected = dissect(
            &network(),
            &data(&images, 1),
            &Device::Cpu,
            &[layer],
            &none,
            &mut |_| {},
        );
        let total = dissected.unwrap()[0].tallies.total().unwrap();
        let valid_bins = total.selectivity(Estimator::valid_bins());
        assert_eq!((&found.bins, found.bins_used), (grid, valid_bins.bins_used));
        near(found.valid_bins, valid_bins.mean);
        near(
            found.reference,
            total.selectivity(Estimator::Reference).mean,
        );
        near(found.flat_floor, total.flat_floor());
    }
}

#[test]
fn the_intervals_are_those_of_the_tallies_on_disk() {
    let dissected = run(&DissectOptions::default(), &network(), &images(6), 1, 6).unwrap();
    let found = summary(&dissected);
    let estimators = [Estimator::Reference, Estimator::valid_bins()];
    let tallies = dissected.tallies.by_image().unwrap();
    let expected = tallies.intervals(&BOOTSTRAP, estimators, Estimator::valid_bins());
    for (found, (expected, estimator)) in [&found.reference, &found.valid_bins]
        .into_iter()
        .zip(expected.selectivity.iter().zip(estimators))
    {
        assert!(found.interval.is_some());
        assert_eq!(found.interval, expected.mean);
        assert_eq!(found.unit_intervals, expected.units);
        assert_eq!(found.held_out, tallies.held_out(estimator, 10));
    }
    assert_eq!(found.response_intervals, expected.responses);
    assert_eq!(found.flat_floor, Some(0.0));
}

#[test]
fn one_image_has_values_and_nothing_over_images() {
    let found = summary(&run(&permutations(5), &network(), &images(1), 1, 6).unwrap());
    assert!(found.valid_bins.mean.is_some());
    for estimated in [&found.reference, &found.valid_bins] {
        assert_eq!(estimated.interval, None);
        assert_eq!(estimated.unit_intervals, [None; UNITS]);
        assert_eq!(
            (estimated.held_out.splits, estimated.held_out.mean),
            (0, None)
        );
    }
    assert_eq!(found.response_intervals, vec![vec![None; 6]; UNITS]);
    assert_eq!(found.null, None);
    assert_no_nan(&found);
}

#[test]
fn one_bin_has_no_selectivity_and_no_floor() {
    let network = Fake::new().layer("L", 1, |seen, size| Map {
        size,
        values: seen.to_vec(),
    });
    let found = summary(&run(&permutations(5), &network, &images(4), 1, 1).unwrap());
    for estimated in [&found.reference, &found.valid_bins] {
        assert_eq!((estimated.mean, estimated.interval), (None, None));
        assert_eq!(estimated.units[0].selectivity, None);
        assert_eq!(estimated.held_out.units, [None]);
    }
    assert_eq!(found.flat_floor, None);
    // There is still a mean response, with an interval.
    assert!(found.response_intervals[0][0].is_some());
    let null = found.null.as_ref().unwrap();
    assert_eq!((null.mean, null.above, null.tested), (None, 0, 0));
    assert_no_nan(&found);
}

#[test]
fn more_bins_than_distinct_depths_leave_most_bins_out() {
    let mut images = images(4);
    for image in &mut images {
        let depths = image.gt.iter().enumerate();
        image.gt = depths.map(|(at, _)| [1.5, 3.5, 0.0][at % 3]).collect();
    }
    let options = DissectOptions {
        grids: vec![DepthBins::nyu(128).unwrap()],
        ..permutations(5)
    };
    let found = summary(&run(&options, &network(), &images, 1, 64).unwrap());
    assert_eq!(found.valid_bins.bins_used, 2);
    assert_eq!(found.flat_floor, Some(62.0 / 64.0));
    let filled = found.response_intervals[0].iter().flatten().count();
    assert_eq!(filled, 2);
    assert_eq!(found.discretisations[0].bins_used, 2);
    assert_no_nan(&found);
}

#[test]
fn images_without_depth_count_as_images_and_give_nothing() {
    let mut images = images(5);
    images[1].gt.fill(0.0);
    images[3].gt.fill(f32::NAN);
    let options = DissectOptions {
        top_images: 2,
        ..permutations(5)
    };
    let dissected = run(&options, &network(), &images, 1, 6).unwrap();
    assert_eq!(dissected.tallies.images(), 5);
    let found = summary(&dissected);
    assert!(found.valid_bins.interval.is_some());
    assert_eq!(found.null.as_ref().unwrap().tested, 2);
    assert_no_nan(&found);
}

#[test]
fn a_silent_layer_has_no_selectivity_by_valid_bins_and_0_by_the_reference() {
    let silent = Fake::new().layer("L", 2, |seen, size| Map {
        size,
        values: vec![0.0; 2 * seen.len()],
    });
    let options = DissectOptions {
        grids: Discretisation::NYU.sweep().unwrap(),
        top_images: 2,
        ..permutations(5)
    };
    let dissected = run(&options, &silent, &images(4), 1, 6).unwrap();
    let found = summary(&dissected);
    assert_eq!(
        (found.valid_bins.mean, found.valid_bins.interval),
        (None, None)
    );
    assert_eq!(found.valid_bins.held_out.mean, None);
    assert_eq!(found.reference.mean, Some(0.0));
    let interval = found.reference.interval.unwrap();
    assert_eq!((interval.low, interval.high), (0.0, 0.0));
    assert_eq!(found.reference.held_out.mean, Some(0.0));
    let null = found.null.as_ref().unwrap();
    assert_eq!((null.mean, null.above, null.tested), (None, 0, 0));
    let valid_bins = found.discretisations.iter().map(|score| score.valid_bins);
    assert!(valid_bins.flatten().next().is_none());
    assert_no_nan(&found);
}

#[test]
fn maps_of_different_sizes_have_no_null() {
    let mut images = images(3);
    images[2].size = (9, 5);
    let run = |options| run(&options, &network(), &images, 1, 6);
    assert!(run(permutations(0)).is_ok());
    let error = run(permutations(5)).unwrap_err();
    assert!(matches!(error, AnalysisError::OtherMaps { .. }), "{error}");
    let message = error.to_string();
    for part in ["image/2", "\"L\"", "9x5", "5x9", "0 permutations"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn other_images_in_the_second_pass_are_an_error() {
    let images = images(4);
    for [first, second] in [[3, 4], [4, 3], [0, 2]] {
        let part = |count: usize| -> TestBatches { Box::new(batches(&images[..count], 1)) };
        let data = DissectData {
            images: || part(second),
            depths: || part(first),
        };
        let found = dissect(
            &network(),
            &data,
            &Device::Cpu,
            &layers(6),
            &permutations(5),
            &mut |_| {},
        );
        let error = found.unwrap_err();
        let expected = matches!(error, AnalysisError::OtherImages { images } if images == first);
        assert!(expected, "{error}");
    }
}

/// The observer counts both passes.
#[test]
fn every_image_of_every_pass_is_observed() {
    for (permuted, expected) in [(0, 5), (3, 10)] {
        let (images, mut seen) = (images(5), 0);
        let mut observer = |images| seen += images;
        let options = permutations(permuted);
        let batches = &data(&images, 1);
        dissect(
            &network(),
            batches,
            &Device::Cpu,
            &layers(6),
            &options,
            &mut observer,
        )
        .unwrap();
        assert_eq!(seen, expected);
    }
}
