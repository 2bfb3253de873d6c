//! A contact sheet: many rooms or streets at a glance, photograph and depth side by side.

use image::{ImageBuffer, Luma, Rgb, RgbImage, imageops};
use rayon::prelude::*;

use crate::lidar::{LIDAR_STEPS_PER_METRE, MAX_LIDAR_DEPTH};
use crate::sensor::{MAX_DEPTH, MIN_DEPTH};
use crate::{render_room, render_street};

/// Gap between pictures in pixels.
const GAP: u32 = 4;

/// Draws rooms 0 to `count` - 1 of the world `seed` as pairs, `columns` pairs to the row, each picture `width` x `height`.
///
/// Depth is as measured, from 0.5 m (dark violet) to 10 m (yellow) in the Viridis map on a logarithmic scale; holes
/// are black. `columns` 0 counts as 1.
#[must_use]
pub fn contact_sheet(seed: u64, count: u32, columns: u32, width: u32, height: u32) -> RgbImage {
    sheet(count, columns, (width, height), |index| {
        let frame = render_room(seed, index, width, height);
        let depth = coloured(&frame.depth_mm, 1000.0, (MIN_DEPTH, MAX_DEPTH));
        (frame.rgb, depth)
    })
}

/// Draws streets as [`contact_sheet`] draws rooms; depth from 4 m to 80 m.
#[must_use]
pub fn street_sheet(seed: u64, count: u32, columns: u32, width: u32, height: u32) -> RgbImage {
    sheet(count, columns, (width, height), |index| {
        let frame = render_street(seed, index, width, height);
        let range = (4.0, MAX_LIDAR_DEPTH);
        let depth = coloured(&frame.depth, LIDAR_STEPS_PER_METRE, range);
        (frame.rgb, depth)
    })
}

/// Pairs of pictures side by side on white.
fn sheet(
    count: u32,
    columns: u32,
    (width, height): (u32, u32),
    pair: impl Fn(u64) -> (RgbImage, RgbImage) + Sync,
) -> RgbImage {
    let columns = columns.max(1);
    let (cell_width, cell_height) = (2 * width + 2 * GAP, height + GAP);
    let rows = count.div_ceil(columns);
    let size = (columns * cell_width + GAP, rows * cell_height + GAP);
    let mut sheet = RgbImage::from_pixel(size.0, size.1, Rgb([255; 3]));
    let pairs: Vec<(RgbImage, RgbImage)> = (0..count)
        .into_par_iter()
        .map(|index| pair(u64::from(index)))
        .collect();
    for (index, (rgb, depth)) in (0..count).zip(&pairs) {
        let (x, y) = (
            GAP + index % columns * cell_width,
            GAP + index / columns * cell_height,
        );
        imageops::replace(&mut sheet, rgb, i64::from(x), i64::from(y));
        imageops::replace(&mut sheet, depth, i64::from(x + width), i64::from(y));
    }
    sheet
}

/// Depth stored in steps of 1 / `per_metre`, coloured over a range of metres.
fn coloured(
    depth: &ImageBuffer<Luma<u16>, Vec<u16>>,
    per_metre: f32,
    (min, max): (f32, f32),
) -> RgbImage {
    RgbImage::from_fn(depth.width(), depth.height(), |x, y| {
        let stored = depth.get_pixel(x, y)[0];
        if stored == 0 {
            return Rgb([0; 3]);
        }
        let metres = f64::from(stored) / f64::from(per_metre);
        let (min, max) = (f64::from(min), f64::from(max));
        let share = (metres / min).ln() / (max / min).ln();
        let colour = colorous::VIRIDIS.eval_continuous(share.clamp(0.0, 1.0));
        Rgb([colour.r, colour.g, colour.b])
    })
}
