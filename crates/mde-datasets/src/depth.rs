//! A depth map in metres and the resampling that keeps its holes.

use std::ops::Range;

/// Depth of one image, row-major `[height, width]`, in metres; 0 = no measurement.
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

    /// Resizes by nearest neighbour: output row i takes input row floor((i + 0.5) * scale), columns
    /// likewise (the rule of Pillow's `NEAREST`), so every output depth was measured, or is 0.
    ///
    /// # Panics
    /// If the map has no pixels but the result should have some.
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

    /// The given rows and columns, which must lie inside.
    pub(crate) fn crop(&self, rows: Range<usize>, columns: Range<usize>) -> Self {
        let metres = rows
            .clone()
            .flat_map(|row| &self.metres[row * self.width..][columns.clone()])
            .copied()
            .collect();
        Self {
            height: rows.len(),
            width: columns.len(),
            metres,
        }
    }

    /// Left and right exchanged, in place.
    pub(crate) fn flip_horizontal(&mut self) {
        if self.width > 0 {
            self.metres
                .chunks_exact_mut(self.width)
                .for_each(<[f32]>::reverse);
        }
    }
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

    proptest! {
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
