//! Tests of the public interface against files that NumPy, OpenEXR, safetensors and Pillow wrote (`fixtures/make.py`).
//!
//! | module | about |
//! |---|---|
//! | `values` | every format and type of number gives the values that were written |
//! | `refused` | what is no array of numbers, and files that lie about their size |
//! | `maps` | folders, stacks and archives of maps, ids |
//! | `real_data` | real depth maps; skipped where there are none |
#![allow(clippy::unwrap_used, missing_docs)]

mod common;
mod maps;
mod real_data;
mod refused;
mod values;
