//! Convolution with stride 1 by Winograd's minimal filtering (Lavin and Gray 2016, "Fast Algorithms
//! for Convolutional Neural Networks"): T² instead of K² M² products for M x M outputs.
//!
//! An input tile d and a filter g are evaluated at T points along each axis: 0, ±1, ±2, ±1/2 and
//! infinity. The values are multiplied, and M outputs are interpolated: `Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d
//! B)] A`, T = M + K - 1. At each of the T² points, the products of all channels and tiles are one
//! matrix product. The gradient in the weight is the adjoint, `Gᵀ [(A dY Aᵀ) ⊙ (Bᵀ d B)] G` summed
//! over tiles, with as many products.
//!
//! Tiles are stored in *phases*: plane (y mod M, x mod M) of a map holds every M-th pixel of every
//! M-th row. Value (y, x) of neighbouring tiles is then adjacent, and a vector of tiles is
//! transformed at once.

mod strip;
mod transform;

use crate::cpu::im2col::Geometry;
use crate::cpu::{Finish, PANEL, for_each_tile, vectorised, with_scratch};
use crate::shapes::ConvDims;
use strip::{Grid, ReadInputs, Strip, WriteOutput};
use transform::{TransformFilters, TransformWeights, Winograd};

/// Size of the tiles and of their outputs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tiles {
    /// 6x6 tiles for 2x2 outputs of a 5x5 kernel.
    Six2,
    /// 6x6 tiles for 4x4 outputs of a 3x3 kernel.
    Six4,
    /// 8x8 tiles for 4x4 outputs of a 5x5 kernel.
    Eight4,
    /// 8x8 tiles for 6x6 outputs of a 3x3 kernel.
    Eight6,
}

impl Tiles {
    /// The tiles with the fewest products, or `None` unless they need at most half of the direct
    /// way's: the transforms cost time too.
    pub(super) fn choose(geometry: &Geometry, channels: usize) -> Option<Self> {
        /// With fewer channels the transforms outweigh the products.
        const MIN_CHANNELS: usize = 16;
        /// On smaller maps the transforms of the filters outweigh the products.
        const MIN_PIXELS: usize = 1024;
        let candidates = match geometry.kernel {
            (3, 3) => [Self::Six4, Self::Eight6],
            (5, 5) => [Self::Six2, Self::Eight4],
            _ => return None,
        };
        if geometry.stride != 1
            || geometry.dilation != 1
            || channels < MIN_CHANNELS
            || geometry.out_pixels() < MIN_PIXELS
        {
            return None;
        }
        let best = candidates
            .into_iter()
            .min_by_key(|tiles| tiles.products(geometry))?;
        let direct = geometry.out_pixels() * geometry.taps();
        (2 * best.products(geometry) <= direct).then_some(best)
    }

    /// Number of products per pair of channels.
    fn products(self, geometry: &Geometry) -> usize {
        fn count<const T: usize, const M: usize>(geometry: &Geometry) -> usize {
            let grid = Grid::<T, M>::new(geometry);
            Winograd::<T, M>::POINTS * Strip::new(grid, 0..grid.tile_rows).slots()
        }
        match self {
            Self::Six2 => count::<6, 2>(geometry),
            Self::Six4 => count::<6, 4>(geometry),
            Self::Eight4 => count::<8, 4>(geometry),
            Self::Eight6 => count::<8, 6>(geometry),
        }
    }

    /// The output, `[batch, out_channels, out_height, out_width]`.
    pub(super) fn forward(
        self,
        dims: &ConvDims,
        x: &[f32],
        weight: &[f32],
        finish: Finish<'_>,
    ) -> Vec<f32> {
        match self {
            Self::Six2 => Winograd::<6, 2>::forward(dims, x, weight, finish),
            Self::Six4 => Winograd::<6, 4>::forward(dims, x, weight, finish),
            Self::Eight4 => Winograd::<8, 4>::forward(dims, x, weight, finish),
            Self::Eight6 => Winograd::<8, 6>::forward(dims, x, weight, finish),
        }
    }

    /// The gradient in the weight, `[out_channels, in_channels, K, K]`.
    pub(super) fn backward_weight(self, dims: &ConvDims, x: &[f32], grad: &[f32]) -> Vec<f32> {
        match self {
            Self::Six2 => Winograd::<6, 2>::backward_weight(dims, x, grad),
            Self::Six4 => Winograd::<6, 4>::backward_weight(dims, x, grad),
            Self::Eight4 => Winograd::<8, 4>::backward_weight(dims, x, grad),
            Self::Eight6 => Winograd::<8, 6>::backward_weight(dims, x, grad),
        }
    }
}

