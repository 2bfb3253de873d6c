//! Tests of the losses in f64: values against loops written out here, gradients against finite
//! differences.
#![allow(clippy::unwrap_used, missing_docs)]

mod gradient;

mod absolute;
mod assignment;
mod mff;
mod silog;
