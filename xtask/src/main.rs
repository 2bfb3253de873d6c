//! Downloads and pipelines.
fn main() {}
