//! Contact sheets: many rooms or streets in one image, photograph and depth side by side.

use image::{Rgb, RgbImage, imageops};
use rayon::prelude::*;

use crate::frame::StoredDepth;
use crate::layout::Layout;
use crate::lidar::{LIDAR_MAX_DEPTH, LIDAR_STEPS_PER_METRE};
use crate::sensor::{KINECT_MAX_DEPTH, KINECT_MIN_DEPTH};

/// Gap between images in pixels.
const GAP: u32 = 4;

/// Draws rooms 0 to `count` - 1 of the world `seed` as pairs of `width` x `height` pixels, with
/// `columns` pairs per row (0 counts as 1).
///
/// Measured depth is drawn in the Viridis map on a logarithmic scale, from 0.5 m (dark violet) to
/// 10 m (yellow). Invalid depth is black.
#[must_use]
pub fn room_sheet(seed: u64, count: u32, columns: u32, width: u32, height: u32) -> RgbImage {
    sheet(Layout::Rooms, seed, count, columns, (width, height))
}

/// Draws streets as [`room_sheet`] draws rooms, with depth from 4 m to 80 m.
#[must_use]
pub fn street_sheet(seed: u64, count: u32, columns: u32, width: u32, height: u32) -> RgbImage {
    sheet(Layout::Streets, seed, count, columns, (width, height))
}

fn sheet(
    layout: Layout,
    seed: u64,
    count: u32,
    columns: u32,
    (width, height): (u32, u32),
) -> RgbImage {
    let columns = columns.max(1);
    let (cell_width, cell_height) = (2 * width + 2 * GAP, height + GAP);
    let rows = count.div_ceil(columns);
    let size = (columns * cell_width + GAP, rows * cell_height + GAP);
    let mut sheet = RgbImage::from_pixel(size.0, size.1, Rgb([255; 3]));
    let frames: Vec<_> = (0..count)
        .into_par_iter()
        .map(|index| layout.render(seed, index.into(), width, height))
        .collect();
    for (index, frame) in (0..count).zip(&frames) {
        let x = i64::from(GAP + index % columns * cell_width);
        let y = i64::from(GAP + index / columns * cell_height);
        let depth = match layout {
            Layout::Rooms => coloured(&frame.depth, 1000.0, (KINECT_MIN_DEPTH, KINECT_MAX_DEPTH)),
            Layout::Streets => {
                let range = (4.0, LIDAR_MAX_DEPTH);
                coloured(&frame.depth, LIDAR_STEPS_PER_METRE, range)
            }
        };
        imageops::replace(&mut sheet, &frame.rgb, x, y);
        imageops::replace(&mut sheet, &depth, x + i64::from(width), y);
    }
    sheet
}

/// Depth stored in steps of 1 / `per_metre`, coloured over a range of metres.
fn coloured(depth: &StoredDepth, per_metre: f32, (min, max): (f32, f32)) -> RgbImage {
    let (min, max) = (f64::from(min), f64::from(max));
    RgbImage::from_fn(depth.width(), depth.height(), |x, y| {
        let stored = depth.get_pixel(x, y)[0];
        if stored == 0 {
            return Rgb([0; 3]);
        }
        let metres = f64::from(stored) / f64::from(per_metre);
        let share = (metres / min).ln() / (max / min).ln();
        let colour = colorous::VIRIDIS.eval_continuous(share.clamp(0.0, 1.0));
        Rgb([colour.r, colour.g, colour.b])
    })
}
