//! Comparisons that are refused for what is in the files. `mde-analysis` tests the numbers.

use std::fs;
use std::path::Path;

use mde_results::{ResultsError, RunResults, compare, names};
use serde_json::json;

use crate::common::{BOOTSTRAP, LAYER, assert_parts, edit, tallies, write_run};

/// The error of comparing two equal runs after a change to the second.
#[track_caller]
fn refused(change: impl FnOnce(&Path), parts: &[&str]) -> ResultsError {
    let dir = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| dir.path().join(name));
    write_run(&first);
    write_run(&second);
    change(&second);
    let [first, second] = [first, second].map(|path| RunResults::read(path).unwrap());
    let error = compare(&first, &second, BOOTSTRAP).unwrap_err();
    assert_parts(&error.to_string(), parts);
    error
}

#[test]
fn a_run_without_a_dissection() {
    let change = |run: &Path| {
        for file in [names::DISSECTION, names::ABLATION, names::CORRECTION] {
            fs::remove_file(run.join(file)).unwrap();
        }
    };
    let parts = ["second/dissect.json is missing", "run `mde dissect --run "];
    let error = refused(change, &parts);
    assert!(matches!(error, ResultsError::Missing { .. }));
}

#[test]
fn tallies_that_are_missing_damaged_or_of_another_network() {
    let tally = names::tally(LAYER);
    let remove = |run: &Path| fs::remove_file(run.join(&tally)).unwrap();
    let command = "run `mde dissect --run ";
    let error = refused(
        remove,
        &["second/dissect/D.safetensors is missing", command],
    );
    assert!(matches!(error, ResultsError::Missing { .. }));

    let write = |run: &Path, bytes: &[u8]| fs::write(run.join(&tally), bytes).unwrap();
    let whole = tallies(1.0).to_safetensors().unwrap();
    let cut = |run: &Path| write(run, &whole[..whole.len() - 1]);
    refused(cut, &["D.safetensors", "damaged or half-written", command]);
    let other = |run: &Path| {
        edit(
            &run.join(names::DISSECTION),
            "/layers/0/valid_bins/mean",
            json!(0.125),
        );
    };
    refused(
        other,
        &[
            "not the tallies that dissect.json was computed from",
            command,
        ],
    );
    let mut infinite = whole.clone();
    let sum = infinite.len() - 8 * 4 * 4;
    infinite[sum..sum + 8].copy_from_slice(&f64::INFINITY.to_le_bytes());
    let not_finite = |run: &Path| write(run, &infinite);
    let error = refused(not_finite, &["D.safetensors", "again"]);
    assert!(matches!(error, ResultsError::Malformed { .. }), "{error}");
}

#[test]
fn an_evaluation_and_a_dissection_of_different_data() {
    let change = |run: &Path| {
        edit(
            &run.join(names::DISSECTION),
            "/provenance/split",
            json!("train"),
        );
    };
    let parts = [
        "second: evaluate.json and dissect.json are of different data",
        "(rooms test and rooms train)",
        "run `mde evaluate --run ",
        "`mde dissect --run ",
    ];
    let error = refused(change, &parts);
    assert!(matches!(error, ResultsError::StageMismatch { .. }));
}

#[test]
fn layers_without_common_bins() {
    let change = |run: &Path| {
        edit(&run.join(names::DISSECTION), "/layers/0/layer", json!("E"));
        for file in [names::ABLATION, names::CORRECTION] {
            fs::remove_file(run.join(file)).unwrap();
        }
    };
    let parts = [
        "no layer is in both with the same units and bins",
        "D (2 units, 3 custom bins, 0 to 4 m)",
        "E (2 units, 3 custom bins, 0 to 4 m)",
        "run `mde dissect` on both",
    ];
    let error = refused(change, &parts);
    let ResultsError::NotComparable(mismatch) = error else {
        panic!("{error}");
    };
    assert!(mismatch.second_folder.ends_with("second"));
}
