//! Gradients of a convolution of any shape. Unfolds strips of output rows whose columns fit the
//! cache.

use rayon::prelude::*;

use crate::cpu::im2col::Placement;
use crate::cpu::{Matrix, MatrixMut, Threads, gemm, with_scratch};
use crate::shapes::ConvDims;

/// The gradient in the input, `[batch, groups * in_channels, height, width]`.
pub(super) fn backward_input(dims: &ConvDims, weight: &[f32], grad: &[f32]) -> Vec<f32> {
    let geometry = &dims.geometry;
    let mut grad_x = vec![0.0; dims.batch * dims.groups * dims.in_channels * geometry.pixels()];
    let channels = channel_block(dims);
    let blocks = dims.in_channels.div_ceil(channels);
    // Each chunk of planes belongs to one image and group, so that each task handles one block of
    // its channels.
    grad_x
        .par_chunks_mut(dims.in_channels * geometry.pixels())
        .enumerate()
        .flat_map(|(block, planes)| {
            planes
                .par_chunks_mut(channels * geometry.pixels())
                .enumerate()
                .map(move |(c, planes)| (block, c, planes))
        })
        .for_each(|(block, c, planes)| {
            debug_assert!(c < blocks);
            let depth = planes.len() / geometry.pixels() * geometry.taps();
            let weight = dims.group_weight(weight, block % dims.groups);
            let weight = Matrix::strided(
                weight,
                c * channels * geometry.taps(),
                dims.out_channels,
                depth,
                dims.depth(),
            );
            let grad = &grad[block * dims.out_channels * geometry.out_pixels()..];
            let grad = Matrix::strided(
                grad,
                0,
                dims.out_channels,
                geometry.out_pixels(),
                geometry.out_pixels(),
            );
            with_scratch([depth * geometry.out_pixels()], |[columns]| {
                let product = MatrixMut::new(columns, depth, geometry.out_pixels());
                gemm(product, weight.t(), grad, false, Threads::One);
                geometry.col2im(
                    columns,
                    Placement::for_one_image(geometry.out_pixels()),
                    planes,
                );
            });
        });
    grad_x
}

/// The gradient in the weight, `[groups * out_channels, in_channels, kh, kw]`.
pub(super) fn backward_weight(dims: &ConvDims, x: &[f32], grad: &[f32]) -> Vec<f32> {
    let geometry = &dims.geometry;
    let (pixels, taps) = (geometry.out_pixels(), geometry.taps());
    let (channels, rows) = (channel_block(dims), strip_rows(dims));
    let blocks = dims.in_channels.div_ceil(channels);
    let partial: Vec<Vec<f32>> = (0..dims.groups * blocks)
        .into_par_iter()
        .map(|task| {
            let (group, first) = (task / blocks, task % blocks * channels);
            let channels = channels.min(dims.in_channels - first);
            let depth = channels * taps;
            let mut sum = vec![0.0; dims.out_channels * depth];
            for image in 0..dims.batch {
                let input = &dims.input(x, image, group)[first * geometry.pixels()..]
                    [..channels * geometry.pixels()];
                let block = image * dims.groups + group;
                let grad =
                    &grad[block * dims.out_channels * pixels..][..dims.out_channels * pixels];
                for start in (0..geometry.out_height).step_by(rows) {
                    let rows = start..(start + rows).min(geometry.out_height);
                    let range = rows.start * geometry.out_width..rows.end * geometry.out_width;
                    let grad =
                        Matrix::strided(grad, range.start, dims.out_channels, range.len(), pixels);
                    let mut add = |unfolded: Matrix<'_>| {
                        let out = MatrixMut::new(&mut sum, dims.out_channels, depth);
                        gemm(out, grad, unfolded.t(), true, Threads::One);
                    };
                    if geometry.is_pointwise() {
                        add(Matrix::strided(
                            input,
                            range.start,
                            depth,
                            range.len(),
                            pixels,
                        ));
                        continue;
                    }
                    with_scratch([depth * range.len()], |[columns]| {
                        geometry.im2col(
                            input,
                            rows,
                            columns,
                            Placement::for_one_image(range.len()),
                        );
                        add(Matrix::new(columns, depth, range.len()));
                    });
                }
            }
            sum
        })
        .collect();
    let mut grad_weight = vec![0.0; dims.groups * dims.out_channels * dims.depth()];
    for (task, sum) in partial.iter().enumerate() {
        let (group, first) = (task / blocks, task % blocks * channels);
        let depth = sum.len() / dims.out_channels;
        for (o, row) in sum.chunks_exact(depth).enumerate() {
            let start = (group * dims.out_channels + o) * dims.depth() + first * taps;
            grad_weight[start..start + depth].copy_from_slice(row);
        }
    }
    grad_weight
}

/// Input channels per task of a backward pass. Does not depend on the number of threads.
fn channel_block(dims: &ConvDims) -> usize {
    const TASKS: usize = 8;
    dims.in_channels.div_ceil(TASKS)
}

/// Output rows of a strip: its columns should fit a core's cache, yet be enough for the product.
fn strip_rows(dims: &ConvDims) -> usize {
    const FLOATS: usize = 128 * 1024;
    const MIN_PIXELS: usize = 64;
    let pixels = (FLOATS / dims.depth().max(1)).max(MIN_PIXELS);
    (pixels / dims.geometry.out_width).clamp(1, dims.geometry.out_height)
}
