//! A batch's responses at one layer, compared with the mean responses of a dissection.

use candle_core::Tensor;
use mde_datasets::ExampleBatch;
use mde_metrics::{DepthBins, MetricsError};

use crate::AnalysisError;

/// The responses of a layer's units, [B, units, h, w].
pub(crate) struct Responses {
    values: Vec<f32>,
    units: usize,
    /// (h, w).
    pub(crate) size: (usize, usize),
}

/// Each unit's mean response in each bin, `[units][K]`.
type MeanResponse = [Vec<Option<f64>>];

impl Responses {
    /// The responses in an activation.
    ///
    /// # Errors
    /// If a response is not finite.
    pub(crate) fn new(
        activation: &Tensor,
        batch: &ExampleBatch,
        layer: &str,
    ) -> Result<Self, AnalysisError> {
        let (_, units, height, width) = activation.dims4()?;
        let values = activation.flatten_all()?.to_vec1::<f32>()?;
        let pixels = height * width;
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(AnalysisError::Image {
                id: format!("{}, layer {layer}", batch.ids[at / (units * pixels)]),
                source: MetricsError::NonFiniteFeature {
                    unit: at / pixels % units,
                    row: at % pixels / width,
                    column: at % width,
                    value: values[at],
                },
            });
        }
        Ok(Self {
            values,
            units,
            size: (height, width),
        })
    }

    /// The responses, replaced by the unit's mean response in the bins `[B, h, w]` where it is
    /// defined, and the number of replaced pixels.
    pub(crate) fn at_bins(&self, mean: &MeanResponse, bins: &[Option<usize>]) -> (Vec<f32>, u64) {
        let pixels = self.size.0 * self.size.1;
        let mut values = self.values.clone();
        let images = values.chunks_mut(self.units * pixels);
        for (image, bins) in images.zip(bins.chunks(pixels)) {
            for (map, mean) in image.chunks_mut(pixels).zip(mean) {
                for (value, bin) in map.iter_mut().zip(bins) {
                    if let Some(response) = bin.and_then(|bin| mean[bin]) {
                        *value = response as f32;
                    }
                }
            }
        }
        // The mean response in a bin is defined for all units or for none.
        let has_mean = |bin: &Option<usize>| bin.is_some_and(|bin| mean[0][bin].is_some());
        (
            values,
            bins.iter().filter(|bin| has_mean(bin)).count() as u64,
        )
    }

    /// For each image and unit, the mean of |response - mean response in the bins `[B, h, w]`| over
    /// the pixels where it is defined.
    pub(crate) fn distances(
        &self,
        mean: &MeanResponse,
        bins: &[Option<usize>],
    ) -> Vec<Vec<Option<f64>>> {
        let pixels = self.size.0 * self.size.1;
        let images = self.values.chunks(self.units * pixels);
        let images = images.zip(bins.chunks(pixels)).map(|(image, bins)| {
            let units = image.chunks(pixels).zip(mean).map(|(map, mean)| {
                let (mut sum, mut count) = (0.0, 0u64);
                for (&value, bin) in map.iter().zip(bins) {
                    if let Some(response) = bin.and_then(|bin| mean[bin]) {
                        sum += (f64::from(value) - response).abs();
                        count += 1;
                    }
                }
                (count > 0).then(|| sum / count as f64)
            });
            units.collect()
        });
        images.collect()
    }
}

/// The bins of depth maps `[B, H, W]`, resized to `[B, h, w]` by the nearest pixel.
pub(crate) fn bins_at(
    bins: &DepthBins,
    depths: &[f32],
    (from_height, from_width): (usize, usize),
    (height, width): (usize, usize),
) -> Vec<Option<usize>> {
    // The pixel that contains the centre of pixel `index`.
    let nearest = |index: usize, from: usize, to: usize| (2 * index + 1) * from / (2 * to);
    let mut at = Vec::with_capacity(depths.len() / (from_height * from_width) * height * width);
    for map in depths.chunks(from_height * from_width) {
        for row in 0..height {
            let line = &map[nearest(row, from_height, height) * from_width..][..from_width];
            at.extend((0..width).map(|column| bins.bin(line[nearest(column, from_width, width)])));
        }
    }
    at
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn bins_are_those_of_the_nearest_pixel() {
        let bins = DepthBins::uniform(0.0, 6.0, 6).unwrap();
        let depths = [0.5, 1.5, 2.5, 3.5, 4.5, 0.0];
        let at = |to| bins_at(&bins, &depths, (2, 3), to);
        assert_eq!(
            at((2, 3)),
            [Some(0), Some(1), Some(2), Some(3), Some(4), None]
        );
        // The centre of a single pixel lies on the upper edge of the second row.
        assert_eq!(at((1, 1)), [Some(4)]);
        assert_eq!(at((1, 3)), [Some(3), Some(4), None]);
        let doubled = at((4, 6));
        assert_eq!(doubled[..6], [0, 0, 1, 1, 2, 2].map(Some));
        assert_eq!(doubled[6..12], doubled[..6]);
    }

    #[test]
    fn responses_beside_their_means_by_hand() {
        // One image, two units, two pixels.
        let responses = Responses {
            values: vec![1.0, 2.0, 3.0, 5.0],
            units: 2,
            size: (1, 2),
        };
        let mean = [
            vec![Some(0.5), None, Some(4.0)],
            vec![Some(0.0), None, Some(6.0)],
        ];
        let (values, replaced) = responses.at_bins(&mean, &[Some(2), Some(0)]);
        assert_eq!((values, replaced), (vec![4.0, 0.5, 6.0, 0.0], 2));
        // Pixels in a bin without a mean response and pixels without a bin stay unchanged.
        let (values, replaced) = responses.at_bins(&mean, &[Some(1), None]);
        assert_eq!((values, replaced), (vec![1.0, 2.0, 3.0, 5.0], 0));
        assert_eq!(
            responses.distances(&mean, &[Some(2), Some(0)]),
            [[Some(2.25), Some(4.0)]]
        );
        assert_eq!(
            responses.distances(&mean, &[Some(1), Some(0)]),
            [[Some(1.5), Some(5.0)]]
        );
        assert_eq!(responses.distances(&mean, &[Some(1), None]), [[None, None]]);
    }
}
