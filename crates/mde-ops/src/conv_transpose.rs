//! Transposed 3x3 convolution that doubles the size.

use candle_core::{Result, Tensor};

use crate::phases::{TapSums, conv_in_phases};
use crate::shapes::check_doubling;
use crate::trace::{self, Work};

/// `out[2 i - 1 + k] += w[k] x[i]` along each axis: an even position sees the middle tap, an odd
/// one the outer two. The zeros are the cost of the shared 2x2 form: 16 taps instead of 9.
const TRANSPOSED: TapSums = [
    [0.0, 0.0, 0.0],
    [0.0, 1.0, 0.0],
    [0.0, 0.0, 1.0],
    [1.0, 0.0, 0.0],
];

/// PyTorch's `conv_transpose2d(x, weight, stride=2, padding=1, output_padding=1)` without bias.
///
/// `x` [B, C, h, w] and `weight` [C, O, 3, 3] give [B, O, 2h, 2w].
///
/// # Errors
/// If the shapes do not agree or the kernel is not 3x3.
pub fn conv_transpose2x(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    check_doubling("conv_transpose2x", x, weight, 0)?;
    let _span = trace::forward("conv_transpose2x", || Work::transposed(x, weight));
    conv_in_phases(x, &weight.transpose(0, 1)?, &TRANSPOSED)
}
