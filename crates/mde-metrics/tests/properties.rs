//! Properties that hold for any input: merging, regrouping, the adjoint identity, identity
//! predictions.
#![allow(clippy::unwrap_used, missing_docs)]

use mde_metrics::{
    BinWeights, DepthBins, DepthPair, ErrorTally, Estimator, EvalProtocol, ImageSize,
    ResponseTally, depth_errors,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Bilinear resize by its definition: half-pixel centres, source coordinates clamped at 0.
fn resize(map: &[f32], from: ImageSize, to: ImageSize) -> Vec<f64> {
    let source = |index: usize, from: usize, to: usize| {
        let position = ((index as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0);
        let lower = (position as usize).min(from - 1);
        (lower, (lower + 1).min(from - 1), position - lower as f64)
    };
    let at = |row: usize, column: usize| f64::from(map[row * from.width + column]);
    let mut resized = Vec::with_capacity(to.pixels());
    for row in 0..to.height {
        let (top, bottom, down) = source(row, from.height, to.height);
        for column in 0..to.width {
            let (left, right, along) = source(column, from.width, to.width);
            let upper = at(top, left) * (1.0 - along) + at(top, right) * along;
            let lower = at(bottom, left) * (1.0 - along) + at(bottom, right) * along;
            resized.push(upper * (1.0 - down) + lower * down);
        }
    }
    resized
}

const UNITS: usize = 2;

/// Feature maps of [`UNITS`] units and a ground truth of another size.
#[derive(Clone, Debug)]
struct Image {
    features: Vec<f32>,
    feature_size: ImageSize,
    gt: Vec<f32>,
    gt_size: ImageSize,
}

fn size() -> impl Strategy<Value = ImageSize> {
    (1usize..9, 1usize..12).prop_map(|(height, width)| ImageSize { height, width })
}

/// Depths: 0, NaN, within and beyond the 10 m of the bins.
fn depth() -> impl Strategy<Value = f32> {
    prop_oneof![1 => Just(0.0f32), 1 => Just(f32::NAN), 1 => Just(-1.0f32), 12 => 0.01f32..14.0]
}

fn image() -> impl Strategy<Value = Image> {
    (size(), size()).prop_flat_map(|(feature_size, gt_size)| {
        let features = vec(-5.0f32..5.0, UNITS * feature_size.pixels());
        (features, vec(depth(), gt_size.pixels())).prop_map(move |(features, gt)| Image {
            features,
            feature_size,
            gt,
            gt_size,
        })
    })
}

fn tally_of(images: &[Image], bins: &DepthBins) -> ResponseTally {
    let mut tally = ResponseTally::new(UNITS, bins);
    for image in images {
        // The images have all aspect ratios.
        let (gt_size, feature_size) = (image.gt_size, image.feature_size);
        let weights = BinWeights::for_stretched_features(bins, &image.gt, gt_size, feature_size);
        tally
            .update_pooled(&image.features, &weights.unwrap())
            .unwrap();
    }
    tally
}

/// Asserts equality up to the order of additions.
fn assert_same(found: &ResponseTally, expected: &ResponseTally) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.counts(), expected.counts());
    prop_assert_eq!(found.bins().edges(), expected.bins().edges());
    prop_assert_eq!(found.sums().len(), expected.sums().len());
    for (found, expected) in found.sums().iter().zip(expected.sums()) {
        prop_assert!((found - expected).abs() < 1e-10, "{} {}", found, expected);
    }
    Ok(())
}

