//! Stages: up to date only if inputs, outputs and format are unchanged.

use std::fs;
use std::path::Path;

use mde_results::{ResultsError, RunFolder, Stage};
use serde_json::{Value, json};

use crate::common::{assert_parts, edit, entries};

const NAME: &str = "dissect";

fn outputs() -> Vec<(String, Vec<u8>)> {
    [("dissect.json", "{}"), ("dissect/D.safetensors", "tallies")]
        .map(|(name, content)| (name.to_owned(), content.as_bytes().to_vec()))
        .to_vec()
}

fn stage(folder: &RunFolder, inputs: &Value) -> Stage {
    Stage::new(Some(folder), NAME, inputs).unwrap()
}

fn finished() -> (tempfile::TempDir, RunFolder, Value) {
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::new(dir.path().join("run"));
    let inputs = json!({"weights": "00", "bins": 64});
    assert!(!stage(&folder, &inputs).is_up_to_date());
    stage(&folder, &inputs).finish(&outputs()).unwrap();
    (dir, folder, inputs)
}

#[test]
fn a_finished_stage_is_up_to_date() {
    let (_dir, folder, inputs) = finished();
    assert!(stage(&folder, &inputs).is_up_to_date());
    assert_eq!(
        entries(folder.path()),
        ["dissect", "dissect.json", "stages"]
    );
    assert_eq!(entries(&folder.file("stages")), ["dissect.json"]);
    assert_eq!(
        fs::read(folder.file("dissect/D.safetensors")).unwrap(),
        b"tallies"
    );
    // Keys in another order are the same inputs.
    let same = json!({"bins": 64, "weights": "00"});
    assert!(stage(&folder, &same).is_up_to_date());
    let other_name = Stage::new(Some(&folder), "ablate", &inputs).unwrap();
    assert!(!other_name.is_up_to_date());
}

#[test]
fn a_changed_input_is_noticed() {
    let (_dir, folder, _) = finished();
    for inputs in [
        json!({"weights": "01", "bins": 64}),
        json!({"weights": "00"}),
        json!(null),
    ] {
        assert!(!stage(&folder, &inputs).is_up_to_date());
    }
}

#[test]
fn a_changed_output_is_noticed() {
    let changes: [fn(&Path); 3] = [
        |path| fs::write(path, "Tallies").unwrap(),
        |path| fs::write(path, "").unwrap(),
        |path| fs::remove_file(path).unwrap(),
    ];
    for change in changes {
        let (_dir, folder, inputs) = finished();
        change(&folder.file("dissect/D.safetensors"));
        let stage = stage(&folder, &inputs);
        assert!(!stage.is_up_to_date());
        stage.finish(&outputs()).unwrap();
        assert!(stage.is_up_to_date());
    }
}

#[test]
fn another_format_or_a_damaged_record_is_not_up_to_date() {
    let (_dir, folder, inputs) = finished();
    let record = folder.file("stages/dissect.json");
    let whole = fs::read(&record).unwrap();
    for length in [0, 1, whole.len() / 2] {
        fs::write(&record, &whole[..length]).unwrap();
        assert!(!stage(&folder, &inputs).is_up_to_date());
    }
    // What an earlier version wrote: the same inputs for results of another format.
    fs::write(&record, &whole).unwrap();
    let mut earlier: Value = serde_json::from_slice(&whole).unwrap();
    let earlier = &mut earlier["inputs"];
    assert_eq!(earlier["results_format"], mde_results::FORMAT);
    earlier["results_format"] = json!(mde_results::FORMAT - 1);
    let hash = blake3::hash(earlier.to_string().as_bytes()).to_string();
    edit(&record, "/inputs", earlier.clone());
    edit(&record, "/hash", json!(hash));
    assert!(!stage(&folder, &inputs).is_up_to_date());
}

#[test]
fn outputs_stay_inside_the_folder() {
    for name in [
        "../x.json",
        "a/../../x.json",
        "/tmp/mde-results-x.json",
        "",
        ".",
    ] {
        let (dir, folder, inputs) = finished();
        let stage = stage(&folder, &inputs);
        let named = |name: &str| (name.to_owned(), b"changed".to_vec());
        let error = stage.finish(&[named("dissect.json"), named(name)]);
        let error = error.unwrap_err();
        assert!(matches!(error, ResultsError::Outside(_)), "{error}");
        assert_parts(&error.to_string(), &[&format!("{name:?}"), "inside"]);
        // Nothing is written, not even the outputs before.
        assert_eq!(entries(dir.path()), ["run"]);
        assert!(stage.is_up_to_date());
        assert!(!Path::new("/tmp/mde-results-x.json").exists());
    }
}

#[test]
fn outputs_that_are_on_disk_can_be_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::new(dir.path().join("run"));
    let stage = stage(&folder, &json!({}));
    let page = ["report.html".to_owned()];
    let error = stage.finish_written(&page).unwrap_err();
    assert!(matches!(error, ResultsError::Read { .. }), "{error}");
    fs::create_dir_all(folder.path()).unwrap();
    fs::write(folder.file(&page[0]), "page").unwrap();
    stage.finish_written(&page).unwrap();
    assert!(stage.is_up_to_date());
    fs::write(folder.file(&page[0]), "Page").unwrap();
    assert!(!stage.is_up_to_date());
    let outside = stage.finish_written(&["../x".to_owned()]);
    assert!(matches!(outside.unwrap_err(), ResultsError::Outside(_)));
}

#[test]
fn without_a_folder_nothing_is_kept() {
    let stage = Stage::new(None, NAME, json!({})).unwrap();
    assert!(!stage.is_up_to_date());
    stage.finish(&[("../x".to_owned(), Vec::new())]).unwrap();
    assert!(!stage.is_up_to_date());
}

/// Two stages that write entries of one document do not make each other outdated.
#[test]
fn entries_of_a_shared_document_are_checked_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::new(dir.path().join("run"));
    let stage = |name: &str| Stage::new(Some(&folder), name, json!({"layer": name})).unwrap();
    let shared = |content: &str| ("dissect.json".to_owned(), content.as_bytes().to_vec());
    let tally = |name: &str| vec![(format!("{name}.safetensors"), b"tallies".to_vec())];
    let (first, second) = (json!({"mean": 0.1}), json!({"mean": 0.2}));
    let name = "dissect/block/1";
    stage(name)
        .finish_entry(&tally("1"), shared("one"), &first)
        .unwrap();
    stage("dissect/2")
        .finish_entry(&tally("2"), shared("both"), &second)
        .unwrap();
    assert_eq!(fs::read(folder.file("dissect.json")).unwrap(), b"both");
    assert!(folder.file("stages/dissect/block/1.json").exists());
    assert!(stage(name).is_entry_up_to_date(&first));
    assert!(stage("dissect/2").is_entry_up_to_date(&second));
    assert!(!stage(name).is_entry_up_to_date(&second));
    fs::write(folder.file("1.safetensors"), "other").unwrap();
    assert!(!stage(name).is_entry_up_to_date(&first));
    assert!(Stage::new(Some(&folder), "../../other", ()).is_err());
}
