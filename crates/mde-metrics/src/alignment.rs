//! What a prediction's numbers are, and what is fitted to the ground truth before they are scored.

use crate::{EvalProtocol, MetricsError};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a network predicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Depth: metres, or up to the scale that an [`Alignment`] finds.
    #[default]
    Depth,
    /// 1 / depth, as networks of relative depth give it (MiDaS and its kin): larger is nearer.
    Disparity,
}

/// What is fitted to each image's ground truth, over its valid pixels and in the space of the prediction: depth, or 1 / depth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alignment {
    /// Nothing: a metric network answers for its scale.
    #[default]
    None,
    /// A scale: the ratio of the medians.
    Median,
    /// Scale and shift of least squares (Ranftl et al. 2020, Towards Robust Monocular Depth Estimation, equation 1).
    LeastSquares,
}

impl Alignment {
    /// All alignments.
    pub const ALL: [Self; 3] = [Self::None, Self::Median, Self::LeastSquares];

    /// `none`, `median` or `least-squares`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Median => "median",
            Self::LeastSquares => "least-squares",
        }
    }
}

impl fmt::Display for Alignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Alignment {
    type Err = MetricsError;

    fn from_str(name: &str) -> Result<Self, MetricsError> {
        let known = Self::ALL.into_iter().find(|known| known.name() == name);
        known.ok_or_else(|| MetricsError::UnknownAlignment {
            name: name.to_owned(),
        })
    }
}

/// The line by which a prediction is brought to the ground truth: scale * prediction + shift.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Without an alignment 1. Below 0 the prediction falls where the ground truth rises: depth taken for disparity, or the
    /// other way round.
    pub scale: f64,
    /// 0 but for least squares.
    pub shift: f64,
}

impl Fit {
    const IDENTITY: Self = Self {
        scale: 1.0,
        shift: 0.0,
    };

    /// The fit over the valid pixels (prediction as it is given, ground truth in metres), of which there is at least one.
    pub(crate) fn of(
        pairs: &[(f32, f32)],
        quantity: Quantity,
        alignment: Alignment,
    ) -> Result<Self, MetricsError> {
        let target = |gt: f32| match quantity {
            Quantity::Depth => f64::from(gt),
            Quantity::Disparity => 1.0 / f64::from(gt),
        };
        match alignment {
            Alignment::None => Ok(Self::IDENTITY),
            Alignment::Median => {
                let pred = median(pairs.iter().map(|pair| f64::from(pair.0)).collect());
                if pred <= 0.0 {
                    return Err(MetricsError::MedianScaling { median: pred });
                }
                Ok(Self {
                    scale: median(pairs.iter().map(|pair| target(pair.1)).collect()) / pred,
                    shift: 0.0,
                })
            }
            Alignment::LeastSquares => {
                let points = pairs
                    .iter()
                    .map(|&(pred, gt)| (f64::from(pred), target(gt)));
                line(points).ok_or(MetricsError::ConstantPrediction {
                    value: pairs[0].0,
                    pixels: pairs.len(),
                })
            }
        }
    }

    /// The depth in metres that a prediction means: brought to the ground truth by the fit, then clamped to the protocol's range.
    /// A disparity of 0 or less is the largest depth.
    pub(crate) fn depth(self, pred: f32, protocol: &EvalProtocol) -> f32 {
        // In f64: a scale of 1 then leaves the prediction as it was, and no product overflows.
        let aligned = f64::from(pred) * self.scale + self.shift;
        let depth = match protocol.prediction {
            Quantity::Depth => aligned,
            Quantity::Disparity if aligned <= 0.0 => f64::INFINITY,
            Quantity::Disparity => 1.0 / aligned,
        };
        (depth as f32).clamp(protocol.min_depth, protocol.max_depth)
    }
}

/// The line of least squares through points (x, y); none if x does not vary.
fn line(points: impl Iterator<Item = (f64, f64)> + Clone) -> Option<Fit> {
    let (mut count, mut sum_x, mut sum_y) = (0.0, 0.0, 0.0);
    for (x, y) in points.clone() {
        (count, sum_x, sum_y) = (count + 1.0, sum_x + x, sum_y + y);
    }
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    // About the means: sums of squares of large numbers would cancel.
    let (mut variance, mut covariance) = (0.0, 0.0);
    for (x, y) in points {
        variance += (x - mean_x) * (x - mean_x);
        covariance += (x - mean_x) * (y - mean_y);
    }
    let scale = covariance / variance;
    // Also where the squares underflow or overflow.
    scale.is_finite().then_some(Fit {
        scale,
        shift: mean_y - scale * mean_x,
    })
}

