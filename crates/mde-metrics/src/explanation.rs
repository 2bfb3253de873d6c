//! Shows step by step how the errors of one image are computed, to find why a number differs.

use crate::depth_errors::valid_pairs;
use crate::fit::median;
use crate::{
    DepthErrors, DepthPair, ErrorSums, EvalProtocol, Fit, ImageSize, MetricsError, ScoredPixels,
    depth_errors,
};
use serde::{Deserialize, Serialize};

/// Every step of a protocol on one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The protocol.
    pub protocol: EvalProtocol,
    /// Size of the image.
    pub size: ImageSize,
    /// Rows of the crop: first, and one past the last.
    pub rows: (usize, usize),
    /// Columns of the crop: first, and one past the last.
    pub columns: (usize, usize),
    /// Number of pixels in each class.
    pub pixels: PixelCounts,
    /// Ground truth at the scored pixels, metres.
    pub gt: Spread,
    /// Original prediction at the scored pixels.
    pub pred: Spread,
    /// Fitted alignment.
    pub fit: Fit,
    /// Prediction at the scored pixels after alignment and clamping, metres.
    pub scored: Spread,
    /// Number of scored pixels whose prediction was clamped to the minimum depth.
    pub clamped_to_min: u64,
    /// Number of scored pixels whose prediction was clamped to the maximum depth.
    pub clamped_to_max: u64,
    /// Sums over the scored pixels.
    pub sums: ErrorSums,
    /// Errors computed from the sums.
    pub errors: DepthErrors,
}

/// Number of pixels of an image in each of five classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PixelCounts {
    /// Outside the crop.
    pub outside: u64,
    /// Without a measurement: ground truth 0, negative or NaN.
    pub unmeasured: u64,
    /// At or below the protocol's minimum depth.
    pub too_near: u64,
    /// At or above the protocol's maximum depth.
    pub too_far: u64,
    /// Scored.
    pub scored: u64,
}

/// Minimum, median and maximum of a set of values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Minimum.
    pub min: f64,
    /// Median.
    pub median: f64,
    /// Maximum.
    pub max: f64,
}

impl Spread {
    /// The spread of at least one value.
    fn from_values(values: impl Iterator<Item = f32>) -> Self {
        let values: Vec<f64> = values.map(f64::from).collect();
        Self {
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            median: median(values),
        }
    }
}

/// Scores one image and returns every step.
///
/// # Errors
/// Those of [`depth_errors`](crate::depth_errors).
pub fn explain(pair: DepthPair<'_>, protocol: &EvalProtocol) -> Result<Explanation, MetricsError> {
    let given = valid_pairs(pair, protocol)?;
    let scored = ScoredPixels::new(pair, protocol)?;
    let window = protocol.crop.window(pair.size)?;
    let mut pixels = PixelCounts {
        outside: (pair.size.pixels() - window.rows.len() * window.columns.len()) as u64,
        ..PixelCounts::default()
    };
    for row in window.rows.clone() {
        let row = &pair.gt[row * pair.size.width..][window.columns.clone()];
        for &gt in row {
            *pixels.class(gt, protocol) += 1;
        }
    }
    let unclamped = EvalProtocol {
        min_depth: f32::MIN,
        max_depth: f32::MAX,
        ..protocol.clone()
    };
    let aligned = given
        .iter()
        .map(|&(pred, _)| scored.fit.depth(pred, &unclamped));
    let (clamped_to_min, clamped_to_max) = aligned.fold((0, 0), |(min, max), depth| {
        (
            min + u64::from(depth < protocol.min_depth),
            max + u64::from(depth > protocol.max_depth),
        )
    });
    Ok(Explanation {
        protocol: protocol.clone(),
        size: pair.size,
        rows: (window.rows.start, window.rows.end),
        columns: (window.columns.start, window.columns.end),
        pixels,
        gt: Spread::from_values(scored.pairs.iter().map(|pair| pair.1)),
        pred: Spread::from_values(given.iter().map(|pair| pair.0)),
        fit: scored.fit,
        scored: Spread::from_values(scored.pairs.iter().map(|pair| pair.0)),
        clamped_to_min,
        clamped_to_max,
        sums: scored.sums(),
        errors: depth_errors(pair, protocol)?,
    })
}

impl PixelCounts {
    /// The count of the class of a pixel inside the crop.
    fn class(&mut self, gt: f32, protocol: &EvalProtocol) -> &mut u64 {
        if gt > protocol.min_depth && gt < protocol.max_depth {
            &mut self.scored
        } else if gt.is_nan() || gt <= 0.0 {
            &mut self.unmeasured
        } else if gt <= protocol.min_depth {
            &mut self.too_near
        } else {
            &mut self.too_far
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Alignment, Crop, Quantity};

    /// Scores columns 1 to 3 of a 2x4 image.
    fn protocol() -> EvalProtocol {
        EvalProtocol {
            crop: Crop::Pixels {
                top: 0,
                bottom: 2,
                left: 1,
                right: 4,
                size: ImageSize::new(2, 4),
            },
            ..EvalProtocol::preset("nyu-full").unwrap()
        }
    }

    fn pair<'a>(pred: &'a [f32; 8], gt: &'a [f32; 8]) -> DepthPair<'a> {
        let size = ImageSize::new(2, 4);
        DepthPair { pred, gt, size }
    }

    #[test]
    fn every_pixel_is_in_one_class() {
        let gt = [5.0, 0.0, 1e-3, 10.0, 5.0, f32::NAN, 4.0, 2.0];
        let pred = [f32::NAN, 1.0, 1.0, 1.0, 1.0, 1.0, 30.0, -2.0];
        let found = explain(pair(&pred, &gt), &protocol()).unwrap();
        let expected = PixelCounts {
            outside: 2,
            unmeasured: 2,
            too_near: 1,
            too_far: 1,
            scored: 2,
        };
        assert_eq!(found.pixels, expected);
        assert_eq!((found.rows, found.columns), ((0, 2), (1, 4)));
        assert_eq!((found.clamped_to_min, found.clamped_to_max), (1, 1));
        let spread = |min, median, max| Spread { min, median, max };
        assert_eq!(found.gt, spread(2.0, 3.0, 4.0));
        assert_eq!(found.pred, spread(-2.0, 14.0, 30.0));
        assert_eq!(found.scored.max, 10.0);
    }

    #[test]
    fn the_errors_are_those_of_the_sums_and_of_depth_errors() {
        let gt = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let pred = [1.0, 0.5, 0.4, 0.2, 0.21, 0.18, 0.1, 0.12];
        for (prediction, alignment) in [
            (Quantity::Depth, Alignment::Median),
            (Quantity::Disparity, Alignment::LeastSquares),
        ] {
            let protocol = EvalProtocol {
                prediction,
                alignment,
                ..protocol()
            };
            let pair = pair(&pred, &gt);
            let found = explain(pair, &protocol).unwrap();
            assert_eq!(found.sums.errors().as_ref(), Some(&found.errors));
            assert_eq!(depth_errors(pair, &protocol).unwrap(), found.errors);
            assert!(found.fit.scale != 1.0);
        }
    }

    #[test]
    fn an_image_that_cannot_be_scored_is_an_error() {
        assert!(explain(pair(&[1.0; 8], &[0.0; 8]), &protocol()).is_err());
    }
}
