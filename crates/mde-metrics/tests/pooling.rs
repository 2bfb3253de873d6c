//! Compares pooling by depth with its definition: resize each map, then add the pixels of each
//! slot.
#![allow(clippy::unwrap_used, missing_docs)]

use mde_metrics::{BinWeights, DepthBins, ImageSize, MetricsError, ResponseTally};

/// Numbers from 0 to 1 that depend only on the seed and the index.
fn random(count: usize, seed: u64) -> Vec<f32> {
    let mix = |index: u64| {
        let mut z = (seed << 32)
            .wrapping_add(index)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((z ^ (z >> 27)) >> 40) as f32 / (1 << 24) as f32
    };
    (1..=count as u64).map(mix).collect()
}

/// One pixel of a bilinearly resized map: half-pixel centres, source coordinates clamped at 0.
fn resized(map: &[f32], from: ImageSize, to: ImageSize, row: usize, column: usize) -> f64 {
    let source = |index: usize, from: usize, to: usize| {
        let position = ((index as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0);
        let lower = (position as usize).min(from - 1);
        (lower, (lower + 1).min(from - 1), position - lower as f64)
    };
    let (top, bottom, down) = source(row, from.height, to.height);
    let (left, right, along) = source(column, from.width, to.width);
    let at = |row: usize, column: usize| f64::from(map[row * from.width + column]);
    let across = |row| at(row, left) * (1.0 - along) + at(row, right) * along;
    across(top) * (1.0 - down) + across(bottom) * down
}

struct Case {
    units: usize,
    feature_size: ImageSize,
    gt_size: ImageSize,
    bins: DepthBins,
}

fn case(units: usize, feature: [usize; 2], gt: [usize; 2], k: usize) -> Case {
    Case {
        units,
        feature_size: ImageSize::new(feature[0], feature[1]),
        gt_size: ImageSize::new(gt[0], gt[1]),
        bins: DepthBins::nyu(k).unwrap(),
    }
}

/// Units that fill registers and blocks and some that do not; maps of less than a tile and of many
/// strips, larger and smaller than the ground truth; one bin and many.
fn cases() -> Vec<Case> {
    vec![
        case(1, [1, 1], [1, 1], 1),
        case(1, [57, 76], [91, 123], 64),
        case(3, [7, 9], [40, 61], 256),
        case(31, [9, 15], [19, 28], 5),
        case(64, [29, 38], [57, 76], 64),
        case(65, [23, 31], [23, 31], 16),
        case(131, [11, 13], [17, 21], 33),
        case(5, [41, 67], [13, 9], 64),
        case(9, [8, 8], [31, 1], 2),
    ]
}

impl Case {
    fn features(&self) -> Vec<f32> {
        let values = random(self.units * self.feature_size.pixels(), 1);
        values.into_iter().map(|v| 10.0 * v - 4.0).collect()
    }

    /// Random depths, or a floor, so that neighbours share a bin. Some are invalid, some beyond the
    /// last edge.
    fn gt(&self, smooth: bool) -> Vec<f32> {
        let depths = random(self.gt_size.pixels(), 2);
        let place = depths.iter().enumerate();
        place
            .map(|(pixel, &random)| match (pixel % 23, smooth) {
                (3, _) => 0.0,
                (7, _) => f32::NAN,
                (11, false) => -1.0,
                (_, false) => 12.0 * random,
                (_, true) => {
                    11.0 * (1 + pixel / self.gt_size.width) as f32 / self.gt_size.height as f32
                }
            })
            .collect()
    }

    /// Sums [units, K + 1] and counts [K + 1].
    fn by_definition(&self, features: &[f32], gt: &[f32]) -> (Vec<f64>, Vec<u64>) {
        let slots = self.bins.len() + 1;
        let (mut sums, mut counts) = (vec![0.0; self.units * slots], vec![0; slots]);
        for (pixel, &depth) in gt.iter().enumerate() {
            let Some(slot) = self.bins.slot(depth) else {
                continue;
            };
            counts[slot] += 1;
            let (row, column) = (pixel / self.gt_size.width, pixel % self.gt_size.width);
            let maps = features.chunks_exact(self.feature_size.pixels());
            for (unit, map) in maps.enumerate() {
                sums[unit * slots + slot] +=
                    resized(map, self.feature_size, self.gt_size, row, column);
            }
        }
        (sums, counts)
    }

    fn weights(&self, gt: &[f32]) -> BinWeights {
        // The cases have all aspect ratios.
        BinWeights::for_stretched_features(&self.bins, gt, self.gt_size, self.feature_size).unwrap()
    }
}

#[test]
fn sums_equal_those_of_resized_maps() {
    for case in cases() {
        for (smooth, absolute) in [(false, false), (true, false), (false, true)] {
            let (features, gt) = (case.features(), case.gt(smooth));
            let magnitudes: Vec<f32> = features.iter().map(|value| value.abs()).collect();
            let seen = if absolute { &magnitudes } else { &features };
            let (expected, counts) = case.by_definition(seen, &gt);
            let weights = case.weights(&gt);
            assert_eq!(weights.counts(), counts);
            let mut sums = vec![0.0; expected.len()];
            weights.accumulate(&features, &mut sums, absolute).unwrap();
            for (at, (found, expected)) in sums.iter().zip(&expected).enumerate() {
                assert!(
                    (found - expected).abs() < 1e-9 * (1.0 + expected.abs()),
                    "{} units at {}, K = {}, sum {at}: {found}, expected {expected}",
                    case.units,
                    case.feature_size,
                    case.bins.len()
                );
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    for case in cases() {
        let (features, gt) = (case.features(), case.gt(false));
        let tally = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build().unwrap().install(|| {
                let mut tally = ResponseTally::new(case.units, &case.bins);
                for _ in 0..2 {
                    tally.update_pooled(&features, &case.weights(&gt)).unwrap();
                }
                let sums = tally.sums().iter().map(|sum| sum.to_bits());
                (
                    sums.collect::<Vec<u64>>(),
                    tally.counts().to_vec(),
                    case.weights(&gt),
                )
            })
        };
        let one = tally(1);
        for threads in [2, 3, 7] {
            assert!(
                one == tally(threads),
                "{threads} threads, {} units",
                case.units
            );
        }
    }
}

/// Also where there is no valid depth, so that no weight multiplies the feature.
#[test]
fn the_first_non_finite_feature_is_named() {
    for case in cases() {
        let pixels = case.feature_size.pixels();
        for at in [0, case.units * pixels / 2, case.units * pixels - 1] {
            for gt in [case.gt(true), vec![0.0; case.gt_size.pixels()]] {
                let mut features = case.features();
                features[at] = f32::INFINITY;
                *features.last_mut().unwrap() = f32::NEG_INFINITY;
                let at = if at + 1 == features.len() {
                    features.len() - 1
                } else {
                    at
                };
                let mut sums = vec![1.0; case.units * (case.bins.len() + 1)];
                assert_eq!(
                    case.weights(&gt).accumulate(&features, &mut sums, false),
                    Err(MetricsError::NonFiniteFeature {
                        unit: at / pixels,
                        row: at % pixels / case.feature_size.width,
                        column: at % case.feature_size.width,
                        value: features[at],
                    })
                );
                assert!(sums.iter().all(|&sum| sum == 1.0));
            }
        }
    }
}

#[test]
fn layers_can_share_weights() {
    let case = &cases()[3];
    let (features, gt) = (case.features(), case.gt(false));
    let mut expected = ResponseTally::new(case.units, &case.bins);
    expected
        .update(&features, case.feature_size, &gt, case.gt_size)
        .unwrap();
    let mut tally = ResponseTally::new(case.units, &case.bins);
    let weights = case.weights(&gt);
    tally.update_pooled(&features, &weights).unwrap();
    assert_eq!(tally, expected);

    assert!(tally.update_pooled(&features[1..], &weights).is_err());
    let other = DepthBins::uniform(0.0, 10.0, case.bins.len()).unwrap();
    let mut other = ResponseTally::new(case.units, &other);
    assert_eq!(
        other.update_pooled(&features, &weights),
        Err(MetricsError::DifferentBins)
    );
    assert_eq!(tally, expected);
}

#[test]
fn slots_can_share_a_row_of_the_dense_weights() {
    let case = &cases()[4];
    let weights = case.weights(&case.gt(false));
    let (k, pixels) = (case.bins.len(), case.feature_size.pixels());
    let dense = weights.dense();
    let mut folded = vec![0.0; k * pixels];
    weights.add_dense(&mut folded, |slot| slot % k);
    for (at, &found) in folded.iter().enumerate() {
        let beyond = if at < pixels {
            dense[k * pixels + at]
        } else {
            0.0
        };
        assert_eq!(found, dense[at] + beyond);
    }
    assert!(dense[k * pixels..].iter().any(|&weight| weight > 0.0));
}
