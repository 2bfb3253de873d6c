//! `mde fetch` and `mde doctor`; the tests of `cargo xtask` cover servers, kills and full disks.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use mde_test_kit::matlab_splits;
use serde_json::Value;

fn mde(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mde"));
    command.args(arguments).env("MDE_HOME", home);
    command.stdin(std::process::Stdio::null());
    command.output().unwrap()
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn assert_says(output: &Output, words: &[&str]) {
    let message = String::from_utf8_lossy(&output.stderr);
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message}");
    }
}

#[test]
fn lists_and_refusals_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let list = mde(&home, &["fetch", "weights", "--list", "--json"]);
    assert_eq!(document(&list)["weights"][0]["state"], "absent");
    let unknown = mde(&home, &["fetch", "weights", "meter_xxs_nyu"]);
    assert_says(&unknown, &["did you mean \"meter-xxs-nyu\"?"]);
    let declined = mde(&home, &["fetch", "data", "nyu"]);
    assert_eq!(declined.status.code(), Some(1));
    assert_says(&declined, &["nyu-labelled: about 2.97 GB", "give --yes"]);
    let offline = mde(&home, &["fetch", "data", "kitti", "--offline"]);
    assert_eq!(offline.status.code(), Some(1));
    assert_says(
        &offline,
        &[
            "the file is missing",
            "run `mde fetch data kitti --from DIR`",
        ],
    );
    let doctor = mde(&home, &["doctor", "--json"]);
    assert!(doctor.status.code().is_some());
    assert_eq!(document(&doctor)["data"].as_array().unwrap().len(), 0);
    assert!(!home.join("nyu").exists() && !home.join("weights").exists());
}

#[test]
fn archives_are_converted_and_examined_in_this_process() {
    let Some(mat) = mde_test_kit::real_data("nyu-mat-sample/nyu_depth_v2_labeled_6.mat") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let by_hand = |name: &str| folder.path().join(name);
    fs::copy(mat, by_hand("nyu_depth_v2_labeled.mat")).unwrap();
    fs::write(by_hand("splits.mat"), matlab_splits(&[1, 2, 3, 4], &[5, 6])).unwrap();
    let [mat, splits] =
        ["nyu_depth_v2_labeled.mat", "splits.mat"].map(|name| by_hand(name).display().to_string());
    let mut fetch = vec!["fetch", "data", "nyu", "--offline", "--json"];
    fetch.extend(["--from", &mat, "--from", &splits]);
    let fetched = mde(&home, &fetch);
    assert!(fetched.status.success(), "{fetched:?}");
    let nyu = home.join("nyu");
    assert_eq!(document(&fetched)["folder"], nyu.display().to_string());
    let doctor = document(&mde(&home, &["doctor", "--decode", "--json"]));
    let splits = doctor["data"][0]["splits"].as_array().unwrap();
    let pairs: Vec<_> = splits.iter().map(|split| &split["pairs"]).collect();
    assert_eq!(pairs, [4, 2]);
    // Damaged weights are a finding and an exit status.
    fs::create_dir_all(home.join("weights/meter-xxs-nyu")).unwrap();
    let weights = home.join("weights/meter-xxs-nyu/meter_xxs_nyu.pth");
    fs::write(weights, "damaged").unwrap();
    let doctor = mde(&home, &["doctor"]);
    assert_eq!(doctor.status.code(), Some(1));
    let words = String::from_utf8_lossy(&doctor.stdout);
    assert!(words.contains("expected 2965623"), "{words}");
    assert!(
        words.contains("run `mde fetch weights meter-xxs-nyu`"),
        "{words}"
    );
}
