//! Responses of a layer's units per depth bin: the sufficient statistics of network dissection.

use crate::checks::{check_equal, check_length, check_sums};
use crate::{BinWeights, DepthBins, ImageSize, MetricsError};

/// Sums of responses per (unit, slot) and pixel counts per slot of one layer.
///
/// Depth selectivity is computed from these without another forward pass. Tallies of disjoint sets
/// of images can be added ([`ResponseTally::merge`]). The slots of [`DepthBins::slot`] are K bins
/// and one slot for depths beyond the last edge, so one tally serves both estimators.
#[derive(Clone, Debug, PartialEq)]
pub struct ResponseTally {
    units: usize,
    bins: DepthBins,
    sums: Vec<f64>,
    counts: Vec<u64>,
}

impl ResponseTally {
    /// An empty tally for `units` units.
    pub fn new(units: usize, bins: &DepthBins) -> Self {
        let slots = bins.len() + 1;
        Self {
            units,
            bins: bins.clone(),
            sums: vec![0.0; units * slots],
            counts: vec![0; slots],
        }
    }

    /// A tally from stored `sums` `[units, K + 1]` and `counts` `[K + 1]`.
    ///
    /// # Errors
    /// If a length does not match `bins`, or a sum is not finite.
    pub fn from_parts(
        bins: &DepthBins,
        sums: Vec<f64>,
        counts: Vec<u64>,
    ) -> Result<Self, MetricsError> {
        let slots = bins.len() + 1;
        check_equal("number of counts (bins + 1)", slots, counts.len())?;
        if !sums.len().is_multiple_of(slots) {
            return Err(MetricsError::Mismatch {
                what: "length of the last row of sums (bins + 1)",
                expected: slots,
                found: sums.len() % slots,
            });
        }
        let units = sums.len() / slots;
        check_sums(&sums, units, slots)?;
        Ok(Self {
            units,
            bins: bins.clone(),
            sums,
            counts,
        })
    }

    /// Adds one image: `features` `[units, h, w]` and ground truth `gt` `[H, W]` in metres.
    ///
    /// The features are pooled as if resized bilinearly to `gt_size`. Pixels without valid depth
    /// are skipped. Both sizes must have the same aspect ratio up to rounding; see
    /// [`BinWeights::new`].
    ///
    /// # Errors
    /// If a buffer has the wrong length, the aspect ratios differ, or a feature is not finite. The
    /// tally is then unchanged.
    pub fn update(
        &mut self,
        features: &[f32],
        feature_size: ImageSize,
        gt: &[f32],
        gt_size: ImageSize,
    ) -> Result<(), MetricsError> {
        // First, so that a wrong size is an error before weights are allocated for it.
        check_length("features", self.units, feature_size, features.len())?;
        self.update_pooled(
            features,
            &BinWeights::new(&self.bins, gt, gt_size, feature_size)?,
        )
    }

    /// Adds one image like [`ResponseTally::update`], with precomputed weights of its ground truth.
    ///
    /// All layers with the same feature size and bins can share the weights.
    ///
    /// # Errors
    /// If the weights have other bins, the features have the wrong length, or a feature is not
    /// finite. The tally is then unchanged.
    pub fn update_pooled(
        &mut self,
        features: &[f32],
        weights: &BinWeights,
    ) -> Result<(), MetricsError> {
        if self.bins.edges() != weights.bins().edges() {
            return Err(MetricsError::DifferentBins);
        }
        weights.accumulate(features, &mut self.sums, false)?;
        for (count, added) in self.counts.iter_mut().zip(weights.counts()) {
            *count += added;
        }
        Ok(())
    }

    /// Adds another tally with the same units and bins.
    ///
    /// # Errors
    /// If the number of units or the bins differ. The tally is then unchanged.
    pub fn merge(&mut self, other: &Self) -> Result<(), MetricsError> {
        let what = "number of units of the tally to merge";
        check_equal(what, self.units, other.units)?;
        if self.bins.edges() != other.bins.edges() {
            return Err(MetricsError::DifferentBins);
        }
        for (sum, added) in self.sums.iter_mut().zip(&other.sums) {
            *sum += added;
        }
        for (count, added) in self.counts.iter_mut().zip(&other.counts) {
            *count += added;
        }
        Ok(())
    }

    /// The tally with coarser bins, as if the images had been tallied with them.
    ///
    /// Depths beyond the last edge of `coarser` go to its last slot; depths below its first edge
    /// are dropped.
    ///
    /// # Errors
    /// [`MetricsError::NotASubset`] if an edge of `coarser` (as `f32`) is not an edge of this
    /// tally.
    pub fn regroup(&self, coarser: &DepthBins) -> Result<Self, MetricsError> {
        let rounded: Vec<f32> = self.bins.edges().iter().map(|&edge| edge as f32).collect();
        if let Some(&edge) = coarser
            .edges()
            .iter()
            .find(|&&edge| !rounded.contains(&(edge as f32)))
        {
            return Err(MetricsError::NotASubset { edge });
        }
        // A bin contains its upper edge, so the slot of that edge is the slot of the bin.
        let mut slot_of: Vec<Option<usize>> = rounded[1..]
            .iter()
            .map(|&upper| coarser.slot(upper))
            .collect();
        slot_of.push(Some(coarser.len()));

        let mut regrouped = Self::new(self.units, coarser);
        for (fine, coarse) in slot_of.iter().enumerate() {
            let Some(coarse) = *coarse else { continue };
            regrouped.counts[coarse] += self.counts[fine];
            for unit in 0..self.units {
                regrouped.sums[unit * (coarser.len() + 1) + coarse] +=
                    self.sums[unit * (self.bins.len() + 1) + fine];
            }
        }
        Ok(regrouped)
    }

