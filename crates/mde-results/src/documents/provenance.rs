//! Where a result comes from.

use serde::{Deserialize, Serialize};

/// The network and the data that a result is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of the program that computed it.
    pub version: String,
    /// Name of the model preset.
    pub model: String,
    /// blake3 of the weights. For files of another program [`Provenance::STORED`] and their blake3.
    pub checkpoint: String,
    /// Name of the data set, such as "rooms".
    pub data: String,
    /// Name of the split, such as "test".
    pub split: String,
    /// blake3 of the list and the files it names.
    pub data_hash: String,
    /// Seed of the training run, if there was one.
    pub seed: Option<u64>,
}

impl Provenance {
    /// Prefix of [`Provenance::checkpoint`] where the network itself was not available: another
    /// program stored its predictions or activations.
    pub const STORED: &str = "stored:";

    /// True if the network itself was not available.
    pub fn is_stored(&self) -> bool {
        self.checkpoint.starts_with(Self::STORED)
    }

    /// True if both results are about one network: the same weights, or files stored under the same
    /// model name.
    pub(crate) fn is_same_network(&self, other: &Self) -> bool {
        let stored = self.is_stored() && other.is_stored() && self.model == other.model;
        stored || self.checkpoint == other.checkpoint
    }

    /// Data set and split in words, such as "rooms test".
    pub(crate) fn data_and_split(&self) -> String {
        format!("{} {}", self.data, self.split)
    }
}
