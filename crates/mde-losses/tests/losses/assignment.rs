//! Assigned selectivity.

use candle_core::{Tensor, Var};
use mde_losses::{DepthPooling, LossError, assigned_selectivity, assigned_selectivity_with};
use mde_metrics::{DepthBins, ImageSize, UnitAssignment};
use mde_ops::plain;

use crate::gradient::{assert_gradient, flat, gradient, number, random, tensor};

const UNITS: usize = 7;
const BINS: usize = 5;
const GT: [usize; 4] = [2, 1, 11, 13];
/// Feature maps smaller than the ground truth, of its size, larger, and a mixture.
const FEATURE_SIZES: [(usize, usize); 4] = [(3, 7), (11, 13), (17, 23), (5, 19)];

fn bins() -> DepthBins {
    DepthBins::nyu(BINS).unwrap()
}

fn assignment() -> UnitAssignment {
    UnitAssignment::new(UNITS, BINS).unwrap()
}

fn features((height, width): (usize, usize), seed: u64) -> Tensor {
    random(&[2, UNITS, height, width], -1.0, 1.0, seed)
}

/// Depths up to `most` metres; every sixth pixel is invalid.
fn depths(most: f64) -> Tensor {
    let mut gt = flat(&random(&GT, 0.1, most, 9));
    gt.iter_mut().step_by(6).for_each(|depth| *depth = 0.0);
    tensor(gt, &GT)
}

fn score(features: &Tensor, gt: &Tensor) -> Tensor {
    assigned_selectivity(features, gt, &bins(), &assignment()).unwrap()
}

/// The score by its definition: a loop over the pixels of features resized to the ground truth.
fn slow(features: &Tensor, gt: &Tensor) -> f64 {
    let (batch, units, _, _) = features.dims4().unwrap();
    let (_, _, height, width) = gt.dims4().unwrap();
    let resized = plain::resize_bilinear(&features.abs().unwrap(), height, width).unwrap();
    let (resized, gt) = (flat(&resized), flat(gt));
    let mut sums = vec![[0.0; BINS]; units];
    let mut counts = [0.0; BINS];
    for image in 0..batch {
        for pixel in 0..height * width {
            let depth = gt[image * height * width + pixel];
            if depth <= 0.0 {
                continue;
            }
            let edges = bins().edges().to_vec();
            // Beyond the last edge: bin 0.
            let bin = (0..BINS)
                .find(|&bin| depth > edges[bin] && depth <= edges[bin + 1])
                .unwrap_or(0);
            counts[bin] += 1.0;
            for (unit, sums) in sums.iter_mut().enumerate() {
                sums[bin] += resized[(image * units + unit) * height * width + pixel];
            }
        }
    }
    let scores = sums.iter().enumerate().map(|(unit, sums)| {
        let response = |bin: usize| {
            if counts[bin] > 0.0 {
                sums[bin] / counts[bin]
            } else {
                0.0
            }
        };
        let own = unit * BINS / units;
        let others = (0..BINS)
            .filter(|&bin| bin != own)
            .map(response)
            .sum::<f64>()
            / 4.0;
        let total = response(own) + others;
        if counts[own] == 0.0 || total == 0.0 {
            0.0
        } else {
            (response(own) - others) / total
        }
    });
    scores.sum::<f64>() / units as f64
}

#[track_caller]
fn assert_is_slow(features: &Tensor, gt: &Tensor) {
    let (found, expected) = (number(&score(features, gt)), slow(features, gt));
    // The pooling weights are f32.
    assert!(
        (found - expected).abs() < 1e-6,
        "{:?}: {found}, expected {expected}",
        features.dims()
    );
}

#[test]
fn is_its_definition() {
    let gt = depths(14.0);
    assert!(flat(&gt).iter().any(|&depth| depth > 10.0));
    for (seed, size) in FEATURE_SIZES.into_iter().enumerate() {
        // Units of different strength, so that the score is not near 0.
        let strength = tensor(
            (1..=2 * UNITS).map(|unit| unit as f64).collect(),
            &[2, UNITS, 1, 1],
        );
        let features = features(size, seed as u64)
            .broadcast_mul(&strength)
            .unwrap();
        assert_is_slow(&features, &gt);
    }
}

#[test]
fn gradient_is_that_of_finite_differences() {
    let gt = depths(14.0);
    for (seed, size) in FEATURE_SIZES.into_iter().enumerate() {
        assert_gradient(&features(size, seed as u64), |features| {
            score(features, &gt)
        });
    }
}

#[test]
fn a_unit_that_responds_only_to_its_own_bin_scores_1() {
    let gt = depths(10.0);
    let own = |unit: usize, depth: f64| {
        let range = bins().range(assignment().bin_of(unit));
        f64::from(u8::from(depth > range.0 && depth <= range.1))
    };
    let pixels = GT[2] * GT[3];
    let features: Vec<f64> = (0..2 * UNITS * pixels)
        .map(|at| {
            let (image, unit, pixel) = (at / (UNITS * pixels), at / pixels % UNITS, at % pixels);
            own(unit, flat(&gt)[image * pixels + pixel])
        })
        .collect();
    let features = tensor(features, &[2, UNITS, GT[2], GT[3]]);
    assert!((number(&score(&features, &gt)) - 1.0).abs() < 1e-12);
}

#[test]
fn depth_beyond_the_last_edge_counts_in_bin_0() {
    let features = features((5, 6), 1);
    let near = tensor(vec![0.3; 286], &GT);
    let far = tensor(vec![30.0; 286], &GT);
    let score_near = number(&score(&features, &near));
    assert_eq!(score_near, number(&score(&features, &far)));
    // Units 0 and 1 own bin 0, the only filled one: they score 1, the other five 0.
    assert!((score_near - 2.0 / 7.0).abs() < 1e-12);
}

