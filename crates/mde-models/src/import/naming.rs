//! How names of parameters and of a file's tensors are matched.

use super::backbone;

/// Parameters and tensors belong together if they have the same key.
pub(super) struct Naming {
    /// The key of a parameter; `None` if it is not loaded.
    pub(super) parameter: fn(&str) -> Option<String>,
    /// The key of a tensor in the file.
    pub(super) tensor: fn(&str) -> String,
    /// True for tensors that are ignored on purpose if no parameter has their key.
    pub(super) ignored: fn(&str) -> bool,
    /// Whether the network may be a part of what the file holds, under a prefix of its own.
    pub(super) is_part: bool,
}

/// Those of a whole network.
pub(super) const SAME_NAMES: Naming = Naming {
    parameter: |name| Some(name.to_owned()),
    tensor: str::to_owned,
    ignored: backbone::is_unused_classifier,
    is_part: true,
};

/// Those of an ImageNet classifier, for the encoder. Another network's encoder is not taken for
/// one.
pub(super) const BACKBONE_NAMES: Naming = Naming {
    parameter: backbone::parameter_key,
    tensor: backbone::tensor_key,
    ignored: backbone::is_classifier,
    is_part: false,
};
