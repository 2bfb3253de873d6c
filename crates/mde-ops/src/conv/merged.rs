//! Gradients of a convolution of small maps: the columns of many images form one product.
//!
//! Deep in a network, a map has fewer pixels than channels. One product per image would spend its
//! time loading the weight.

use rayon::prelude::*;

use crate::cpu::im2col::Placement;
use crate::cpu::{Matrix, MatrixMut, Threads, gemm, with_scratch};
use crate::shapes::ConvDims;

/// Number of images whose columns are kept at a time.
fn images_per_round(dims: &ConvDims) -> usize {
    const FLOATS: usize = 4 * 1024 * 1024;
    (FLOATS / (dims.depth() * dims.geometry.out_pixels())).clamp(1, dims.batch)
}

/// Unfolds some images into `[depth, images * pixels]`.
fn unfold(dims: &ConvDims, x: &[f32], images: usize, columns: &mut [f32]) {
    let geometry = &dims.geometry;
    let stride = images * geometry.out_pixels();
    columns
        .par_chunks_exact_mut(geometry.taps() * stride)
        .enumerate()
        .for_each(|(channel, columns)| {
            for image in 0..images {
                let plane = (image * dims.in_channels + channel) * geometry.pixels();
                let placement = Placement {
                    offset: image * geometry.out_pixels(),
                    stride,
                };
                geometry.im2col(
                    &x[plane..][..geometry.pixels()],
                    0..geometry.out_height,
                    columns,
                    placement,
                );
            }
        });
}

/// Reorders `[images, channels, pixels]` to `[channels, images * pixels]`.
fn channels_first(values: &[f32], channels: usize, pixels: usize) -> Vec<f32> {
    let images = values.len() / (channels * pixels);
    let mut out = vec![0.0; values.len()];
    for (plane, values) in values.chunks_exact(pixels).enumerate() {
        let (image, channel) = (plane / channels, plane % channels);
        out[(channel * images + image) * pixels..][..pixels].copy_from_slice(values);
    }
    out
}

/// The gradient in the input, `[batch, in_channels, height, width]`.
pub(super) fn backward_input(dims: &ConvDims, weight: &[f32], grad: &[f32]) -> Vec<f32> {
    let geometry = &dims.geometry;
    let (images, pixels) = (images_per_round(dims), geometry.out_pixels());
    let map = dims.in_channels * geometry.pixels();
    let mut grad_x = vec![0.0; dims.batch * map];
    let rounds = grad.chunks(images * dims.out_channels * pixels);
    for (grad, grad_x) in rounds.zip(grad_x.chunks_mut(images * map)) {
        let images = grad_x.len() / map;
        let grad = channels_first(grad, dims.out_channels, pixels);
        let stride = images * pixels;
        with_scratch([dims.depth() * stride], |[columns]| {
            gemm(
                MatrixMut::new(columns, dims.depth(), stride),
                Matrix::new(weight, dims.out_channels, dims.depth()).t(),
                Matrix::new(&grad, dims.out_channels, stride),
                false,
                Threads::All,
            );
            let columns = &*columns;
            grad_x
                .par_chunks_exact_mut(geometry.pixels())
                .enumerate()
                .for_each(|(plane, grad_x)| {
                    let (image, channel) = (plane / dims.in_channels, plane % dims.in_channels);
                    let offset = image * pixels;
                    let columns = &columns[channel * geometry.taps() * stride..];
                    geometry.col2im(columns, Placement { offset, stride }, grad_x);
                });
        });
    }
    grad_x
}

/// The gradient in the weight, `[out_channels, in_channels, kh, kw]`.
pub(super) fn backward_weight(dims: &ConvDims, x: &[f32], grad: &[f32]) -> Vec<f32> {
    let (images, pixels) = (images_per_round(dims), dims.geometry.out_pixels());
    let mut grad_weight = vec![0.0; dims.out_channels * dims.depth()];
    let rounds = x.chunks(images * dims.in_channels * dims.geometry.pixels());
    for (x, grad) in rounds.zip(grad.chunks(images * dims.out_channels * pixels)) {
        let images = grad.len() / (dims.out_channels * pixels);
        let all = images * pixels;
        let grad = channels_first(grad, dims.out_channels, pixels);
        with_scratch([dims.depth() * all], |[columns]| {
            unfold(dims, x, images, columns);
            gemm(
                MatrixMut::new(&mut grad_weight, dims.out_channels, dims.depth()),
                Matrix::new(&grad, dims.out_channels, all),
                Matrix::new(columns, dims.depth(), all).t(),
                true,
                Threads::All,
            );
        });
    }
    grad_weight
}
