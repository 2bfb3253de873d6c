//! How one image's errors come about, step by step: what to look at when a number disagrees with a published one.

use crate::alignment::median;
use crate::depth_errors::valid_pairs;
use crate::{
    DepthErrors, DepthPair, ErrorSums, EvalProtocol, Fit, ImageSize, MetricsError, ScoredPixels,
    depth_errors,
};
use serde::{Deserialize, Serialize};

/// What a protocol does with one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The protocol.
    pub protocol: EvalProtocol,
    /// The image's size.
    pub size: ImageSize,
    /// First row of the crop, and one past its last.
    pub rows: (usize, usize),
    /// First column of the crop, and one past its last.
    pub columns: (usize, usize),
    /// What becomes of the pixels.
    pub pixels: PixelCounts,
    /// Ground truth at the scored pixels, metres.
    pub gt: Spread,
    /// The prediction there, as it is given.
    pub pred: Spread,
    /// What was fitted.
    pub fit: Fit,
    /// The prediction there after fit and clamping, metres.
    pub scored: Spread,
    /// Scored pixels whose prediction was below the least depth and is raised to it.
    pub raised: u64,
    /// Scored pixels whose prediction was above the greatest depth and is lowered to it.
    pub lowered: u64,
    /// The sums over the scored pixels.
    pub sums: ErrorSums,
    /// What they give.
    pub errors: DepthErrors,
}

/// Every pixel of the image in one of five classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PixelCounts {
    /// Outside the crop.
    pub outside: u64,
    /// Ground truth 0, negative or not a number: nothing was measured.
    pub unmeasured: u64,
    /// Measured, but not beyond the protocol's least depth.
    pub too_near: u64,
    /// At or beyond the protocol's greatest depth.
    pub too_far: u64,
    /// The rest.
    pub scored: u64,
}

/// Least, middle and greatest of some values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The least.
    pub min: f64,
    /// The middle one, or the mean of the two middle ones.
    pub median: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of at least one value.
    fn of(values: impl Iterator<Item = f32>) -> Self {
        let values: Vec<f64> = values.map(f64::from).collect();
        Self {
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            median: median(values),
        }
    }
}

/// Scores one image and says how.
///
/// # Errors
/// As [`depth_errors`](crate::depth_errors).
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
    let (raised, lowered) = aligned.fold((0, 0), |(raised, lowered), depth| {
        (
            raised + u64::from(depth < protocol.min_depth),
            lowered + u64::from(depth > protocol.max_depth),
        )
    });
    Ok(Explanation {
        protocol: protocol.clone(),
        size: pair.size,
        rows: (window.rows.start, window.rows.end),
        columns: (window.columns.start, window.columns.end),
        pixels,
        gt: Spread::of(scored.pairs.iter().map(|pair| pair.1)),
        pred: Spread::of(given.iter().map(|pair| pair.0)),
        fit: scored.fit,
        scored: Spread::of(scored.pairs.iter().map(|pair| pair.0)),
        raised,
        lowered,
        sums: scored.sums(),
        errors: depth_errors(pair, protocol)?,
    })
}

impl PixelCounts {
    /// The count that a pixel inside the crop belongs to.
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

    /// 2x4, of which the protocol scores columns 1 to 3 of both rows.
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
        assert_eq!((found.raised, found.lowered), (1, 1));
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
