//! Runs that begin with weights from a file.

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::Device;
use mde_models::Parameters;
use mde_results::{InitialPart, InitialWeights};
use mde_train::{RunConfig, TrainError, load_checkpoint};

use crate::common::{Data, end, newest, plain, records};

/// The weights that a run of another seed ended with, beside its folder.
fn weights(data: &Data) -> PathBuf {
    let other = RunConfig { seed: 8, ..plain() };
    data.train("other", &other).unwrap();
    let folder = data.folder("other");
    let file = folder.path().with_file_name("weights.safetensors");
    fs::copy(folder.newest_checkpoint().unwrap().weights(), &file).unwrap();
    file
}

fn from(file: &Path, part: InitialPart) -> RunConfig {
    RunConfig {
        init: Some(InitialWeights::new(file, part).unwrap()),
        ..plain()
    }
}

#[test]
fn a_run_begins_with_the_weights_given() {
    let data = Data::new();
    let file = weights(&data);
    data.train("tuned", &from(&file, InitialPart::Network))
        .unwrap();
    data.train("random", &plain()).unwrap();
    let loss = |name| records(&data.folder(name))[0].loss;
    // Trained weights are better than random ones on the very first batch.
    assert!(loss("tuned") < loss("random"));
    // All weights are loaded, so the seed affects only order and augmentation.
    let parameters = Parameters::new(0, &Device::Cpu);
    let _ = mde_models::build("mff-tiny", &parameters).unwrap();
    let checkpoint = data.folder("other").newest_checkpoint().unwrap();
    let report = load_checkpoint(&checkpoint, &parameters).unwrap();
    assert_eq!(report.matched, parameters.all().len());
}

#[test]
fn a_run_that_has_a_checkpoint_needs_the_file_no_more() {
    let data = Data::new();
    let file = weights(&data);
    let config = from(&file, InitialPart::Network);
    data.train("whole", &config).unwrap();
    data.train_killed_after(3, "killed", &config);
    assert_eq!(newest(&data.folder("killed")), Some(2));
    fs::remove_file(&file).unwrap();
    data.train("killed", &config).unwrap();
    assert!(end(&data.folder("killed")) == end(&data.folder("whole")));
}

#[test]
fn a_run_killed_before_its_first_checkpoint_begins_again_with_the_weights() {
    let data = Data::new();
    let file = weights(&data);
    let config = from(&file, InitialPart::Network);
    data.train("whole", &config).unwrap();
    data.train_killed_after(1, "killed", &config);
    // The same content at another place is the same run.
    let moved = file.with_file_name("moved.safetensors");
    fs::rename(&file, &moved).unwrap();
    let gone = data.train("killed", &config).unwrap_err();
    assert!(matches!(gone, TrainError::File { .. }), "{gone}");
    data.train("killed", &from(&moved, InitialPart::Network))
        .unwrap();
    assert!(end(&data.folder("killed")) == end(&data.folder("whole")));
}

#[test]
fn weights_that_do_not_fit_leave_no_folder() {
    let data = Data::new();
    let file = weights(&data);
    let other_model = RunConfig {
        model: "mff-resnet18".to_owned(),
        ..from(&file, InitialPart::Network)
    };
    let error = data.train("run", &other_model).unwrap_err().to_string();
    assert!(error.contains("with a different shape"), "{error}");
    assert!(!data.folder("run").path().exists());

    // A depth network is not an ImageNet classifier.
    let error = data
        .train("run", &from(&file, InitialPart::Encoder))
        .unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
    assert!(!data.folder("run").path().exists());

    let config = from(&file, InitialPart::Network);
    let mut bytes = fs::read(&file).unwrap();
    bytes.pop();
    fs::write(&file, bytes).unwrap();
    let error = data.train("run", &config).unwrap_err();
    assert!(
        matches!(error, TrainError::InitialWeightsChanged { .. }),
        "{error}"
    );
    assert!(!data.folder("run").path().exists());
}

#[test]
fn other_weights_are_another_run() {
    let data = Data::new();
    let file = weights(&data);
    data.train("run", &plain()).unwrap();
    let error = data
        .train("run", &from(&file, InitialPart::Network))
        .unwrap_err();
    assert!(error.to_string().contains("init"), "{error}");
}
