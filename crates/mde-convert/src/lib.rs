//! Turns the published distributions of NYU Depth V2 into folders of images with lists.
//!
//! [`convert_labelled`] reads the 1449 labelled frames (`nyu_depth_v2_labeled.mat`, MATLAB's HDF5) and the official
//! split (`splits.mat`), [`convert_fastdepth`] the frames of FastDepth's distribution (tar shards of HDF5 files),
//! [`extract_bts`] and [`extract_mff`] the zip archives that BTS and MFF were trained on. All write into one folder,
//! side by side, and say in its `dataset.toml` what is there.
//!
//! Three decisions run through the crate:
//!
//! - **Depth is 16-bit millimetres, 0 = no measurement.** Metres are rounded to the nearest millimetre; what 16 bits do
//!   not hold (NaN, negative, above 65.535 m) becomes 0 and is counted in [`Converted::unstorable`].
//! - **A file under its final name is whole.** Files are written aside and renamed, lists last; after a kill the same
//!   call goes on with what is missing. One conversion at a time writes to a folder.
//! - **A source is not trusted.** Sizes that it declares are held against its own length before memory is set aside,
//!   names of members never become paths unless they are plain scenes and numbers, and what is cut short is an error
//!   that names the file, not a black image.

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
