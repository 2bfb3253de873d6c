//! Chance level of selectivity: the selectivity of a layer with depth maps of other images.

use serde::{Deserialize, Serialize};

use crate::selectivity::mean;
use crate::statistics::quantile;
use crate::{Estimator, LayerSelectivity, ResponseTally};

/// Chance level of a layer's selectivity, by the valid-bins estimator.
///
/// The depth maps are permuted among the images and the layer is tallied again. The remaining
/// selectivity comes from chance, from the number of pixels per bin, and from what all images
/// share, such as a near floor at the bottom.
///
/// A permutation in which a unit has no selectivity says nothing of the unit. It is left out of
/// all numbers of the unit, and of both counts of its p-value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PermutationNull {
    /// Number of permutations.
    pub permutations: usize,
    /// Seed of the permutations.
    pub seed: u64,
    /// Mean over permutations of the mean selectivity of the tested units.
    pub mean: Option<f64>,
    /// Chance level of each unit, `[N]`.
    pub units: Vec<UnitNull>,
    /// Number of units with p < 0.05.
    pub above: usize,
    /// Number of tested units: those with a selectivity, and so with a p-value.
    pub tested: usize,
}

/// Chance level of one unit's selectivity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitNull {
    /// Mean over the permutations in which the selectivity is defined.
    pub mean: Option<f64>,
    /// 95th percentile over these permutations.
    pub quantile_95: Option<f64>,
    /// p-value: (1 + number of permutations with at least the unit's selectivity) / (1 + number of
    /// permutations), counting permutations in which the selectivity is defined. Equal within
    /// 1e-9 counts as at least. `None` for a unit whose selectivity is undefined.
    pub p_value: Option<f64>,
}

impl PermutationNull {
    /// Significance level: units with a smaller p-value count as above chance.
    pub const LEVEL: f64 = 0.05;

    /// Selectivities that differ by less are equal. Sums over the same images in another order
    /// differ by rounding only, around 1e-16 to 1e-12.
    const TIE: f64 = 1e-9;

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
        let tested_mean = |layer: &LayerSelectivity| {
            let units = layer.units.iter().zip(&observed);
            let tested = units.filter(|(_, observed)| observed.selectivity.is_some());
            mean(tested.map(|(unit, _)| unit.selectivity))
        };
        Self {
            permutations: permuted.len(),
            seed,
            mean: mean(layers.iter().map(tested_mean)),
            above: p_values.clone().filter(|&p| p < Self::LEVEL).count(),
            tested: p_values.count(),
            units,
        }
    }
}

impl UnitNull {
    /// Compares a unit's selectivity with that in all permutations.
    fn from_values(observed: Option<f64>, permuted: Vec<Option<f64>>) -> Self {
        let mut values: Vec<f64> = permuted.into_iter().flatten().collect();
        values.sort_unstable_by(f64::total_cmp);
        Self {
            mean: mean(values.iter().copied().map(Some)),
            quantile_95: quantile(&values, 0.95),
            p_value: observed.map(|observed| {
                let as_high = |&&value: &&f64| value >= observed - PermutationNull::TIE;
                let as_high = values.iter().filter(as_high).count();
                (1 + as_high) as f64 / (1 + values.len()) as f64
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::DepthBins;
    use crate::statistics::permutation;

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
            [Some(1.0 / 40.0), Some(3.0 / 40.0), None, Some(2.0 / 3.0)]
        );
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
        // Unit 2 is not tested, so its selectivities are no part of the chance level.
        let means = permuted.iter().map(|tally| {
            let units = tally.selectivity(Estimator::valid_bins()).units;
            let tested = [0, 1, 3].map(|unit: usize| units[unit].selectivity);
            let defined: Vec<f64> = tested.into_iter().flatten().collect();
            defined.iter().sum::<f64>() / defined.len() as f64
        });
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
        // Permutations without a selectivity are no evidence, however many there are.
        let silent = vec![tally(&[None]); 99];
        let null = PermutationNull::from_tallies(&tally(&[Some(0.5)]), &silent, 0);
        assert_eq!(null.units[0].p_value, Some(1.0));
        assert_eq!((null.mean, null.above, null.tested), (None, 0, 1));
    }

    /// Images with the same responses: their depth maps in any order give the same selectivity, up
    /// to the rounding of sums in another order.
    #[test]
    fn ties_are_not_decided_by_rounding() {
        let bins = DepthBins::uniform(0.0, 3.0, 3).unwrap();
        let (images, units) = (12, 40);
        let noise = |at: usize| (at as f64 * 0.618_033_988_75).fract();
        // Per depth map and unit, sums that no order of addition keeps to the last bit.
        let depth_map = |map: usize| -> ResponseTally {
            let sums = (0..units * 4).map(|at| 100.0 * noise(at + 977 * map));
            ResponseTally::from_parts(&bins, sums.collect(), vec![100; 4]).unwrap()
        };
        let total = |order: &[usize]| {
            let mut total = ResponseTally::new(units, &bins);
            let maps = order.iter().map(|&map| depth_map(map));
            maps.for_each(|map| total.merge(&map).unwrap());
            total
        };
        let observed = total(&(0..images).collect::<Vec<_>>());
        let permuted: Vec<_> = (0..99)
            .map(|seed| total(&permutation(images, seed)))
            .collect();
        let differs = permuted.iter().any(|tally| *tally != observed);
        assert!(differs, "these sums do not depend on the order");
        let null = PermutationNull::from_tallies(&observed, &permuted, 0);
        assert!(null.units.iter().all(|unit| unit.p_value == Some(1.0)));
    }

    /// The definition, unit by unit, on random tallies some of whose units are silent.
    #[test]
    fn the_null_equals_a_slow_computation() {
        let noise = |at: usize| (at as f64 * 0.618_033_988_75 + 0.2).fract();
        let layer = |at: usize| -> Vec<Option<f64>> {
            let unit = |unit: usize| (noise(7 * at + unit) > 0.3).then(|| noise(31 * at + unit));
            (0..6).map(unit).collect()
        };
        let observed = layer(0);
        let permuted: Vec<_> = (1..60).map(layer).collect();
        let tallies: Vec<_> = permuted.iter().map(|layer| tally(layer)).collect();
        let null = PermutationNull::from_tallies(&tally(&observed), &tallies, 0);
        for (unit, own) in observed.iter().enumerate() {
            let (mut as_high, mut all) = (1.0, 1.0);
            for value in permuted.iter().filter_map(|layer| layer[unit]) {
                all += 1.0;
                as_high += f64::from(u8::from(own.is_some_and(|own| value >= own - 1e-9)));
            }
            assert!(all < 60.0, "unit {unit} is defined in every permutation");
            assert_eq!(null.units[unit].p_value, own.map(|_| as_high / all));
        }
    }
}
