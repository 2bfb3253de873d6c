//! Each bad input that a user can give: the message names the file and what to do, and nothing is
//! written.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::path::Path;

use common::analyses::add_analyses;
use common::{ASSIGNED, PLAIN, edit, write_run};
use mde_report::ReportError;
use mde_results::ResultsError;
use serde_json::{Value, json};
use tempfile::TempDir;

fn runs() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_run(&folder.path().join("plain"), &PLAIN);
    write_run(&folder.path().join("assigned"), &ASSIGNED);
    folder
}

/// Runs with every analysis.
fn analysed() -> TempDir {
    let folder = runs();
    add_analyses(&folder.path().join("plain"), &PLAIN);
    add_analyses(&folder.path().join("assigned"), &ASSIGNED);
    folder
}

/// The report's error; asserts that its message has all the parts and that no output folder was
/// made.
fn refused(folder: &Path, parts: &[&str]) -> ReportError {
    let (plain, assigned) = (folder.join("plain"), folder.join("assigned"));
    let out = folder.join("out");
    let error = common::report(&[&plain, &assigned], "Rooms", &out).unwrap_err();
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "{part:?} in {message:?}");
    }
    assert!(!folder.join("out").exists(), "{message}");
    error
}

/// The error of the results that the report's error passes on.
fn of_results(error: ReportError) -> ResultsError {
    match error {
        ReportError::Results(error) => error,
        other => panic!("{other}"),
    }
}

#[test]
fn a_missing_run_folder() {
    let folder = runs();
    std::fs::rename(folder.path().join("plain"), folder.path().join("elsewhere")).unwrap();
    let error = refused(folder.path(), &["plain", "no such folder", "mde train"]);
    assert!(matches!(of_results(error), ResultsError::NoFolder { .. }));
}

#[test]
fn a_stage_that_was_not_run() {
    for (file, command) in [
        ("config.json", "mde train --data DATA --out"),
        ("evaluate.json", "mde evaluate --run"),
        ("examples.safetensors", "mde evaluate --run"),
        ("dissect.json", "mde dissect --run"),
    ] {
        let folder = runs();
        std::fs::remove_file(folder.path().join("assigned").join(file)).unwrap();
        let error = refused(folder.path(), &[file, "is missing", command, "assigned"]);
        assert!(matches!(of_results(error), ResultsError::Missing { .. }));
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
            "reads format 4",
            "mde evaluate --run",
        ],
    );
    assert!(matches!(of_results(error), ResultsError::Format { .. }));

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
        "{\"step\":1,\"epoch\":1,\"learning_rate\":1.0,\"loss\":1.0,\"base\":1.0,\"selectivity\":{}}\n{\"step\":2,\"lo",
    )
    .unwrap();
    refused(
        folder.path(),
        &["metrics.jsonl", "line 2: not a training step", "mde train"],
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
    assert!(matches!(
        of_results(error),
        ResultsError::StageMismatch { .. }
    ));
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
    assert!(matches!(of_results(error), ResultsError::OtherModel { .. }));
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
            "the evaluation protocol's max depth is 10 in",
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
        let assigned = folder.path().join("assigned");
        if pointer.starts_with("/provenance") {
            // All stages of a run must use the same data.
            edit(&assigned.join("dissect.json"), pointer, value.clone());
        }
        edit(&assigned.join(file), pointer, value);
        let error = refused(
            folder.path(),
            &["cannot be compared", what, "plain", "assigned", "run `mde "],
        );
        assert!(matches!(of_results(error), ResultsError::NotComparable(_)));
    }
}

#[test]
fn a_dissection_of_other_data_than_the_evaluation() {
    let folder = runs();
    let path = folder.path().join("assigned/dissect.json");
    edit(&path, "/provenance/data_hash", json!("eeee"));
    let error = refused(
        folder.path(),
        &["different data", "eeee", "assigned", "mde dissect"],
    );
    assert!(matches!(
        of_results(error),
        ResultsError::StageMismatch { .. }
    ));
}

