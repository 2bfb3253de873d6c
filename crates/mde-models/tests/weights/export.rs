//! State dicts written for PyTorch code of the reference.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use candle_core::Device;
use mde_models::{Parameters, Preset};

use crate::common::values;

/// Networks, and the lists of the reference's entries.
const LISTS: [(&str, &str); 4] = [
    ("meter-xxs", "meter_xxs"),
    ("mff-resnet50", "mff_resnet50"),
    ("bts-densenet161-nyu", "bts_densenet161"),
    ("mff-senet154", "mff_senet154"),
];

const BATCHES: i64 = 12;

fn built(model: &str, parameters: Parameters) -> Parameters {
    Preset::named(model).unwrap().build(&parameters).unwrap();
    parameters
}

fn written(parameters: &Parameters) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    parameters.write_torch(&mut file, BATCHES).unwrap();
    file.into_inner()
}

fn tests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests")
}

#[test]
fn a_written_state_dict_is_read_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    for model in ["meter-xxs", "mff-tiny", "bts-tiny-kitti"] {
        let parameters = built(model, Parameters::new(7, &Device::Cpu));
        let bytes = written(&parameters);
        assert!(bytes == written(&parameters), "{model}: other bytes");
        let path = folder.path().join(model);
        std::fs::write(&path, bytes).unwrap();
        let read = built(model, Parameters::zeros(&Device::Cpu));
        let report = read.load(&path).unwrap();
        assert!(report.is_match() && report.converted.is_empty(), "{report}");
        for name in parameters.all().keys() {
            let bits = |from: &Parameters| -> Vec<u32> {
                values(from, name)
                    .iter()
                    .map(|value| value.to_bits())
                    .collect()
            };
            assert!(bits(&read) == bits(&parameters), "{model}: {name}");
        }
    }
}

#[test]
fn the_classifier_that_only_torchvision_has_is_read_back_and_ignored() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let model = "bts-resnet50-nyu";
    let parameters = built(model, Parameters::zeros(&Device::Cpu));
    parameters.write_torch(&file, 0).unwrap();
    let report = built(model, Parameters::zeros(&Device::Cpu))
        .load(file.path())
        .unwrap();
    let classifier = ["bias", "weight"].map(|name| format!("encoder.base_model.fc.{name}"));
    assert_eq!(report.ignored, classifier);
}

/// Prints `name shape dtype` of all entries, as in the lists; and checks a value of each kind.
const READ: &str = "
import sys, torch
state = torch.load(sys.argv[1], weights_only=True)
for name, value in state.items():
    shape = 'x'.join(map(str, value.shape)) or 'scalar'
    print(name, shape, str(value.dtype).removeprefix('torch.'))
    if name.endswith('num_batches_tracked'):
        assert value.item() == int(sys.argv[2]), name
";

#[test]
fn pytorch_reads_the_entries_of_the_reference() {
    let Some(python) = mde_test_kit::python(&["torch"]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for (model, list) in LISTS {
        let parameters = built(model, Parameters::zeros(&Device::Cpu));
        let path = folder.path().join("state.pth");
        parameters
            .write_torch(File::create(&path).unwrap(), BATCHES)
            .unwrap();
        let said = Command::new(&python)
            .args(["-c", READ])
            .arg(&path)
            .arg(BATCHES.to_string())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "{model}: {errors}");
        let list = tests_folder().join(format!("goldens/state_dicts/{list}.txt"));
        let lines = |text: &str| -> Vec<String> {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let expected = lines(&std::fs::read_to_string(list).unwrap());
        assert_eq!(
            lines(&String::from_utf8(said.stdout).unwrap()),
            expected,
            "{model}"
        );
    }
}

/// Loads each file into the network of `tests/benches/peer.py`, strictly, and prints the sum of all
/// parameters.
const LOAD: &str = "
import sys, torch
sys.path.insert(0, sys.argv[1])
import peer
network, _ = peer.NETWORKS[sys.argv[2]]
net = network()
keys = net.load_state_dict(torch.load(sys.argv[3], weights_only=True), strict=True)
assert not keys.missing_keys and not keys.unexpected_keys
for name, value in net.state_dict().items():
    if value.dtype == torch.float32:
        print(name, value.double().sum().item())
";

#[test]
fn pytorch_networks_load_the_state_dict_strictly() {
    let Some(python) = mde_test_kit::python(&["torch", "numpy"]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for (model, peer) in [
        ("meter-xxs", "meter-xxs"),
        ("mff-resnet50", "mff-resnet50"),
        ("bts-densenet161-nyu", "bts-densenet161"),
    ] {
        let parameters = built(model, Parameters::new(3, &Device::Cpu));
        let path = folder.path().join("state.pth");
        parameters
            .write_torch(File::create(&path).unwrap(), BATCHES)
            .unwrap();
        let said = Command::new(&python)
            .args(["-c", LOAD])
            .args([&tests_folder().join("benches"), Path::new(peer), &path])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "{model}: {errors}");
        let said = String::from_utf8(said.stdout).unwrap();
        let sums: BTreeMap<&str, f64> = said
            .lines()
            .map(|line| line.split_once(' ').unwrap())
            .map(|(name, sum)| (name, sum.parse().unwrap()))
            .collect();
        let all = parameters.all();
        assert_eq!(sums.len(), all.len());
        for (name, sum) in sums {
            let values = values(&parameters, name);
            let expected: f64 = values.iter().map(|&value| f64::from(value)).sum();
            let scale: f64 = values.iter().map(|&value| f64::from(value.abs())).sum();
            assert!(
                (sum - expected).abs() <= 1e-9 * scale,
                "{model}: {name}: {sum}"
            );
        }
    }
}
