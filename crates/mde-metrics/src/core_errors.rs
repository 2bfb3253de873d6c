//! The three depth errors that analyses compute for many variants of a network.

use serde::{Deserialize, Serialize};

/// AbsRel, RMSE and δ < 1.25, as in [`DepthErrors`](crate::DepthErrors).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoreErrors {
    /// mean |p - d| / d.
    pub abs_rel: f64,
    /// sqrt(mean (p - d)²), metres.
    pub rmse: f64,
    /// Fraction of pixels with max(p/d, d/p) < 1.25.
    pub delta_1: f64,
}

impl CoreErrors {
    /// The mean over images with equal weights; `None` without images.
    pub fn mean(images: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut count = 0;
        let (mut abs_rel, mut rmse, mut delta_1) = (0.0, 0.0, 0.0);
        for image in images {
            count += 1;
            abs_rel += image.abs_rel;
            rmse += image.rmse;
            delta_1 += image.delta_1;
        }
        let mean = |sum: f64| sum / f64::from(count);
        (count > 0).then(|| Self {
            abs_rel: mean(abs_rel),
            rmse: mean(rmse),
            delta_1: mean(delta_1),
        })
    }
}

/// Sums over pixels from which [`CoreErrors`] are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CoreSums {
    pixels: u64,
    relative: f64,
    squares: f64,
    within: u64,
}

impl CoreSums {
    /// Adds a pixel: positive depths in metres, as from [`ScoredPixels`](crate::ScoredPixels).
    pub fn push(&mut self, pred: f32, gt: f32) {
        // In f32, as in `depth_errors`.
        self.within += u64::from((pred / gt).max(gt / pred) < 1.25);
        let (pred, gt) = (f64::from(pred), f64::from(gt));
        let difference = pred - gt;
        self.pixels += 1;
        self.relative += difference.abs() / gt;
        self.squares += difference * difference;
    }

    /// Adds the pixels of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.pixels += other.pixels;
        self.relative += other.relative;
        self.squares += other.squares;
        self.within += other.within;
    }

    /// Number of pixels.
    pub fn pixels(&self) -> u64 {
        self.pixels
    }

    /// The errors, means over all pixels; `None` without pixels.
    pub fn errors(&self) -> Option<CoreErrors> {
        let count = self.pixels as f64;
        (self.pixels > 0).then(|| CoreErrors {
            abs_rel: self.relative / count,
            rmse: (self.squares / count).sqrt(),
            delta_1: self.within as f64 / count,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{DepthPair, ErrorTally, EvalProtocol, ImageSize, ScoredPixels, depth_errors};

    /// Two images whose errors all differ.
    fn images() -> [([f32; 6], [f32; 6]); 2] {
        [
            (
                [1.0, 2.5, 3.1, 0.2, 9.0, 1.0],
                [1.1, 2.0, 3.0, 0.3, 5.0, 0.0],
            ),
            (
                [4.0, 4.0, 1.0, 8.0, 2.0, 2.0],
                [3.2, 5.0, 1.0, 7.7, 1.9, 6.0],
            ),
        ]
    }

    #[test]
    fn core_errors_equal_depth_errors_to_the_bit() {
        let protocol = EvalProtocol::preset("nyu-full").unwrap();
        let mut tally = ErrorTally::default();
        let mut all = Vec::new();
        for (pred, gt) in &images() {
            let size = ImageSize::new(2, 3);
            let pair = DepthPair { pred, gt, size };
            let expected = depth_errors(pair, &protocol).unwrap();
            tally.push(&expected);
            let mut sums = CoreSums::default();
            for (pred, gt) in ScoredPixels::new(pair, &protocol).unwrap().pairs {
                sums.push(pred, gt);
            }
            let found = sums.errors().unwrap();
            assert_eq!(sums.pixels(), expected.pixels);
            assert_eq!(
                (found.abs_rel, found.rmse, found.delta_1),
                (expected.abs_rel, expected.rmse, expected.delta_1)
            );
            all.push(found);
        }
        let (found, expected) = (
            CoreErrors::mean(all).unwrap(),
            tally.summary().unwrap().mean,
        );
        assert_eq!(
            (found.abs_rel, found.rmse, found.delta_1),
            (expected.abs_rel, expected.rmse, expected.delta_1)
        );
    }

    #[test]
    fn sums_of_parts_add_up() {
        let pairs = [(1.0, 1.5), (2.0, 2.0), (4.0, 3.0)];
        let sums = |pairs: &[(f32, f32)]| {
            let mut sums = CoreSums::default();
            pairs.iter().for_each(|&(pred, gt)| sums.push(pred, gt));
            sums
        };
        let mut parts = sums(&pairs[..1]);
        parts.merge(&sums(&pairs[1..]));
        assert_eq!(parts, sums(&pairs));
    }

    #[test]
    fn there_are_no_errors_without_pixels_or_images() {
        assert_eq!(CoreSums::default().errors(), None);
        assert_eq!(CoreErrors::mean([]), None);
    }
}
