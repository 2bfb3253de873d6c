//! Pools feature maps by depth bin without upsampling them.
//!
//! Bilinear upsampling U is linear, so the sum of U f over the pixels of a bin, <U f, mask>, equals
//! <f, Uᵀ mask>. [`BinWeights`] holds Uᵀ mask for all bins. It is computed once per image with four
//! additions per ground-truth pixel, and serves all units.

mod pool;
mod strip;

use pool::{BLOCK, Pool};
use rayon::prelude::*;
use strip::{STRIP, Scatter, Scratch, Strip, TILE};

use crate::checks::{check_aspect_ratio, check_length};
use crate::slot_table::SlotTable;
use crate::{DepthBins, ImageSize, MetricsError};

/// Weight of each feature pixel in the sum over the ground-truth pixels of each slot.
///
/// The resize is bilinear with half-pixel centres (`align_corners = false`), without antialiasing,
/// source coordinates clamped at 0. Weights are sparse, because most feature pixels contribute to
/// one or two bins. The slots of [`DepthBins::slot`] are K bins and one beyond the last edge.
#[derive(Clone, Debug, PartialEq)]
pub struct BinWeights {
    bins: DepthBins,
    feature_size: ImageSize,
    counts: Vec<u64>,
    strips: Vec<Strip>,
}

impl BinWeights {
    /// Computes the weights of `feature_size` maps for one ground truth `gt` `[H, W]`, in metres.
    ///
    /// Feature maps and ground truth must show the same view. Their aspect ratios may differ by at
    /// most 2 %, or by rounding: a common scale must give both sides of one map from the other to
    /// within one pixel, as 8x10 for 228x304.
    ///
    /// # Errors
    /// If `gt` has the wrong length, a side is 0, or the aspect ratios differ
    /// ([`MetricsError::AspectRatio`]).
    pub fn new(
        bins: &DepthBins,
        gt: &[f32],
        gt_size: ImageSize,
        feature_size: ImageSize,
    ) -> Result<Self, MetricsError> {
        check_length("ground truth", 1, gt_size, gt.len())?;
        check_length("feature map", 1, feature_size, feature_size.pixels())?;
        check_aspect_ratio(feature_size, gt_size)?;
        Self::for_stretched_features(bins, gt, gt_size, feature_size)
    }

    /// Computes the weights without the check of the aspect ratio, for networks whose input is the
    /// whole image stretched to another aspect ratio.
    ///
    /// # Errors
    /// If `gt` has the wrong length, or a side is 0.
    pub fn for_stretched_features(
        bins: &DepthBins,
        gt: &[f32],
        gt_size: ImageSize,
        feature_size: ImageSize,
    ) -> Result<Self, MetricsError> {
        /// Number of pixels per parallel task.
        const PIXELS: usize = 1 << 13;
        check_length("ground truth", 1, gt_size, gt.len())?;
        check_length("feature map", 1, feature_size, feature_size.pixels())?;

        let slot_count = bins.len() + 1;
        let table = SlotTable::new(bins);
        let mut gt_slots = vec![SlotTable::NONE; gt.len()];
        let counts = gt_slots
            .par_chunks_mut(PIXELS)
            .zip(gt.par_chunks(PIXELS))
            .map(|(slots, depths)| {
                let mut counts = vec![0u64; slot_count];
                for (slot, &depth) in slots.iter_mut().zip(depths) {
                    *slot = table.slot(depth);
                    if *slot != SlotTable::NONE {
                        counts[*slot as usize] += 1;
                    }
                }
                counts
            })
            .reduce(
                || vec![0; slot_count],
                |mut counts, more| {
                    counts
                        .iter_mut()
                        .zip(more)
                        .for_each(|(count, more)| *count += more);
                    counts
                },
            );
        let scatter = Scatter::new(&gt_slots, gt_size, feature_size);
        let tiles = feature_size.pixels().div_ceil(TILE);
        let strips = (0..tiles.div_ceil(STRIP))
            .into_par_iter()
            .map_init(
                || Scratch::new(slot_count),
                |scratch, strip| {
                    let first = strip * STRIP;
                    scatter.strip(first..tiles.min(first + STRIP), scratch)
                },
            )
            .collect();
        Ok(Self {
            bins: bins.clone(),
            feature_size,
            counts,
            strips,
        })
    }

