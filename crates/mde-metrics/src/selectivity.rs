//! Depth selectivity from a response tally with two estimators, and the assignment of bins to
//! units.

use crate::checks::check_equal;
use crate::{MetricsError, ResponseTally};
use serde::{Deserialize, Serialize};

/// Minimum number of pixels of a bin for [`Estimator::valid_bins`].
///
/// Pixels of an image are strongly correlated, so a mean over fewer is unreliable.
pub const DEFAULT_MIN_PIXELS: u64 = 100;

/// Estimator of the mean response per bin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Estimator {
    /// The paper's code, including its quirks: depths beyond the last edge count in bin 0, and an
    /// empty bin has response 0.
    ///
    /// With m of K bins filled, a unit with constant response scores (K - m) / (K + m - 2). Use
    /// this estimator only to compare with published numbers.
    Reference,
    /// Drops depths beyond the last edge, empty bins and bins with fewer than `min_pixels` pixels.
    ValidBins {
        /// Minimum number of pixels of a bin.
        min_pixels: u64,
    },
}

impl Estimator {
    /// [`Estimator::ValidBins`] with [`DEFAULT_MIN_PIXELS`].
    pub const fn valid_bins() -> Self {
        Self::ValidBins {
            min_pixels: DEFAULT_MIN_PIXELS,
        }
    }
}

impl std::fmt::Display for Estimator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Reference => "reference",
            Self::ValidBins { .. } => "valid-bins",
        })
    }
}

/// Depth selectivity of one unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitSelectivity {
    /// (p - r) / (p + r) with p = |R| at the preferred bin and r = mean |R| over the other bins
    /// used.
    ///
    /// `None` if fewer than two bins are used. A silent unit scores 0 under the reference estimator
    /// and `None` under valid-bins.
    pub selectivity: Option<f64>,
    /// The bin with the largest |R|, the first of equals. For a silent unit, bin 0 under the
    /// reference estimator and `None` under valid-bins.
    pub preferred_bin: Option<usize>,
    /// R at the preferred bin, with its sign.
    pub response: Option<f64>,
}

/// Depth selectivity of a layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerSelectivity {
    /// Mean over the units that have a value.
    pub mean: Option<f64>,
    /// Number of bins used: K for the reference estimator.
    pub bins_used: usize,
    /// Each unit, in the layer's order.
    pub units: Vec<UnitSelectivity>,
}

impl LayerSelectivity {
    fn new(bins_used: usize, units: Vec<UnitSelectivity>) -> Self {
        Self {
            mean: mean(units.iter().map(|unit| unit.selectivity)),
            bins_used,
            units,
        }
    }
}

/// Assignment of bins to units in training: unit k of N is assigned bin floor(k K / N).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitAssignment {
    units: usize,
    bins: usize,
}

impl UnitAssignment {
    /// Assigns `bins` bins to `units` units.
    ///
    /// # Errors
    /// [`MetricsError::InvalidAssignment`] unless 1 <= bins <= units.
    pub fn new(units: usize, bins: usize) -> Result<Self, MetricsError> {
        if bins == 0 || bins > units {
            return Err(MetricsError::InvalidAssignment { units, bins });
        }
        Ok(Self { units, bins })
    }

    /// The bin assigned to a unit; `unit` is below [`UnitAssignment::units`].
    pub fn bin_of(&self, unit: usize) -> usize {
        unit * self.bins / self.units
    }

    /// Number of units.
    pub fn units(&self) -> usize {
        self.units
    }

    /// Number of bins.
    pub fn bins(&self) -> usize {
        self.bins
    }
}

impl ResponseTally {
    /// R, the mean response of each unit in each bin, `[units][K]`; `None` for a dropped bin.
    pub fn mean_response(&self, estimator: Estimator) -> Vec<Vec<Option<f64>>> {
        (0..self.units())
            .map(|unit| self.unit_response(unit, estimator))
            .collect()
    }

    fn unit_response(&self, unit: usize, estimator: Estimator) -> Vec<Option<f64>> {
        let slots = self.counts().len();
        let sums = &self.sums()[unit * slots..(unit + 1) * slots];
        mean_response(sums, self.counts(), estimator)
    }

    /// Number of bins that the estimator uses.
    fn bins_used(&self, estimator: Estimator) -> usize {
        let counts = &self.counts()[..self.bins().len()];
        match estimator {
            Estimator::Reference => counts.len(),
            Estimator::ValidBins { min_pixels } => counts
                .iter()
                .filter(|&&count| count >= min_pixels.max(1))
                .count(),
        }
    }

