//! Errors of building a network and loading its weights.

use std::path::PathBuf;

use crate::load_report::LoadReport;

/// An error of this crate. Forward passes return [`candle_core::Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No preset has this name.
    #[error("unknown model {name:?}{}; models: {}", did_you_mean(name, known), known.join(", "))]
    UnknownModel {
        /// The name that was given.
        name: String,
        /// All names of models.
        known: Vec<String>,
    },
    /// The network has no such layer.
    #[error("the model has no layer {name:?}{}; its layers: {}", did_you_mean(name, known),
        known.join(", "))]
    UnknownLayer {
        /// The name that was given.
        name: String,
        /// All names of layers.
        known: Vec<String>,
    },
    /// A weight file cannot be read.
    #[error("cannot read the weights {}: {source}{}", path.display(), repeat_advice(source))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: candle_core::Error,
    },
    /// The weights of a PyTorch checkpoint are in objects that only code can build. None was run.
    #[error("the weights {} were not loaded: they need {callable}, which is not part of a plain \
        tensor (no code was run){}", path.display(), code_advice(advice))]
    UnsafePickle {
        /// The file.
        path: PathBuf,
        /// The first such name.
        callable: String,
        /// How to save the weights without it, if that is known.
        advice: String,
    },
    /// A file has several sets of weights that fit.
    #[error("the weights {} hold more than one set of weights for this model: {}; save one of them \
        alone, the first for example with: {advice}", path.display(), found.join(", "))]
    Ambiguous {
        /// The file.
        path: PathBuf,
        /// Where in the file they are.
        found: Vec<String>,
        /// A command that saves the first of them.
        advice: String,
    },
    /// ImageNet weights were given to a network without a matching encoder.
    #[error("the model has no encoder for the ImageNet weights {}: no parameter name starts \
        with {}", path.display(), known.join(" or "))]
    NoBackbone {
        /// The file.
        path: PathBuf,
        /// Known prefixes of encoder parameters.
        known: Vec<String>,
    },
    /// The weights belong to another network.
    #[error("the weights {} do not fit this model: {report}", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// Which names and shapes fit and which do not.
        report: Box<LoadReport>,
    },
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// The advice for a checkpoint that needs code.
fn code_advice(advice: &str) -> &str {
    match advice {
        "" => {
            "; save its weights as a state dict, in the program that wrote the file: \
            torch.save(model.state_dict(), 'weights.pth')"
        }
        advice => advice,
    }
}

/// The advice to get the file again, unless the reason says what to do with this one.
fn repeat_advice(reason: &candle_core::Error) -> &'static str {
    let reason = reason.to_string();
    let lines = [
        "torch.save(",
        "save_file(",
        "unzip ",
        "tar xf ",
        ".contiguous()",
    ];
    match lines.iter().any(|line| reason.contains(line)) {
        true => "",
        false => "; check the path, or copy or download the file again",
    }
}

/// ` (did you mean NAME?)` with the most similar known name; empty if none is similar.
fn did_you_mean(name: &str, known: &[String]) -> String {
    const MIN_SIMILARITY: f64 = 0.85;
    let name = name.to_lowercase();
    known
        .iter()
        .map(|other| (strsim::jaro_winkler(&name, &other.to_lowercase()), other))
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, other)| format!(" (did you mean {other}?)"))
        .unwrap_or_default()
}
