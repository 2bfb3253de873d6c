//! The size of a depth map or feature map.

use crate::MetricsError;
use serde::{Deserialize, Serialize};

/// Height and width of a row-major map, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImageSize {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl ImageSize {
    /// Height x width.
    pub const fn new(height: usize, width: usize) -> Self {
        Self { height, width }
    }

    /// Number of pixels. Saturates, so that an absurd size fails a length check instead of wrapping.
    pub const fn pixels(self) -> usize {
        self.height.saturating_mul(self.width)
    }

    /// Checks that a buffer called `what` holds one value for each pixel of `maps` maps.
    pub(crate) fn check(
        self,
        what: &'static str,
        maps: usize,
        found: usize,
    ) -> Result<(), MetricsError> {
        if self.pixels() == 0 || self.pixels().checked_mul(maps) != Some(found) {
            return Err(MetricsError::Length {
                what,
                maps,
                size: self,
                found,
            });
        }
        Ok(())
    }
}

impl std::fmt::Display for ImageSize {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}x{}", self.height, self.width)
    }
}
