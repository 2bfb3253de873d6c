//! Arrays in memory.

use std::path::Path;

use crate::npy;
use crate::{ArrayError, Place};

/// Numbers of any shape, row-major: the last axis runs fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Sizes of the axes; empty for a single number.
    pub shape: Vec<usize>,
    /// As many values as the product of the shape.
    pub values: Vec<f32>,
}

impl Array {
    /// This array as one map: of shape `[H, W]`, `[1, H, W]`, `[1, 1, H, W]` or `[H, W, 1]`.
    ///
    /// # Errors
    /// [`ArrayError::NotAMap`] for any other shape and for maps without a pixel; it names `path`, where the array came from.
    pub fn into_map(self, path: impl AsRef<Path>) -> Result<Map, ArrayError> {
        self.into_map_of(&Place::file(path.as_ref()))
    }

    pub(crate) fn into_map_of(self, place: &Place) -> Result<Map, ArrayError> {
        match map_size(&self.shape) {
            Some((height, width)) => Ok(Map {
                height,
                width,
                values: self.values,
            }),
            None => Err(ArrayError::NotAMap {
                place: place.clone(),
                shape: self.shape,
            }),
        }
    }
}

/// Height and width of an array that is one map.
pub(crate) fn map_size(shape: &[usize]) -> Option<(usize, usize)> {
    match *shape {
        // [1, H, 1] is read as a map of width 1, as its leading 1 says.
        [height, width] | [1, height, width] | [1, 1, height, width] | [height, width, 1]
            if height > 0 && width > 0 =>
        {
            Some((height, width))
        }
        _ => None,
    }
}

/// One map, row-major, in whatever unit it was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `height * width` values, the top row first.
    pub values: Vec<f32>,
}

impl Map {
    /// The bytes that `numpy.save` writes of this map: format version 1.0, little-endian float32, `[height, width]`.
    pub fn to_npy(&self) -> Vec<u8> {
        to_npy(&self.values, (self.height, self.width))
    }
}

/// The bytes that `numpy.save` writes of a map `[height, width]`, row-major; see [`Map::to_npy`].
pub fn to_npy(values: &[f32], size: (usize, usize)) -> Vec<u8> {
    npy::encode(values, size)
}
