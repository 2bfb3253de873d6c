//! Rotation about the centre, of a part of the frame: RGB bilinear, depth nearest.

use std::ops::Range;

use image::RgbImage;

use crate::DepthMap;

/// A rotation of a frame about its centre, counter-clockwise for positive degrees. The size stays
/// the same. Pixels from outside the frame are black in RGB and 0 in depth.
pub(crate) struct Rotation {
    height: usize,
    width: usize,
    sin: f32,
    cos: f32,
}

impl Rotation {
    /// A rotation of frames of this (height, width).
    pub(crate) fn new((height, width): (usize, usize), degrees: f32) -> Self {
        let (sin, cos) = degrees.to_radians().sin_cos();
        Self {
            height,
            width,
            sin,
            cos,
        }
    }

    /// Input positions (x, y) of the output pixels of row `y`, or None outside the frame. Pixel i
    /// covers [i - 0.5, i + 0.5).
    #[inline(always)]
    fn sources(
        &self,
        y: usize,
        columns: &Range<usize>,
    ) -> impl Iterator<Item = Option<(f32, f32)>> + use<> {
        let (width, height) = (self.width as f32, self.height as f32);
        let (cx, cy) = ((width - 1.0) / 2.0, (height - 1.0) / 2.0);
        let (sin, cos, dy) = (self.sin, self.cos, y as f32 - cy);
        columns.clone().map(move |x| {
            let dx = x as f32 - cx;
            let sx = cos * dx - sin * dy + cx;
            let sy = sin * dx + cos * dy + cy;
            let inside = sx >= -0.5 && sy >= -0.5 && sx < width - 0.5 && sy < height - 0.5;
            inside.then_some((sx, sy))
        })
    }

    /// The given rows and columns of the rotated image: bilinear between the four nearest pixels,
    /// the border pixel beyond the outermost pixel centres.
    pub(crate) fn rgb(
        &self,
        from: &RgbImage,
        rows: &Range<usize>,
        columns: &Range<usize>,
    ) -> RgbImage {
        let pixels = from.as_raw();
        let mut to = RgbImage::new(columns.len() as u32, rows.len() as u32);
        let mut out = to.chunks_exact_mut(3);
        for y in rows.clone() {
            for (source, pixel) in self.sources(y, columns).zip(&mut out) {
                if let Some((sx, sy)) = source {
                    self.bilinear(pixels, sx, sy, pixel);
                }
            }
        }
        to
    }

    /// The given rows and columns of the rotated depth, by nearest neighbour.
    pub(crate) fn depth(
        &self,
        from: &DepthMap,
        rows: &Range<usize>,
        columns: &Range<usize>,
    ) -> DepthMap {
        let mut metres = Vec::with_capacity(rows.len() * columns.len());
        for y in rows.clone() {
            metres.extend(self.sources(y, columns).map(|source| match source {
                // The casts floor, since sx + 0.5 >= 0; `min` guards against rounding at the far
                // side.
                Some((sx, sy)) => {
                    let column = ((sx + 0.5) as usize).min(self.width - 1);
                    let row = ((sy + 0.5) as usize).min(self.height - 1);
                    from.metres[row * self.width + column]
                }
                None => 0.0,
            }));
        }
        DepthMap {
            height: rows.len(),
            width: columns.len(),
            metres,
        }
    }

