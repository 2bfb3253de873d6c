//! Convolution of any shape by unfolding: each task runs its filters over one panel of pixels.

use crate::cpu::{Finish, PANEL, Rows, for_each_tile, multiply, with_scratch};
use crate::shapes::ConvDims;

/// Filters per task: each task unfolds the panel again.
const FILTERS: usize = 128;

/// The output, `[batch, groups * out_channels, out_height, out_width]`. `finish` has one row per
/// channel.
pub(super) fn forward(dims: &ConvDims, x: &[f32], weight: &[f32], finish: Finish<'_>) -> Vec<f32> {
    let geometry = &dims.geometry;
    let pixels = geometry.out_pixels();
    let filters = filters_per_task(dims);
    let blocks = dims.out_channels / filters;
    let mut out = vec![0.0; dims.batch * dims.groups * dims.out_channels * pixels];
    for_each_tile(&mut out, pixels, filters, PANEL, |task, range, mut tile| {
        let (image, group) = (task / blocks / dims.groups, task / blocks % dims.groups);
        let first = task % blocks * filters;
        let weight = &dims.group_weight(weight, group)[first * dims.depth()..];
        let rows = Rows::new(weight, filters, dims.depth());
        let channel = group * dims.out_channels + first;
        with_scratch([dims.depth() * PANEL], |[panel]| {
            let width = range.len();
            geometry.panel(dims.input(x, image, group), range, panel);
            let finish = finish.rows(channel..channel + filters);
            multiply(rows, panel, width, &mut tile, 0, finish);
        });
    });
    out
}

/// All filters of a group, or equal shares of them if there are few pixels.
fn filters_per_task(dims: &ConvDims) -> usize {
    const MANY_PANELS: usize = 16;
    if dims.batch * dims.groups * dims.geometry.out_pixels() >= MANY_PANELS * PANEL {
        return dims.out_channels;
    }
    // Numbers with few divisors have only small equal shares: then one task takes all filters.
    let blocks = dims.out_channels.div_ceil(FILTERS);
    let equal = (blocks..=4 * blocks).find(|&count| dims.out_channels.is_multiple_of(count));
    equal.map_or(dims.out_channels, |count| dims.out_channels / count)
}
