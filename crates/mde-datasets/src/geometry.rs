//! Sizes of the MFF recipe, and resize, flip, rotation and crop of an RGB image with its depth.

use std::ops::Range;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{Rgb, RgbImage};
use serde::{Deserialize, Serialize};

use crate::{DatasetError, DepthMap, Sample};

/// The sizes of the MFF recipe. Pairs are (height, width).
///
/// All presets show the same field of view of a 4:3 frame, at different resolutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MffGeometry {
    /// Length to which the image's shorter side is resized.
    pub shorter_side: usize,
    /// Centre crop after that: the network's input.
    pub crop: (usize, usize),
    /// The crop's depth is resized to this: the network's output.
    pub target: (usize, usize),
}

impl MffGeometry {
    /// The paper's: 240, crop 228x304, target 114x152.
    pub const fn full() -> Self {
        Self {
            shorter_side: 240,
            crop: (228, 304),
            target: (114, 152),
        }
    }

    /// Half of it: 120, crop 114x152, target 57x76.
    pub const fn half() -> Self {
        Self {
            shorter_side: 120,
            crop: (114, 152),
            target: (57, 76),
        }
    }

    /// A quarter: 60, crop 57x76, target 29x38 (rounded up, as strided convolutions do).
    pub const fn quarter() -> Self {
        Self {
            shorter_side: 60,
            crop: (57, 76),
            target: (29, 38),
        }
    }

    pub(crate) fn check(self) -> Result<(), DatasetError> {
        let sides = [
            self.shorter_side,
            self.crop.0,
            self.crop.1,
            self.target.0,
            self.target.1,
        ];
        if sides.contains(&0) {
            Err(DatasetError::EmptyGeometry(self))
        } else {
            Ok(())
        }
    }

    /// Size of an image of size `from` once its shorter side is resized; the longer side is rounded
    /// down, as in the reference.
    fn resized(self, (height, width): (usize, usize)) -> (usize, usize) {
        let side = self.shorter_side;
        if height <= width {
            (side, side * width / height)
        } else {
            (side * height / width, side)
        }
    }
}

/// Resizes the shorter side: RGB bilinear with antialiasing, depth nearest.
pub(crate) fn resize_shorter_side(mut sample: Sample, geometry: MffGeometry) -> Sample {
    sample.rgb = resize_rgb(&sample.rgb, geometry);
    sample.depth = resize_depth(&sample.depth, geometry);
    sample
}

pub(crate) fn resize_depth(depth: &DepthMap, geometry: MffGeometry) -> DepthMap {
    let (height, width) = geometry.resized(depth.size());
    depth.resize_nearest(height, width)
}

/// Bilinear convolution on u8: the triangle filter widens with the scale, so that shrinking
/// averages instead of skipping (what Pillow's `BILINEAR` does).
pub(crate) fn resize_rgb(rgb: &RgbImage, geometry: MffGeometry) -> RgbImage {
    let (height, width) = geometry.resized((rgb.height() as usize, rgb.width() as usize));
    let (height, width) = (height as u32, width as u32);
    if rgb.dimensions() == (width, height) {
        return rgb.clone();
    }
    let mut resized = RgbImage::new(width, height);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    // Both buffers are whole RGB images, so neither view nor resize can fail.
    let from = ImageRef::new(rgb.width(), rgb.height(), rgb.as_raw(), PixelType::U8x3)
        .expect("an RgbImage holds width * height * 3 bytes");
    let mut to = Image::from_slice_u8(width, height, &mut resized, PixelType::U8x3)
        .expect("an RgbImage holds width * height * 3 bytes");
    Resizer::new()
        .resize(&from, &mut to, &options)
        .expect("both images are U8x3");
    resized
}

/// Left and right exchanged.
pub(crate) fn flip_horizontal(sample: &mut Sample) {
    image::imageops::flip_horizontal_in_place(&mut sample.rgb);
    sample.depth.flip_horizontal();
}

/// Rotates about the centre, counter-clockwise for positive degrees, size unchanged: RGB bilinear,
/// depth nearest. What comes from outside the frame is black, and 0 in depth.
pub(crate) fn rotate(sample: &mut Sample, degrees: f32) {
    let rotation = Rotation::new(sample.depth.size(), degrees);
    sample.rgb = rotation.rgb(&sample.rgb);
    sample.depth = rotation.depth(&sample.depth);
}

