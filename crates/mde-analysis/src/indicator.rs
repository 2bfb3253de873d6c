//! Whether responses that do not fit the predicted depth indicate its error.

use mde_metrics::statistics::{Bootstrap, spearman};
use mde_results::{Indicator, UnitDistance};

/// Per image, the distance of each unit's responses from those that the predicted depth implies.
#[derive(Debug, Default)]
pub(crate) struct Distances {
    /// [images][units].
    distances: Vec<Vec<Option<f64>>>,
    /// Mean predicted depth, metres.
    depth: Vec<f64>,
}

impl Distances {
    pub(crate) fn push(&mut self, distances: Vec<Option<f64>>, depth: &[f32]) {
        self.distances.push(distances);
        let sum: f64 = depth.iter().map(|&depth| f64::from(depth)).sum();
        self.depth.push(sum / depth.len() as f64);
    }

    /// The distances [images, units], NaN where not defined.
    pub(crate) fn flat(&self) -> impl Iterator<Item = f64> {
        let all = self.distances.iter().flatten();
        all.map(|distance| distance.unwrap_or(f64::NAN))
    }

    /// Each unit's mean over images.
    fn means(&self) -> Vec<Option<f64>> {
        let units = self.distances.first().map_or(0, Vec::len);
        (0..units)
            .map(|unit| mean(self.distances.iter().filter_map(|image| image[unit])))
            .collect()
    }

    /// Each image's score: the mean over units of the distance divided by the unit's mean. Units
    /// with a mean of 0 are left out.
    pub(crate) fn scores(&self) -> Vec<Option<f64>> {
        let means = self.means();
        let score = |image: &Vec<Option<f64>>| {
            let units = image.iter().zip(&means);
            mean(units.filter_map(|(distance, mean)| {
                let mean = mean.filter(|&mean| mean > 0.0)?;
                Some((*distance)? / mean)
            }))
        };
        self.distances.iter().map(score).collect()
    }

    /// The entry of `correct.json`. `abs_rel` holds the images' errors.
    pub(crate) fn indicator(
        &self,
        mean_response: &[Vec<Option<f64>>],
        abs_rel: &[f64],
        bootstrap: &Bootstrap,
    ) -> Indicator {
        let with_errors = |values: &mut dyn Iterator<Item = Option<f64>>| -> Vec<(f64, f64)> {
            let pairs = values.zip(abs_rel);
            pairs
                .filter_map(|(value, &error)| Some((value?, error)))
                .collect()
        };
        let scores = self.scores();
        // The two correlations are compared with each other, so they are of the same images.
        let depths = scores.iter().zip(&self.depth);
        let depths = with_errors(&mut depths.map(|(score, &depth)| score.and(Some(depth))));
        let scored = with_errors(&mut scores.into_iter());
        let units = self.means().into_iter().zip(mean_response).enumerate();
        let units = units.map(|(unit, (distance, response))| {
            let scale = mean(response.iter().flatten().map(|response| response.abs()));
            UnitDistance {
                distance,
                relative: distance
                    .zip(scale.filter(|&scale| scale > 0.0))
                    .map(|(d, s)| d / s),
                spearman: spearman(&with_errors(
                    &mut self.distances.iter().map(|image| image[unit]),
                )),
            }
        });
        Indicator {
            images: scored.len(),
            spearman: bootstrap.spearman(&scored),
            spearman_of_depth: bootstrap.spearman(&depths),
            units: units.collect(),
        }
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0u64);
    for value in values {
        sum += value;
        count += 1;
    }
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn scores_by_hand() {
        let mut distances = Distances::default();
        // The third unit is constant, the second has no distance in the last image.
        distances.push(vec![Some(1.0), Some(30.0), Some(0.0)], &[1.0, 3.0]);
        distances.push(vec![Some(2.0), Some(10.0), Some(0.0)], &[4.0]);
        distances.push(vec![Some(3.0), None, Some(0.0)], &[0.5]);
        assert_eq!(distances.scores(), [Some(1.0), Some(0.75), Some(1.5)]);
        let mean_response = [
            vec![Some(1.0), None, Some(-3.0)],
            vec![None; 3],
            vec![Some(0.0); 3],
        ];
        let found = distances.indicator(&mean_response, &[0.2, 0.1, 0.3], &Bootstrap::default());
        assert_eq!(found.images, 3);
        assert_eq!(found.spearman.unwrap().value, 1.0);
        // Depths 2, 4, 0.5 decrease with increasing error.
        assert_eq!(found.spearman_of_depth.unwrap().value, -1.0);
        let unit = |distance, relative, spearman| UnitDistance {
            distance: Some(distance),
            relative,
            spearman,
        };
        assert_eq!(
            found.units,
            [
                unit(2.0, Some(1.0), Some(0.5)),
                unit(20.0, None, Some(1.0)),
                unit(0.0, None, None)
            ]
        );
    }

    /// A predicted depth outside all bins gives an image no distance and so no score.
    #[test]
    fn both_correlations_are_of_the_images_with_a_score() {
        let mut distances = Distances::default();
        for (distance, depth) in [(Some(1.0), 1.0), (Some(2.0), 2.0), (Some(3.0), 3.0)] {
            distances.push(vec![distance], &[depth]);
        }
        let errors = [0.1, 0.2, 0.3, 0.0];
        let response = [vec![Some(1.0)]];
        let without = distances.indicator(&response, &errors[..3], &Bootstrap::default());
        distances.push(vec![None], &[80.0]);
        let found = distances.indicator(&response, &errors, &Bootstrap::default());
        assert_eq!(found, without);
        assert_eq!(found.spearman_of_depth.unwrap().value, 1.0);
    }

    #[test]
    fn without_images_or_distances_nothing_is_defined() {
        let found = Distances::default().indicator(&[], &[], &Bootstrap::default());
        assert_eq!((found.images, found.spearman), (0, None));
        let mut distances = Distances::default();
        distances.push(vec![None], &[1.0]);
        assert_eq!(distances.scores(), [None]);
        let found = distances.indicator(&[vec![None]], &[0.1], &Bootstrap::default());
        assert_eq!((found.images, found.spearman), (0, None));
        assert_eq!(found.units[0].distance, None);
    }
}