    /// Mean response of each unit over all valid pixels; `None` without pixels.
    pub fn overall_mean(&self) -> Option<Vec<f64>> {
        let pixels: u64 = self.counts.iter().sum();
        let slots = self.bins.len() + 1;
        let rows = (0..self.units).map(|unit| &self.sums[unit * slots..(unit + 1) * slots]);
        (pixels > 0).then(|| {
            rows.map(|sums| sums.iter().sum::<f64>() / pixels as f64)
                .collect()
        })
    }

    /// Number of units.
    pub fn units(&self) -> usize {
        self.units
    }

    /// The depth bins.
    pub fn bins(&self) -> &DepthBins {
        &self.bins
    }

    /// Sums of responses, row-major `[units, K + 1]`.
    pub fn sums(&self) -> &[f64] {
        &self.sums
    }

    /// Number of ground-truth pixels per slot, `[K + 1]`.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SIZE: ImageSize = ImageSize::new(1, 3);

    fn bins() -> DepthBins {
        DepthBins::uniform(0.0, 2.0, 2).unwrap()
    }

    #[test]
    fn a_failed_update_or_merge_changes_nothing() {
        let mut tally = ResponseTally::new(1, &bins());
        tally.update(&[1.0; 3], SIZE, &[0.5; 3], SIZE).unwrap();
        let before = tally.clone();
        for (features, feature_size) in [
            (vec![1.0, f32::NAN, 1.0], SIZE),
            (vec![1.0; 2], SIZE),
            (vec![1.0; 6], SIZE),
            (vec![1.0; 3], ImageSize::new(usize::MAX, 2)),
            (vec![], ImageSize::new(0, 3)),
        ] {
            assert!(
                tally
                    .update(&features, feature_size, &[0.5; 3], SIZE)
                    .is_err()
            );
        }
        assert!(tally.update(&[1.0; 3], SIZE, &[0.5; 2], SIZE).is_err());
        assert!(tally.merge(&ResponseTally::new(2, &bins())).is_err());
        let other = ResponseTally::new(1, &DepthBins::nyu(2).unwrap());
        assert_eq!(tally.merge(&other), Err(MetricsError::DifferentBins));
        assert_eq!(tally, before);
    }

    #[test]
    fn the_overall_mean_is_over_valid_pixels() {
        let mut tally = ResponseTally::new(2, &bins());
        assert_eq!(tally.overall_mean(), None);
        let features = [1.0, 2.0, 6.0, 0.0, 0.0, 0.0];
        // Bin 0, invalid, beyond the last edge.
        tally
            .update(&features, SIZE, &[0.5, 0.0, 9.0], SIZE)
            .unwrap();
        assert_eq!(tally.overall_mean(), Some(vec![3.5, 0.0]));
    }

    #[test]
    fn features_of_another_view_are_an_error() {
        let mut tally = ResponseTally::new(1, &bins());
        let gt = vec![1.0; 240 * 320];
        let features = ImageSize::new(1200, 64);
        let gt_size = ImageSize::new(240, 320);
        let error = tally.update(&vec![1.0; features.pixels()], features, &gt, gt_size);
        let expected = MetricsError::AspectRatio {
            features,
            gt: gt_size,
        };
        assert_eq!(error, Err(expected));
        assert_eq!(tally, ResponseTally::new(1, &bins()));
    }

    #[test]
    fn an_image_without_depth_adds_nothing() {
        let mut tally = ResponseTally::new(1, &bins());
        let gt = [0.0, -1.0, f32::NAN];
        tally.update(&[1.0; 3], SIZE, &gt, SIZE).unwrap();
        assert_eq!(tally, ResponseTally::new(1, &bins()));
    }

    #[test]
    fn parts_round_trip_and_are_checked() {
        let bins = bins();
        let mut tally = ResponseTally::new(2, &bins);
        tally
            .update(&[1.0; 6], SIZE, &[0.5, 1.5, 9.0], SIZE)
            .unwrap();
        let parts = |sums: &[f64], counts: &[u64]| {
            ResponseTally::from_parts(&bins, sums.to_vec(), counts.to_vec())
        };
        assert_eq!(parts(tally.sums(), tally.counts()).unwrap(), tally);
        assert!(parts(tally.sums(), &[1, 1]).is_err());
        assert!(parts(&[0.0; 5], tally.counts()).is_err());
        assert!(matches!(
            parts(&[0.0, 0.0, 0.0, 0.0, f64::NAN, 0.0], tally.counts()),
            Err(MetricsError::NonFiniteSum {
                unit: 1,
                slot: 1,
                ..
            })
        ));
    }

    #[test]
    fn regrouping_needs_edges_of_the_finer_grid() {
        let tally = ResponseTally::new(1, &bins());
        let coarser = DepthBins::from_edges(vec![0.0, 1.5]).unwrap();
        assert_eq!(
            tally.regroup(&coarser),
            Err(MetricsError::NotASubset { edge: 1.5 })
        );
    }
}