/// Rows and columns of the centre crop; an odd remainder is rounded to even, as in the reference.
pub(crate) fn centre_crop(
    id: &str,
    from: (usize, usize),
    crop: (usize, usize),
) -> Result<(Range<usize>, Range<usize>), DatasetError> {
    if crop.0 > from.0 || crop.1 > from.1 {
        return Err(DatasetError::CropDoesNotFit {
            id: id.to_owned(),
            resized: from,
            crop,
        });
    }
    let start = |from: usize, crop: usize| ((from - crop) as f64 / 2.0).round_ties_even() as usize;
    let (top, left) = (start(from.0, crop.0), start(from.1, crop.1));
    Ok((top..top + crop.0, left..left + crop.1))
}

pub(crate) fn crop_rgb(rgb: &RgbImage, rows: &Range<usize>, columns: &Range<usize>) -> RgbImage {
    let (x, y) = (columns.start as u32, rows.start as u32);
    image::imageops::crop_imm(rgb, x, y, columns.len() as u32, rows.len() as u32).to_image()
}

/// The map from output pixels back to input positions.
struct Rotation {
    height: usize,
    width: usize,
    sin: f32,
    cos: f32,
}

impl Rotation {
    fn new((height, width): (usize, usize), degrees: f32) -> Self {
        let (sin, cos) = degrees.to_radians().sin_cos();
        Self {
            height,
            width,
            sin,
            cos,
        }
    }

    /// Input position (x, y) that output pixel (x, y) shows, or None outside the frame. Pixel i
    /// covers [i - 0.5, i + 0.5).
    fn source(&self, x: usize, y: usize) -> Option<(f32, f32)> {
        let (cx, cy) = (
            (self.width as f32 - 1.0) / 2.0,
            (self.height as f32 - 1.0) / 2.0,
        );
        let (dx, dy) = (x as f32 - cx, y as f32 - cy);
        let sx = self.cos * dx - self.sin * dy + cx;
        let sy = self.sin * dx + self.cos * dy + cy;
        let inside = sx >= -0.5
            && sy >= -0.5
            && sx < self.width as f32 - 0.5
            && sy < self.height as f32 - 0.5;
        inside.then_some((sx, sy))
    }

    fn rgb(&self, from: &RgbImage) -> RgbImage {
        let mut to = RgbImage::new(from.width(), from.height());
        for (x, y, pixel) in to.enumerate_pixels_mut() {
            if let Some((sx, sy)) = self.source(x as usize, y as usize) {
                *pixel = bilinear(from, sx, sy);
            }
        }
        to
    }

    fn depth(&self, from: &DepthMap) -> DepthMap {
        let mut metres = Vec::with_capacity(from.metres.len());
        for y in 0..self.height {
            metres.extend((0..self.width).map(|x| match self.source(x, y) {
                // The cast floors: sx + 0.5 >= 0.
                Some((sx, sy)) => {
                    let column = ((sx + 0.5) as usize).min(self.width - 1);
                    let row = ((sy + 0.5) as usize).min(self.height - 1);
                    from.metres[row * self.width + column]
                }
                None => 0.0,
            }));
        }
        DepthMap {
            height: self.height,
            width: self.width,
            metres,
        }
    }
}

