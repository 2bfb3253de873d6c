//! ImageNet backbones under torchvision's and timm's names, in the encoders of the networks.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use candle_core::{Device, Tensor};
use mde_models::{ModelError, Parameters, build};

use crate::common::{assert_says, named, numbered, refusal, safetensors, values};

const BATCH_NORM: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];

fn batch_norm(name: &str) -> impl Iterator<Item = String> {
    BATCH_NORM.iter().map(move |part| format!("{name}.{part}"))
}

fn affine(name: &str) -> [String; 2] {
    [format!("{name}.weight"), format!("{name}.bias")]
}

/// torchvision's ResNet-50; timm uses the same names.
fn resnet50() -> Vec<String> {
    let mut names = vec!["conv1.weight".to_owned()];
    names.extend(batch_norm("bn1"));
    for (stage, blocks) in [3, 4, 6, 3].into_iter().enumerate() {
        for block in 0..blocks {
            let at = format!("layer{}.{block}", stage + 1);
            for number in 1..=3 {
                names.push(format!("{at}.conv{number}.weight"));
                names.extend(batch_norm(&format!("{at}.bn{number}")));
            }
            if block == 0 {
                names.push(format!("{at}.downsample.0.weight"));
                names.extend(batch_norm(&format!("{at}.downsample.1")));
            }
        }
    }
    names.extend(affine("fc"));
    names
}

/// timm's legacy_senet154.
fn senet154() -> Vec<String> {
    let mut names = Vec::new();
    for number in 1..=3 {
        names.push(format!("layer0.conv{number}.weight"));
        names.extend(batch_norm(&format!("layer0.bn{number}")));
    }
    for (stage, blocks) in [3, 8, 36, 3].into_iter().enumerate() {
        for block in 0..blocks {
            let at = format!("layer{}.{block}", stage + 1);
            for number in 1..=3 {
                names.push(format!("{at}.conv{number}.weight"));
                names.extend(batch_norm(&format!("{at}.bn{number}")));
            }
            names.extend(affine(&format!("{at}.se_module.fc1")));
            names.extend(affine(&format!("{at}.se_module.fc2")));
            if block == 0 {
                names.push(format!("{at}.downsample.0.weight"));
                names.extend(batch_norm(&format!("{at}.downsample.1")));
            }
        }
    }
    names.extend(affine("last_linear"));
    names
}

/// DenseNet-161 with `point` between a layer's kind and number: empty in timm and current
/// torchvision, "." in torchvision's files.
fn densenet161(point: &str) -> Vec<String> {
    let mut names = vec!["features.conv0.weight".to_owned()];
    names.extend(batch_norm("features.norm0"));
    for (block, layers) in [6, 12, 36, 24].into_iter().enumerate() {
        let block = block + 1;
        for layer in 1..=layers {
            let at = format!("features.denseblock{block}.denselayer{layer}");
            for number in 1..=2 {
                names.extend(batch_norm(&format!("{at}.norm{point}{number}")));
                names.push(format!("{at}.conv{point}{number}.weight"));
            }
        }
        if block < 4 {
            names.extend(batch_norm(&format!("features.transition{block}.norm")));
            names.push(format!("features.transition{block}.conv.weight"));
        }
    }
    names.extend(batch_norm("features.norm5"));
    names.extend(affine("classifier"));
    names
}

/// A network with the parameters in the reference's list.
fn reference(list: &str) -> Parameters {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/state_dicts");
    let list = fs::read_to_string(path.join(list)).unwrap();
    let names: Vec<&str> = list
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .filter(|name| !name.ends_with("num_batches_tracked"))
        .collect();
    named(&names)
}

/// Loads a file with one number per name and checks all parameters: the encoder's have the number
/// of their name from `theirs`, and all others are unchanged.
fn check(network: &Parameters, file: &[String], encoder: &str, theirs: impl Fn(&str) -> String) {
    let mut tensors = numbered(file);
    let counter = Tensor::new(5i64, &Device::Cpu).unwrap();
    tensors.insert("bn1.num_batches_tracked".to_owned(), counter);
    let report = network.load_backbone(&safetensors(&tensors).path).unwrap();
    // The last two are the classifier.
    let (features, classifier) = file.split_at(file.len() - 2);
    assert!(report.is_match());
    assert_eq!(report.matched, features.len());
    let mut ignored = report.ignored.clone();
    ignored.sort_by_key(|name| file.iter().position(|other| other == name));
    assert_eq!(ignored, classifier);
    let numbers: HashMap<&str, f32> = features
        .iter()
        .enumerate()
        .map(|(number, name)| (name.as_str(), number as f32))
        .collect();
    let mut filled = 0;
    for name in network.all().keys() {
        let expected = match name.strip_prefix(encoder) {
            Some(bare) => {
                filled += 1;
                numbers[theirs(bare).as_str()]
            }
            None => 0.5,
        };
        assert_eq!(values(network, name), [expected], "{name}");
    }
    assert_eq!(filled, features.len());
}

#[test]
fn resnet50_fits_the_encoder_of_mff() {
    check(
        &reference("mff_resnet50.txt"),
        &resnet50(),
        "E.",
        str::to_owned,
    );
}

#[test]
fn resnet50_fits_an_encoder_of_bts() {
    let names: Vec<String> = resnet50()
        .iter()
        .filter(|name| !name.starts_with("fc."))
        .map(|name| format!("encoder.base_model.{name}"))
        .chain(["decoder.conv1.0.weight".to_owned()])
        .collect();
    check(
        &named(&names),
        &resnet50(),
        "encoder.base_model.",
        str::to_owned,
    );
}

#[test]
fn senet154_of_timm_fits_the_encoder_of_mff() {
    check(
        &reference("mff_senet154.txt"),
        &senet154(),
        "E.base.",
        |bare| format!("layer{bare}"),
    );
}

