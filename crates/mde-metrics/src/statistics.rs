//! Bootstrap intervals over images, rank correlation, and permutations from a seed.

use serde::{Deserialize, Serialize};

/// A closed interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A statistic of a sample, with its bootstrap interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Value of the sample.
    pub value: f64,
    /// Bootstrap interval; `None` if the sample is too small.
    pub interval: Option<Interval>,
}

/// The percentile bootstrap over images (Efron 1979).
///
/// Each resample draws as many images as there are, with replacement. The interval contains the
/// middle `level` of the statistic's values over all resamples.
///
/// Resample r depends only on the seed, r and the number of images, so statistics of the same
/// images use the same resamples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// Number of resamples.
    pub resamples: usize,
    /// Confidence level, such as 0.95.
    pub level: f64,
    /// Seed of the resamples.
    pub seed: u64,
}

impl Default for Bootstrap {
    /// 1,000 resamples, 95 %, seed 0.
    fn default() -> Self {
        Self {
            resamples: 1000,
            level: 0.95,
            seed: 0,
        }
    }
}

impl Bootstrap {
    /// The interval of a statistic over `images` images.
    ///
    /// `statistic` gets the indices of the images drawn. Resamples with an undefined or non-finite
    /// value are skipped. `None` for fewer than two images, or if no resample has a value.
    pub fn interval(
        &self,
        images: usize,
        mut statistic: impl FnMut(&[usize]) -> Option<f64>,
    ) -> Option<Interval> {
        if images < 2 {
            return None;
        }
        let mut drawn = vec![0; images];
        self.interval_from_values((0..self.resamples).map(|resample| {
            self.draw(resample, &mut drawn);
            statistic(&drawn)
        }))
    }

    /// Draws the image indices of a resample.
    fn draw(&self, resample: usize, drawn: &mut [usize]) {
        let images = drawn.len();
        let mut random = SplitMix64::keyed(self.seed, resample as u64);
        drawn.fill_with(|| random.below(images));
    }

    /// Number of times each of `images` images is drawn in each resample, `[resamples][images]`.
    ///
    /// The same resamples as in [`Bootstrap::interval`], for statistics of sums over images.
    pub fn multiplicities(&self, images: usize) -> Vec<Vec<u32>> {
        let mut drawn = vec![0; images];
        let resamples = (0..self.resamples).map(|resample| {
            self.draw(resample, &mut drawn);
            let mut times = vec![0; images];
            drawn.iter().for_each(|&image| times[image] += 1);
            times
        });
        resamples.collect()
    }

    /// The interval from a statistic's values in all resamples; undefined and non-finite values are
    /// skipped. `None` if no resample has a value.
    pub fn interval_from_values(
        &self,
        values: impl IntoIterator<Item = Option<f64>>,
    ) -> Option<Interval> {
        let values = values.into_iter().flatten();
        let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        values.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - self.level) / 2.0;
        Some(Interval {
            low: quantile(&values, tail)?,
            high: quantile(&values, 1.0 - tail)?,
        })
    }

    /// The mean of one value per image, with its interval; `None` without images, or if a value is
    /// not finite.
    pub fn mean(&self, values: &[f64]) -> Option<Estimate> {
        let mean = |sum: f64| sum / values.len() as f64;
        let value = mean(values.iter().sum());
        value.is_finite().then(|| Estimate {
            value,
            interval: self.interval(values.len(), |drawn| {
                Some(mean(drawn.iter().map(|&image| values[image]).sum()))
            }),
        })
    }

    /// [`spearman`] of one pair per image, with its interval.
    pub fn spearman(&self, pairs: &[(f64, f64)]) -> Option<Estimate> {
        let mut resample = Vec::with_capacity(pairs.len());
        Some(Estimate {
            value: spearman(pairs)?,
            interval: self.interval(pairs.len(), |drawn| {
                resample.clear();
                resample.extend(drawn.iter().map(|&image| pairs[image]));
                spearman(&resample)
            }),
        })
    }
}

/// The `p`-quantile of sorted values, linearly interpolated; `None` without values.
pub(crate) fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = p.clamp(0.0, 1.0) * last as f64;
    let lower = at.floor() as usize;
    let (low, high) = (sorted[lower], sorted[(lower + 1).min(last)]);
    Some(low + (high - low) * (at - lower as f64))
}