/// The image at (x, y) inside its frame, between the four nearest pixels; beyond the outermost
/// pixel centres the border pixel.
fn bilinear(image: &RgbImage, x: f32, y: f32) -> Rgb<u8> {
    let (x, y) = (x.max(0.0), y.max(0.0));
    let (left, top) = (x as u32, y as u32);
    let (right, bottom) = (
        (left + 1).min(image.width() - 1),
        (top + 1).min(image.height() - 1),
    );
    let (wx, wy) = (x - left as f32, y - top as f32);
    let corner = |x, y| image.get_pixel(x, y).0.map(f32::from);
    let (a, b) = (corner(left, top), corner(right, top));
    let (c, d) = (corner(left, bottom), corner(right, bottom));
    Rgb(std::array::from_fn(|i| {
        let upper = a[i] + (b[i] - a[i]) * wx;
        let lower = c[i] + (d[i] - c[i]) * wx;
        (upper + (lower - upper) * wy + 0.5) as u8
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, missing_docs)]
    use super::*;
    use proptest::prelude::*;

    /// A picture whose red channel is the depth in centimetres, smooth in both directions.
    fn ramp(height: usize, width: usize) -> Sample {
        let value = |x: usize, y: usize| 20 + (2 * x + y) as u8;
        let rgb = RgbImage::from_fn(width as u32, height as u32, |x, y| {
            Rgb([value(x as usize, y as usize), 0, 7])
        });
        let metres = rgb.pixels().map(|p| f32::from(p.0[0]) / 100.0).collect();
        let depth = DepthMap {
            height,
            width,
            metres,
        };
        Sample {
            id: "ramp".to_owned(),
            rgb,
            depth,
            focal: None,
        }
    }

    /// The triangle filter as Pillow defines it, in f64, one channel.
    fn triangle(from: &[f64], to: usize) -> Vec<f64> {
        let scale = from.len() as f64 / to as f64;
        let radius = scale.max(1.0);
        let resize_at = |i: usize| {
            let centre = (i as f64 + 0.5) * scale;
            let weight = |j: usize| (1.0 - ((j as f64 + 0.5 - centre) / radius).abs()).max(0.0);
            let total: f64 = (0..from.len()).map(weight).sum();
            (0..from.len()).map(|j| weight(j) * from[j]).sum::<f64>() / total
        };
        (0..to).map(resize_at).collect()
    }

    #[test]
    fn rgb_is_resized_by_the_widened_triangle_filter() {
        let from = RgbImage::from_fn(37, 23, |x, y| {
            Rgb([(x * 37 + y * y * 5) as u8, (x * y) as u8, 255 - x as u8])
        });
        for shorter_side in [7, 11, 23, 40] {
            let geometry = MffGeometry {
                shorter_side,
                ..MffGeometry::full()
            };
            let to = resize_rgb(&from, geometry);
            assert_eq!(
                to.dimensions(),
                ((shorter_side * 37 / 23) as u32, shorter_side as u32)
            );
            for channel in 0..3 {
                let rows: Vec<Vec<f64>> = from
                    .rows()
                    .map(|row| {
                        let row: Vec<f64> = row.map(|p| f64::from(p.0[channel])).collect();
                        triangle(&row, to.width() as usize)
                    })
                    .collect();
                for x in 0..to.width() as usize {
                    let column: Vec<f64> = rows.iter().map(|row| row[x]).collect();
                    for (y, expected) in triangle(&column, to.height() as usize)
                        .into_iter()
                        .enumerate()
                    {
                        let found = f64::from(to.get_pixel(x as u32, y as u32).0[channel]);
                        // Two roundings to u8, as in Pillow.
                        assert!(
                            (found - expected).abs() <= 1.01,
                            "{found} at {x},{y}, not {expected}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_longer_side_is_rounded_down() {
        let geometry = MffGeometry {
            shorter_side: 10,
            ..MffGeometry::full()
        };
        assert_eq!(geometry.resized((30, 44)), (10, 14));
        assert_eq!(geometry.resized((44, 30)), (14, 10));
    }

    #[test]
    fn the_crop_is_centred_and_rounds_to_even() {
        let crop = |from, crop| centre_crop("x", from, crop).unwrap();
        assert_eq!(crop((240, 320), (228, 304)), (6..234, 8..312));
        assert_eq!(crop((60, 80), (57, 76)), (2..59, 2..78));
        assert_eq!(crop((8, 8), (7, 3)), (0..7, 2..5));
        assert!(centre_crop("x", (5, 9), (6, 9)).is_err());
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
        fn depth_follows_its_picture(h in 9usize..24, w in 9usize..24, degrees in -5.0f32..5.0, flip: bool) {
            let mut sample = ramp(h, w);
            if flip {
                flip_horizontal(&mut sample);
            }
            rotate(&mut sample, degrees);
            for (pixel, depth) in sample.rgb.pixels().zip(&sample.depth.metres) {
                prop_assert_eq!(pixel.0[0] == 0, *depth == 0.0);
                // Nearest is off by up to half a pixel either way: (2 + 1) / 2 grey levels, and rounding.
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