    /// Depth selectivity of each unit at its preferred bin.
    pub fn selectivity(&self, estimator: Estimator) -> LayerSelectivity {
        let units = (0..self.units())
            .map(|unit| unit_selectivity(&self.unit_response(unit, estimator), estimator))
            .collect();
        LayerSelectivity::new(self.bins_used(estimator), units)
    }

    /// Depth selectivity of each unit at its assigned bin.
    ///
    /// In the result, `preferred_bin` is the assigned bin and `response` the response there. If
    /// that bin is empty, the unit scores 0 under the reference estimator, as in the training loss,
    /// and `None` under valid-bins.
    ///
    /// # Errors
    /// [`MetricsError::Mismatch`] if the number of units or bins differs.
    pub fn assigned_selectivity(
        &self,
        assignment: &UnitAssignment,
        estimator: Estimator,
    ) -> Result<LayerSelectivity, MetricsError> {
        let (units, bins) = (self.units(), self.bins().len());
        check_equal("units of the assignment", units, assignment.units())?;
        check_equal("bins of the assignment", bins, assignment.bins())?;
        let units = (0..self.units())
            .map(|unit| {
                let assigned = assignment.bin_of(unit);
                let response = self.unit_response(unit, estimator);
                let absent =
                    estimator == Estimator::Reference && self.reference_count(assigned) == 0;
                UnitSelectivity {
                    selectivity: if absent {
                        Some(0.0)
                    } else {
                        selectivity_at(&response, assigned, estimator)
                    },
                    preferred_bin: Some(assigned),
                    response: response[assigned],
                }
            })
            .collect();
        Ok(LayerSelectivity::new(self.bins_used(estimator), units))
    }

    /// Number of pixels of a bin under the reference estimator.
    fn reference_count(&self, bin: usize) -> u64 {
        let beyond = if bin == 0 {
            self.counts()[self.bins().len()]
        } else {
            0
        };
        self.counts()[bin] + beyond
    }

    /// Selectivity of a unit with constant response under the reference estimator.
    ///
    /// (K - m) / (K + m - 2) with m of K bins filled; `None` if no bin is filled, or K = 1.
    pub fn flat_floor(&self) -> Option<f64> {
        let bins = self.bins().len();
        let filled = (0..bins).filter(|&bin| self.reference_count(bin) > 0);
        let filled = filled.count();
        let defined = filled > 0 && bins > 1;
        defined.then(|| (bins - filled) as f64 / (bins + filled - 2) as f64)
    }
}

/// Mean of the defined values, added in order; `None` without any.
pub(crate) fn mean(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0u32);
    for value in values.into_iter().flatten() {
        sum += value;
        count += 1;
    }
    (count > 0).then(|| sum / f64::from(count))
}

/// R of one unit, `[K]`, from its sums and the pixel counts, both `[K + 1]`.
pub(crate) fn mean_response(
    sums: &[f64],
    counts: &[u64],
    estimator: Estimator,
) -> Vec<Option<f64>> {
    let bins = counts.len() - 1;
    (0..bins)
        .map(|bin| match estimator {
            Estimator::Reference => {
                let (mut sum, mut count) = (sums[bin], counts[bin]);
                if bin == 0 {
                    sum += sums[bins];
                    count += counts[bins];
                }
                Some(if count == 0 { 0.0 } else { sum / count as f64 })
            }
            Estimator::ValidBins { min_pixels } => {
                let count = counts[bin];
                (count >= min_pixels.max(1)).then(|| sums[bin] / count as f64)
            }
        })
        .collect()
}

/// Selectivity of a unit with mean responses R at its preferred bin.
pub(crate) fn unit_selectivity(response: &[Option<f64>], estimator: Estimator) -> UnitSelectivity {
    let preferred_bin = preferred_bin(response, estimator);
    UnitSelectivity {
        selectivity: preferred_bin.and_then(|bin| selectivity_at(response, bin, estimator)),
        preferred_bin,
        response: preferred_bin.and_then(|bin| response[bin]),
    }
}

/// The bin with the largest |R|; see [`UnitSelectivity::preferred_bin`].
pub(crate) fn preferred_bin(response: &[Option<f64>], estimator: Estimator) -> Option<usize> {
    // The reference's argmax of zeros is bin 0.
    let silent = (estimator == Estimator::Reference).then_some(0);
    strongest_bin(response).or(silent)
}

