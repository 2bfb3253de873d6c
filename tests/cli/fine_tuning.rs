//! Training from given weights: of a whole network (`--init`) or of an encoder (`--backbone`).

use std::collections::BTreeMap;
use std::process::Stdio;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;

use crate::place::{Place, assert_same};

const WEIGHTS: &str = "run/checkpoint/step-000000001/weights.safetensors";

/// One step at a rate that hardly changes any parameter.
const STANDING: &str = "--steps 1 --batch-size 2 --learning-rate 1e-30";

fn meter(out: &str, options: &str) -> String {
    format!("train --model meter-xxs --data rooms:rooms --out {out} {options}")
}

fn mff(out: &str, options: &str) -> String {
    format!("train --model mff-tiny --data rooms:rooms --out {out} {options}")
}

/// The trained parameters of a run of one step, by name; not the averages of batch norm, which a
/// step moves.
fn parameters(place: &Place, run: &str) -> BTreeMap<String, Vec<f32>> {
    let bytes = place.read(&WEIGHTS.replace("run/", &format!("{run}/")));
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let trained = tensors
        .iter()
        .filter(|(name, _)| !name.contains(".running_"));
    trained
        .map(|(name, tensor)| {
            assert_eq!(tensor.dtype(), Dtype::F32, "{name}");
            let numbers = tensor.data().as_chunks().0.iter();
            (
                name.to_owned(),
                numbers.map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            )
        })
        .collect()
}

/// True if no number differs by more than what [`STANDING`] moves a zero.
fn same(found: &[f32], expected: &[f32]) -> bool {
    found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|(found, expected)| (found - expected).abs() < 1e-20)
}

#[test]
fn a_run_starts_from_the_given_weights() {
    let place = Place::with_meter();
    let line = |out, options: &str| meter(out, &format!("--seed 7 {STANDING} {options}"));
    let (tuned, remark) = place.json_and_remarks(&line("tuned", &format!("--init {WEIGHTS}")));
    assert_eq!(
        remark,
        format!("{WEIGHTS}: 226 matched, 0 missing, 0 unexpected, 0 with a different shape\n")
    );
    let random = place.json(&line("random", ""));
    assert_ne!(tuned["last"]["loss"], random["last"]["loss"]);
    let [given, tuned, random] = ["run", "tuned", "random"].map(|run| parameters(&place, run));
    assert!(tuned.keys().eq(given.keys()));
    for (name, values) in &tuned {
        assert!(same(values, &given[name]), "{name}");
    }
    let weight = "decoder.conv2d_in.weight";
    assert!(!same(&random[weight], &given[weight]));

    let config: Value = serde_json::from_slice(&place.read("tuned/config.json")).unwrap();
    assert_eq!(config["init"]["file"], WEIGHTS);
    assert_eq!(config["init"]["part"], "network");

    let before = place.files("tuned");
    let again = place.json(&line("tuned", &format!("--init {WEIGHTS}")));
    assert_eq!(again["up_to_date"], true);
    assert_same("the second time", &place.files("tuned"), &before);
}

#[test]
fn a_fine_tuned_run_is_measured_like_any_other() {
    let place = Place::with_meter();
    place.json_and_remarks(&meter("tuned", &format!("{STANDING} --init {WEIGHTS}")));
    place.json("evaluate --run tuned --data rooms:rooms");
    place.json("dissect --run tuned --data rooms:rooms");
    let report = place.json("report tuned --out report");
    assert!(place.path(report["html"].as_str().unwrap()).is_file());
}

