//! What can go wrong when a network is built or its weights are loaded.

use std::path::PathBuf;

use crate::parameters::KeyReport;

/// An error of this crate. Forward passes return [`candle_core::Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No preset has this name.
    #[error("there is no model {name:?}; the models are {}", known.join(", "))]
    UnknownModel {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The network has no such layer.
    #[error("the model has no layer {name:?}; its layers are {}", known.join(", "))]
    UnknownLayer {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A file of weights cannot be read.
    #[error("cannot read the weights {}: {source}; the file must be whole and in the safetensors format: copy it again or train again", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: candle_core::Error,
    },
    /// The weights are those of another network.
    #[error("the weights {} are not those of this model: {report}", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What fits and what does not.
        report: Box<KeyReport>,
    },
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}