impl<const T: usize, const M: usize> Winograd<T, M> {
    fn forward(dims: &ConvDims, x: &[f32], weight: &[f32], finish: Finish<'_>) -> Vec<f32> {
        let ConvDims {
            in_channels,
            out_channels,
            ref geometry,
            ..
        } = *dims;
        let filters = Self::filters(weight, out_channels * in_channels);
        let grid = Grid::<T, M>::new(geometry);
        // One panel of tiles: each panel reads all filters once.
        let rows = grid.rows_within(PANEL);
        let pixels = geometry.out_pixels();
        let run = rows * M * geometry.out_width;
        let mut out = vec![0.0; dims.batch * out_channels * pixels];
        for_each_tile(
            &mut out,
            pixels,
            out_channels,
            run,
            |image, range, mut tile| {
                let first = range.start / (M * geometry.out_width);
                let strip = Strip::new(grid, first..grid.tile_rows.min(first + rows));
                let planes = dims.input(x, image, 0);
                let sizes = [
                    Self::POINTS * in_channels * strip.panels() * PANEL,
                    Self::POINTS * out_channels * strip.slots(),
                    strip.phase_floats(),
                ];
                with_scratch(sizes, |[points, products, phases]| {
                    vectorised(ReadInputs {
                        strip: &strip,
                        geometry,
                        planes,
                        phases,
                        points,
                    });
                    strip.multiply(&filters, points, products, in_channels, out_channels);
                    for channel in 0..out_channels {
                        let rows = tile.row_mut(channel);
                        vectorised(WriteOutput {
                            strip: &strip,
                            geometry,
                            products,
                            phases,
                            channel,
                            rows,
                            finish,
                        });
                    }
                });
            },
        );
        out
    }

    fn backward_weight(dims: &ConvDims, x: &[f32], grad: &[f32]) -> Vec<f32> {
        // All cores work on one strip at a time, which may fill the shared cache.
        const FLOATS: usize = 2 * 1024 * 1024;
        let ConvDims {
            in_channels,
            out_channels,
            ref geometry,
            ..
        } = *dims;
        let grid = Grid::<T, M>::new(geometry);
        let rows = grid.rows_within(FLOATS / (Self::POINTS * (in_channels + out_channels)));
        let filter_size = out_channels * in_channels;
        let mut filters = vec![0.0; Self::POINTS * filter_size];
        for image in 0..dims.batch {
            let input = dims.input(x, image, 0);
            let grad = &grad[image * out_channels * geometry.out_pixels()..];
            for first in (0..grid.tile_rows).step_by(rows) {
                let strip = Strip::new(grid, first..grid.tile_rows.min(first + rows));
                let channel = Self::POINTS * strip.slots();
                with_scratch(
                    [in_channels * channel, out_channels * channel],
                    |[points, grads]| {
                        strip.read_channels(geometry, input, points);
                        strip.read_grad_channels(geometry, grad, grads);
                        strip.add_filter_grads(grads, points, out_channels, &mut filters);
                    },
                );
            }
        }
        Self::weights(&filters, filter_size)
    }

    /// G g Gᵀ of all filters: `[filters, K, K]` to `[T, T, filters]`.
    fn filters(weight: &[f32], count: usize) -> Vec<f32> {
        const RUN: usize = 1024;
        let mut filters = vec![0.0; Self::POINTS * count];
        for_each_tile(
            &mut filters,
            count,
            Self::POINTS,
            RUN,
            |_, range, filters| {
                let taps = Self::K * Self::K;
                let weight = &weight[range.start * taps..range.end * taps];
                vectorised(TransformFilters::<T, M> { weight, filters });
            },
        );
        filters
    }

    /// The adjoint of [`Self::filters`], Gᵀ u G: `[T, T, filters]` to `[filters, K, K]`.
    fn weights(filters: &[f32], count: usize) -> Vec<f32> {
        let mut weight = vec![0.0; Self::K * Self::K * count];
        vectorised(TransformWeights::<T, M> {
            filters,
            count,
            weight: &mut weight,
        });
        weight
    }
}
