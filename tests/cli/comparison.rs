//! `mde compare`: what it prints and writes, and results that cannot be compared.

use std::fs;

use serde_json::{Value, json};

use crate::place::{Place, assert_same};

const ROOMS: &str = "--data rooms:rooms";

/// `plain/` and `assigned/`, trained for a step, evaluated and dissected into eight bins.
fn two_runs() -> Place {
    let place = Place::new();
    for (run, options) in [("plain", ""), ("assigned", "--alpha 0.1 --seed 1")] {
        place.json(&format!(
            "train {ROOMS} --out {run} --steps 1 --batch-size 2 {options}"
        ));
        measure(&place, run);
    }
    place
}

fn measure(place: &Place, run: &str) {
    place.json(&format!("evaluate --run {run} {ROOMS}"));
    place.json(&format!("dissect --run {run} {ROOMS} --bins 8"));
}

fn document(place: &Place, file: &str) -> Value {
    serde_json::from_slice(&place.read(file)).unwrap()
}

#[test]
fn a_comparison_agrees_with_its_runs() {
    let place = two_runs();
    let before = place.files(".");
    let said = place.json("compare plain assigned");
    assert_eq!(said["file"], Value::Null);
    assert_same("without --out", &place.files("."), &before);

    let kept = place.json("compare plain assigned --out kept/there");
    assert_eq!(kept["file"], "kept/there/compare.json");
    let comparison = document(&place, "kept/there/compare.json");
    assert_eq!(kept["comparison"], comparison);
    assert_eq!(said["comparison"], comparison);
    assert_eq!(place.files("kept").len(), 1);

    let number = |value: &Value| value.as_f64().unwrap();
    let metrics = comparison["accuracy"]["metrics"].as_array().unwrap();
    assert_eq!(metrics.len(), 12);
    for (side, run) in [("first", "plain"), ("second", "assigned")] {
        let evaluated = document(&place, &format!("{run}/evaluate.json"));
        let dissected = document(&place, &format!("{run}/dissect.json"));
        assert_eq!(comparison[side], evaluated["provenance"]);
        for metric in metrics {
            let mean = &evaluated["summary"]["mean"][metric["metric"].as_str().unwrap()];
            assert_eq!(&metric[side], mean, "{metric}");
        }
        for (layer, of_run) in [(0, "D"), (1, "MFF")] {
            let found = &comparison["layers"][layer];
            assert_eq!(found["layer"], of_run);
            let expected = &dissected["layers"][layer]["valid_bins"]["mean"];
            assert_eq!(&found["selectivity"][side], expected);
        }
    }
    for scores in metrics.iter().chain([
        &comparison["layers"][0]["selectivity"],
        &comparison["selectivity"],
    ]) {
        let difference = &scores["difference"];
        let expected = number(&scores["second"]) - number(&scores["first"]);
        assert!((number(&difference["value"]) - expected).abs() < 1e-9);
        let [low, high] = ["low", "high"].map(|end| number(&difference["interval"][end]));
        assert!(low <= high, "{scores}");
    }

    // The report uses the same comparison.
    let report = place.json("report plain assigned --out report");
    assert_eq!(report["comparison"], comparison);
}

#[test]
fn a_run_does_not_differ_from_itself() {
    let place = two_runs();
    let comparison = &place.json("compare plain plain")["comparison"];
    let nothing = json!({ "value": 0.0, "interval": { "low": 0.0, "high": 0.0 } });
    for metric in comparison["accuracy"]["metrics"].as_array().unwrap() {
        assert_eq!(metric["difference"], nothing, "{metric}");
    }
    for layer in comparison["layers"].as_array().unwrap() {
        assert_eq!(layer["selectivity"]["difference"], nothing);
        assert_eq!((&layer["higher"], &layer["lower"]), (&json!(0), &json!(0)));
    }
    assert_eq!(comparison["selectivity"]["difference"], nothing);
}

#[test]
fn without_json_the_result_is_a_table() {
    let place = two_runs();
    let said = place.mde("compare plain assigned --out kept");
    assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""));
    for part in [
        "first   plain (mff-tiny, seed 0)\n",
        "second  assigned (mff-tiny, seed 1)\n",
        "rooms test, 4 images, protocol nyu-mff\n",
        "95 % confidence interval (1000 resamples of the images)",
        "\nAbsRel ",
        "\nRMSE (m) ",
        "\nδ < 1.25 ",
        "\nD  ",
        " of 32\nMFF ",
        "\nmean  ",
        "\ncomparison: kept/compare.json\n",
    ] {
        assert!(said.stdout.contains(part), "no `{part}` in {}", said.stdout);
    }
    assert!(!said.stdout.contains("scored"), "{}", said.stdout);
}

