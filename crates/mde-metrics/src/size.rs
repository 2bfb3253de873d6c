//! Size of a depth map or feature map.

use serde::{Deserialize, Serialize};

use crate::checks::check_aspect_ratio;

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

    /// Whether maps of this size can show the same view as `other`: their aspect ratios differ by at
    /// most 2 %, or by rounding; see [`BinWeights::new`](crate::BinWeights::new).
    pub fn has_aspect_of(self, other: Self) -> bool {
        check_aspect_ratio(self, other).is_ok()
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
