//! What the units of a layer answer to each depth: the sufficient statistics of network dissection.

use crate::{BinWeights, DepthBins, ImageSize, MetricsError};

/// For one layer, a sum of responses per (unit, slot) and a pixel count per slot.
///
/// Everything about a layer's depth selectivity is computed from these, without another forward pass. Tallies of
/// disjoint sets of images add up ([`ResponseTally::merge`]). Slots are those of [`DepthBins::slot`]: K bins, and one
/// for depths beyond the last edge, so that both estimators come from one tally.
#[derive(Clone, Debug, PartialEq)]
pub struct ResponseTally {
    units: usize,
    bins: DepthBins,
    sums: Vec<f64>,
    counts: Vec<u64>,
}

impl ResponseTally {
    /// An empty tally of `units` units.
    pub fn new(units: usize, bins: &DepthBins) -> Self {
        let slots = bins.len() + 1;
        Self {
            units,
            bins: bins.clone(),
            sums: vec![0.0; units * slots],
            counts: vec![0; slots],
        }
    }

    /// A tally from stored parts: `sums` `[units, K + 1]`, `counts` `[K + 1]`.
    ///
    /// # Errors
    /// Lengths that do not fit `bins`, or a sum that is not finite.
    pub fn from_parts(
        bins: &DepthBins,
        sums: Vec<f64>,
        counts: Vec<u64>,
    ) -> Result<Self, MetricsError> {
        let slots = bins.len() + 1;
        if counts.len() != slots {
            return Err(MetricsError::Mismatch {
                what: "number of counts (bins + 1)",
                expected: slots,
                found: counts.len(),
            });
        }
        if !sums.len().is_multiple_of(slots) {
            return Err(MetricsError::Mismatch {
                what: "length of the last row of sums (bins + 1)",
                expected: slots,
                found: sums.len() % slots,
            });
        }
        if let Some(at) = sums.iter().position(|sum| !sum.is_finite()) {
            return Err(MetricsError::NonFiniteSum {
                unit: at / slots,
                slot: at % slots,
                value: sums[at],
            });
        }
        Ok(Self {
            units: sums.len() / slots,
            bins: bins.clone(),
            sums,
            counts,
        })
    }

    /// Adds one image: `features` `[units, feature_size]`, `gt` `[gt_size]` in metres. The features are pooled as if
    /// they had been resized bilinearly to `gt_size`. Pixels without a valid depth add nothing.
    ///
    /// # Errors
    /// Buffers of another length than their shapes, or a feature that is not finite. The tally is then unchanged.
    pub fn update(
        &mut self,
        features: &[f32],
        feature_size: ImageSize,
        gt: &[f32],
        gt_size: ImageSize,
    ) -> Result<(), MetricsError> {
        // First, so that a wrong size is an error before it is an allocation.
        feature_size.check("features", self.units, features.len())?;
        self.update_pooled(
            features,
            &BinWeights::new(&self.bins, gt, gt_size, feature_size)?,
        )
    }

    /// As [`ResponseTally::update`], with the weights of the image's ground truth: those of one feature size and one
    /// grid of bins serve every layer that has both.
    ///
    /// # Errors
    /// Weights of other bins, features of another number of units or another size, or a feature that is not finite. The
    /// tally is then unchanged.
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

    /// Adds another tally of the same units and bins.
    ///
    /// # Errors
    /// Another number of units, or other bins. The tally is then unchanged.
    pub fn merge(&mut self, other: &Self) -> Result<(), MetricsError> {
        if self.units != other.units {
            return Err(MetricsError::Mismatch {
                what: "number of units of the tally to merge",
                expected: self.units,
                found: other.units,
            });
        }
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

    /// The tally on a coarser grid, without another forward pass. What lies beyond the coarser grid's last edge goes
    /// to its last slot; what lies below its first edge is dropped: as if the images had been tallied on it.
    ///
    /// # Errors
    /// [`MetricsError::NotASubset`] if an edge of `coarser` (as an `f32`) is not an edge of this tally's bins.
    pub fn regroup(&self, coarser: &DepthBins) -> Result<Self, MetricsError> {
        let rounded: Vec<f32> = self.bins.edges().iter().map(|&edge| edge as f32).collect();
        if let Some(&edge) = coarser
            .edges()
            .iter()
            .find(|&&edge| !rounded.contains(&(edge as f32)))
        {
            return Err(MetricsError::NotASubset { edge });
        }
        // A bin holds its upper edge, so the slot of that edge is the slot of the whole bin.
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

    /// The mean response of each unit over all measured pixels, whatever their depth; `None` without pixels.
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

    /// Ground-truth pixels per slot, `[K + 1]`.
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
    fn the_overall_mean_is_that_of_the_measured_pixels() {
        let mut tally = ResponseTally::new(2, &bins());
        assert_eq!(tally.overall_mean(), None);
        let features = [1.0, 2.0, 6.0, 0.0, 0.0, 0.0];
        // In bin 0, unmeasured, beyond the last edge.
        tally
            .update(&features, SIZE, &[0.5, 0.0, 9.0], SIZE)
            .unwrap();
        assert_eq!(tally.overall_mean(), Some(vec![3.5, 0.0]));
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
