//! A depth map in metres, and resampling that keeps unmeasured pixels unmeasured.

use std::ops::Range;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::{DatasetError, DepthEncoding};

/// Depth of one image, row-major `[height, width]`, in metres; 0 = not measured.
#[derive(Debug, Clone, PartialEq)]
pub struct DepthMap {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `height * width` depths in metres.
    pub metres: Vec<f32>,
}

impl DepthMap {
    /// (height, width).
    pub fn size(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// The map as a grey PNG; [`DepthEncoding::stored`] gives the stored values.
    ///
    /// # Errors
    /// A map without pixels, or with more than a PNG can hold.
    pub fn to_png(&self, encoding: DepthEncoding) -> Result<Vec<u8>, DatasetError> {
        let stored = self.metres.iter().map(|&metres| encoding.stored(metres));
        let (bytes, colour): (Vec<u8>, _) = match encoding.bits() {
            Some(8) => (
                stored.map(|value| value as u8).collect(),
                ExtendedColorType::L8,
            ),
            // The encoder expects native byte order.
            _ => (
                stored.flat_map(u16::to_ne_bytes).collect(),
                ExtendedColorType::L16,
            ),
        };
        let mut png = Vec::new();
        PngEncoder::new(&mut png)
            .write_image(&bytes, self.width as u32, self.height as u32, colour)
            .map_err(|source| DatasetError::Encode {
                size: self.size(),
                source,
            })?;
        Ok(png)
    }

    /// Resizes by nearest neighbour: output row i takes input row floor((i + 0.5) * scale), columns
    /// likewise (the rule of Pillow's `NEAREST`). Every output depth was measured or is 0.
    ///
    /// # Panics
    /// If the map has no pixels and the result has some.
    pub fn resize_nearest(&self, height: usize, width: usize) -> Self {
        if (height, width) == self.size() {
            return self.clone();
        }
        let columns = nearest_indices(self.width, width);
        let mut metres = Vec::with_capacity(height * width);
        for row in nearest_indices(self.height, height) {
            let row = &self.metres[row * self.width..][..self.width];
            metres.extend(columns.iter().map(|&column| row[column]));
        }
        Self {
            height,
            width,
            metres,
        }
    }

    /// Resizes a sparse map and keeps measurements that plain nearest neighbour would skip.
    ///
    /// Each output pixel covers a box of input pixels: output row i covers the input rows from
    /// floor(i * scale) to below ceil((i + 1) * scale), columns likewise. It takes the measured
    /// depth in the box that is nearest to the pixel that [`resize_nearest`](Self::resize_nearest)
    /// takes; ties go to the first by row, then by column. It is 0 if the box holds no measurement.
    /// On a dense map the two methods are equal. Depths are never mixed.
    ///
    /// # Panics
    /// If the map has no pixels and the result has some.
    pub fn resize_nearest_valid(&self, height: usize, width: usize) -> Self {
        if (height, width) == self.size() {
            return self.clone();
        }
        let columns = boxes(self.width, width);
        let mut metres = Vec::with_capacity(height * width);
        for rows in boxes(self.height, height) {
            metres.extend(
                columns
                    .iter()
                    .map(|columns| self.nearest_valid(&rows, columns)),
            );
        }
        Self {
            height,
            width,
            metres,
        }
    }

    /// The measured depth nearest to the middle of a box, or 0.
    fn nearest_valid(&self, rows: &BoxSide, columns: &BoxSide) -> f32 {
        let middle = self.metres[rows.middle * self.width + columns.middle];
        if middle > 0.0 {
            return middle;
        }
        let (mut best, mut nearest) = (0.0, usize::MAX);
        for row in rows.covered.clone() {
            let down = row.abs_diff(rows.middle).pow(2);
            for column in columns.covered.clone() {
                let metres = self.metres[row * self.width + column];
                let distance = down + column.abs_diff(columns.middle).pow(2);
                if metres > 0.0 && distance < nearest {
                    (best, nearest) = (metres, distance);
                }
            }
        }
        best
    }

    /// Every second row and column, from the first: half the size, rounded up.
    pub fn every_second(&self) -> Self {
        let rows = (0..self.height).step_by(2);
        let metres = rows
            .flat_map(|row| {
                self.metres[row * self.width..][..self.width]
                    .iter()
                    .step_by(2)
            })
            .copied()
            .collect();
        Self {
            height: self.height.div_ceil(2),
            width: self.width.div_ceil(2),
            metres,
        }
    }

    /// The given rows and columns, which must be inside the map.
    pub(crate) fn crop(&self, rows: Range<usize>, columns: Range<usize>) -> Self {
        let mut metres = Vec::with_capacity(rows.len() * columns.len());
        for row in rows.clone() {
            metres.extend_from_slice(&self.metres[row * self.width..][columns.clone()]);
        }
        Self {
            height: rows.len(),
            width: columns.len(),
            metres,
        }
    }

    /// Mirrors left and right, in place.
    pub(crate) fn flip_horizontal(&mut self) {
        if self.width > 0 {
            self.metres
                .chunks_exact_mut(self.width)
                .for_each(<[f32]>::reverse);
        }
    }
}

/// The input rows or columns that an output row or column covers.
struct BoxSide {
    covered: Range<usize>,
    /// The one that nearest neighbour takes.
    middle: usize,
}

fn boxes(from: usize, to: usize) -> Vec<BoxSide> {
    nearest_indices(from, to)
        .into_iter()
        .enumerate()
        .map(|(i, middle)| BoxSide {
            covered: i * from / to..((i + 1) * from).div_ceil(to),
            middle,
        })
        .collect()
}

/// Input index of each of `to` output indices, floor((i + 0.5) * from / to), in exact integers.
fn nearest_indices(from: usize, to: usize) -> Vec<usize> {
    (0..to).map(|i| (2 * i + 1) * from / (2 * to)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, missing_docs)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nearest_takes_the_pixel_under_the_centre() {
        assert_eq!(nearest_indices(4, 2), [1, 3]);
        assert_eq!(nearest_indices(2, 4), [0, 0, 1, 1]);
        assert_eq!(nearest_indices(7, 3), [1, 3, 5]);
        assert_eq!(nearest_indices(3, 7), [0, 0, 1, 1, 1, 2, 2]);
    }

    #[test]
    fn resizing_a_non_square_map_keeps_rows_and_columns_apart() {
        let map = DepthMap {
            height: 2,
            width: 3,
            metres: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        };
        let taller = map.resize_nearest(4, 3);
        assert_eq!(taller.size(), (4, 3));
        assert_eq!(taller.metres[..6], [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
        assert_eq!(map.resize_nearest(1, 1).metres, [5.0]);
        assert_eq!(map.crop(1..2, 1..3).metres, [5.0, 6.0]);
    }

    #[test]
    fn a_sparse_map_keeps_the_measurement_nearest_to_the_middle() {
        let mut map = DepthMap {
            height: 4,
            width: 8,
            metres: vec![0.0; 32],
        };
        assert_eq!(map.resize_nearest_valid(1, 2).metres, [0.0, 0.0]);
        // Pixel (2, 2) is the middle of the left box: (3, 1) is nearer to it than (0, 2), and
        // (1, 2) is nearer than (3, 1).
        for (row, column, expected) in [(0, 2, 1.0), (3, 1, 2.0), (1, 2, 3.0), (2, 2, 4.0)] {
            map.metres[row * 8 + column] = expected;
            assert_eq!(map.resize_nearest_valid(1, 2).metres, [expected, 0.0]);
        }
        // (2, 5) and (1, 6) are equally far from (2, 6): the upper one is taken.
        (map.metres[2 * 8 + 5], map.metres[8 + 6]) = (5.0, 6.0);
        assert_eq!(map.resize_nearest_valid(1, 2).metres, [4.0, 6.0]);
        assert_eq!(map.resize_nearest(1, 2).metres, [4.0, 0.0]);
    }

    #[test]
    fn every_second_pixel_starts_with_the_first() {
        let map = DepthMap {
            height: 3,
            width: 4,
            metres: (0..12).map(|i| i as f32).collect(),
        };
        let half = map.every_second();
        assert_eq!(half.size(), (2, 2));
        assert_eq!(half.metres, [0.0, 2.0, 8.0, 10.0]);
    }

    proptest! {
        #[test]
        fn a_full_map_is_resized_as_by_nearest_neighbour(
            h in 1usize..13, w in 1usize..13, to_h in 1usize..20, to_w in 1usize..20,
        ) {
            let map = DepthMap { height: h, width: w, metres: (0..h * w).map(|i| i as f32 + 1.0).collect() };
            prop_assert_eq!(map.resize_nearest_valid(to_h, to_w), map.resize_nearest(to_h, to_w));
        }

        #[test]
        fn shrinking_a_sparse_map_loses_no_region(h in 4usize..30, w in 4usize..30, at in 0usize..900) {
            let mut map = DepthMap { height: h, width: w, metres: vec![0.0; h * w] };
            let at = at % (h * w);
            map.metres[at] = 7.0;
            let (to_h, to_w) = (h.div_ceil(4), w.div_ceil(3));
            let small = map.resize_nearest_valid(to_h, to_w);
            let (row, column) = ((at / w) * to_h / h, (at % w) * to_w / w);
            prop_assert_eq!(small.metres[row * to_w + column], 7.0);
        }

        #[test]
        fn nearest_invents_no_depth(h in 1usize..9, w in 1usize..9, to_h in 1usize..20, to_w in 1usize..20) {
            let metres: Vec<f32> = (0..h * w).map(|i| if i % 3 == 0 { 0.0 } else { i as f32 }).collect();
            let map = DepthMap { height: h, width: w, metres };
            let resized = map.resize_nearest(to_h, to_w);
            prop_assert_eq!(resized.metres.len(), to_h * to_w);
            prop_assert!(resized.metres.iter().all(|d| map.metres.contains(d)));
        }

        #[test]
        fn flipping_twice_changes_nothing(h in 1usize..6, w in 1usize..6) {
            let map = DepthMap { height: h, width: w, metres: (0..h * w).map(|i| i as f32).collect() };
            let mut flipped = map.clone();
            flipped.flip_horizontal();
            prop_assert_eq!(flipped.metres[0], map.metres[w - 1]);
            flipped.flip_horizontal();
            prop_assert_eq!(flipped, map);
        }
    }
}