#[test]
fn empty_bins_count_as_response_0_and_their_units_score_0() {
    let gt = depths(2.0);
    let features = features((5, 6), 1);
    assert_is_slow(&features, &gt);
    // A unit whose bin is absent gets no gradient.
    let last = bins().edges()[4];
    assert!(flat(&gt).iter().all(|&depth| depth <= last));
    let gradient = gradient(&features, |features| score(features, &gt));
    for (unit, gradient) in gradient.chunks(30).enumerate() {
        let owned = assignment().bin_of(unit % UNITS);
        let absent = bins().edges()[owned] > 2.0;
        assert_eq!(gradient.iter().all(|&value| value == 0.0), absent, "{unit}");
    }
}

#[test]
fn a_silent_unit_scores_0_and_stays_in_the_mean() {
    let gt = depths(10.0);
    let features = features((5, 6), 1);
    let silent: Vec<f64> = flat(&features)
        .into_iter()
        .enumerate()
        .map(|(at, value)| if at / 30 % UNITS == 3 { 0.0 } else { value })
        .collect();
    let silent = tensor(silent, features.dims());
    assert_is_slow(&silent, &gt);
    let gradient = gradient(&silent, |features| score(features, &gt));
    assert!(gradient.iter().all(|value| value.is_finite()));
    let all = silent.zeros_like().unwrap();
    assert_eq!(number(&score(&all, &gt)), 0.0);
}

#[test]
fn without_valid_depth_it_is_0() {
    let none = tensor(vec![0.0; 286], &GT);
    let features = features((5, 6), 1);
    assert_eq!(number(&score(&features, &none)), 0.0);
    let gradient = gradient(&features, |features| score(features, &none));
    assert!(gradient.iter().all(|&value| value == 0.0));
}

#[test]
fn following_its_gradient_raises_it() {
    let gt = depths(10.0);
    let var = Var::from_tensor(&random(&[2, UNITS, 11, 13], 0.1, 1.0, 5)).unwrap();
    let mut scores = Vec::new();
    for _ in 0..60 {
        let value = score(var.as_tensor(), &gt);
        scores.push(number(&value));
        let gradients = value.backward().unwrap();
        let step = (gradients.get(&var).unwrap() * 40.0).unwrap();
        // As behind a ReLU.
        let moved = (var.as_detached_tensor() + step).unwrap().relu().unwrap();
        var.set(&moved).unwrap();
    }
    assert!(scores[0].abs() < 0.1, "{scores:?}");
    assert!(
        scores.windows(2).all(|pair| pair[1] > pair[0]),
        "{scores:?}"
    );
    assert!(scores[59] > 0.9, "{scores:?}");
}

#[test]
fn f32_agrees_with_f64() {
    let gt = depths(14.0);
    let features = features((5, 6), 1);
    let single = |t: &Tensor| t.to_dtype(candle_core::DType::F32).unwrap();
    let found: f32 = score(&single(&features), &single(&gt)).to_scalar().unwrap();
    assert!((f64::from(found) - slow(&features, &gt)).abs() < 1e-5);
}

#[test]
fn mismatched_inputs_are_errors() {
    let (gt, features) = (depths(10.0), features((5, 6), 1));
    let other_units = UnitAssignment::new(UNITS + 1, BINS).unwrap();
    let other_bins = UnitAssignment::new(UNITS, BINS - 1).unwrap();
    let two_channels = Tensor::cat(&[&gt, &gt], 1).unwrap();
    let one_image = gt.narrow(0, 0, 1).unwrap();
    for (gt, assignment) in [
        (&gt, other_units),
        (&gt, other_bins),
        (&one_image, assignment()),
    ] {
        let error = assigned_selectivity(&features, gt, &bins(), &assignment).unwrap_err();
        assert!(matches!(error, LossError::Assignment { .. }), "{error}");
    }
    for gt in [&two_channels, &gt.squeeze(1).unwrap()] {
        let error = assigned_selectivity(&features, gt, &bins(), &assignment()).unwrap_err();
        assert!(matches!(error, LossError::GroundTruth { .. }), "{error}");
    }
    // With one bin there are no others to compare with.
    let (one, all_own_it) = (
        DepthBins::nyu(1).unwrap(),
        UnitAssignment::new(UNITS, 1).unwrap(),
    );
    assert!(assigned_selectivity(&features, &gt, &one, &all_own_it).is_err());
    assert!(assigned_selectivity(&gt.squeeze(1).unwrap(), &gt, &bins(), &assignment()).is_err());
}

#[test]
fn shared_pooling_weights_change_no_bit() {
    let gt = depths(14.0);
    let feature_size = ImageSize {
        height: 5,
        width: 6,
    };
    let pooling = DepthPooling::new(&gt, &bins(), feature_size).unwrap();
    assert_eq!(
        (pooling.bins(), pooling.feature_size()),
        (&bins(), feature_size)
    );
    for seed in [1, 2] {
        let features = features((5, 6), seed);
        let shared = |features: &Tensor| {
            assigned_selectivity_with(&pooling, features, &assignment()).unwrap()
        };
        assert_eq!(number(&shared(&features)), number(&score(&features, &gt)));
        assert_eq!(
            gradient(&features, shared),
            gradient(&features, |features| score(features, &gt))
        );
    }
    let other_size = features((6, 5), 1);
    let error = assigned_selectivity_with(&pooling, &other_size, &assignment()).unwrap_err();
    assert!(matches!(error, LossError::Assignment { .. }), "{error}");
}
