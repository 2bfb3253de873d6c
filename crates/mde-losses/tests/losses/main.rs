//! Tests of the losses: values against loops written out here, gradients against finite differences, all in f64.
#![allow(clippy::unwrap_used, missing_docs)]

mod gradient;

mod absolute;
mod assignment;
mod mff;
mod silog;
