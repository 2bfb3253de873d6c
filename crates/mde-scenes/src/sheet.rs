//! A contact sheet: many rooms at a glance, photograph and depth side by side.

use image::{Rgb, RgbImage, imageops};
use rayon::prelude::*;

use crate::render_room;
use crate::sensor::{MAX_DEPTH, MIN_DEPTH};

/// Gap between pictures in pixels.
const GAP: u32 = 4;

/// Draws rooms 0 to `count` - 1 of the world `seed` as pairs, `columns` pairs to the row, each picture `width` x `height`.
///
/// Depth is as measured, from 0.5 m (dark violet) to 10 m (yellow) in the Viridis map on a logarithmic scale; holes
/// are black. `columns` 0 counts as 1.
#[must_use]
pub fn contact_sheet(seed: u64, count: u32, columns: u32, width: u32, height: u32) -> RgbImage {
    let columns = columns.max(1);
    let (cell_width, cell_height) = (2 * width + 2 * GAP, height + GAP);
    let rows = count.div_ceil(columns);
    let size = (columns * cell_width + GAP, rows * cell_height + GAP);
    let mut sheet = RgbImage::from_pixel(size.0, size.1, Rgb([255; 3]));
    let pairs: Vec<(RgbImage, RgbImage)> = (0..count)
        .into_par_iter()
        .map(|index| {
            let frame = render_room(seed, u64::from(index), width, height);
            let depth = RgbImage::from_fn(width, height, |x, y| {
                depth_colour(frame.depth_mm.get_pixel(x, y)[0])
            });
            (frame.rgb, depth)
        })
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

fn depth_colour(millimetres: u16) -> Rgb<u8> {
    if millimetres == 0 {
        return Rgb([0; 3]);
    }
    let metres = f64::from(millimetres) / 1000.0;
    let (min, max) = (f64::from(MIN_DEPTH), f64::from(MAX_DEPTH));
    let share = (metres / min).ln() / (max / min).ln();
    let colour = colorous::VIRIDIS.eval_continuous(share.clamp(0.0, 1.0));
    Rgb([colour.r, colour.g, colour.b])
}