/// The bin with the largest |R| > 0, the first of equals.
fn strongest_bin(response: &[Option<f64>]) -> Option<usize> {
    let mut strongest = None;
    let mut greatest = 0.0;
    for (bin, value) in response.iter().enumerate() {
        let strength = value.map_or(0.0, f64::abs);
        if strength > greatest {
            (strongest, greatest) = (Some(bin), strength);
        }
    }
    strongest
}

/// Selectivity at a bin: (|R[bin]| - r) / (|R[bin]| + r), r = mean |R| over the other defined bins.
///
/// `None` if R[bin] is undefined or there is no other bin. A silent unit scores 0 under the
/// reference estimator, whose code adds a tiny number to the divisor, and `None` under valid-bins.
pub(crate) fn selectivity_at(
    response: &[Option<f64>],
    bin: usize,
    estimator: Estimator,
) -> Option<f64> {
    let own = response[bin]?.abs();
    let (mut sum, mut count) = (0.0, 0u32);
    for (other, value) in response.iter().enumerate() {
        if let Some(value) = value
            && other != bin
        {
            sum += value.abs();
            count += 1;
        }
    }
    if count == 0 {
        return None;
    }
    let rest = sum / f64::from(count);
    if own + rest > 0.0 {
        Some((own - rest) / (own + rest))
    } else {
        (estimator == Estimator::Reference).then_some(0.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::DepthBins;

    const ONE_PIXEL: Estimator = Estimator::ValidBins { min_pixels: 1 };

    /// A tally of K = counts.len() - 1 bins with these mean responses, the last beyond the edges.
    fn tally(counts: &[u64], means: &[&[f64]]) -> ResponseTally {
        let k = counts.len() - 1;
        let sums = means
            .iter()
            .flat_map(|row| {
                row.iter()
                    .zip(counts)
                    .map(|(mean, &count)| mean * count as f64)
            })
            .collect();
        let bins = DepthBins::uniform(0.0, k as f64, k).unwrap();
        ResponseTally::from_parts(&bins, sums, counts.to_vec()).unwrap()
    }

    #[test]
    fn a_negative_response_is_preferred_by_its_magnitude() {
        let tally = tally(&[10, 10, 10, 0], &[&[1.0, -4.0, 3.0, 0.0]]);
        for estimator in [Estimator::Reference, ONE_PIXEL] {
            let layer = tally.selectivity(estimator);
            assert_eq!(layer.bins_used, 3);
            let expected = UnitSelectivity {
                selectivity: Some((4.0 - 2.0) / (4.0 + 2.0)),
                preferred_bin: Some(1),
                response: Some(-4.0),
            };
            assert_eq!(layer.units, [expected]);
        }
    }

    #[test]
    fn a_flat_unit_scores_zero_under_valid_bins_and_the_floor_under_reference() {
        let (k, m) = (6.0, 4.0);
        let tally = tally(&[5, 5, 0, 5, 5, 0, 0], &[&[2.0; 7]]);
        let reference = tally.selectivity(Estimator::Reference);
        let floor: f64 = (k - m) / (k + m - 2.0);
        assert!((reference.mean.unwrap() - floor).abs() < 1e-12);
        assert_eq!(tally.flat_floor(), Some(floor));
        let valid = tally.selectivity(ONE_PIXEL);
        assert_eq!((valid.mean, valid.bins_used), (Some(0.0), 4));
    }

    #[test]
    fn depth_beyond_the_edges_counts_in_bin_0_of_the_reference_only() {
        let tally = tally(&[1, 1, 3], &[&[0.0, 2.0, 4.0]]);
        let reference = tally.mean_response(Estimator::Reference);
        assert_eq!(reference, [[Some(3.0), Some(2.0)]]);
        assert_eq!(tally.mean_response(ONE_PIXEL), [[Some(0.0), Some(2.0)]]);
    }

    #[test]
    fn bins_with_few_pixels_are_left_out() {
        let tally = tally(&[100, 99, 100, 0], &[&[1.0, 50.0, 3.0, 0.0]]);
        let layer = tally.selectivity(Estimator::valid_bins());
        assert_eq!(layer.bins_used, 2);
        assert_eq!(layer.units[0].preferred_bin, Some(2));
        assert_eq!(layer.units[0].selectivity, Some(0.5));
        let responses = tally.mean_response(Estimator::valid_bins());
        assert_eq!(responses, [[Some(1.0), None, Some(3.0)]]);
        // An empty bin has no mean for any threshold.
        let zero = Estimator::ValidBins { min_pixels: 0 };
        let empty = ResponseTally::new(1, tally.bins());
        assert_eq!(empty.selectivity(zero).bins_used, 0);
        assert_eq!(empty.selectivity(zero).mean, None);
    }

    #[test]
    fn a_silent_unit_scores_0_under_reference_and_none_under_valid_bins() {
        let tally = tally(&[5, 5, 0], &[&[0.0; 3], &[3.0, 1.0, 0.0]]);
        let assignment = UnitAssignment::new(2, 2).unwrap();
        let layer = tally.selectivity(Estimator::Reference);
        let silent = UnitSelectivity {
            selectivity: Some(0.0),
            preferred_bin: Some(0),
            response: Some(0.0),
        };
        assert_eq!(layer.units[0], silent);
        assert_eq!(layer.mean, Some(0.25));
        let assigned = tally.assigned_selectivity(&assignment, Estimator::Reference);
        assert_eq!(assigned.unwrap().units[0].selectivity, Some(0.0));

        let layer = tally.selectivity(ONE_PIXEL);
        let silent = UnitSelectivity {
            selectivity: None,
            preferred_bin: None,
            response: None,
        };
        assert_eq!(layer.units[0], silent);
        assert_eq!(layer.mean, Some(0.5));
        let assigned = tally.assigned_selectivity(&assignment, ONE_PIXEL);
        assert_eq!(assigned.unwrap().units[0].selectivity, None);
    }

    #[test]
    fn one_bin_has_no_selectivity() {
        let tally = tally(&[5, 0], &[&[2.0, 0.0]]);
        for estimator in [Estimator::Reference, ONE_PIXEL] {
            let layer = tally.selectivity(estimator);
            assert_eq!(layer.mean, None);
            assert_eq!(layer.units[0].selectivity, None);
            assert_eq!(layer.units[0].preferred_bin, Some(0));
        }
    }

    #[test]
    fn the_flat_floor_is_the_score_of_a_flat_unit() {
        // Depths beyond the edges count in bin 0.
        for counts in [&[0u64, 3, 2][..], &[4, 4, 0], &[0, 0, 2, 0, 9], &[1, 0]] {
            let tally = tally(counts, &[&vec![2.0; counts.len()]]);
            let scored = tally.selectivity(Estimator::Reference).mean;
            let floor = tally.flat_floor();
            assert_eq!(floor.is_some(), scored.is_some(), "{counts:?}");
            assert!((floor.unwrap_or(0.0) - scored.unwrap_or(0.0)).abs() < 1e-12);
        }
        assert_eq!(tally(&[0, 0, 0], &[&[0.0; 3]]).flat_floor(), None);
    }

    #[test]
    fn assignments_are_in_order() {
        let assignment = UnitAssignment::new(7, 3).unwrap();
        let owners: Vec<usize> = (0..7).map(|unit| assignment.bin_of(unit)).collect();
        assert_eq!(owners, [0, 0, 0, 1, 1, 2, 2]);
        for (units, bins) in [(0, 0), (4, 0), (0, 1), (3, 4)] {
            assert!(UnitAssignment::new(units, bins).is_err());
        }
    }

    #[test]
    fn assigned_selectivity_is_at_the_assigned_bin() {
        let tally = tally(
            &[5, 5, 0, 0],
            &[
                &[3.0, 1.0, 0.0, 0.0],
                &[3.0, 1.0, 0.0, 0.0],
                &[3.0, 1.0, 0.0, 0.0],
            ],
        );
        let assignment = UnitAssignment::new(3, 3).unwrap();
        let scores = |estimator| -> Vec<Option<f64>> {
            let layer = tally.assigned_selectivity(&assignment, estimator).unwrap();
            layer.units.iter().map(|unit| unit.selectivity).collect()
        };
        // Bin 2 is empty: under the reference it has response 0, and a unit assigned to it scores
        // 0.
        assert_eq!(
            scores(Estimator::Reference),
            [Some(2.5 / 3.5), Some(-0.5 / 2.5), Some(0.0)]
        );
        assert_eq!(scores(ONE_PIXEL), [Some(0.5), Some(-0.5), None]);
        let other = UnitAssignment::new(4, 3).unwrap();
        assert!(tally.assigned_selectivity(&other, ONE_PIXEL).is_err());
        let other = UnitAssignment::new(3, 2).unwrap();
        assert!(tally.assigned_selectivity(&other, ONE_PIXEL).is_err());
    }
}
