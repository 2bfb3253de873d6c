//! The names of ImageNet backbones: what torchvision and timm call an encoder's parameters, and what the networks do.
//!
//! Both are brought to torchvision's present names without a prefix (`layer1.0.conv1.weight`,
//! `denseblock1.denselayer1.norm1.weight`) and meet there.

/// Where networks keep an encoder that has ImageNet weights. The first that fits counts.
pub(super) const ENCODERS: [&str; 4] = ["encoder.base_model.", "E.base.", "E.features.", "E."];

/// What stands between the features and the classes: ResNet and torchvision's SENet `fc`, DenseNet `classifier`,
/// timm's SENet `last_linear`.
const CLASSIFIERS: [&str; 3] = ["fc.", "classifier.", "last_linear."];

/// Spellings that differ: (in a file or a network, torchvision's present one). Torchvision renamed the layers of
/// DenseNet when PyTorch forbade points in a module's name; its files keep the old names.
const SPELLINGS: [(&str, &str); 4] = [
    (".norm.1.", ".norm1."),
    (".norm.2.", ".norm2."),
    (".conv.1.", ".conv1."),
    (".conv.2.", ".conv2."),
];

/// The key of an encoder's parameter; none for the rest of a network.
pub(super) fn of_parameter(name: &str) -> Option<String> {
    let bare = strip_encoder(name)?;
    // MFF keeps SENet's stages in a list: `E.base.1.0.conv1` is timm's `layer1.0.conv1`.
    let in_list = bare.starts_with(|first: char| first.is_ascii_digit());
    Some(if in_list {
        format!("layer{bare}")
    } else {
        bare.to_owned()
    })
}

/// The key of a tensor in a classifier's file.
pub(super) fn of_file(name: &str) -> String {
    let bare = name.strip_prefix("features.").unwrap_or(name);
    if !bare.contains(".denselayer") {
        return bare.to_owned();
    }
    SPELLINGS
        .iter()
        .fold(bare.to_owned(), |name, (old, new)| name.replace(old, new))
}

/// True for the classifier in a classifier's file.
pub(super) fn is_classifier(name: &str) -> bool {
    CLASSIFIERS
        .iter()
        .any(|classifier| name.starts_with(classifier))
}

/// True for the unused classifier of an encoder, as released BTS checkpoints on ResNets keep it.
pub(super) fn is_unused_classifier(name: &str) -> bool {
    strip_encoder(name).is_some_and(is_classifier)
}

fn strip_encoder(name: &str) -> Option<&str> {
    ENCODERS
        .iter()
        .find_map(|encoder| name.strip_prefix(encoder))
}
