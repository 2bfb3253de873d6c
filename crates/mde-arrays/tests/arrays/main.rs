//! Tests of the public interface with files written by NumPy, OpenEXR, safetensors and Pillow
//! (`fixtures/make.py`).
//!
//! | module | content |
//! |---|---|
//! | `values` | every format and number type gives the values written |
//! | `refused` | files that are not numeric arrays, and files with false sizes |
//! | `maps` | folders, stacks and archives of maps, ids |
//! | `advice` | lines of Python in errors, run as printed on the file that the error names |
//! | `real_data` | real depth maps; skipped where they are missing |
#![allow(clippy::unwrap_used, missing_docs)]

mod advice;
mod common;
mod maps;
mod real_data;
mod refused;
mod values;
