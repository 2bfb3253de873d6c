//! Compares all resamples computed at once with one resample at a time through [`ResponseTally`].
#![allow(clippy::unwrap_used, missing_docs)]

use mde_metrics::statistics::{Bootstrap, Interval};
use mde_metrics::{DepthBins, Estimator, ImageSize, ImageTallies, MetricsError, ResponseTally};

const REFERENCE: Estimator = Estimator::Reference;
/// Few enough pixels that bins drop out of some resamples only.
const VALID: Estimator = Estimator::ValidBins { min_pixels: 25 };
const BOOTSTRAP: Bootstrap = Bootstrap {
    resamples: 61,
    level: 0.9,
    seed: 5,
};

/// A number in [0, 1) for each index (SplitMix64's mixing).
fn random(index: usize) -> f32 {
    let mut z = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32
}

/// Tallies of several images, separately and as slices.
struct Layer {
    bins: DepthBins,
    images: Vec<ResponseTally>,
    sums: Vec<f64>,
    counts: Vec<u64>,
}

impl Layer {
    /// Images of 5x7 pixels. Unit 1 is silent. Each image has its own depth range, partly beyond
    /// the last edge; image 2 has no valid depth.
    fn new(images: usize, units: usize, bins: usize) -> Self {
        let bins = DepthBins::uniform(0.0, 4.0, bins).unwrap();
        let size = ImageSize::new(5, 7);
        let images: Vec<_> = (0..images)
            .map(|image| {
                let gt: Vec<f32> = (0..size.pixels())
                    .map(|pixel| match image {
                        2 => 0.0,
                        _ => random(image) * 3.5 + random(97 * (image + 1) + pixel) * 2.0,
                    })
                    .collect();
                let features: Vec<f32> = (0..units * size.pixels())
                    .map(|at| match at / size.pixels() {
                        1 => 0.0,
                        unit => {
                            let depth = gt[at % size.pixels()];
                            let near = (depth - unit as f32).abs() < 1.0;
                            random(31 * image + at) - 0.3 + f32::from(u8::from(near))
                        }
                    })
                    .collect();
                let mut tally = ResponseTally::new(units, &bins);
                tally.update(&features, size, &gt, size).unwrap();
                tally
            })
            .collect();
        Self {
            bins,
            sums: images
                .iter()
                .flat_map(|tally| tally.sums())
                .copied()
                .collect(),
            counts: images
                .iter()
                .flat_map(|tally| tally.counts())
                .copied()
                .collect(),
            images,
        }
    }

    fn units(&self) -> usize {
        self.images[0].units()
    }

    fn tallies(&self) -> ImageTallies<'_> {
        ImageTallies::new(&self.bins, self.units(), &self.sums, &self.counts).unwrap()
    }

    fn total(&self, images: &[usize]) -> ResponseTally {
        let mut total = ResponseTally::new(self.units(), &self.bins);
        for &image in images {
            total.merge(&self.images[image]).unwrap();
        }
        total
    }
}

