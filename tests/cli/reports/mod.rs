//! Problem reports of users of depth tools, from public trackers. Each test has the name of its
//! source, a repository and the number of an issue, and the right answer of the report.
//!
//! - `pairing`: which prediction belongs to which ground truth
//! - `sizes`: predictions of another size: a crop is not a resize
//! - `units`: what a stored number stands for: scales, disparities, alignment
//! - `advice`: files of other programs, and advice that is run as printed
//! - `protocols`: limits of depth and protocols of other programs
//! - `lists`: lists of other repositories
//! - `text_files`: text files of other systems: byte order marks, UTF-16, line ends
//! - `joins`: images without depth, depth without images
//! - `depth_values`: what training masks, and encodings of depth
//! - `orientation`: pictures that are stored turned
//! - `checkpoints`: checkpoints as PyTorch programs write them

mod advice;
mod checkpoints;
mod depth_values;
mod joins;
mod lists;
mod orientation;
mod pairing;
mod protocols;
mod sizes;
mod text_files;
mod units;
