//! Results on disk: written, read back, compared, and refused where they are damaged.
#![allow(clippy::unwrap_used)]

mod common;
mod comparison;
mod documents;
mod folder;
mod maps;
mod run;
mod stages;
mod training;