#[track_caller]
fn assert_near(found: Option<f64>, expected: Option<f64>) {
    match (found, expected) {
        (Some(found), Some(expected)) => {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
        (found, expected) => assert_eq!(found, expected),
    }
}

#[track_caller]
fn assert_same(found: Option<Interval>, expected: Option<Interval>) {
    assert_near(found.map(|i| i.low), expected.map(|i| i.low));
    assert_near(found.map(|i| i.high), expected.map(|i| i.high));
}

#[test]
fn intervals_equal_those_of_one_resample_at_a_time() {
    // Numbers of slots and units that fill panels, and some that do not.
    for (images, units, bins) in [(9, 4, 7), (2, 3, 16), (13, 2, 1), (6, 1, 4)] {
        let layer = Layer::new(images, units, bins);
        let found = layer
            .tallies()
            .intervals(&BOOTSTRAP, [REFERENCE, VALID], VALID);
        for (at, estimator) in [REFERENCE, VALID].into_iter().enumerate() {
            let expected = BOOTSTRAP.interval(images, |drawn| {
                layer.total(drawn).selectivity(estimator).mean
            });
            assert_same(found.selectivity[at].mean, expected);
            for unit in 0..units {
                let expected = BOOTSTRAP.interval(images, |drawn| {
                    layer.total(drawn).selectivity(estimator).units[unit].selectivity
                });
                assert_same(found.selectivity[at].units[unit], expected);
            }
        }
        for unit in 0..units {
            for bin in 0..bins {
                let expected = BOOTSTRAP.interval(images, |drawn| {
                    layer.total(drawn).mean_response(VALID)[unit][bin]
                });
                assert_same(found.responses[unit][bin], expected);
            }
        }
    }
}

#[test]
fn in_these_cases_bins_drop_out_of_some_resamples() {
    let layer = Layer::new(9, 4, 7);
    let mut used = Vec::new();
    BOOTSTRAP.interval(9, |drawn| {
        used.push(layer.total(drawn).selectivity(VALID).bins_used);
        None
    });
    assert!(used.iter().any(|&bins| bins != used[0]), "{used:?}");
}

#[test]
fn resampled_units_are_in_the_order_of_the_resamples() {
    let layer = Layer::new(9, 4, 7);
    let units = layer.tallies().resampled_units(&BOOTSTRAP, VALID);
    assert_eq!(units.len(), 4);
    let mut resample = 0;
    BOOTSTRAP.interval(9, |drawn| {
        let expected = layer.total(drawn).selectivity(VALID).units;
        for (found, expected) in units.iter().zip(expected) {
            assert_near(found[resample], expected.selectivity);
        }
        resample += 1;
        None
    });
    assert!(units.iter().all(|unit| unit.len() == resample));
}

/// With two images there is only one split.
#[test]
fn held_out_selectivity_of_two_images_by_hand() {
    let bins = DepthBins::uniform(0.0, 3.0, 3).unwrap();
    let counts = [30, 30, 30, 0, 30, 30, 30, 0];
    // Unit 0 prefers bin 0 in one image and bin 1 in the other; unit 1 is silent; unit 2 responds
    // in one image.
    let sums: Vec<f64> = [
        [3.0, 1.0, 2.0, 0.0],
        [0.0; 4],
        [0.0; 4],
        [1.0, -5.0, 3.0, 0.0],
        [0.0; 4],
        [1.0, 0.0, 0.0, 0.0],
    ]
    .iter()
    .flatten()
    .map(|mean| mean * 30.0)
    .collect();
    let tallies = ImageTallies::new(&bins, 3, &sums, &counts).unwrap();
    let valid = tallies.held_out(VALID, 10);
    assert_eq!(valid.splits, 10);
    // Bin 0 on the second image: (1 - 4) / (1 + 4); bin 1 on the first: (1 - 2.5) / (1 + 2.5).
    let first = (-3.0 / 5.0 - 1.5 / 3.5) / 2.0;
    assert_near(valid.units[0], Some(first));
    assert_eq!(valid.units[1], None);
    // The silent image gives neither a preferred bin nor a value.
    assert_eq!(valid.units[2], None);
    assert_near(valid.mean, Some(first));
    let reference = tallies.held_out(REFERENCE, 10);
    assert_near(reference.units[0], Some(first));
    assert_eq!(reference.units[1], Some(0.0));
    // Chosen on the silent image: bin 0, which scores 1 on the other; in the other direction 0.
    assert_near(reference.units[2], Some(0.5));
    assert_near(reference.mean, Some((first + 0.5) / 3.0));
}

/// Four images have three equally likely splits into halves.
#[test]
fn held_out_selectivity_is_the_mean_over_random_splits() {
    let layer = Layer::new(4, 4, 2);
    let one_pixel = Estimator::ValidBins { min_pixels: 1 };
    let score = |chosen: &[usize], scored: &[usize], unit: usize| {
        let bin = layer.total(chosen).selectivity(one_pixel).units[unit].preferred_bin?;
        let response = &layer.total(scored).mean_response(one_pixel)[unit];
        // With two bins, the mean over the others is the other bin.
        let (own, rest) = (response[bin]?.abs(), response[1 - bin]?.abs());
        Some((own - rest) / (own + rest))
    };
    let found = layer.tallies().held_out(one_pixel, 3000);
    for unit in [0, 2, 3] {
        let splits = [([0, 1], [2, 3]), ([0, 2], [1, 3]), ([0, 3], [1, 2])];
        let scores: Vec<f64> = splits
            .iter()
            .flat_map(|(a, b)| [score(a, b, unit), score(b, a, unit)])
            .flatten()
            .collect();
        let expected = scores.iter().sum::<f64>() / scores.len() as f64;
        let found = found.units[unit].unwrap();
        assert!((found - expected).abs() < 0.05, "{found} {expected}");
    }
    assert_eq!(found.units[1], None);
    assert_eq!(layer.tallies().held_out(one_pixel, 3000), found);
}

/// Random units of a layer, without any relation to depth: a response is `level` plus noise of
/// standard deviation `noise` per image and bin. Returns the mean selectivity over the units on the
/// same images, and held out.
fn of_noise(level: f64, noise: f64, pixels: &[u64]) -> (f64, f64) {
    let (images, units, slots) = (40, 300, pixels.len() + 1);
    let bins = DepthBins::uniform(0.0, pixels.len() as f64, pixels.len()).unwrap();
    let counts = [pixels, &[0]].concat().repeat(images);
    // The sum of 12 uniform numbers has variance 1 and is close to normal.
    let normal = |at: usize| {
        let uniform = (12 * at..12 * at + 12).map(|at| f64::from(random(at)));
        uniform.sum::<f64>() - 6.0
    };
    let sums: Vec<f64> = (0..images * units * slots)
        .map(|at| {
            // The mean over n pixels has noise / sqrt(n).
            let pixels = counts[at % slots] as f64;
            level * pixels + noise * pixels.sqrt() * normal(at)
        })
        .collect();
    let tallies = ImageTallies::new(&bins, units, &sums, &counts).unwrap();
    let mut total = ResponseTally::new(units, &bins);
    for (sums, counts) in sums
        .chunks_exact(units * slots)
        .zip(counts.chunks_exact(slots))
    {
        let image = ResponseTally::from_parts(&bins, sums.to_vec(), counts.to_vec());
        total.merge(&image.unwrap()).unwrap();
    }
    let in_sample = total.selectivity(VALID).mean.unwrap();
    (in_sample, tallies.held_out(VALID, 10).mean.unwrap())
}

/// docs/method.md states these numbers. A bin chosen on other images is as strong as any bin where
/// all bins are alike, and the mean of (a - r) / (a + r) is 0 where a varies little.
#[test]
fn held_out_selectivity_of_noise_is_near_0_but_not_0() {
    let even = [400; 8];
    // A unit with a level far above its noise.
    let (in_sample, held_out) = of_noise(1.0, 1.0, &even);
    assert!(
        in_sample > 0.005 && held_out.abs() < 0.001,
        "{in_sample} {held_out}"
    );
    // A signed unit: its mean responses lie around 0, so a varies as much as r.
    let (in_sample, signed) = of_noise(0.0, 1.0, &even);
    assert!(in_sample > 0.4, "{in_sample}");
    assert!((-0.15..-0.09).contains(&signed), "{signed}");
    let (_, signed) = of_noise(0.0, 1.0, &[400; 64]);
    assert!((-0.16..-0.10).contains(&signed), "{signed}");
    // Bins with few pixels are noisier, hence chosen more often and strong on other images too.
    let uneven = [vec![3000; 20], vec![1000; 30], vec![300; 14]].concat();
    let (_, uneven) = of_noise(0.0, 1.0, &uneven);
    assert!((0.04..0.12).contains(&uneven), "{uneven}");
    let (_, uneven) = of_noise(0.0, 1.0, &[6400, 6400, 3200, 3200, 800, 200, 50, 25]);
    assert!((0.3..0.4).contains(&uneven), "{uneven}");
}

#[test]
fn fewer_than_two_images_have_no_intervals_and_no_halves() {
    for images in [0, 1] {
        let layer = Layer::new(1, 4, 3);
        let (sums, counts) = (&layer.sums[..images * 16], &layer.counts[..images * 4]);
        let tallies = ImageTallies::new(&layer.bins, 4, sums, counts).unwrap();
        assert_eq!(tallies.images(), images);
        let found = tallies.intervals(&BOOTSTRAP, [REFERENCE, VALID], VALID);
        for found in found.selectivity {
            assert_eq!((found.mean, found.units), (None, vec![None; 4]));
        }
        assert_eq!(found.responses, vec![vec![None; 3]; 4]);
        let held_out = tallies.held_out(VALID, 10);
        assert_eq!((held_out.splits, held_out.mean), (0, None));
        assert_eq!(held_out.units, [None; 4]);
    }
}

#[test]
fn mismatched_lengths_are_an_error() {
    let layer = Layer::new(3, 2, 3);
    let new = |units, sums, counts| ImageTallies::new(&layer.bins, units, sums, counts).map(|_| ());
    assert_eq!(new(2, &layer.sums, &layer.counts), Ok(()));
    assert!(new(3, &layer.sums, &layer.counts).is_err());
    assert!(new(2, &layer.sums[1..], &layer.counts).is_err());
    assert!(new(2, &layer.sums, &layer.counts[1..]).is_err());
    let mut broken = layer.sums.clone();
    broken[8 + 4 + 2] = f64::NAN;
    assert!(matches!(
        new(2, &broken, &layer.counts),
        Err(MetricsError::NonFiniteSum {
            unit: 1,
            slot: 2,
            ..
        })
    ));
}
