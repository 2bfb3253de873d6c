//! 3x3 convolutions that double the size, computed at the low resolution.
//!
//! At a given parity of row and column (a *phase*), a 3x3 kernel over the enlarged map sees only
//! 2x2 values of the small map. So each phase is a 2x2 convolution of the small map, whose kernels
//! are sums of the taps. The four phases interleave to the output.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use crate::conv::conv2d;
use crate::cpu;
use crate::pixel_shuffle::shuffle;
use crate::shapes::{ConvConfig, PixelShuffle, on_cpu_kernels};

/// How the three taps of the kernel add to the two taps of each phase, along one axis.
///
/// Rows: first and second tap of the even phase, then of the odd phase. For output positions 2 p
/// and 2 p + 1, the even phase reads source positions p - 1 and p, the odd phase p and p + 1.
pub(crate) type TapSums = [[f32; 3]; 4];

/// The output [B, O, 2h, 2w] of `x` [B, C, h, w] and `weight` [O, C, 3, 3], with taps added as in
/// `sums`.
pub(crate) fn conv_in_phases(x: &Tensor, weight: &Tensor, sums: &TapSums) -> Result<Tensor> {
    // One row and column of zeros on each side serve all phases: the odd phases read one further.
    let config = ConvConfig {
        padding: 1.into(),
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

/// As [`kernels`], in one pass, for a weight that needs no gradient: an evaluated network computes
/// its kernels for every batch.
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
                // A target is (phase, tap) of the rows, then (phase, tap) of the columns.
                for (target, value) in targets.iter().enumerate() {
                    let phase = target / 8 * 2 + target % 4 / 2;
                    let tap = target / 4 % 2 * 2 + target % 2;
                    kernels[(phase * channels + channel) * 4 + tap] = *value;
                }
            }
        });
    kernels
}
