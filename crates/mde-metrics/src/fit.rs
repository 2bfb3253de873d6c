//! Fits scale and shift of a prediction to ground truth.

use crate::{Alignment, EvalProtocol, MetricsError, Quantity};
use serde::{Deserialize, Serialize};

/// The alignment found for an image: aligned = scale * prediction + shift.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Scale; 1 without alignment. A negative scale means that depth was taken for disparity, or
    /// the reverse.
    pub scale: f64,
    /// Shift; 0 except for least squares.
    pub shift: f64,
}

impl Fit {
    const IDENTITY: Self = Self {
        scale: 1.0,
        shift: 0.0,
    };

    /// Fits an alignment to at least one valid pixel (original prediction, ground truth in metres).
    pub(crate) fn from_pairs(
        pairs: &[(f32, f32)],
        quantity: Quantity,
        alignment: Alignment,
    ) -> Result<Self, MetricsError> {
        let space = alignment.space(quantity);
        if space != quantity {
            check_invertible(pairs, alignment)?;
        }
        let target = |gt: f32| match space {
            Quantity::Depth => f64::from(gt),
            Quantity::Disparity => 1.0 / f64::from(gt),
        };
        let points = pairs
            .iter()
            .map(|&(pred, gt)| (in_space(pred, quantity, space), target(gt)));
        match alignment {
            Alignment::None => Ok(Self::IDENTITY),
            Alignment::Median | Alignment::MedianDepth => {
                let (preds, targets) = points.unzip();
                let pred = median(preds);
                if pred <= 0.0 {
                    return Err(MetricsError::MedianScaling { median: pred });
                }
                Ok(Self {
                    scale: median(targets) / pred,
                    shift: 0.0,
                })
            }
            Alignment::LeastSquares
            | Alignment::LeastSquaresDepth
            | Alignment::LeastSquaresDisparity => {
                line(points).ok_or(MetricsError::ConstantPrediction {
                    value: pairs[0].0,
                    pixels: pairs.len(),
                })
            }
        }
    }

    /// Converts a prediction to aligned depth in metres, clamped to the protocol's range.
    ///
    /// A disparity of 0 or less becomes the maximum depth.
    pub(crate) fn depth(self, pred: f32, protocol: &EvalProtocol) -> f32 {
        let space = protocol.alignment.space(protocol.prediction);
        // In f64, a scale of 1 does not change the prediction and no product overflows.
        let aligned = in_space(pred, protocol.prediction, space) * self.scale + self.shift;
        let depth = match space {
            Quantity::Depth => aligned,
            Quantity::Disparity if aligned <= 0.0 => f64::INFINITY,
            Quantity::Disparity => 1.0 / aligned,
        };
        (depth as f32).clamp(protocol.min_depth, protocol.max_depth)
    }
}

/// A predicted `quantity` in the space of the fit.
fn in_space(pred: f32, quantity: Quantity, space: Quantity) -> f64 {
    if quantity == space {
        f64::from(pred)
    } else {
        1.0 / f64::from(pred)
    }
}

/// Checks that every prediction is positive, so that its inverse is a depth or disparity.
fn check_invertible(pairs: &[(f32, f32)], alignment: Alignment) -> Result<(), MetricsError> {
    let mut inverted = pairs.iter().map(|pair| pair.0).filter(|pred| *pred <= 0.0);
    let Some(value) = inverted.next() else {
        return Ok(());
    };
    Err(MetricsError::NotInvertible {
        alignment: alignment.name(),
        value,
        found: 1 + inverted.count(),
        pixels: pairs.len(),
    })
}

/// The least-squares line through points (x, y); `None` if x is constant.
fn line(points: impl Iterator<Item = (f64, f64)> + Clone) -> Option<Fit> {
    let (mut count, mut sum_x, mut sum_y) = (0.0, 0.0, 0.0);
    for (x, y) in points.clone() {
        (count, sum_x, sum_y) = (count + 1.0, sum_x + x, sum_y + y);
    }
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    // Centred, because sums of squares of large numbers would cancel.
    let (mut variance, mut covariance) = (0.0, 0.0);
    for (x, y) in points {
        variance += (x - mean_x) * (x - mean_x);
        covariance += (x - mean_x) * (y - mean_y);
    }
    let scale = covariance / variance;
    // Not finite for a constant x, or if squares underflow or overflow.
    scale.is_finite().then_some(Fit {
        scale,
        shift: mean_y - scale * mean_x,
    })
}

