//! Chance level of selectivity: the selectivity of a layer with depth maps of other images.

use serde::{Deserialize, Serialize};

use crate::selectivity::mean;
use crate::statistics::quantile;
use crate::{Estimator, ResponseTally};

/// Chance level of a layer's selectivity, by the valid-bins estimator.
///
/// The depth maps are permuted among the images and the layer is tallied again. The remaining
/// selectivity comes from chance, from the number of pixels per bin, and from what all images
/// share, such as a near floor at the bottom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PermutationNull {
    /// Number of permutations.
    pub permutations: usize,
    /// Seed of the permutations.
    pub seed: u64,
    /// Mean over permutations of the layer's mean selectivity.
    pub mean: Option<f64>,
    /// Chance level of each unit, `[N]`.
    pub units: Vec<UnitNull>,
    /// Number of units with p < 0.05.
    pub above: usize,
    /// Number of units with a p-value.
    pub tested: usize,
}

/// Chance level of one unit's selectivity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitNull {
    /// Mean over the permutations in which the selectivity is defined.
    pub mean: Option<f64>,
    /// 95th percentile over these permutations.
    pub quantile_95: Option<f64>,
    /// p-value: (1 + number of permutations with at least the unit's selectivity) / (1 +
    /// permutations). `None` for a unit whose selectivity is undefined.
    pub p_value: Option<f64>,
}

impl PermutationNull {
    /// Significance level: units with a smaller p-value count as above chance.
    pub const LEVEL: f64 = 0.05;

    /// Compares the tally of a layer with one tally per permutation, all with the same units and
    /// bins.
    ///
    /// `seed` is the seed of the permutations. All tallies are scored by [`Estimator::valid_bins`].
    pub fn from_tallies(observed: &ResponseTally, permuted: &[ResponseTally], seed: u64) -> Self {
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
                UnitNull::from_values(observed.selectivity, values.collect())
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
    /// Compares a unit's selectivity with that in all permutations.
    fn from_values(observed: Option<f64>, permuted: Vec<Option<f64>>) -> Self {
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

    /// Two bins of 100 pixels, with responses that give these selectivities; `None` for a silent
    /// unit.
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
        // Unit 0 exceeds all 39 permutations; unit 1 equals one and is below one; unit 2 is
        // undefined; unit 3 is silent in most.
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
        let null = PermutationNull::from_tallies(&observed, &permuted, 6);
        assert_eq!((null.permutations, null.seed), (39, 6));
        let p: Vec<_> = null.units.iter().map(|unit| unit.p_value).collect();
        assert_eq!(
            p,
            [Some(1.0 / 40.0), Some(3.0 / 40.0), None, Some(2.0 / 40.0)]
        );
        // 2 of 40 is 0.05, not below it.
        assert_eq!((null.above, null.tested), (1, 3));
        let near = |found: Option<f64>, expected: f64| {
            assert!(
                (found.unwrap() - expected).abs() < 1e-12,
                "{found:?} {expected}"
            );
        };
        // 95 % of 38 steps of 0.02.
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
    fn undefined_selectivities_give_none() {
        let null = PermutationNull::from_tallies(&tally(&[None]), &[tally(&[None])], 0);
        let none = UnitNull {
            mean: None,
            quantile_95: None,
            p_value: None,
        };
        assert_eq!((null.mean, null.above, null.tested), (None, 0, 0));
        assert_eq!(null.units, [none]);
        // Without any defined permutation, the p-value is 1 / (1 + permutations).
        let null = PermutationNull::from_tallies(&tally(&[Some(0.5)]), &[tally(&[None])], 0);
        assert_eq!(null.units[0].p_value, Some(0.5));
    }
}