    /// Frees unused capacity, for weights that are kept in memory.
    pub fn shrink_to_fit(&mut self) {
        self.strips.iter_mut().for_each(Strip::shrink_to_fit);
    }

    /// The depth bins.
    pub fn bins(&self) -> &DepthBins {
        &self.bins
    }

    /// Number of ground-truth pixels per slot, `[K + 1]`.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Size of the feature maps.
    pub fn feature_size(&self) -> ImageSize {
        self.feature_size
    }

    /// Adds the sums of each unit's upsampled responses over the pixels of each slot to `sums`.
    ///
    /// `features` is `[units, height, width]`, `sums` is `[units, K + 1]`. With `absolute`,
    /// |features| is upsampled instead.
    ///
    /// # Errors
    /// If a length does not match, or a feature is not finite. `sums` is then unchanged.
    pub fn accumulate(
        &self,
        features: &[f32],
        sums: &mut [f64],
        absolute: bool,
    ) -> Result<(), MetricsError> {
        let slot_count = self.counts.len();
        if !sums.len().is_multiple_of(slot_count) {
            return Err(MetricsError::Mismatch {
                what: "length of the last row of sums (slots)",
                expected: slot_count,
                found: sums.len() % slot_count,
            });
        }
        let units = sums.len() / slot_count;
        check_length("features", units, self.feature_size, features.len())?;
        // The parts of the map, and so the order of all sums, do not depend on the number of
        // threads. The number of parts is limited so that their sums need less memory than the
        // features.
        let pixels = self.feature_size.pixels();
        let parts = (pixels / (4 * slot_count)).clamp(1, 8);
        let strips_per_part = self.strips.len().div_ceil(parts);
        let parts: Vec<_> = self.strips.chunks(strips_per_part).enumerate().collect();
        let pool = |features: &[f32], part: usize, strips: &[Strip]| {
            let mut sums = vec![0.0; slot_count * BLOCK];
            let finite = pulp::Arch::new().dispatch(Pool {
                strips,
                first: part * strips_per_part * STRIP * TILE,
                features,
                pixels,
                absolute,
                sums: &mut sums,
            });
            finite.then_some(sums)
        };
        let blocks: Option<Vec<Vec<Vec<f64>>>> = features
            .par_chunks(BLOCK * pixels)
            .map(|block| {
                let parts = parts.par_iter();
                parts
                    .map(|&(part, strips)| pool(block, part, strips))
                    .collect()
            })
            .collect();
        let Some(blocks) = blocks else {
            return Err(self.not_finite(features));
        };
        for (sums, parts) in sums.chunks_mut(BLOCK * slot_count).zip(blocks) {
            let whole = parts.into_iter().reduce(|mut whole, part| {
                for (sum, part) in whole.iter_mut().zip(part) {
                    *sum += part;
                }
                whole
            });
            let whole = whole.unwrap_or_default();
            for (unit, sums) in sums.chunks_exact_mut(slot_count).enumerate() {
                for (sum, slot) in sums.iter_mut().zip(whole.chunks_exact(BLOCK)) {
                    *sum += slot[unit];
                }
            }
        }
        Ok(())
    }

    /// The error for the first non-finite feature.
    fn not_finite(&self, features: &[f32]) -> MetricsError {
        let at = features.iter().position(|value| !value.is_finite());
        let at = at.unwrap_or_default();
        let pixel = at % self.feature_size.pixels();
        MetricsError::NonFiniteFeature {
            unit: at / self.feature_size.pixels(),
            row: pixel / self.feature_size.width,
            column: pixel % self.feature_size.width,
            value: features[at],
        }
    }