/// Spearman's rank correlation: Pearson's correlation of the ranks, with mean ranks for ties.
///
/// `None` if one side is constant (so for fewer than two pairs), or a value is not finite.
pub fn spearman(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.iter().any(|(x, y)| !x.is_finite() || !y.is_finite()) {
        return None;
    }
    let x = ranks(pairs.iter().map(|pair| pair.0).collect());
    let y = ranks(pairs.iter().map(|pair| pair.1).collect());
    // The mean of the ranks 0 .. n-1, with or without ties.
    let mean = (pairs.len() as f64 - 1.0) / 2.0;
    let product = |x: &[f64], y: &[f64]| -> f64 {
        let pairs = x.iter().zip(y);
        pairs.map(|(x, y)| (x - mean) * (y - mean)).sum()
    };
    let scale = (product(&x, &x) * product(&y, &y)).sqrt();
    (scale > 0.0).then(|| (product(&x, &y) / scale).clamp(-1.0, 1.0))
}

/// The rank of each value, from 0; ties get their mean rank.
fn ranks(values: Vec<f64>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    // 0 and -0 are equal and adjacent in this order.
    for equal in order.chunk_by(|&i, &j| values[i] == values[j]) {
        let shared = first as f64 + (equal.len() as f64 - 1.0) / 2.0;
        for &index in equal {
            ranks[index] = shared;
        }
        first += equal.len();
    }
    ranks
}

/// A random permutation of 0 .. `count` from a seed (Fisher and Yates).
pub fn permutation(count: usize, seed: u64) -> Vec<usize> {
    let mut random = SplitMix64::keyed(seed, 0);
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, random.below(last + 1));
    }
    order
}

/// The seed of draw `index` for a `seed`. Unlike `seed + index`, it does not collide with draws of
/// other seeds.
pub fn keyed_seed(seed: u64, index: usize) -> u64 {
    SplitMix64::keyed(seed, index as u64).next()
}

/// SplitMix64 (Steele, Lea and Flood 2014): small, fast, and every seed is good.
struct SplitMix64(u64);

