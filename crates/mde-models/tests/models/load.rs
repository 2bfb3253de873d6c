//! Loading weights: names and shapes must match; otherwise an error lists the differences and no
//! parameter changes.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
use mde_models::{LoadReport, Mode, ModelError, ShapeMismatch};
use tempfile::TempDir;

use crate::common::{Built, bits, built, images, tiny};

type Tensors = HashMap<String, Tensor>;

/// A weight file in its own temporary folder.
struct File {
    _dir: TempDir,
    path: PathBuf,
}

fn file(tensors: &Tensors) -> File {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.safetensors");
    candle_core::safetensors::save(tensors, &path).unwrap();
    File { _dir: dir, path }
}

fn zeros(dims: &[usize]) -> Tensor {
    Tensor::zeros(dims, DType::F32, &Device::Cpu).unwrap()
}

/// Weights that differ from those of any seed, including running statistics.
fn trained() -> Tensors {
    let model = built("mff-tiny", 77);
    model.run(&images(2, 33, 51), Mode::Train);
    model.parameters.snapshot().unwrap()
}

/// The error of loading, after checking that no parameter changed.
fn refused(model: &Built, tensors: &Tensors) -> (LoadReport, String) {
    let before = model.parameters.snapshot().unwrap();
    let file = file(tensors);
    let error = model.parameters.load(&file.path).unwrap_err();
    for (name, tensor) in model.parameters.snapshot().unwrap() {
        assert_eq!(bits(&before[&name]), bits(&tensor), "{name}");
    }
    let message = error.to_string();
    assert!(
        message.contains(&file.path.display().to_string()),
        "{message}"
    );
    match error {
        ModelError::Mismatch { report, .. } => (*report, message),
        other => panic!("{other}"),
    }
}

#[test]
fn saved_weights_are_loaded() {
    let (model, weights) = (tiny(), trained());
    let file = file(&weights);
    let report = model.parameters.load(&file.path).unwrap();
    assert!(report.is_match());
    assert_eq!(report.matched, weights.len());
    for (name, tensor) in model.parameters.snapshot().unwrap() {
        assert_eq!(bits(&weights[&name]), bits(&tensor), "{name}");
    }
    // The network built before loading uses them.
    let other = built("mff-tiny", 77);
    other.run(&images(2, 33, 51), Mode::Train);
    let image = images(1, 33, 51);
    assert_eq!(
        bits(&model.run(&image, Mode::Eval)),
        bits(&other.run(&image, Mode::Eval))
    );
}

#[test]
fn pytorchs_batch_counters_are_ignored() {
    let model = tiny();
    let mut weights = trained();
    let counter = Tensor::new(5i64, &Device::Cpu).unwrap();
    weights.insert("E.bn1.num_batches_tracked".to_owned(), counter);
    let matched = model.parameters.load(&file(&weights).path).unwrap().matched;
    assert_eq!(matched, weights.len() - 1);
}

#[test]
fn half_precision_is_widened() {
    let model = tiny();
    let mut weights = trained();
    let half = weights["R.conv2.weight"].to_dtype(DType::F16).unwrap();
    weights.insert("R.conv2.weight".to_owned(), half.clone());
    model.parameters.load(&file(&weights).path).unwrap();
    assert_eq!(bits(&model.parameters.all()["R.conv2.weight"]), bits(&half));
}

#[test]
fn missing_unexpected_and_wrongly_shaped_tensors_are_listed() {
    let mut weights = trained();
    weights.remove("D.bn.running_var").unwrap();
    weights.insert("fc.weight".to_owned(), zeros(&[2, 3]));
    weights.insert("E.conv1.weight".to_owned(), zeros(&[64, 3, 7, 7]));
    let (report, message) = refused(&tiny(), &weights);
    assert_eq!(report.missing, ["D.bn.running_var"]);
    assert_eq!(report.unexpected, ["fc.weight"]);
    let shapes = ShapeMismatch {
        name: "E.conv1.weight".to_owned(),
        expected: vec![16, 3, 7, 7],
        found: vec![64, 3, 7, 7],
    };
    assert_eq!(report.mismatched, [shapes]);
    assert_eq!(report.matched, weights.len() - 2);
    assert!(!report.is_match());
    for part in [
        "1 missing, 1 unexpected, 1 with a different shape",
        "missing D.bn.running_var",
        "unexpected fc.weight",
        "E.conv1.weight is [64, 3, 7, 7], the model has [16, 3, 7, 7]",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert!(!message.contains("more"), "{message}");
}

#[test]
fn each_difference_alone_is_refused() {
    let model = tiny();
    let mut weights = trained();
    weights.insert("fc.weight".to_owned(), zeros(&[1]));
    assert_eq!(refused(&model, &weights).0.unexpected, ["fc.weight"]);
    let mut weights = trained();
    weights.remove("R.conv2.bias");
    assert_eq!(refused(&model, &weights).0.missing, ["R.conv2.bias"]);
    let mut weights = trained();
    weights.insert("R.conv2.bias".to_owned(), zeros(&[2]));
    assert_eq!(refused(&model, &weights).0.mismatched.len(), 1);
    assert_eq!(refused(&model, &HashMap::new()).0.matched, 0);
}

#[test]
fn a_long_list_ends_after_ten() {
    let mut weights = trained();
    for index in 0..13 {
        weights.insert(format!("extra.{index:02}"), zeros(&[1]));
    }
    let (report, message) = refused(&tiny(), &weights);
    assert_eq!(report.unexpected.len(), 13);
    let listed: Vec<&str> = message.lines().skip(1).collect();
    assert_eq!(listed.len(), 11, "{message}");
    assert_eq!(listed[0].trim(), "unexpected extra.00");
    assert_eq!(listed[9].trim(), "unexpected extra.09");
    assert_eq!(listed[10].trim(), "and 3 more");
}

#[test]
fn another_networks_weights_are_refused() {
    let weights = built("mff-resnet18", 1).parameters.snapshot().unwrap();
    let (report, message) = refused(&tiny(), &weights);
    assert!(!report.mismatched.is_empty());
    let closest = report.closest.unwrap();
    assert_eq!(closest.models, ["mff-resnet18"]);
    assert_eq!(closest.matched, weights.len());
    assert_eq!(closest.parameters, weights.len());
    let last = format!(
        "\n  closest: mff-resnet18, with {0} of {0} parameters",
        weights.len()
    );
    assert!(
        message.contains(" more\n") && message.ends_with(&last),
        "{message}"
    );
}

#[test]
fn a_truncated_file_is_an_error_that_names_it() {
    let model = tiny();
    let before = bits(&model.parameters.all()["R.conv2.weight"]);
    let file = file(&trained());
    let whole = fs::read(&file.path).unwrap();
    for length in [0, 4, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&file.path, &whole[..length]).unwrap();
        let error = model.parameters.load(&file.path).unwrap_err();
        assert!(matches!(error, ModelError::Unreadable { .. }), "{error}");
        let message = error.to_string();
        assert!(
            message.contains(&file.path.display().to_string()),
            "{message}"
        );
    }
    fs::remove_file(&file.path).unwrap();
    let error = model.parameters.load(&file.path).unwrap_err();
    assert!(matches!(error, ModelError::Unreadable { .. }), "{error}");
    assert_eq!(before, bits(&model.parameters.all()["R.conv2.weight"]));
}
