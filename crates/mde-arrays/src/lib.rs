//! Number arrays as other programs write them, for reading their predictions, ground truth and features.
//!
//! | format | what is read | members |
//! |---|---|---|
//! | `.npy` | float16, 32, 64, all integers, bool; C and Fortran order, both byte orders, versions 1 to 3 | one array |
//! | `.npz` | the same, stored or deflated | by name |
//! | `.safetensors` | F16, BF16, F32, F64, integers, BOOL | by name |
//! | `.exr` | half, float, uint; scan lines and tiles, flat pictures | channels |
//! | `.pfm` | grey (`Pf`), both byte orders | one array |
//! | `.png` | grey, 8 and 16 bit: the stored integers | one array |
//!
//! [`read_array`] gives one array, [`ArrayFile`] a file of several, [`MapSet`] the maps of a folder or a file by their ids,
//! and [`pair`] says which prediction belongs to which ground truth.
//!
//! Four decisions run through the crate:
//!
//! - **Everything becomes `f32`.** float64 is rounded to the nearest float32 (beyond its range to infinity), integers beyond
//!   2^24 to the nearest that a float32 holds. NaN and infinities pass through untouched.
//! - **No scale is guessed.** A 16-bit PNG of millimetres gives millimetres; who reads it knows the unit.
//! - **What a file is, its first bytes say**; its extension only decides whether a folder's listing counts it as a map.
//! - **A header is not believed.** What it claims is held against the size of the file before memory is taken: exactly where
//!   values lie uncompressed, within what the formats' compressions can reach (2048 to 1) where they do not. Arrays out of
//!   compressed files have at most [`MOST_COMPRESSED_VALUES`] values.

mod array;
mod error;
mod file;
mod format;
mod grey_png;
mod ids;
mod maps;
mod npy;
mod npz;
mod numbers;
mod openexr;
mod pfm;
mod source;
mod tensors;

pub use array::{Array, Map, to_npy};
pub use error::{ArrayError, Place};
pub use file::{ArrayFile, read_array};
pub use ids::{Pairing, pair};
pub use maps::MapSet;
pub use source::MOST_COMPRESSED_VALUES;

/// Compiles the README's examples.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
