//! Arrays in memory.

use std::path::Path;

use crate::npy;
use crate::{ArrayError, Place};

/// An array of any shape, row-major (the last axis varies fastest).
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Sizes of the axes; empty for a scalar.
    pub shape: Vec<usize>,
    /// Values, as many as the product of `shape`.
    pub values: Vec<f32>,
}

impl Array {
    /// Converts an array of shape `[H, W]`, `[1, H, W]`, `[1, 1, H, W]` or `[H, W, 1]` to a map.
    ///
    /// `path` is the origin that an error names.
    ///
    /// # Errors
    /// [`ArrayError::NotAMap`] for any other shape and for maps without pixels.
    pub fn into_map(self, path: impl AsRef<Path>) -> Result<Map, ArrayError> {
        self.into_map_from(Place::file(path.as_ref()))
    }

    pub(crate) fn into_map_from(self, place: Place) -> Result<Map, ArrayError> {
        match map_size(&self.shape) {
            Some((height, width)) => Ok(Map {
                height,
                width,
                values: self.values,
            }),
            None => Err(ArrayError::NotAMap {
                place,
                shape: self.shape,
            }),
        }
    }
}

/// Height and width of an array that is one map.
pub(crate) fn map_size(shape: &[usize]) -> Option<(usize, usize)> {
    match *shape {
        // [1, H, 1] is a map of width 1: the leading 1 decides.
        [height, width] | [1, height, width] | [1, 1, height, width] | [height, width, 1]
            if height > 0 && width > 0 =>
        {
            Some((height, width))
        }
        _ => None,
    }
}

/// One map, row-major, in the unit in which it was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
    /// `height * width` values, top row first.
    pub values: Vec<f32>,
}

impl Map {
    /// This map as the bytes of a `.npy` file; see [`to_npy`].
    pub fn to_npy(&self) -> Vec<u8> {
        to_npy(&self.values, (self.height, self.width))
    }
}

/// A map as the bytes of a `.npy` file, identical to those of `numpy.save`.
///
/// Format version 1.0, little-endian float32, shape `size` = (height, width), row-major.
pub fn to_npy(values: &[f32], size: (usize, usize)) -> Vec<u8> {
    npy::encode(values, size)
}
