//! Names of ImageNet backbones: torchvision's and timm's names of encoder parameters, and those of
//! the networks.
//!
//! Both are translated into torchvision's current names without a prefix, for example
//! `layer1.0.conv1.weight` or `denseblock1.denselayer1.norm1.weight`.

/// Prefixes of encoders with ImageNet weights. The first match counts.
pub(super) const ENCODERS: [&str; 4] = ["encoder.base_model.", "E.base.", "E.features.", "E."];

/// Classifiers: `fc` of ResNet and torchvision's SENet, `classifier` of DenseNet and EfficientNet,
/// which has a convolution and a norm before it, `last_linear` of timm's SENet.
const CLASSIFIERS: [&str; 5] = ["fc.", "classifier.", "last_linear.", "conv_head.", "bn2."];

/// Old and current spellings. Torchvision renamed the layers of DenseNet when PyTorch disallowed
/// dots in module names; its files keep the old names.
const SPELLINGS: [(&str, &str); 4] = [
    (".norm.1.", ".norm1."),
    (".norm.2.", ".norm2."),
    (".conv.1.", ".conv1."),
    (".conv.2.", ".conv2."),
];

/// The key of an encoder parameter; `None` for other parameters of a network.
pub(super) fn parameter_key(name: &str) -> Option<String> {
    let stripped = strip_encoder(name)?;
    // MFF stores SENet's stages in a list: `E.base.1.0.conv1` is timm's `layer1.0.conv1`.
    let in_list = stripped.starts_with(|first: char| first.is_ascii_digit());
    Some(if in_list {
        format!("layer{stripped}")
    } else {
        stripped.to_owned()
    })
}

/// The key of a tensor in the file of a classifier.
pub(super) fn tensor_key(name: &str) -> String {
    let stripped = name.strip_prefix("features.").unwrap_or(name);
    if !stripped.contains(".denselayer") {
        return stripped.to_owned();
    }
    SPELLINGS
        .iter()
        .fold(stripped.to_owned(), |name, (old, new)| {
            name.replace(old, new)
        })
}

/// True for the classifier layers in such a file.
pub(super) fn is_classifier(name: &str) -> bool {
    CLASSIFIERS
        .iter()
        .any(|classifier| name.starts_with(classifier))
}

/// True for the unused classifier of an encoder, which published BTS checkpoints on ResNet contain.
pub(super) fn is_unused_classifier(name: &str) -> bool {
    strip_encoder(name).is_some_and(is_classifier)
}

fn strip_encoder(name: &str) -> Option<&str> {
    ENCODERS
        .iter()
        .find_map(|encoder| name.strip_prefix(encoder))
}
