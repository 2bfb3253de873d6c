//! Depth errors of many images: sums that can be merged, and the summary they give.

use crate::DepthErrors;
use crate::depth_errors::METRICS;
use serde::{Deserialize, Serialize};

/// Running sums over images. Shards merge into what one pass over all images gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ErrorTally {
    images: u64,
    pixels: u64,
    sums: [f64; METRICS],
    squared: f64,
    squared_log: f64,
}

impl ErrorTally {
    /// Adds one image. An image without pixels has no errors and is left out.
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

    /// Adds another tally's images.
    pub fn merge(&mut self, other: &Self) {
        self.images += other.images;
        self.pixels += other.pixels;
        for (sum, value) in self.sums.iter_mut().zip(other.sums) {
            *sum += value;
        }
        self.squared += other.squared;
        self.squared_log += other.squared_log;
    }

    /// The summary, or `None` before the first image.
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

/// Depth errors of a set of images. Publications differ in how they aggregate RMSE, so both ways are here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorSummary {
    /// Images with at least one valid pixel.
    pub images: u64,
    /// Valid pixels of all images.
    pub pixels: u64,
    /// The mean over images of every metric, each image weighing the same; `pixels` is the total.
    pub mean: DepthErrors,
    /// Root of the mean squared error over all pixels of all images, metres.
    pub rmse_pooled: f64,
    /// Root of the mean squared log error over all pixels of all images.
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
    fn no_images_no_summary() {
        let mut tally = ErrorTally::default();
        tally.push(&image(0, f64::NAN));
        assert_eq!(tally.summary(), None);
    }
}
