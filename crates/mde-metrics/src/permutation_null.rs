//! Selectivity by chance: what a layer scores when depth maps belong to other images.

use serde::{Deserialize, Serialize};

use crate::selectivity::mean;
use crate::statistics::quantile;
use crate::{Estimator, ResponseTally};

/// Selectivity by the valid-bins estimator where responses and depths belong to different images: every image's depth map is
/// given to another image, all of them permuted at random, and the layer is tallied again. What then is left comes from chance, from the
/// number of pixels per bin, and from what all images share, such as a floor below that is near.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PermutationNull {
    /// Permutations drawn.
    pub permutations: usize,
    /// Seed of the draws.
    pub seed: u64,
    /// Mean over permutations of the layer's mean selectivity.
    pub mean: Option<f64>,
    /// Every unit, `[N]`.
    pub units: Vec<UnitNull>,
    /// Units with p < 0.05.
    pub above: usize,
    /// Units with a p-value.
    pub tested: usize,
}

/// One unit's selectivity by chance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitNull {
    /// Mean over the permutations in which it is defined.
    pub mean: Option<f64>,
    /// 95 % of the permutations lie below it.
    pub quantile_95: Option<f64>,
    /// (1 + permutations at least as selective as the unit is) / (1 + permutations); `None` for a unit without a selectivity.
    pub p_value: Option<f64>,
}

impl PermutationNull {
    /// Units with a p-value below this count as above chance.
    pub const LEVEL: f64 = 0.05;

    /// The null of a layer from its tally and one tally of each permutation, all of the same units and bins; `seed` is
    /// that of the permutations. Both are scored by [`Estimator::valid_bins`].
    pub fn of(observed: &ResponseTally, permuted: &[ResponseTally], seed: u64) -> Self {
        let estimator = Estimator::valid_bins();
        let layers: Vec<_> = permuted
            .iter()
            .map(|tally| tally.selectivity(estimator))
            .collect();
        let observed = observed.selectivity(estimator).units;
        let units: Vec<UnitNull> = observed
            .iter()
            .enumerate()
            .map(|(unit, observed)| {
                let values = layers.iter().map(|layer| layer.units[unit].selectivity);
                UnitNull::of(observed.selectivity, values.collect())
            })
            .collect();
        let p_values = units.iter().filter_map(|unit| unit.p_value);
        Self {
            permutations: permuted.len(),
            seed,
            mean: mean(layers.iter().map(|layer| layer.mean)),
            above: p_values.clone().filter(|&p| p < Self::LEVEL).count(),
            tested: p_values.count(),
            units,
        }
    }
}

impl UnitNull {
    /// From a unit's selectivity and those of all permutations.
    fn of(observed: Option<f64>, permuted: Vec<Option<f64>>) -> Self {
        let permutations = permuted.len();
        let mut values: Vec<f64> = permuted.into_iter().flatten().collect();
        values.sort_unstable_by(f64::total_cmp);
        Self {
            mean: mean(values.iter().copied().map(Some)),
            quantile_95: quantile(&values, 0.95),
            p_value: observed.map(|observed| {
                let as_high = values.iter().filter(|&&value| value >= observed).count();
                (1 + as_high) as f64 / (1 + permutations) as f64
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::DepthBins;

    /// Two bins of 100 pixels, in which the units answer 1 and what makes them so selective; `None` never answers.
    fn tally(selectivities: &[Option<f64>]) -> ResponseTally {
        let bins = DepthBins::uniform(0.0, 2.0, 2).unwrap();
        let sums = selectivities
            .iter()
            .flat_map(|selectivity| match selectivity {
                Some(s) => [100.0, 100.0 * (1.0 - s) / (1.0 + s), 0.0],
                None => [0.0; 3],
            });
        ResponseTally::from_parts(&bins, sums.collect(), vec![100, 100, 0]).unwrap()
    }

    #[test]
    fn counts_and_quantiles_by_hand() {
        // Unit 0 beats all of 39, unit 1 ties with 1 and is beaten by 1, unit 2 has no value, unit 3 is silent under most.
        let observed = tally(&[Some(0.9), Some(0.75), None, Some(0.5)]);
        let permuted: Vec<_> = (0..39)
            .map(|p| {
                let unit_1 = match p {
                    3 => 0.75,
                    30 => 0.8,
                    _ => 0.25,
                };
                let unit_3 = (p < 2).then_some([0.0, 1.0][p % 2]);
                tally(&[Some(p as f64 / 50.0), Some(unit_1), Some(0.5), unit_3])
            })
            .collect();
        let null = PermutationNull::of(&observed, &permuted, 6);
        assert_eq!((null.permutations, null.seed), (39, 6));
        let p: Vec<_> = null.units.iter().map(|unit| unit.p_value).collect();
        assert_eq!(
            p,
            [Some(1.0 / 40.0), Some(3.0 / 40.0), None, Some(2.0 / 40.0)]
        );
        // 2 of 40 is 0.05, and not below it.
        assert_eq!((null.above, null.tested), (1, 3));
        let near = |found: Option<f64>, expected: f64| {
            assert!(
                (found.unwrap() - expected).abs() < 1e-12,
                "{found:?} {expected}"
            );
        };
        // 0.95 of 38 steps of 0.02.
        near(null.units[0].quantile_95, 36.1 / 50.0);
        near(null.units[0].mean, 19.0 / 50.0);
        near(null.units[1].mean, (37.0 * 0.25 + 0.75 + 0.8) / 39.0);
        near(null.units[3].mean, 0.5);
        let means = permuted
            .iter()
            .map(|tally| tally.selectivity(Estimator::valid_bins()).mean.unwrap());
        near(null.mean, means.sum::<f64>() / 39.0);
    }

    #[test]
    fn without_values_there_is_none() {
        let null = PermutationNull::of(&tally(&[None]), &[tally(&[None])], 0);
        let none = UnitNull {
            mean: None,
            quantile_95: None,
            p_value: None,
        };
        assert_eq!((null.mean, null.above, null.tested), (None, 0, 0));
        assert_eq!(null.units, [none]);
        // A null without any value says nothing against the unit, and nothing for it.
        let null = PermutationNull::of(&tally(&[Some(0.5)]), &[tally(&[None])], 0);
        assert_eq!(null.units[0].p_value, Some(0.5));
    }
}
