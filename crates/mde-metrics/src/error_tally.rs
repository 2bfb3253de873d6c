//! Aggregates the depth errors of many images.

use crate::DepthErrors;
use crate::depth_errors::METRICS;
use serde::{Deserialize, Serialize};

/// Aggregates the errors of images: [`push`](Self::push) each image, then
/// [`summary`](Self::summary).
///
/// Tallies of disjoint sets of images can be merged.
///
/// ```
/// use mde_metrics::{DepthPair, ErrorTally, EvalProtocol, ImageSize, depth_errors};
///
/// let protocol = EvalProtocol::preset("nyu-full")?;
/// let mut tally = ErrorTally::default();
/// for (pred, gt) in [([1.0, 2.0], [1.0, 4.0]), ([3.0, 3.0], [3.0, 0.0])] {
///     let size = ImageSize::new(1, 2);
///     let pair = DepthPair { pred: &pred, gt: &gt, size };
///     tally.push(&depth_errors(pair, &protocol)?);
/// }
/// let summary = tally.summary().expect("two images");
/// assert_eq!((summary.images, summary.pixels), (2, 3));
/// assert_eq!(summary.mean.abs_rel, 0.125); // mean of 0.25 and 0
/// # Ok::<(), mde_metrics::MetricsError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ErrorTally {
    images: u64,
    pixels: u64,
    sums: [f64; METRICS],
    squared: f64,
    squared_log: f64,
}

impl ErrorTally {
    /// Adds one image. Skips an image without pixels.
    pub fn push(&mut self, errors: &DepthErrors) {
        if errors.pixels == 0 {
            return;
        }
        self.images += 1;
        self.pixels += errors.pixels;
        for (sum, value) in self.sums.iter_mut().zip(errors.values()) {
            *sum += value;
        }
        self.squared += errors.pixels as f64 * errors.rmse.powi(2);
        self.squared_log += errors.pixels as f64 * errors.rmse_log.powi(2);
    }

    /// Adds the images of another tally.
    pub fn merge(&mut self, other: &Self) {
        self.images += other.images;
        self.pixels += other.pixels;
        for (sum, value) in self.sums.iter_mut().zip(other.sums) {
            *sum += value;
        }
        self.squared += other.squared;
        self.squared_log += other.squared_log;
    }

    /// The errors over all images; `None` without images.
    pub fn summary(&self) -> Option<ErrorSummary> {
        if self.images == 0 {
            return None;
        }
        let pixels = self.pixels as f64;
        Some(ErrorSummary {
            images: self.images,
            pixels: self.pixels,
            mean: DepthErrors::from_values(
                self.pixels,
                self.sums.map(|sum| sum / self.images as f64),
            ),
            rmse_pooled: (self.squared / pixels).sqrt(),
            rmse_log_pooled: (self.squared_log / pixels).sqrt(),
        })
    }
}

/// Depth errors of a set of images, returned by [`ErrorTally::summary`].
///
/// Publications aggregate RMSE in two ways; both are given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorSummary {
    /// Number of images with at least one valid pixel.
    pub images: u64,
    /// Number of valid pixels of all images.
    pub pixels: u64,
    /// Mean over images of each metric, with equal weights. `pixels` is the total.
    pub mean: DepthErrors,
    /// Root mean squared error over all pixels of all images, metres.
    pub rmse_pooled: f64,
    /// Root mean squared log error over all pixels of all images.
    pub rmse_log_pooled: f64,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn image(pixels: u64, rmse: f64) -> DepthErrors {
        let mut values = [0.5; METRICS];
        values[6] = rmse;
        DepthErrors::from_values(pixels, values)
    }

    #[test]
    fn the_two_aggregations_of_rmse_differ() {
        let mut tally = ErrorTally::default();
        tally.push(&image(1, 1.0));
        tally.push(&image(3, 3.0));
        let summary = tally.summary().unwrap();
        assert_eq!((summary.images, summary.pixels), (2, 4));
        assert_eq!(summary.mean.rmse, 2.0);
        assert_eq!(summary.rmse_pooled, 7.0_f64.sqrt());
        assert_eq!(summary.mean.abs_rel, 0.5);
    }

    #[test]
    fn there_is_no_summary_without_images() {
        let mut tally = ErrorTally::default();
        tally.push(&image(0, f64::NAN));
        assert_eq!(tally.summary(), None);
    }
}