#[test]
fn plain_and_assigned_swapped() {
    let folder = runs();
    let (plain, assigned) = (folder.path().join("assigned"), folder.path().join("plain"));
    let out = folder.path().join("out");
    let error = common::report(&[&plain, &assigned], "", &out).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("name the run without an assignment first"),
        "{message}"
    );
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
    let error = common::report(&[&plain], "", &folder.path().join("file")).unwrap_err();
    assert!(matches!(
        error,
        ReportError::Results(ResultsError::Write { .. })
    ));
    let message = error.to_string();
    assert!(
        message.contains("file") && message.contains("choose another output folder"),
        "{message}"
    );
}

#[test]
fn damaged_or_foreign_analyses_are_refused() {
    let cases: [(&str, &str, Value, &[&str]); 9] = [
        (
            "ablate.json",
            "/format",
            json!(1),
            &[
                "ablate.json",
                "format 1",
                "reads format 4",
                "mde ablate --run",
            ],
        ),
        (
            "correct.json",
            "/format",
            json!(99),
            &["correct.json", "format 99", "mde correct --run"],
        ),
        (
            "ablate.json",
            "/provenance/checkpoint",
            json!("0123"),
            &[
                "evaluate.json and ablate.json are of different weights",
                "0123",
                "mde ablate",
            ],
        ),
        (
            "correct.json",
            "/provenance/checkpoint",
            json!("0123"),
            &[
                "evaluate.json and correct.json are of different weights",
                "mde correct",
            ],
        ),
        (
            "ablate.json",
            "/layers/0/single_removals/0/units",
            json!([]),
            &[
                "layer D",
                "single_removals.units has 0 entries where 12",
                "mde ablate",
            ],
        ),
        (
            "ablate.json",
            "/layers/0/units",
            json!(3),
            &["layer D has 3 units here and 12 in dissect.json"],
        ),
        (
            "correct.json",
            "/layers/0/ranking/0",
            json!(12),
            &["unit 12 of 12 units", "mde correct"],
        ),
        (
            "correct.json",
            "/layers/1/layer",
            json!("E"),
            &["layer E is not in dissect.json"],
        ),
        (
            "dissect.json",
            "/layers/0/null/units",
            json!([]),
            &[
                "layer D",
                "null.units has 0 entries where 12",
                "mde dissect",
            ],
        ),
    ];
    for (file, pointer, value, parts) in cases {
        let folder = analysed();
        edit(&folder.path().join("plain").join(file), pointer, value);
        refused(folder.path(), parts);
    }
}

#[test]
fn half_written_analyses_are_refused() {
    for (file, command) in [
        ("ablate.json", "mde ablate --run"),
        ("correct.json", "mde correct --run"),
        ("correct/D-maps.safetensors", "mde correct --run"),
        ("dissect/MFF-top.safetensors", "mde dissect --run"),
    ] {
        let folder = analysed();
        let path = folder.path().join("assigned").join(file);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        refused(folder.path(), &[file, "damaged or half-written", command]);
        std::fs::remove_file(&path).unwrap();
        if file.ends_with(".safetensors") {
            refused(folder.path(), &[file, "is missing", command]);
        }
    }
}

#[test]
fn images_that_are_none_of_the_files_are_refused() {
    let folder = analysed();
    let path = folder.path().join("plain/dissect/D-top.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let (length, header) = bytes.split_at(8);
    let length = u64::from_le_bytes(length.try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&header[..length]).unwrap();
    let at = 8 + length + header["images"]["data_offsets"][0].as_u64().unwrap() as usize;
    for image in [3i32, -2] {
        bytes[at..at + 4].copy_from_slice(&image.to_le_bytes());
        std::fs::write(&path, &bytes).unwrap();
        refused(
            folder.path(),
            &[
                "D-top.safetensors",
                &format!("image {image} of 3"),
                "mde dissect",
            ],
        );
    }
}
