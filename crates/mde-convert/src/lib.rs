//! Converts published distributions of NYU Depth V2 to folders of images with lists.
//!
//! [`convert_labelled`] reads the 1449 labelled frames (`nyu_depth_v2_labeled.mat`, MATLAB's HDF5)
//! and the official split (`splits.mat`). [`convert_fastdepth`] reads FastDepth's distribution (tar
//! shards of HDF5 files). [`extract_bts`] and [`extract_mff`] read the zip archives that BTS and
//! MFF were trained on. All can write to one folder and describe it in its `dataset.toml`.
//!
//! Three rules hold throughout the crate:
//!
//! - **Depth is 16-bit millimetres, 0 = invalid.** Metres are rounded to the nearest millimetre.
//!   Values outside 16 bits (NaN, negative, above 65.535 m) become 0 and are counted in
//!   [`Converted::unstorable`].
//! - **Files appear only when complete**, lists last. After a kill, the same call converts what is
//!   missing. One process at a time writes to a folder.
//! - **Sources are not trusted.** Declared sizes are checked against the file size before memory is
//!   allocated. Archive members become paths only if they consist of a scene name and a frame
//!   number. A truncated source is an error that names the file.

mod archive;
mod contained;
mod error;
mod fastdepth;
mod folder;
mod frame;
mod hdf5;
mod labelled;
mod lists;
mod manifest;
mod mat5;
mod names;
mod split;
mod summary;

pub use archive::{ArchiveOptions, extract_bts, extract_mff};
pub use error::ConvertError;
pub use fastdepth::{FastDepthOptions, convert_fastdepth};
pub use frame::RgbFormat;
pub use labelled::{LabelledOptions, convert_labelled};
pub use split::{FrameSplit, Split};
pub use summary::{ConvertEvent, Converted, Observer};

/// Compiles the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
