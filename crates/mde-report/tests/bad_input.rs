//! Each bad input that a user can give: the message names the file and what to do, and nothing is written.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::path::Path;

use common::{ASSIGNED, PLAIN, edit, write_run};
use mde_report::{ReportError, ReportInput, write_report};
use serde_json::json;
use tempfile::TempDir;

fn runs() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_run(&folder.path().join("plain"), &PLAIN);
    write_run(&folder.path().join("assigned"), &ASSIGNED);
    folder
}

/// The report's error; asserts that its message has all the parts and that no output folder was made.
fn refused(folder: &Path, parts: &[&str]) -> ReportError {
    let (plain, assigned) = (folder.join("plain"), folder.join("assigned"));
    let input = ReportInput {
        plain: &plain,
        assigned: Some(&assigned),
        title: "Rooms".to_owned(),
        comparison: None,
    };
    let error = write_report(&input, &folder.join("out")).unwrap_err();
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "{part:?} in {message:?}");
    }
    assert!(!folder.join("out").exists(), "{message}");
    error
}

#[test]
fn a_run_folder_that_is_not_there() {
    let folder = runs();
    std::fs::rename(folder.path().join("plain"), folder.path().join("elsewhere")).unwrap();
    let error = refused(folder.path(), &["plain", "no such folder", "mde train"]);
    assert!(matches!(error, ReportError::RunMissing { .. }));
}

#[test]
fn a_stage_that_was_not_run() {
    for (file, command) in [
        ("config.json", "mde train --out"),
        ("evaluate.json", "mde evaluate --run"),
        ("examples.safetensors", "mde evaluate --run"),
        ("dissect.json", "mde dissect --run"),
    ] {
        let folder = runs();
        std::fs::remove_file(folder.path().join("assigned").join(file)).unwrap();
        let error = refused(folder.path(), &[file, "is missing", command, "assigned"]);
        assert!(matches!(error, ReportError::StageMissing { .. }));
    }
}

#[test]
fn json_that_is_broken_or_lacks_a_field() {
    let folder = runs();
    let path = folder.path().join("plain/dissect.json");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    refused(
        folder.path(),
        &["dissect.json", "not valid JSON", "mde dissect --run"],
    );

    let folder = runs();
    edit(
        &folder.path().join("plain/evaluate.json"),
        "/summary/mean/abs_rel",
        json!(null),
    );
    refused(
        folder.path(),
        &[
            "evaluate.json",
            "not what this stage writes",
            "mde evaluate --run",
        ],
    );
}

#[test]
fn a_file_of_another_format() {
    let folder = runs();
    edit(
        &folder.path().join("plain/evaluate.json"),
        "/format",
        json!(99),
    );
    let error = refused(
        folder.path(),
        &[
            "evaluate.json",
            "format 99",
            "reads format 1",
            "mde evaluate --run",
        ],
    );
    assert!(matches!(error, ReportError::Format { .. }));

    let folder = runs();
    common::write_json(&folder.path().join("plain/config.json"), &json!({}));
    refused(folder.path(), &["config.json", "format none"]);
}

#[test]
fn lengths_that_disagree() {
    let folder = runs();
    edit(
        &folder.path().join("plain/dissect.json"),
        "/layers/1/mean_response/2",
        json!([0.5]),
    );
    refused(
        folder.path(),
        &[
            "dissect.json",
            "layer MFF",
            "unit 2 has 1 bins where 12 are expected",
        ],
    );

    let folder = runs();
    edit(
        &folder.path().join("plain/dissect.json"),
        "/layers/0/valid_bins/units/2/preferred_bin",
        json!(12),
    );
    refused(
        folder.path(),
        &["dissect.json", "layer D", "preferred bin 12 of 12"],
    );
}

#[test]
fn a_torn_training_log() {
    let folder = runs();
    std::fs::write(
        folder.path().join("plain/metrics.jsonl"),
        "{\"step\":0,\"loss\":1.0,\"base\":1.0}\n{\"step\":1,\"lo",
    )
    .unwrap();
    refused(
        folder.path(),
        &[
            "metrics.jsonl",
            "line 2 is not a training step",
            "mde train",
        ],
    );
}

