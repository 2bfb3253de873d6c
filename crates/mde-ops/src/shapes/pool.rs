//! Configuration of max-pooling.

use candle_core::{Result, Tensor};

use super::checks::map_dims;

/// Size and movement of a square pooling window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolConfig {
    /// Side of the window.
    pub kernel: usize,
    /// Step between windows.
    pub stride: usize,
    /// Positions around the input that never hold a maximum; at most half the kernel.
    pub padding: usize,
    /// Whether a last window that reaches beyond the padded input counts, as in PyTorch's
    /// `ceil_mode`.
    pub ceil_mode: bool,
}

impl PoolConfig {
    /// Height and width of the output for `x` [B, C, H, W].
    pub(crate) fn out_sizes(&self, x: &Tensor) -> Result<(usize, usize)> {
        let (_, _, h, w) = map_dims("max_pool2d", x)?;
        if self.kernel == 0 || self.stride == 0 || self.padding > self.kernel / 2 {
            candle_core::bail!(
                "max_pool2d: kernel and stride must be positive, padding at most half \
                 the kernel: {self:?}"
            );
        }
        let Some(sizes) = self.out_size(h).zip(self.out_size(w)) else {
            candle_core::bail!("max_pool2d: {self:?} does not fit {h}x{w}");
        };
        Ok(sizes)
    }

    /// Output size along one axis. As in PyTorch, a window begins inside the input or its left
    /// padding.
    fn out_size(&self, size: usize) -> Option<usize> {
        let reach = size
            .checked_add(2 * self.padding)?
            .checked_sub(self.kernel)?;
        if !self.ceil_mode {
            return Some(reach / self.stride + 1);
        }
        let out = reach.div_ceil(self.stride) + 1;
        Some(if (out - 1) * self.stride >= size + self.padding {
            out - 1
        } else {
            out
        })
    }
}