#[test]
fn densenet161_of_timm_fits_the_encoder_of_bts() {
    check(
        &reference("bts_densenet161.txt"),
        &densenet161(""),
        "encoder.base_model.",
        |bare| format!("features.{bare}"),
    );
}

#[test]
fn densenet161_in_torchvisions_old_spelling_fits_too() {
    check(
        &reference("bts_densenet161.txt"),
        &densenet161("."),
        "encoder.base_model.",
        |bare| {
            let dense = bare.contains("denselayer");
            let old = |name: &str, kind: &str| name.replace(kind, &format!("{kind}."));
            let spelled = if dense {
                old(&old(bare, ".norm"), ".conv")
            } else {
                bare.to_owned()
            };
            format!("features.{spelled}")
        },
    );
}

#[test]
fn densenet161_fits_the_encoder_of_mff() {
    // MFF uses torchvision's name `features`.
    let names: Vec<String> = densenet161("")
        .iter()
        .filter(|name| name.starts_with("features."))
        .map(|name| format!("E.{name}"))
        .chain(["D.conv.weight".to_owned()])
        .collect();
    check(&named(&names), &densenet161(""), "E.features.", |bare| {
        format!("features.{bare}")
    });
}

#[test]
fn only_the_encoder_of_a_network_is_loaded() {
    let built = |seed| {
        let parameters = Parameters::new(seed, &Device::Cpu);
        build("mff-tiny", &parameters).unwrap();
        parameters
    };
    let (network, untouched, classifier) = (built(1), built(1), built(2));
    let mut file: HashMap<String, Tensor> = classifier
        .snapshot()
        .unwrap()
        .into_iter()
        .filter_map(|(name, tensor)| Some((name.strip_prefix("E.")?.to_owned(), tensor)))
        .collect();
    file.insert(
        "fc.bias".to_owned(),
        Tensor::new(&[0f32; 1000], &Device::Cpu).unwrap(),
    );
    network.load_backbone(&safetensors(&file).path).unwrap();
    for name in network.all().keys() {
        let expected = if name.starts_with("E.") {
            &classifier
        } else {
            &untouched
        };
        assert_eq!(values(&network, name), values(expected, name), "{name}");
    }
}

#[test]
fn another_backbone_is_refused_with_both_lists() {
    let network = reference("mff_resnet50.txt");
    let file = safetensors(&numbered(&senet154()));
    let message = refusal(&network, &file.path, network.load_backbone(&file.path));
    assert_says(
        &message,
        &["missing conv1.weight".replace("conv1", "E.bn1").as_str()],
    );
    match network.load_backbone(&file.path).unwrap_err() {
        ModelError::Mismatch { report, .. } => {
            assert!(report.missing.contains(&"E.conv1.weight".to_owned()));
            assert!(
                report
                    .unexpected
                    .contains(&"layer0.conv1.weight".to_owned())
            );
            assert_eq!(report.ignored, ["last_linear.bias", "last_linear.weight"]);
        }
        other => panic!("{other}"),
    }
}

#[test]
fn an_extra_or_missing_tensor_is_refused() {
    let network = reference("mff_resnet50.txt");
    let mut file = numbered(&resnet50());
    file.insert("layer5.0.conv1.weight".to_owned(), file["fc.bias"].clone());
    file.remove("layer3.2.bn2.running_var");
    let file = safetensors(&file);
    let message = refusal(&network, &file.path, network.load_backbone(&file.path));
    assert_says(
        &message,
        &[
            "missing E.layer3.2.bn2.running_var",
            "unexpected layer5.0.conv1.weight",
        ],
    );
}

#[test]
fn two_spellings_of_one_tensor_are_refused() {
    let network = reference("bts_densenet161.txt");
    let mut file = numbered(&densenet161(""));
    let old = "features.denseblock1.denselayer1.norm.1.weight";
    file.insert(old.to_owned(), file["classifier.bias"].clone());
    let file = safetensors(&file);
    let message = refusal(&network, &file.path, network.load_backbone(&file.path));
    assert_says(
        &message,
        &[
            "1 unexpected",
            "unexpected features.denseblock1.denselayer1.norm",
        ],
    );
}

#[test]
fn a_network_without_a_known_encoder_is_an_error() {
    let network = named(&["encoder.conv1.0.depthwise.weight"]);
    let file = safetensors(&numbered(&resnet50()));
    let message = refusal(&network, &file.path, network.load_backbone(&file.path));
    assert_says(
        &message,
        &["no encoder for the ImageNet weights", "E.base."],
    );
}

#[test]
fn a_checkpoint_may_keep_its_encoders_unused_classifier() {
    // BTS on a ResNet keeps the whole classifier as its encoder.
    let kept = ["encoder.base_model.conv1.weight", "decoder.conv1.0.weight"];
    let unused = ["encoder.base_model.fc.bias", "encoder.base_model.fc.weight"];
    let network = named(&kept);
    let file = safetensors(&numbered(&[kept, unused].concat()));
    let report = network.load(&file.path).unwrap();
    assert_eq!(report.ignored, unused);
    assert_says(
        &report.to_string(),
        &["ignored on purpose: encoder.base_model.fc.bias"],
    );
    // A network with this layer loads it; any other `fc` is unexpected.
    let with = named(&[kept, unused].concat());
    assert_eq!(with.load(&file.path).unwrap().matched, 4);
    let other = safetensors(&numbered(&[kept[0], kept[1], "decoder.fc.weight"]));
    let network = named(&kept);
    let message = refusal(&network, &other.path, network.load(&other.path));
    assert_says(&message, &["unexpected decoder.fc.weight"]);
}