#[test]
fn files_of_weights_are_compared_by_their_folders_of_results() {
    let place = Place::with_meter();
    let weights = "run/checkpoint/step-000000001/weights.safetensors";
    let given =
        |stage: &str| format!("{stage} --model meter-xxs --weights {weights} {ROOMS} --out kept");
    place.json_and_remarks(&given("evaluate"));
    place.refuses(
        "compare kept kept",
        &[
            "kept/dissect.json is missing",
            "`mde dissect --model meter-xxs --weights FILE --out kept --data rooms:DIR`",
        ],
    );
    place.json_and_remarks(&given("dissect"));
    measure(&place, "run");
    // The same weights; the run's layers have other bins.
    place.json(&format!("dissect --run run {ROOMS} --bins 4"));
    place.refuses(
        "compare kept run",
        &[
            "no layer is in both",
            "ups_block_1",
            "4 sid bins",
            "`mde dissect` on both",
        ],
    );
    place.json(&format!("dissect --run run {ROOMS}"));
    let comparison = place.json("compare kept run");
    assert_eq!(
        comparison["comparison"]["selectivity"]["difference"]["value"],
        0.0
    );

    // A network of another family, under the same protocol.
    place.json(&format!(
        "train {ROOMS} --out plain --steps 1 --batch-size 2"
    ));
    measure(&place, "plain");
    place.refuses(
        "compare plain run",
        &["the evaluation protocol is nyu-mff in plain"],
    );
    for run in ["plain", "run"] {
        place.json(&format!("evaluate --run {run} {ROOMS} --protocol nyu-full"));
    }
    place.refuses(
        "compare plain run",
        &["no layer is in both", "MFF (32 units"],
    );
}

#[test]
fn a_stage_that_is_missing_or_of_another_version_is_named() {
    let place = two_runs();
    place.refuses(
        "compare plain nowhere",
        &["nowhere is not a run folder", "mde train"],
    );
    for stage in ["evaluate", "dissect"] {
        let file = format!("assigned/{stage}.json");
        let command = format!("`mde {stage} --run assigned --data");
        let whole = place.read(&file);
        let refused = |parts: &[&str]| {
            for line in [
                "compare plain assigned",
                "compare assigned plain --out kept",
            ] {
                place.refuses(line, &[parts, &[file.as_str(), command.as_str()]].concat());
            }
        };
        place.cut_short(&file);
        refused(&["damaged or half-written"]);
        place.write(&file, "");
        refused(&["damaged or half-written"]);
        let mut other: Value = serde_json::from_slice(&whole).unwrap();
        other["format"] = json!(1);
        place.write(&file, other.to_string());
        refused(&["format 1, but this version reads format 3"]);
        other.as_object_mut().unwrap().remove("format");
        place.write(&file, other.to_string());
        refused(&["format none, but"]);
        other["format"] = json!(3);
        other["provenance"].take();
        place.write(&file, other.to_string());
        refused(&["damaged or half-written"]);
        fs::remove_file(place.path(&file)).unwrap();
        refused(&["is missing"]);
        place.write(&file, whole);
    }
}

#[test]
fn runs_on_other_data_are_refused() {
    let place = two_runs();
    let list = place.text("rooms/rooms_test.csv");
    place.write(
        "rooms/rooms_test.csv",
        list.lines().take(3).collect::<Vec<_>>().join("\n"),
    );
    place.json(&format!("evaluate --run assigned {ROOMS}"));
    place.refuses(
        "compare plain assigned",
        &["assigned: evaluate.json and dissect.json are of different data"],
    );
    place.json(&format!("dissect --run assigned {ROOMS} --bins 8"));
    for line in [
        "compare plain assigned",
        "report plain assigned --out report",
    ] {
        place.refuses(
            line,
            &[
                "the runs cannot be compared: the hash of the test data is ",
                " in plain but ",
                "run `mde evaluate` on both with the same data and protocol",
            ],
        );
    }
}

#[test]
fn tallies_that_are_damaged_or_missing_are_named() {
    let place = two_runs();
    let file = "assigned/dissect/MFF.safetensors";
    let whole = place.read(file);
    let refused = |part: &str| {
        for line in [
            "compare plain assigned",
            "report plain assigned --out report",
        ] {
            place.refuses(line, &[file, part, "run `mde dissect"]);
        }
    };
    place.cut_short(file);
    refused("not fully covered");
    // A NaN sum.
    let mut broken = whole.clone();
    let end = broken.len();
    broken[end - 8..].copy_from_slice(&f64::NAN.to_le_bytes());
    place.write(file, broken);
    refused("not finite");
    place.write(file, place.read("plain/dissect/MFF.safetensors"));
    refused("not the tallies that dissect.json was computed from");
    fs::remove_file(place.path(file)).unwrap();
    refused("is missing");
}

#[test]
fn a_folder_that_cannot_be_written() {
    let place = two_runs();
    place.write("file", "kept");
    place.refuses("compare plain assigned --out file", &["file"]);
    let said = place.mde_on_full_disk(1, "compare plain assigned --out kept");
    said.is_refusal(
        "compare on a full disk",
        1,
        &["kept/compare.json", "cannot write"],
    );
    assert!(place.files("kept").is_empty());
}