    #[inline(always)]
    fn bilinear(&self, pixels: &[u8], x: f32, y: f32, to: &mut [u8]) {
        /// Weights are multiples of 1 / ONE: two of them and a level fit into 32 bits.
        const ONE: u32 = 2048;
        let (x, y) = (x.max(0.0), y.max(0.0));
        let (left, top) = (x as u32, y as u32);
        let wx = ((x - left as f32) * ONE as f32) as u32;
        let wy = ((y - top as f32) * ONE as f32) as u32;
        let (left, top) = (left as usize, top as usize);
        let right = if left + 1 < self.width { 3 } else { 0 };
        let down = if top + 1 < self.height {
            3 * self.width
        } else {
            0
        };
        let at = (top * self.width + left) * 3;
        let upper = &pixels[at..at + right + 3];
        let lower = &pixels[at + down..at + down + right + 3];
        let between =
            |row: &[u8], i: usize| u32::from(row[i]) * (ONE - wx) + u32::from(row[i + right]) * wx;
        for (i, value) in to.iter_mut().enumerate() {
            let sum = between(upper, i) * (ONE - wy) + between(lower, i) * wy;
            *value = ((sum + ONE * ONE / 2) / (ONE * ONE)) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, missing_docs)]
    use super::*;
    use crate::geometry::tests::ramp;
    use crate::{Sample, geometry};
    use proptest::prelude::*;

    fn rotate(sample: &mut Sample, degrees: f32) {
        let (height, width) = sample.depth.size();
        let rotation = Rotation::new((height, width), degrees);
        sample.rgb = rotation.rgb(&sample.rgb, &(0..height), &(0..width));
        sample.depth = rotation.depth(&sample.depth, &(0..height), &(0..width));
    }

    #[test]
    fn a_part_equals_that_part_of_the_whole() {
        let whole = ramp(21, 35);
        let rotation = Rotation::new((21, 35), -4.0);
        let (rows, columns) = (3..18, 5..33);
        let part = rotation.rgb(&whole.rgb, &rows, &columns);
        let rotated = rotation.rgb(&whole.rgb, &(0..21), &(0..35));
        assert_eq!(part, geometry::crop_rgb(&rotated, &rows, &columns));
        let depth = rotation.depth(&whole.depth, &rows, &columns);
        let rotated = rotation.depth(&whole.depth, &(0..21), &(0..35));
        assert_eq!(depth, rotated.crop(rows, columns));
    }

    #[test]
    fn a_quarter_turn_is_counter_clockwise() {
        let mut sample = ramp(3, 3);
        let before = sample.clone();
        rotate(&mut sample, 90.0);
        // The right column, top to bottom, becomes the top row, left to right.
        for i in 0..3 {
            assert_eq!(sample.depth.metres[i], before.depth.metres[3 * i + 2]);
            assert_eq!(
                sample.rgb.get_pixel(i as u32, 0),
                before.rgb.get_pixel(2, i as u32)
            );
        }
    }

    #[test]
    fn uncovered_corners_are_black_and_unmeasured() {
        let mut sample = ramp(21, 35);
        rotate(&mut sample, 5.0);
        let corner = |x: u32, y: u32| {
            (
                sample.rgb.get_pixel(x, y).0,
                sample.depth.metres[(y * 35 + x) as usize],
            )
        };
        assert_eq!(corner(0, 0), ([0; 3], 0.0));
        assert_eq!(corner(34, 20), ([0; 3], 0.0));
        assert_ne!(corner(17, 10), ([0; 3], 0.0));
    }

    proptest! {
        #[test]
        fn depth_follows_its_image(h in 9usize..24, w in 9usize..24, degrees in -5.0f32..5.0, flip: bool) {
            let mut sample = ramp(h, w);
            if flip {
                geometry::flip_horizontal(&mut sample);
            }
            rotate(&mut sample, degrees);
            for (pixel, depth) in sample.rgb.pixels().zip(&sample.depth.metres) {
                prop_assert_eq!(pixel.0[0] == 0, *depth == 0.0);
                // Nearest is off by up to half a pixel in x and y: (2 + 1) / 2 grey levels, and
                // rounding.
                prop_assert!((f32::from(pixel.0[0]) - depth * 100.0).abs() <= 2.2);
            }
        }

        #[test]
        fn no_rotation_changes_nothing(h in 1usize..20, w in 1usize..20) {
            let before = ramp(h, w);
            let mut after = before.clone();
            rotate(&mut after, 0.0);
            prop_assert_eq!(after.rgb, before.rgb);
            prop_assert_eq!(after.depth, before.depth);
        }
    }
}
