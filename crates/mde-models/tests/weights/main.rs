//! Tests of reading weights that other programs wrote.
//!
//! The checkpoints are made here, byte by byte, by `pth`; those of METER, where `../shared` is at
//! hand, were written by PyTorch.
#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]

mod backbone;
mod common;
mod hostile;
mod meter;
mod other_files;
mod pth;
mod torch;