proptest! {
    #[test]
    fn pooling_equals_resizing_and_masking(image in image(), k in 1usize..20) {
        let bins = DepthBins::nyu(k).unwrap();
        let weights =
            BinWeights::for_stretched_features(&bins, &image.gt, image.gt_size, image.feature_size).unwrap();
        let mut sums = vec![0.0; UNITS * (k + 1)];
        weights.accumulate(&image.features, &mut sums, false).unwrap();

        let pixels = image.feature_size.pixels();
        for (unit, map) in image.features.chunks_exact(pixels).enumerate() {
            let resized = resize(map, image.feature_size, image.gt_size);
            for slot in 0..=k {
                let mask = image.gt.iter().map(|&depth| bins.slot(depth) == Some(slot));
                let masked: f64 = (resized.iter().zip(mask.clone()))
                    .filter(|(_, inside)| *inside)
                    .map(|(value, _)| value)
                    .sum();
                prop_assert!((sums[unit * (k + 1) + slot] - masked).abs() < 1e-9);
                prop_assert_eq!(
                    weights.counts()[slot],
                    mask.filter(|inside| *inside).count() as u64
                );

                let dense = weights.dense();
                let row = &dense[slot * pixels..(slot + 1) * pixels];
                let product: f64 =
                    (row.iter().zip(map)).map(|(w, f)| f64::from(*w) * f64::from(*f)).sum();
                prop_assert!((product - masked).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn merged_tallies_equal_one_tally(images in vec(image(), 1..5), cut in 0usize..5) {
        let bins = DepthBins::nyu(6).unwrap();
        let (first, second) = images.split_at(cut.min(images.len()));
        let mut merged = tally_of(first, &bins);
        merged.merge(&tally_of(second, &bins)).unwrap();
        assert_same(&merged, &tally_of(&images, &bins))?;
    }

    #[test]
    fn a_regrouped_tally_equals_a_direct_one(
        images in vec(image(), 1..3),
        keep in vec(any::<bool>(), 13),
        lowest in 0.0f64..2.0,
    ) {
        let fine = DepthBins::uniform(lowest, 11.0, 12).unwrap();
        let mut edges: Vec<f64> = (fine.edges().iter().zip(keep))
            .filter_map(|(&edge, keep)| keep.then_some(edge))
            .collect();
        if edges.len() < 2 {
            edges = vec![fine.edges()[3], fine.edges()[7]];
        }
        let coarse = DepthBins::from_edges(edges).unwrap();
        let regrouped = tally_of(&images, &fine).regroup(&coarse).unwrap();
        assert_same(&regrouped, &tally_of(&images, &coarse))?;
    }

    #[test]
    fn selectivity_is_between_0_and_1_and_ignores_scale_and_sign(
        images in vec(image(), 1..3),
        factor in prop_oneof![Just(-2.0f32), Just(0.25f32), Just(64.0f32)],
    ) {
        let bins = DepthBins::nyu(8).unwrap();
        let mut scaled = images.clone();
        for value in scaled.iter_mut().flat_map(|image| &mut image.features) {
            *value *= factor;
        }
        for estimator in [Estimator::Reference, Estimator::ValidBins { min_pixels: 2 }] {
            let layer = tally_of(&images, &bins).selectivity(estimator);
            for unit in &layer.units {
                let score = unit.selectivity.unwrap_or(0.0);
                prop_assert!((0.0..=1.0).contains(&score), "{}", score);
            }
            // Powers of two scale without rounding.
            let other = tally_of(&scaled, &bins).selectivity(estimator);
            prop_assert_eq!(layer.mean, other.mean);
        }
    }

    #[test]
    fn an_identity_prediction_has_no_error(size in size(), seed in vec(depth(), 88)) {
        let gt = &seed[..size.pixels()];
        let protocol = EvalProtocol::preset("nyu-full").unwrap();
        let valid = gt.iter().filter(|&&depth| depth > 1e-3 && depth < 10.0).count() as u64;
        match depth_errors(DepthPair { pred: gt, gt, size }, &protocol) {
            Ok(errors) => {
                prop_assert_eq!(errors.pixels, valid);
                let [a, b, c, d, e, f, rest @ ..] = errors.values();
                prop_assert_eq!([a, b, c, d, e, f], [1.0; 6]);
                prop_assert_eq!(rest, [0.0; 6]);
            }
            Err(_) => prop_assert_eq!(valid, 0),
        }
    }

    #[test]
    fn merged_errors_equal_one_tally_and_are_finite(
        images in vec((vec(0.1f32..9.9, 12), vec(-1.0f32..12.0, 12)), 1..6),
        cut in 0usize..6,
    ) {
        let protocol = EvalProtocol::preset("nyu-full").unwrap();
        let tally = |images: &[(Vec<f32>, Vec<f32>)]| {
            let mut tally = ErrorTally::default();
            for (gt, pred) in images {
                let size = ImageSize { height: 3, width: 4 };
                tally.push(&depth_errors(DepthPair { pred, gt, size }, &protocol).unwrap());
            }
            tally
        };
        let (first, second) = images.split_at(cut.min(images.len()));
        let mut merged = tally(first);
        merged.merge(&tally(second));
        let (found, expected) = (merged.summary().unwrap(), tally(&images).summary().unwrap());
        prop_assert_eq!((found.images, found.pixels), (expected.images, expected.pixels));
        let pooled = |summary: &mde_metrics::ErrorSummary| {
            let mut values = summary.mean.values().to_vec();
            values.extend([summary.rmse_pooled, summary.rmse_log_pooled]);
            values
        };
        for (found, expected) in pooled(&found).into_iter().zip(pooled(&expected)) {
            prop_assert!(expected.is_finite());
            prop_assert!((found - expected).abs() < 1e-12 * expected.abs().max(1.0));
        }
    }
}