/// The median of a non-empty list; the mean of the two middle values for an even number.
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
        Fit::from_pairs(pairs, quantity, alignment).unwrap()
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
    fn least_squares_recovers_a_line() {
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

    /// Compares with the normal equations.
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
    fn medians_give_a_scale_in_the_prediction_s_space() {
        let pairs = [(1.0, 3.0), (2.0, 4.0), (9.0, 8.0)];
        let found = fit(&pairs, Quantity::Depth, Alignment::Median);
        assert_eq!((found.scale, found.shift), (2.0, 0.0));
        let found = fit(&pairs, Quantity::Disparity, Alignment::Median);
        assert_eq!((found.scale, found.shift), (0.125, 0.0));
        assert_eq!(fit(&pairs, Quantity::Depth, Alignment::None), Fit::IDENTITY);
    }

    /// Disparities 0.9 to 0.15 are depths of 10/9, 5/3, 5 and 20/3 m, whose median is 10/3.
    #[test]
    fn the_median_of_depths_is_not_the_inverse_of_the_median_of_disparities() {
        let pairs = [(0.9, 1.0), (0.6, 2.0), (0.2, 4.0), (0.15, 8.0)];
        let found = fit(&pairs, Quantity::Disparity, Alignment::MedianDepth);
        assert_near(found.scale, 0.9);
        let found = fit(&pairs, Quantity::Disparity, Alignment::Median);
        assert_near(found.scale, 0.375 / 0.4);
        for alignment in [Alignment::MedianDepth, Alignment::Median] {
            let found = fit(&pairs, Quantity::Depth, alignment);
            assert_near(found.scale, 3.0 / 0.4);
        }
    }

    /// A prediction that is a line of the true depth, or of its inverse, is aligned exactly in that
    /// space, whichever of the two quantities it is given as.
    #[test]
    fn least_squares_in_a_named_space_inverts_the_other_quantity() {
        let depths = [0.5_f32, 2.0, 3.0, 7.0];
        let line = |x: f32| 0.25 * x + 0.5;
        for (alignment, space) in [
            (Alignment::LeastSquaresDepth, Quantity::Depth),
            (Alignment::LeastSquaresDisparity, Quantity::Disparity),
        ] {
            for quantity in [Quantity::Depth, Quantity::Disparity] {
                let pred = |gt: f32| match (space, space == quantity) {
                    (Quantity::Depth, true) => line(gt),
                    (Quantity::Depth, false) => 1.0 / line(gt),
                    (Quantity::Disparity, true) => line(1.0 / gt),
                    (Quantity::Disparity, false) => 1.0 / line(1.0 / gt),
                };
                let pairs = depths.map(|gt| (pred(gt), gt));
                let found = fit(&pairs, quantity, alignment);
                assert_near(found.scale, 4.0);
                assert_near(found.shift, -2.0);
                let protocol = EvalProtocol {
                    prediction: quantity,
                    alignment,
                    ..EvalProtocol::preset("nyu-full").unwrap()
                };
                for (pred, gt) in pairs {
                    assert_near(f64::from(found.depth(pred, &protocol)), f64::from(gt));
                }
            }
        }
    }

    #[test]
    fn a_prediction_of_zero_cannot_be_inverted() {
        let pairs = [(1.0, 1.0), (0.0, 2.0), (-0.5, 3.0)];
        let error = Fit::from_pairs(&pairs, Quantity::Depth, Alignment::LeastSquaresDisparity);
        let message = error.unwrap_err().to_string();
        assert!(message.contains("2 of 3"), "{message}");
        assert!(message.contains("least-squares-disparity"), "{message}");
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
    fn degenerate_predictions_are_an_error() {
        let constant = [(3.0, 1.0), (3.0, 2.0)];
        assert!(matches!(
            Fit::from_pairs(&constant, Quantity::Depth, Alignment::LeastSquares),
            Err(MetricsError::ConstantPrediction {
                value: 3.0,
                pixels: 2
            })
        ));
        assert!(Fit::from_pairs(&[(0.0, 1.0)], Quantity::Disparity, Alignment::Median).is_err());
    }
}
