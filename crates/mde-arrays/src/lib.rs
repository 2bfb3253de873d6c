//! Reads number arrays written by other programs: predictions, ground truth and features.
//!
//! | format | supported | arrays |
//! |---|---|---|
//! | `.npy` | float16/32/64, integers, bool; C and Fortran order, both byte orders | one |
//! | `.npz` | the same, stored or deflated | by name |
//! | `.safetensors` | F16, BF16, F32, F64, integers, BOOL | by name |
//! | `.exr` | half, float, uint; scan lines and tiles, flat images | one per channel |
//! | `.pfm` | greyscale (`Pf`), both byte orders | one |
//! | `.png` | greyscale, 8 and 16 bit: the stored integers | one |
//!
//! [`read_array`] reads one array. [`ArrayFile`] is a file of several arrays. [`MapSet`] is the
//! maps of a folder or file, addressed by id. [`pair`] matches predictions to ground truth.
//!
//! Four rules hold throughout the crate:
//!
//! - **Everything becomes `f32`.** float64 is rounded to the nearest float32 (to infinity outside
//!   its range), integers above 2^24 to the nearest float32. NaN and infinities are kept.
//! - **No scale is guessed.** A 16-bit PNG of millimetres gives millimetres.
//! - **The first bytes decide the format.** The extension only decides whether a file in a folder
//!   is listed as a map.
//! - **Headers are not trusted.** Their claims are checked against the file size before memory is
//!   allocated: exactly for uncompressed values, otherwise within a compression ratio of 2048.
//!   Arrays from compressed files have at most [`MAX_COMPRESSED_VALUES`] values.

mod advice;
mod array;
mod error;
mod file;
mod folder;
mod format;
mod grey_png;
mod ids;
mod maps;
mod member;
mod names;
mod npy;
mod npz;
mod numbers;
mod openexr;
mod order;
mod pairing;
mod pfm;
mod source;
mod tensors;

pub use array::{Array, Map, to_npy};
pub use error::{ArrayError, Place};
pub use file::{ArrayFile, read_array};
pub use ids::select;
pub use maps::MapSet;
pub use order::{Ids, NameOrder, OrderMeaning, natural_order};
pub use pairing::{Pairing, pair, pair_found};
pub use source::MAX_COMPRESSED_VALUES;

/// Compiles the README's examples.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
