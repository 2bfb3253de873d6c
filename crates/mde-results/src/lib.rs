#![doc = include_str!("../README.md")]
//!
//! # Code map
//!
//! | module | holds |
//! |---|---|
//! | `documents` | the JSON documents: [`Evaluation`], [`Dissection`], [`Ablation`], … |
//! | `folder` | [`RunFolder`]: [`names`] of files, its lock, reading and writing a document |
//! | `checkpoint`, `training` | [`Checkpoint`], [`StepRecord`], [`TrainingSummary`] of a training |
//! | `stage` | [`Stage`]: skipping what is up to date |
//! | `tallies` | [`LayerTallies`], the sufficient statistics of a layer, image by image |
//! | `maps` | [`Example`], [`CorrectedExample`], [`TopImages`]: selected images and maps |
//! | `run`, `check` | [`RunResults`]: all documents of a folder, checked against each other |
//! | `commands` | the commands that write a folder's files |
//! | `compare` | [`compare`]: two runs side by side |
//! | `depth_hash` | [`DepthHash`], by which images of different runs are recognised |
//! | `words` | [`in_words`]: JSON values as words, for messages |
//!
//! **Invariants.** A file under its final name is complete. A document is read only if its format
//! number is this version's. Every result names the weights, the data and the version it comes from
//! ([`Provenance`]). No tensor library is used.

mod check;
mod checkpoint;
mod commands;
mod compare;
mod depth_hash;
mod documents;
mod error;
mod folder;
mod maps;
mod run;
mod source;
mod stage;
mod tallies;
mod training;
mod words;

pub use checkpoint::Checkpoint;
pub use compare::compare;
pub use depth_hash::DepthHash;
pub use documents::*;
pub use error::{Mismatch, ResultsError};
pub use folder::{RunFolder, names, to_json};
pub use maps::{
    CorrectedExample, Example, Photograph, TopImage, TopImages, decode_corrected, decode_examples,
    decode_top_images, encode_corrected, encode_examples, encode_top_images, ids_metadata,
};
pub use run::RunResults;
pub use stage::Stage;
pub use tallies::{ImageTally, LayerTallies};
pub use training::{
    AssignmentConfig, CONFIG_FORMAT, EarlierData, InitialPart, InitialWeights, StepRecord,
    TrainingData, TrainingSummary,
};
pub use words::{first_difference, in_words};