#[test]
fn a_killed_fine_tuning_ends_with_the_same_files() {
    let place = Place::with_meter();
    let line = |out| {
        let options = "--seed 7 --steps 5 --batch-size 2 --checkpoint-every 1";
        meter(out, &format!("{options} --init {WEIGHTS}"))
    };
    place.json_and_remarks(&line("whole"));
    // Before the first checkpoint, the given weights are read again; after it, they are not.
    for mark in ["config.json", "checkpoint/step-000000002"] {
        let mut command = place.command(&line("killed"));
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let marked = || place.path(&format!("killed/{mark}")).exists();
        while !marked() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let (resumed, _) = place.json_and_remarks(&line("killed"));
    assert_eq!(resumed["step"], 5);
    assert_same(
        "killed and resumed",
        &place.files("killed"),
        &place.files("whole"),
    );
}

#[test]
fn a_finished_run_no_longer_needs_its_initial_weights() {
    let place = Place::with_meter();
    place.write("given.safetensors", place.read(WEIGHTS));
    let line = meter("tuned", &format!("{STANDING} --init given.safetensors"));
    place.json_and_remarks(&line);
    std::fs::remove_file(place.path("given.safetensors")).unwrap();
    let before = place.files(".");
    let said = place.mde(&line);
    let remark = "12 pairs in rooms:rooms (train split)\n";
    assert_eq!((said.status, said.stderr.as_str()), (Some(0), remark));
    assert_eq!(said.stdout, "tuned: up to date, 1 step\n");
    assert_same("without the file", &place.files("."), &before);
    place.refuses(
        &meter("new", &format!("{STANDING} --init given.safetensors")),
        &["given.safetensors", "No such file"],
    );
}

#[test]
fn other_weights_into_the_same_run_are_refused() {
    let place = Place::with_meter();
    place.json(&meter("other", "--seed 1 --steps 1 --batch-size 2"));
    let tuned = |options: &str| meter("tuned", &format!("--steps 1 --batch-size 2 {options}"));
    place.json_and_remarks(&tuned(&format!("--init {WEIGHTS}")));
    let advice = "choose another folder for the new run";
    place.refuses(
        &tuned(&format!("--init {}", WEIGHTS.replace("run/", "other/"))),
        &["tuned: ", "init.hash", advice],
    );
    place.refuses(&tuned(""), &["tuned: ", "init file ", "not none", advice]);
    place.refuses(
        &meter("run", &format!("--steps 1 --batch-size 2 --init {WEIGHTS}")),
        &["run: ", "init none, not file ", advice],
    );
    // The content counts, not the path.
    place.write("copy.safetensors", place.read(WEIGHTS));
    let copied = place.json(&tuned("--init copy.safetensors"));
    assert_eq!(copied["up_to_date"], true);
}

#[test]
fn an_encoder_starts_from_the_backbone_and_the_rest_from_random_weights() {
    let place = Place::new();
    place.json(&mff("run", "--steps 1 --batch-size 2"));
    place.write("backbone.safetensors", backbone(&place.read(WEIGHTS)));
    let line = |out, options: &str| mff(out, &format!("--seed 7 {STANDING} {options}"));
    let option = "--backbone backbone.safetensors";
    let (_, remark) = place.json_and_remarks(&line("tuned", option));
    for part in [
        "backbone.safetensors: 100 matched, 0 missing, 0 unexpected",
        "ignored on purpose: fc.bias, fc.weight",
    ] {
        assert!(remark.contains(part), "{remark}");
    }
    place.json(&line("random", ""));
    let [given, tuned, random] = ["run", "tuned", "random"].map(|run| parameters(&place, run));
    let mut of_encoder = 0;
    for (name, values) in &tuned {
        let encoder = name.starts_with("E.");
        of_encoder += usize::from(encoder);
        let expected = if encoder { &given } else { &random };
        assert!(same(values, &expected[name]), "{name}");
    }
    assert!(0 < of_encoder && of_encoder < tuned.len());
    assert!(!same(&given["E.conv1.weight"], &random["E.conv1.weight"]));
    assert!(!same(&given["D.conv.weight"], &random["D.conv.weight"]));
    place.refuses(&line("tuned", ""), &["init file ", "another folder"]);
}

/// The encoder of an MFF as torchvision would save it, with a classifier.
fn backbone(weights: &[u8]) -> Vec<u8> {
    let tensors = SafeTensors::deserialize(weights).unwrap().tensors();
    let encoder = tensors
        .into_iter()
        .filter_map(|(name, tensor)| Some((name.strip_prefix("E.")?.to_owned(), tensor)));
    let numbers = [0; 4 * 8];
    let classifier = [("fc.weight", vec![2, 4]), ("fc.bias", vec![8])].map(|(name, shape)| {
        let tensor = TensorView::new(Dtype::F32, shape, &numbers).unwrap();
        (name.to_owned(), tensor)
    });
    safetensors::serialize(encoder.chain(classifier), None).unwrap()
}

#[test]
fn a_backbone_that_does_not_fit_is_refused() {
    let place = Place::with_meter();
    let option = format!("--steps 1 --batch-size 2 --backbone {WEIGHTS}");
    place.refuses(
        &meter("new", &option),
        &[WEIGHTS, "no encoder for the ImageNet weights"],
    );
    place.refuses(
        &mff("new", &option),
        &[
            WEIGHTS,
            "do not fit this model",
            "100 missing",
            "missing E.",
        ],
    );
    place.refuses(
        &mff("new", "--steps 1 --batch-size 2 --backbone absent.pth"),
        &["absent.pth", "No such file"],
    );
}

#[test]
fn a_whole_network_and_a_backbone_exclude_each_other() {
    let place = Place::with_meter();
    let before = place.files(".");
    let line = meter("new", &format!("--init {WEIGHTS} --backbone {WEIGHTS}"));
    place
        .mde(&line)
        .is_refusal(&line, 2, &["--init", "--backbone", "cannot be used"]);
    assert_same("wrong usage", &place.files("."), &before);
}
