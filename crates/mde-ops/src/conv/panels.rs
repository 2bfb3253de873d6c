//! Convolution of any shape by unfolding: a panel of output pixels at a time, every one of a task's filters over it.

use crate::cpu::{Finish, PANEL, Rows, for_each_tile, multiply, with_scratch};
use crate::shapes::ConvDims;

/// Filters of one task: the panel is unfolded again for each.
const FILTERS: usize = 128;

/// The output, `[batch, groups * out_channels, out_height, out_width]`; `finish` has a row for every channel of it.
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

/// All, or where there are few pixels an equal share of them.
fn filters_per_task(dims: &ConvDims) -> usize {
    const MANY_PANELS: usize = 16;
    if dims.batch * dims.groups * dims.geometry.out_pixels() >= MANY_PANELS * PANEL {
        return dims.out_channels;
    }
    // Equal shares of a number with few divisors may be small: then all filters go by in one task.
    let blocks = dims.out_channels.div_ceil(FILTERS);
    let equal = (blocks..=4 * blocks).find(|&count| dims.out_channels.is_multiple_of(count));
    equal.map_or(dims.out_channels, |count| dims.out_channels / count)
}