impl SplitMix64 {
    /// An independent generator for each (seed, index).
    fn keyed(seed: u64, index: u64) -> Self {
        let seed = Self(seed).next();
        Self(Self(seed ^ index).next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, uniform up to a bias of bound / 2^64.
    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn random(count: usize, seed: u64) -> Vec<f64> {
        let mut random = SplitMix64::keyed(seed, 7);
        (0..count)
            .map(|_| (random.next() >> 11) as f64 / (1u64 << 53) as f64)
            .collect()
    }

    /// The definition, computed naively.
    fn slow_spearman(pairs: &[(f64, f64)]) -> f64 {
        let n = pairs.len() as f64;
        let rank = |value: f64, side: fn(&(f64, f64)) -> f64| {
            let below = pairs.iter().filter(|pair| side(pair) < value).count() as f64;
            let equal = pairs.iter().filter(|pair| side(pair) == value).count() as f64;
            below + (equal + 1.0) / 2.0
        };
        let x: Vec<f64> = pairs.iter().map(|p| rank(p.0, |p| p.0)).collect();
        let y: Vec<f64> = pairs.iter().map(|p| rank(p.1, |p| p.1)).collect();
        let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
        let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
        for (x, y) in x.iter().zip(&y) {
            xy += (x - mx) * (y - my);
            xx += (x - mx).powi(2);
            yy += (y - my).powi(2);
        }
        xy / (xx.sqrt() * yy.sqrt())
    }

    #[test]
    fn spearman_is_its_definition_with_and_without_ties() {
        for (count, steps) in [(2, 1e9), (3, 1e9), (50, 1e9), (50, 5.0), (101, 3.0)] {
            // Values rounded to a few steps are often equal.
            let values = |seed| -> Vec<f64> {
                let values = random(count, seed).into_iter();
                values.map(|v| (v * steps).floor() - 1.0).collect()
            };
            let pairs: Vec<_> = values(1).into_iter().zip(values(2)).collect();
            let (found, expected) = (spearman(&pairs).unwrap(), slow_spearman(&pairs));
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn spearman_depends_only_on_the_order() {
        let rising: Vec<_> = (1..9).map(|i| (f64::from(i), f64::from(i).exp())).collect();
        let falling: Vec<_> = rising.iter().map(|&(x, y)| (x, -y)).collect();
        assert_eq!(spearman(&rising), Some(1.0));
        assert_eq!(spearman(&falling), Some(-1.0));
        // By hand: ranks 1 2 3 and 2 1 3, 1 - 6 (1 + 1) / (3 · 8).
        let half = [(1.0, 5.0), (2.0, 4.0), (3.0, 9.0)];
        assert!((spearman(&half).unwrap() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn spearman_is_undefined_where_nothing_varies() {
        assert_eq!(spearman(&[]), None);
        assert_eq!(spearman(&[(1.0, 2.0)]), None);
        assert_eq!(spearman(&[(1.0, 2.0), (1.0, 3.0)]), None);
        assert_eq!(spearman(&[(0.0, 2.0), (-0.0, 3.0)]), None);
        assert_eq!(spearman(&[(1.0, f64::NAN), (2.0, 3.0)]), None);
    }

    #[test]
    fn the_interval_equals_a_naive_computation() {
        let values = random(23, 5);
        let bootstrap = Bootstrap {
            resamples: 41,
            level: 0.9,
            seed: 3,
        };
        let mut means = Vec::new();
        for resample in 0..41 {
            let mut random = SplitMix64::keyed(3, resample);
            let mut sum = 0.0;
            for _ in 0..23 {
                sum += values[random.below(23)];
            }
            means.push(sum / 23.0);
        }
        means.sort_by(f64::total_cmp);
        let found = bootstrap.mean(&values).unwrap();
        // 5 % and 95 % of 40 steps: the third value from each end.
        let interval = found.interval.unwrap();
        assert!((interval.low - means[2]).abs() < 1e-12);
        assert!((interval.high - means[38]).abs() < 1e-12);
        assert!((found.value - values.iter().sum::<f64>() / 23.0).abs() < 1e-12);
    }

    #[test]
    fn the_interval_of_a_mean_is_near_that_of_the_normal_distribution() {
        // Uniform on [0, 1): standard error sqrt(1 / 12 / n).
        let values = random(400, 9);
        let found = Bootstrap::default().mean(&values).unwrap();
        let interval = found.interval.unwrap();
        let expected = 2.0 * 1.96 * (1.0 / 12.0 / 400.0_f64).sqrt();
        let width = interval.high - interval.low;
        assert!((width / expected - 1.0).abs() < 0.15, "{width} {expected}");
        assert!(interval.low < found.value && found.value < interval.high);
    }

    #[test]
    fn multiplicities_are_those_of_the_interval_s_resamples() {
        let (images, bootstrap) = (9, Bootstrap::default());
        let times = bootstrap.multiplicities(images);
        let mut resample = 0;
        bootstrap.interval(images, |drawn| {
            let expected = |image| drawn.iter().filter(|&&drawn| drawn == image).count() as u32;
            assert!((0..images).all(|image| times[resample][image] == expected(image)));
            resample += 1;
            None
        });
        assert_eq!((resample, times.len()), (1000, 1000));
    }

    #[test]
    fn keyed_seeds_differ() {
        let seeds = |seed| (0..100).map(move |index| keyed_seed(seed, index));
        let all: std::collections::BTreeSet<u64> = (0..10).flat_map(seeds).collect();
        assert_eq!(all.len(), 1000);
    }

    #[test]
    fn resamples_come_from_the_seed() {
        let values = random(30, 1);
        let with = |seed| {
            let bootstrap = Bootstrap {
                seed,
                ..Bootstrap::default()
            };
            bootstrap.mean(&values)
        };
        assert_eq!(with(1), with(1));
        assert_ne!(with(1), with(2));
        assert_eq!(with(1).unwrap().value, with(2).unwrap().value);
    }

    #[test]
    fn small_and_broken_samples_have_no_interval() {
        let bootstrap = Bootstrap::default();
        assert_eq!(bootstrap.mean(&[]), None);
        assert_eq!(bootstrap.mean(&[1.0, f64::NAN]), None);
        assert_eq!(
            bootstrap.mean(&[2.0]),
            Some(Estimate {
                value: 2.0,
                interval: None
            })
        );
        let constant = bootstrap.mean(&[2.0; 5]).unwrap().interval;
        assert_eq!(
            constant,
            Some(Interval {
                low: 2.0,
                high: 2.0
            })
        );
        assert_eq!(bootstrap.interval(5, |_| None), None);
        // Half of the resamples of two pairs are constant; the others give 1.
        let pairs = bootstrap.spearman(&[(1.0, 1.0), (2.0, 2.0)]).unwrap();
        assert_eq!(pairs.interval.map(|i| (i.low, i.high)), Some((1.0, 1.0)));
    }

    #[test]
    fn permutations_hold_every_number_once_and_come_from_the_seed() {
        for count in [0, 1, 2, 17] {
            let mut order = permutation(count, 4);
            order.sort_unstable();
            assert_eq!(order, (0..count).collect::<Vec<_>>());
        }
        assert_eq!(permutation(64, 1), permutation(64, 1));
        assert_ne!(permutation(64, 1), permutation(64, 2));
        // Each of the six orders of three about as often.
        let mut seen = std::collections::BTreeMap::new();
        for seed in 0..6000 {
            *seen.entry(permutation(3, seed)).or_insert(0) += 1;
        }
        assert_eq!(seen.len(), 6);
        assert!(
            seen.values().all(|count| (850..1150).contains(count)),
            "{seen:?}"
        );
    }
}
