//! Pooling a feature map by depth bin without upsampling it.
//!
//! Bilinear upsampling U is linear, so the sum of U f over the ground-truth pixels of a bin, <U f, mask>, equals
//! <f, Uᵀ mask>. [`BinWeights`] is Uᵀ mask for every bin at once: it is made once per image, at the cost of four
//! additions per ground-truth pixel, and serves every unit.

use crate::{DepthBins, ImageSize, MetricsError};

/// For every feature pixel, how much it weighs in the sum over each bin's ground-truth pixels.
///
/// The resize is bilinear, half-pixel centres (`align_corners = false`), no antialias, source coordinates clamped at 0.
/// Most feature pixels see one or two bins, so the weights are kept sparse: for each feature pixel a list of
/// (slot, weight), ordered by slot. Slots are those of [`DepthBins::slot`]: K bins and one beyond the last edge.
#[derive(Clone, Debug, PartialEq)]
pub struct BinWeights {
    feature_size: ImageSize,
    counts: Vec<u64>,
    /// The list of feature pixel p is `starts[p]..starts[p + 1]`.
    starts: Vec<usize>,
    slots: Vec<u32>,
    weights: Vec<f64>,
}

impl BinWeights {
    /// The weights of feature maps of `feature_size` for one image's ground truth, `[gt_size]` metres.
    ///
    /// # Errors
    /// A ground truth of another length than its size, or a side of 0.
    pub fn new(
        bins: &DepthBins,
        gt: &[f32],
        gt_size: ImageSize,
        feature_size: ImageSize,
    ) -> Result<Self, MetricsError> {
        gt_size.check("ground truth", 1, gt.len())?;
        feature_size.check("feature map", 1, feature_size.pixels())?;

        let slot_count = bins.len() + 1;
        let gt_slots: Vec<Option<usize>> = gt.iter().map(|&depth| bins.slot(depth)).collect();
        let mut counts = vec![0; slot_count];
        for slot in gt_slots.iter().flatten() {
            counts[*slot] += 1;
        }

        let rows = axis_adjoint(feature_size.height, gt_size.height);
        let columns = axis_adjoint(feature_size.width, gt_size.width);
        let mut starts = Vec::with_capacity(feature_size.pixels() + 1);
        let (mut slots, mut weights) = (Vec::new(), Vec::new());
        starts.push(0);
        // One feature pixel's weights; `touched` lists the slots in use, so that clearing is cheap for many bins.
        let mut pixel_weights = vec![0.0; slot_count];
        let mut touched: Vec<usize> = Vec::new();
        for row_taps in &rows {
            for column_taps in &columns {
                for &(gt_row, row_weight) in row_taps {
                    for &(gt_column, column_weight) in column_taps {
                        let Some(slot) = gt_slots[gt_row * gt_size.width + gt_column] else {
                            continue;
                        };
                        // Every tap is positive: a weight of 0 means that the slot is new here.
                        if pixel_weights[slot] == 0.0 {
                            touched.push(slot);
                        }
                        pixel_weights[slot] += row_weight * column_weight;
                    }
                }
                touched.sort_unstable();
                for slot in touched.drain(..) {
                    slots.push(slot as u32);
                    weights.push(std::mem::take(&mut pixel_weights[slot]));
                }
                starts.push(slots.len());
            }
        }
        Ok(Self {
            feature_size,
            counts,
            starts,
            slots,
            weights,
        })
    }

    /// Ground-truth pixels of each slot, `[K + 1]`.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The size of the feature maps that these weights are for.
    pub fn feature_size(&self) -> ImageSize {
        self.feature_size
    }

    /// Adds to `sums` `[units, K + 1]` the sum of each unit's upsampled response over the pixels of each slot.
    /// `features` is `[units, height, width]`; with `absolute`, |features| is upsampled in their place.
    ///
    /// # Errors
    /// `sums` that is not a whole number of rows, `features` of another number of units or another size, or a feature
    /// that is not finite. `sums` is then unchanged.
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
        self.feature_size.check("features", units, features.len())?;
        if let Some(at) = features.iter().position(|value| !value.is_finite()) {
            let pixel = at % self.feature_size.pixels();
            return Err(MetricsError::NonFiniteFeature {
                unit: at / self.feature_size.pixels(),
                row: pixel / self.feature_size.width,
                column: pixel % self.feature_size.width,
                value: features[at],
            });
        }

        let maps = features.chunks_exact(self.feature_size.pixels());
        for (map, unit_sums) in maps.zip(sums.chunks_exact_mut(slot_count)) {
            for (&value, span) in map.iter().zip(self.starts.windows(2)) {
                let value = f64::from(if absolute { value.abs() } else { value });
                let list = span[0]..span[1];
                for (&slot, &weight) in self.slots[list.clone()].iter().zip(&self.weights[list]) {
                    unit_sums[slot as usize] += value * weight;
                }
            }
        }
        Ok(())
    }

    /// The weights as a matrix, row-major `[K + 1, height * width]`; for training, where one matrix product gives the
    /// sums and its transpose their gradient.
    pub fn dense(&self) -> Vec<f32> {
        let pixels = self.feature_size.pixels();
        let mut matrix = vec![0.0; self.counts.len() * pixels];
        for (pixel, span) in self.starts.windows(2).enumerate() {
            for entry in span[0]..span[1] {
                matrix[self.slots[entry] as usize * pixels + pixel] = self.weights[entry] as f32;
            }
        }
        matrix
    }
}

/// The adjoint of linear interpolation from `feature_length` to `gt_length` samples: for each feature index, the
/// ground-truth indices that read it and the positive weight with which they do.
fn axis_adjoint(feature_length: usize, gt_length: usize) -> Vec<Vec<(usize, f64)>> {
    let mut taps = vec![Vec::new(); feature_length];
    let scale = feature_length as f64 / gt_length as f64;
    for gt_index in 0..gt_length {
        let source = ((gt_index as f64 + 0.5) * scale - 0.5).max(0.0);
        let lower = (source.floor() as usize).min(feature_length - 1);
        let upper_weight = source - lower as f64;
        if lower + 1 == feature_length || upper_weight == 0.0 {
            taps[lower].push((gt_index, 1.0));
        } else {
            taps[lower].push((gt_index, 1.0 - upper_weight));
            taps[lower + 1].push((gt_index, upper_weight));
        }
    }
    taps
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const GT_SIZE: ImageSize = ImageSize::new(1, 4);
    const FEATURE_SIZE: ImageSize = ImageSize::new(1, 2);

    /// Two feature pixels under four ground-truth pixels, the last beyond the edges, the second not measured.
    fn weights() -> BinWeights {
        let bins = DepthBins::from_edges(vec![0.0, 1.0, 2.0]).unwrap();
        BinWeights::new(&bins, &[0.5, 0.0, 1.5, 9.0], GT_SIZE, FEATURE_SIZE).unwrap()
    }

    #[test]
    fn weights_by_hand() {
        // The four pixels read the two features with weights (1, 0), (0.75, 0.25), (0.25, 0.75), (0, 1).
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
