//! Tests of loading weights written by other programs.
//!
//! `pth` writes the checkpoints byte by byte. PyTorch wrote those of METER, which are tested if
//! `../shared` exists.
#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]

mod backbone;
mod common;
mod export;
mod hostile;
mod legacy;
mod meter;
mod objects;
mod other_files;
mod prefixes;
mod protocols;
mod pth;
mod python;
mod torch;
