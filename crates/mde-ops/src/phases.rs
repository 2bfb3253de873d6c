//! Convolutions that double the size, as four convolutions at the low resolution.
//!
//! A 3x3 kernel over a map of twice the size whose values come from a smaller map sees, for a given parity of its row and
//! of its column, only 2x2 values of the small map. So every parity (a phase) is a 2x2 convolution of the
//! small map with kernels that are sums of the taps, and the phases interleave to the output.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use crate::conv::conv2d;
use crate::cpu;
use crate::pixel_shuffle::shuffle;
use crate::shapes::{ConvConfig, PixelShuffle, on_cpu_kernels};

/// Along one axis, what each of the three taps of the kernel adds to the two taps of each phase. Rows: first and
/// second tap of the even phase, first and second of the odd phase. The even phase's taps lie at the source positions
/// p - 1 and p, the odd one's at p and p + 1, for the output positions 2 p and 2 p + 1.
pub(crate) type TapSums = [[f32; 3]; 4];

/// The output [B, O, 2h, 2w] of `x` [B, C, h, w] under `weight` [O, C, 3, 3], whose taps fall on the phases as `sums` says.
pub(crate) fn conv_in_phases(x: &Tensor, weight: &Tensor, sums: &TapSums) -> Result<Tensor> {
    // One row and one column of zeros on each side serve all phases: the odd ones read one further.
    let config = ConvConfig {
        padding: 1,
        ..ConvConfig::default()
    };
    let maps = conv2d(x, &kernels(weight, sums)?, config)?;
    shuffle(
        &maps,
        PixelShuffle {
            ratio: 2,
            overlap: 1,
        },
    )
}

/// The kernels of all phases, [4 O, C, 2, 2].
fn kernels(weight: &Tensor, sums: &TapSums) -> Result<Tensor> {
    let (out, channels, _, _) = weight.dims4()?;
    // (phase, tap) of the rows, then of the columns.
    let by_axis: Vec<f32> = (0..9)
        .flat_map(|tap| {
            (0..16).map(move |target| sums[target / 4][tap / 3] * sums[target % 4][tap % 3])
        })
        .collect();
    if on_cpu_kernels(weight) && !weight.track_op() {
        let values = cpu::with_values([weight], |[weight]| {
            Ok(untracked_kernels(weight, channels, &by_axis))
        })?;
        return cpu::tensor(values, (4 * out, channels, 2, 2));
    }
    let by_axis = Tensor::from_vec(by_axis, (9, 16), weight.device())?.to_dtype(weight.dtype())?;
    weight
        .contiguous()?
        .reshape((out * channels, 9))?
        .matmul(&by_axis)?
        .reshape((out, channels, 2, 2, 2, 2))?
        .permute((0, 2, 4, 1, 3, 5))?
        .reshape((4 * out, channels, 2, 2))
}

/// The same in one pass, for a weight whose gradient nobody asks for: a network that is not trained makes its kernels anew
/// for every batch.
fn untracked_kernels(weight: &[f32], channels: usize, by_axis: &[f32]) -> Vec<f32> {
    let mut kernels = vec![0.0; weight.len() / 9 * 16];
    kernels
        .par_chunks_exact_mut(16 * channels)
        .zip(weight.par_chunks_exact(9 * channels))
        .for_each(|(kernels, weight)| {
            for (channel, filter) in weight.as_chunks::<9>().0.iter().enumerate() {
                let mut targets = [0.0; 16];
                for (tap, row) in filter.iter().zip(by_axis.as_chunks::<16>().0) {
                    for (target, share) in targets.iter_mut().zip(row) {
                        *target += tap * share;
                    }
                }
                // Of a target, rows: (phase, tap), then columns: (phase, tap).
                for (target, value) in targets.iter().enumerate() {
                    let phase = target / 8 * 2 + target % 4 / 2;
                    let tap = target / 4 % 2 * 2 + target % 2;
                    kernels[(phase * channels + channel) * 4 + tap] = *value;
                }
            }
        });
    kernels
}
