//! The program `mde`.
fn main() {}