#[test]
fn example_pictures_cut_short() {
    let folder = runs();
    let path = folder.path().join("plain/examples.safetensors");
    let whole = std::fs::read(&path).unwrap();
    for length in [0, 4, 100, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        refused(
            folder.path(),
            &[
                "examples.safetensors",
                "not a whole safetensors file",
                "mde evaluate --run",
            ],
        );
    }
}

#[test]
fn stages_of_different_weights() {
    let folder = runs();
    edit(
        &folder.path().join("plain/dissect.json"),
        "/provenance/checkpoint",
        json!("0123"),
    );
    let error = refused(folder.path(), &["different weights", "0123", "mde dissect"]);
    assert!(matches!(error, ReportError::StageMismatch { .. }));
}

#[test]
fn results_of_another_network() {
    let folder = runs();
    edit(
        &folder.path().join("assigned/evaluate.json"),
        "/provenance/model",
        json!("meter-xxs"),
    );
    let error = refused(
        folder.path(),
        &[
            "assigned",
            "evaluate.json is about meter-xxs",
            "the run trained mff-tiny",
            "mde evaluate",
            "--run",
        ],
    );
    assert!(matches!(error, ReportError::OtherModel { .. }));
}

#[test]
fn runs_that_cannot_be_compared() {
    let cases = [
        (
            "evaluate.json",
            "/provenance/data_hash",
            json!("eeee"),
            "the hash of the test data",
        ),
        (
            "evaluate.json",
            "/provenance/split",
            json!("train"),
            "the test data",
        ),
        (
            "evaluate.json",
            "/protocol/max_depth",
            json!(8.0),
            "the setting of the evaluation protocol",
        ),
        (
            "evaluate.json",
            "/per_image/1/id",
            json!("test/other"),
            "test image 1",
        ),
        (
            "evaluate.json",
            "/per_image",
            json!([]),
            "the number of test images",
        ),
        (
            "dissect.json",
            "/provenance/data_hash",
            json!("eeee"),
            "the hash of the dissection's data",
        ),
        (
            "dissect.json",
            "/images",
            json!(2),
            "the number of dissected images",
        ),
        (
            "dissect.json",
            "/layers/0/layer",
            json!("E"),
            "the dissection of layer D",
        ),
    ];
    for (file, pointer, value, what) in cases {
        let folder = runs();
        edit(&folder.path().join("assigned").join(file), pointer, value);
        let error = refused(
            folder.path(),
            &["cannot be compared", what, "plain", "assigned", "run `mde "],
        );
        assert!(matches!(error, ReportError::NotComparable(_)));
    }
}

#[test]
fn plain_and_assigned_swapped_or_alike() {
    let folder = runs();
    let at = |name: &str| folder.path().join(name);
    let out = at("out");
    for (plain, assigned) in [
        ("assigned", "plain"),
        ("plain", "plain"),
        ("assigned", "assigned"),
    ] {
        let (plain, assigned) = (at(plain), at(assigned));
        let input = ReportInput {
            plain: &plain,
            assigned: Some(&assigned),
            title: String::new(),
            comparison: None,
        };
        let message = write_report(&input, &out).unwrap_err().to_string();
        assert!(
            message.contains("name the run without an assignment as the plain one"),
            "{message}"
        );
    }
}

#[test]
fn an_assigned_layer_that_was_dissected_in_neither_run() {
    let folder = runs();
    edit(
        &folder.path().join("assigned/config.json"),
        "/assignment/layers",
        json!(["D", "Rconv0"]),
    );
    refused(
        folder.path(),
        &["the dissection of layer Rconv0", "absent", "mde dissect"],
    );
}

#[test]
fn an_output_folder_that_cannot_be_written() {
    let folder = runs();
    std::fs::write(folder.path().join("file"), "in the way").unwrap();
    let plain = folder.path().join("plain");
    let input = ReportInput {
        plain: &plain,
        assigned: None,
        title: String::new(),
        comparison: None,
    };
    let error = write_report(&input, &folder.path().join("file")).unwrap_err();
    assert!(matches!(error, ReportError::Write { .. }));
    let message = error.to_string();
    assert!(
        message.contains("file") && message.contains("choose another output folder"),
        "{message}"
    );
}