    /// The weights as a row-major matrix `[K + 1, height * width]`.
    ///
    /// For training: one matrix product gives the sums, and its transpose their gradient.
    pub fn dense(&self) -> Vec<f32> {
        let mut matrix = vec![0.0; self.counts.len() * self.feature_size.pixels()];
        self.add_dense(&mut matrix, |slot| slot);
        matrix
    }

    /// Adds the weights of each slot to row `row_of(slot)` of a row-major matrix
    /// `[rows, height * width]`. Slots can share a row.
    ///
    /// # Panics
    /// If the matrix has no such row.
    pub fn add_dense(&self, matrix: &mut [f32], row_of: impl Fn(usize) -> usize) {
        let pixels = self.feature_size.pixels();
        let tiles = self.strips.iter().flat_map(Strip::tiles);
        for (first, runs) in (0..pixels).step_by(TILE).zip(tiles) {
            for run in runs {
                let row = &mut matrix[row_of(run.slot) * pixels..][..pixels];
                for (&place, &weight) in run.pixels.iter().zip(run.weights) {
                    row[first + usize::from(place)] += weight as f32;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const GT_SIZE: ImageSize = ImageSize::new(1, 4);
    const FEATURE_SIZE: ImageSize = ImageSize::new(1, 2);

    /// Two feature pixels and four ground-truth pixels: the second is invalid, the last beyond the
    /// edges.
    fn weights() -> BinWeights {
        let bins = DepthBins::from_edges(vec![0.0, 1.0, 2.0]).unwrap();
        BinWeights::new(&bins, &[0.5, 0.0, 1.5, 9.0], GT_SIZE, FEATURE_SIZE).unwrap()
    }

    #[test]
    fn weights_by_hand() {
        // Weights of the two features in the pixels: (1, 0), (0.75, 0.25), (0.25, 0.75), (0, 1).
        let weights = weights();
        assert_eq!(weights.counts(), [1, 1, 1]);
        assert_eq!(weights.dense(), [1.0, 0.0, 0.25, 0.75, 0.0, 1.0]);
        let mut sums = [10.0; 6];
        weights
            .accumulate(&[4.0, -8.0, 1.0, 0.0], &mut sums, false)
            .unwrap();
        assert_eq!(sums, [14.0, 5.0, 2.0, 11.0, 10.25, 10.0]);
    }

    #[test]
    fn absolute_is_taken_before_the_resize() {
        let mut sums = [0.0; 3];
        weights().accumulate(&[4.0, -8.0], &mut sums, true).unwrap();
        assert_eq!(sums, [4.0, 7.0, 8.0]);
    }

    #[test]
    fn bad_features_are_an_error_and_change_nothing() {
        let weights = weights();
        let mut sums = [0.0; 6];
        assert_eq!(
            weights.accumulate(&[1.0, 1.0, 1.0, f32::NEG_INFINITY], &mut sums, false),
            Err(MetricsError::NonFiniteFeature {
                unit: 1,
                row: 0,
                column: 1,
                value: f32::NEG_INFINITY
            })
        );
        assert!(weights.accumulate(&[1.0; 3], &mut sums, false).is_err());
        assert!(
            weights
                .accumulate(&[1.0; 4], &mut sums[..5], false)
                .is_err()
        );
        assert_eq!(sums, [0.0; 6]);
        assert!(weights.accumulate(&[], &mut [], false).is_ok());
    }

    #[test]
    fn bad_sizes_are_an_error() {
        let bins = DepthBins::nyu(4).unwrap();
        let new = |gt: &[f32], gt_size, feature_size| {
            BinWeights::new(&bins, gt, gt_size, feature_size).map(|_| ())
        };
        let empty = ImageSize::new(0, 3);
        assert!(new(&[1.0; 3], GT_SIZE, FEATURE_SIZE).is_err());
        assert!(new(&[], empty, FEATURE_SIZE).is_err());
        assert!(new(&[1.0; 4], GT_SIZE, empty).is_err());
    }
}
