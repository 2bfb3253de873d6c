//! Resizing, flipping and cropping of RGB images.

use std::borrow::Cow;
use std::fmt::Debug;
use std::ops::Range;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use crate::{DatasetError, Sample};

/// Resizes by bilinear convolution on u8, with antialiasing: when shrinking, the triangle filter
/// widens with the scale (as Pillow's `BILINEAR`).
pub(crate) fn resize_rgb(rgb: &RgbImage, (height, width): (usize, usize)) -> Cow<'_, RgbImage> {
    let (height, width) = (height as u32, width as u32);
    if rgb.dimensions() == (width, height) {
        return Cow::Borrowed(rgb);
    }
    let mut resized = RgbImage::new(width, height);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    // Both buffers hold complete RGB images, so nothing here can fail.
    let from = ImageRef::new(rgb.width(), rgb.height(), rgb.as_raw(), PixelType::U8x3)
        .expect("an RgbImage holds width * height * 3 bytes");
    let mut to = Image::from_slice_u8(width, height, &mut resized, PixelType::U8x3)
        .expect("an RgbImage holds width * height * 3 bytes");
    Resizer::new()
        .resize(&from, &mut to, &options)
        .expect("both images are U8x3");
    Cow::Owned(resized)
}

/// The error for sizes with a side of 0.
pub(crate) fn empty_side(geometry: impl Debug) -> DatasetError {
    bad("a transform's sides must be at least 1", geometry)
}

/// The error for sizes that do not fit into each other.
pub(crate) fn bad(reason: &'static str, geometry: impl Debug) -> DatasetError {
    DatasetError::BadGeometry {
        reason,
        geometry: format!("{geometry:?}"),
    }
}

/// Mirrors colours and depth left to right.
pub(crate) fn flip_horizontal(sample: &mut Sample) {
    image::imageops::flip_horizontal_in_place(&mut sample.rgb);
    sample.depth.flip_horizontal();
}

/// Rows and columns of the centre crop. Half of an odd margin is rounded to even, as in the
/// reference.
pub(crate) fn centre_crop(
    id: &str,
    from: (usize, usize),
    crop: (usize, usize),
) -> Result<(Range<usize>, Range<usize>), DatasetError> {
    if crop.0 > from.0 || crop.1 > from.1 {
        return Err(DatasetError::CropDoesNotFit {
            id: id.to_owned(),
            found: from,
            crop,
        });
    }
    let start = |from: usize, crop: usize| ((from - crop) as f64 / 2.0).round_ties_even() as usize;
    let (top, left) = (start(from.0, crop.0), start(from.1, crop.1));
    Ok((top..top + crop.0, left..left + crop.1))
}

/// The given rows and columns, which must be inside the image.
pub(crate) fn crop_rgb(rgb: &RgbImage, rows: &Range<usize>, columns: &Range<usize>) -> RgbImage {
    let mut cropped = RgbImage::new(columns.len() as u32, rows.len() as u32);
    let (width, stride) = (3 * columns.len(), 3 * rgb.width() as usize);
    if width > 0 {
        let first = 3 * columns.start;
        for (to, row) in cropped.chunks_exact_mut(width).zip(rows.clone()) {
            to.copy_from_slice(&rgb.as_raw()[row * stride + first..][..width]);
        }
    }
    cropped
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, missing_docs)]
    use super::*;
    use crate::DepthMap;
    use image::Rgb;

    /// An image whose red channel is the depth in centimetres, smooth in both directions.
    pub(crate) fn ramp(height: usize, width: usize) -> Sample {
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
        for size in [(7, 11), (11, 17), (23, 40), (40, 64)] {
            let to = resize_rgb(&from, size);
            assert_eq!(to.dimensions(), (size.1 as u32, size.0 as u32));
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
    fn the_crop_is_centred_and_rounds_to_even() {
        let crop = |from, crop| centre_crop("x", from, crop).unwrap();
        assert_eq!(crop((240, 320), (228, 304)), (6..234, 8..312));
        assert_eq!(crop((60, 80), (57, 76)), (2..59, 2..78));
        assert_eq!(crop((8, 8), (7, 3)), (0..7, 2..5));
        assert!(centre_crop("x", (5, 9), (6, 9)).is_err());
    }
}
