//! Sizes of a pixel shuffle.

use candle_core::{Result, Tensor};

use super::checks::map_dims;

/// A pixel shuffle by `ratio` whose phase (i, j) reads its map from (i `overlap`, j `overlap`) on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PixelShuffle {
    pub(crate) ratio: usize,
    pub(crate) overlap: usize,
}

impl PixelShuffle {
    /// Channels of the output, and the height and width that each phase contributes.
    pub(crate) fn out_shape(&self, x: &Tensor) -> Result<(usize, usize, usize)> {
        let (_, channels, h, w) = map_dims("pixel_shuffle", x)?;
        let phases = self.ratio.checked_mul(self.ratio);
        let Some(phases) = phases.filter(|&phases| phases > 0 && channels.is_multiple_of(phases))
        else {
            candle_core::bail!(
                "pixel_shuffle: {channels} channels are not a multiple of the square of \
                 the ratio {}",
                self.ratio
            );
        };
        let margin = self.margin();
        if h <= margin || w <= margin {
            candle_core::bail!(
                "pixel_shuffle: {h}x{w} leaves nothing beyond an overlap of {margin}"
            );
        }
        Ok((channels / phases, h - margin, w - margin))
    }

    /// Rows and columns of a map that its phase does not read.
    pub(crate) fn margin(&self) -> usize {
        (self.ratio - 1) * self.overlap
    }
}
