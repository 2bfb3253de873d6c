//! A 3x3 convolution of a map that is doubled by repetition, computed at the low resolution.

use candle_core::{Result, Tensor};

use crate::phases::{TapSums, conv_in_phases};
use crate::shapes::{ConvConfig, check_doubling};
use crate::trace::{self, Work};

/// Values are repeated, so two of the three taps always see the same value.
const NEAREST: TapSums = [
    [1.0, 0.0, 0.0],
    [0.0, 1.0, 1.0],
    [1.0, 1.0, 0.0],
    [0.0, 0.0, 1.0],
];

/// `conv2d(nearest2x(x), weight)` with stride 1 and padding 1.
///
/// `nearest2x` repeats each value of `x` [B, C, h, w] in a 2x2 block; `weight` [O, C, 3, 3] gives
/// [B, O, 2h, 2w]. Exact, with 4/9 of the products and without the enlarged map.
///
/// # Errors
/// If the shapes do not agree or the kernel is not 3x3.
pub fn conv_after_nearest2x(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    check_doubling("conv_after_nearest2x", x, weight, 1)?;
    let _span = trace::forward("conv_after_nearest2x", || {
        let size = (2 * x.dims()[2], 2 * x.dims()[3]);
        Work::convolution(x, weight, size, ConvConfig::default())
    });
    conv_in_phases(x, weight, &NEAREST)
}
