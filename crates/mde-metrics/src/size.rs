//! Size of a depth map or feature map.

use serde::{Deserialize, Serialize};

/// Maximum relative difference of two aspect ratios.
const MAX_ASPECT_DIFFERENCE: f64 = 0.02;

/// Height and width of a row-major map, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImageSize {
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
}

impl ImageSize {
    /// A size of `height` x `width`.
    pub const fn new(height: usize, width: usize) -> Self {
        Self { height, width }
    }

    /// Whether maps of this size can show the same view as `other`: their aspect ratios differ by
    /// at most 2 %, or by rounding; see [`BinWeights::new`](crate::BinWeights::new).
    pub fn has_aspect_of(self, other: Self) -> bool {
        // Aspect ratios as products, so that nothing is divided.
        let (one, two) = (
            self.height as f64 * other.width as f64,
            self.width as f64 * other.height as f64,
        );
        let is_similar = (one - two).abs() <= MAX_ASPECT_DIFFERENCE * one.max(two);
        is_similar || self.is_rounded(other) || other.is_rounded(self)
    }

    /// Whether a common scale of the sides of `map` gives those of this size to within one pixel.
    fn is_rounded(self, map: Self) -> bool {
        let [height, width] = [self.height, self.width].map(|side| side as f64);
        let [map_height, map_width] = [map.height, map.width].map(|side| side as f64);
        // The intervals (side - 1) / map_side to (side + 1) / map_side overlap.
        (height - 1.0) * map_width <= (width + 1.0) * map_height
            && (width - 1.0) * map_height <= (height + 1.0) * map_width
    }

    /// Number of pixels. Saturates, so that a huge size fails a length check instead of wrapping.
    pub const fn pixels(self) -> usize {
        self.height.saturating_mul(self.width)
    }
}

impl std::fmt::Display for ImageSize {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}x{}", self.height, self.width)
    }
}
