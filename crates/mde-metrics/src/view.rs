//! Parts of a frame: where a cropped map belongs in the frame it was cut from.

use crate::checks::check_length;
use crate::{ImageSize, MetricsError};
use serde::{Deserialize, Serialize};

/// A rectangular part of a frame, such as the crop that a network sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// First row in the frame.
    pub top: usize,
    /// First column in the frame.
    pub left: usize,
    /// Size of the part.
    pub size: ImageSize,
}

impl View {
    /// Size of the KITTI benchmark crop, 352x1216.
    pub const KITTI_BENCHMARK: ImageSize = ImageSize::new(352, 1216);

    /// The part of `size` at the bottom centre of a frame, like the KITTI benchmark crop. The left
    /// margin is rounded down.
    ///
    /// # Errors
    /// [`MetricsError::CropSize`] if the frame is smaller than `size`.
    pub fn bottom_centre(size: ImageSize, frame: ImageSize) -> Result<Self, MetricsError> {
        if frame.height < size.height || frame.width < size.width {
            return Err(MetricsError::CropSize {
                expected: size,
                found: frame,
            });
        }
        Ok(Self {
            top: frame.height - size.height,
            left: (frame.width - size.width) / 2,
            size,
        })
    }

    /// Puts a map of this part back into a map of the whole frame, which is NaN outside.
    ///
    /// # Errors
    /// If the map does not have the part's size, or the part does not lie inside the frame.
    pub fn put_back(self, map: &[f32], frame: ImageSize) -> Result<Vec<f32>, MetricsError> {
        check_length("map of a part of a frame", 1, self.size, map.len())?;
        self.check_inside(frame)?;
        let mut whole = vec![f32::NAN; frame.pixels()];
        for (row, values) in map.chunks_exact(self.size.width).enumerate() {
            let start = (self.top + row) * frame.width + self.left;
            whole[start..start + self.size.width].copy_from_slice(values);
        }
        Ok(whole)
    }

    /// Cuts this part out of a map of the whole frame.
    ///
    /// # Errors
    /// If the map does not have the frame's size, or the part does not lie inside the frame.
    pub fn cut_out(self, map: &[f32], frame: ImageSize) -> Result<Vec<f32>, MetricsError> {
        check_length("map of a frame", 1, frame, map.len())?;
        self.check_inside(frame)?;
        let rows = map.chunks_exact(frame.width).skip(self.top);
        let rows = rows.take(self.size.height);
        Ok(rows
            .flat_map(|row| &row[self.left..self.left + self.size.width])
            .copied()
            .collect())
    }

    /// Checks that the part has a pixel and lies inside the frame.
    fn check_inside(self, frame: ImageSize) -> Result<(), MetricsError> {
        let end = |start: usize, length: usize| start.checked_add(length);
        let inside = end(self.top, self.size.height).is_some_and(|end| end <= frame.height)
            && end(self.left, self.size.width).is_some_and(|end| end <= frame.width)
            && self.size.pixels() > 0;
        if inside {
            return Ok(());
        }
        Err(MetricsError::ViewOutsideFrame {
            view: self.to_string(),
            frame,
        })
    }
}

/// `352x1216 at row 23, column 13`.
impl std::fmt::Display for View {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { top, left, size } = self;
        write!(formatter, "{size} at row {top}, column {left}")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_benchmark_crop_of_a_kitti_frame() {
        let crop = |height, width| {
            View::bottom_centre(View::KITTI_BENCHMARK, ImageSize::new(height, width))
        };
        let view = crop(375, 1242).unwrap();
        assert_eq!((view.top, view.left), (23, 13));
        assert_eq!(view.to_string(), "352x1216 at row 23, column 13");
        let view = crop(376, 1241).unwrap();
        assert_eq!((view.top, view.left), (24, 12));
        let error = crop(351, 1242).unwrap_err().to_string();
        assert!(error.contains("352x1216, found 351x1242"), "{error}");
    }

    #[test]
    fn a_map_is_put_back_where_it_was_cut_out() {
        let frame = ImageSize::new(3, 4);
        let view = View {
            top: 1,
            left: 2,
            size: ImageSize::new(2, 2),
        };
        let whole: Vec<f32> = (0_u8..12).map(f32::from).collect();
        let part = view.cut_out(&whole, frame).unwrap();
        assert_eq!(part, [6.0, 7.0, 10.0, 11.0]);
        let back = view.put_back(&part, frame).unwrap();
        for (at, value) in back.iter().enumerate() {
            let inside = [6, 7, 10, 11].contains(&at);
            assert_eq!(value.is_nan(), !inside, "{at}");
            assert!(!inside || *value == at as f32);
        }
    }

    #[test]
    fn a_part_that_does_not_fit_is_an_error() {
        let frame = ImageSize::new(3, 4);
        let view = |top, left, height, width| View {
            top,
            left,
            size: ImageSize::new(height, width),
        };
        for bad in [
            view(2, 0, 2, 4),
            view(0, 3, 1, 2),
            view(usize::MAX, 0, 2, 2),
            view(0, 0, 0, 4),
        ] {
            let map = vec![1.0; bad.size.pixels()];
            assert!(bad.put_back(&map, frame).is_err(), "{bad}");
            assert!(bad.cut_out(&[0.0; 12], frame).is_err(), "{bad}");
        }
        let whole = view(0, 0, 3, 4);
        assert!(whole.put_back(&[1.0; 11], frame).is_err());
        assert!(whole.cut_out(&[1.0; 11], frame).is_err());
    }
}