/// The middle value, or the mean of the two middle values, of a non-empty list.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let upper = values.len() / 2;
    let lower = (values.len() - 1) / 2;
    f64::midpoint(values[lower], values[upper])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fit(pairs: &[(f32, f32)], quantity: Quantity, alignment: Alignment) -> Fit {
        Fit::of(pairs, quantity, alignment).unwrap()
    }

    fn assert_near(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() < 1e-6 * expected.abs().max(1.0),
            "found {found}, expected {expected}"
        );
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(vec![4.0, 1.0, 3.0]), 3.0);
    }

    #[test]
    fn a_line_is_found_again() {
        // pred = (gt - 1.5) / 2, then pred = (1 / gt - 0.1) / 4.
        let depths = [0.5_f32, 2.0, 3.0, 7.0];
        let of_depth = depths.map(|gt| ((gt - 1.5) / 2.0, gt));
        let of_disparity = depths.map(|gt| ((1.0 / gt - 0.1) / 4.0, gt));
        let found = fit(&of_depth, Quantity::Depth, Alignment::LeastSquares);
        assert_near(found.scale, 2.0);
        assert_near(found.shift, 1.5);
        let found = fit(&of_disparity, Quantity::Disparity, Alignment::LeastSquares);
        assert_near(found.scale, 4.0);
        assert_near(found.shift, 0.1);
        let wrong_way = fit(&of_disparity, Quantity::Depth, Alignment::LeastSquares);
        assert!(wrong_way.scale < 0.0);
    }

    /// By the normal equations, written out.
    #[test]
    fn least_squares_minimises_the_squared_error() {
        let pairs = [(1.0, 2.0), (2.0, 2.5), (4.0, 6.0)];
        let found = fit(&pairs, Quantity::Depth, Alignment::LeastSquares);
        // n = 3, Σp = 7, Σd = 10.5, Σp² = 21, Σpd = 31.
        let determinant = 3.0 * 21.0 - 7.0 * 7.0;
        assert_near(found.scale, (3.0 * 31.0 - 7.0 * 10.5) / determinant);
        assert_near(found.shift, (21.0 * 10.5 - 7.0 * 31.0) / determinant);
    }

    #[test]
    fn medians_give_a_scale_in_the_space_of_the_prediction() {
        let pairs = [(1.0, 3.0), (2.0, 4.0), (9.0, 8.0)];
        let found = fit(&pairs, Quantity::Depth, Alignment::Median);
        assert_eq!((found.scale, found.shift), (2.0, 0.0));
        let found = fit(&pairs, Quantity::Disparity, Alignment::Median);
        assert_eq!((found.scale, found.shift), (0.125, 0.0));
        assert_eq!(fit(&pairs, Quantity::Depth, Alignment::None), Fit::IDENTITY);
    }

    #[test]
    fn disparities_become_depths_within_the_range() {
        let protocol = EvalProtocol {
            prediction: Quantity::Disparity,
            ..EvalProtocol::preset("nyu-full").unwrap()
        };
        let depth = |pred| Fit::IDENTITY.depth(pred, &protocol);
        assert_eq!(depth(0.5), 2.0);
        for nothing in [0.0, -0.0, -3.0, 1e-30, 0.01] {
            assert_eq!(depth(nothing), 10.0);
        }
        assert_eq!(depth(1e9), 1e-3);
    }

    #[test]
    fn what_cannot_be_fitted_is_an_error() {
        let constant = [(3.0, 1.0), (3.0, 2.0)];
        assert!(matches!(
            Fit::of(&constant, Quantity::Depth, Alignment::LeastSquares),
            Err(MetricsError::ConstantPrediction {
                value: 3.0,
                pixels: 2
            })
        ));
        assert!(Fit::of(&[(0.0, 1.0)], Quantity::Disparity, Alignment::Median).is_err());
    }

    #[test]
    fn names_read_back() {
        for alignment in Alignment::ALL {
            assert_eq!(alignment.name().parse(), Ok(alignment));
            let json = serde_json::to_value(alignment).unwrap();
            assert_eq!(json, alignment.name());
        }
        let message = "mean".parse::<Alignment>().unwrap_err().to_string();
        assert!(message.contains("least-squares"), "{message}");
    }
}
