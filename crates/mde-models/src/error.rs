//! What can go wrong when a network is built or its weights are loaded.

use std::path::PathBuf;

use crate::KeyReport;

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
    #[error("cannot read the weights {}: {source}; check the path, or bring the file again", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: candle_core::Error,
    },
    /// A checkpoint of PyTorch names code, or a type that weights do not need. None of it was run.
    #[error("the weights {} were not read: their pickle names {callable}, which is no part of a tensor (nothing was run); \
        if you trust the file, save its weights alone with PyTorch: torch.save(model.state_dict(), 'weights.pth')", path.display())]
    UnsafePickle {
        /// The file.
        path: PathBuf,
        /// The first such name.
        callable: String,
    },
    /// ImageNet weights are asked for by a network without an encoder that takes them.
    #[error("the model has no encoder for the ImageNet weights {}: none of its parameters begins with {}", path.display(), known.join(" or "))]
    NoBackbone {
        /// The file.
        path: PathBuf,
        /// The beginnings of an encoder's names.
        known: Vec<String>,
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
