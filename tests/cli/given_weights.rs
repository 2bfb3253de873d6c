//! `mde evaluate` and `mde dissect` on a file of weights, without a run.

use serde_json::{Value, json};

use crate::place::{Place, assert_same, without_expected_remarks};

const WEIGHTS: &str = "run/checkpoint/step-000000001/weights.safetensors";
const REMARK: &str = "run/checkpoint/step-000000001/weights.safetensors: \
    226 matched, 0 missing, 0 unexpected, 0 with a different shape\n";

/// A stage on the weights of the run.
fn given(stage: &str) -> String {
    format!("{stage} --model meter-xxs --weights {WEIGHTS} --data rooms:rooms")
}

/// The stored result of a stage, without the fields that only runs have.
fn result(place: &Place, file: &str) -> Value {
    let mut document: Value = serde_json::from_slice(&place.read(file)).unwrap();
    document["provenance"]["seed"].take();
    if let Some(constant) = document.get_mut("constant_baseline") {
        constant.take();
    }
    document
}

#[test]
fn the_weights_of_a_run_give_the_numbers_of_the_run() {
    let place = Place::with_meter();
    for stage in ["evaluate", "dissect"] {
        let mut of_run = place.json(&format!("{stage} --run run --data rooms:rooms"));
        let (mut of_weights, remark) = place.json_and_remarks(&given(stage));
        assert_eq!(remark, REMARK);
        assert_eq!(of_weights["load_report"]["matched"], 226);
        for document in [&mut of_run, &mut of_weights] {
            for only_a_run in ["file", "constant_baseline", "peak_memory_bytes"] {
                document.as_object_mut().unwrap().remove(only_a_run);
            }
        }
        assert_eq!(of_run["provenance"]["seed"].take(), json!(0));
        assert_eq!(of_weights, of_run, "{stage}");

        place.json_and_remarks(&format!("{} --out kept", given(stage)));
        let file = |folder: &str| result(&place, &format!("{folder}/{stage}.json"));
        assert_eq!(file("kept"), file("run"));
    }
    let images = &result(&place, "kept/evaluate.json")["per_image"];
    assert_ne!(images[0]["errors"], images[1]["errors"]);
    assert_same(
        "tallies",
        &place.files("kept/dissect"),
        &place.files("run/dissect"),
    );
    assert!(place.read("kept/examples.safetensors") == place.read("run/examples.safetensors"));
}

#[test]
fn without_out_the_numbers_are_printed_and_nothing_is_written() {
    let place = Place::with_meter();
    let before = place.files(".");
    for (stage, part) in [
        ("evaluate", "meter-xxs: AbsRel "),
        ("dissect", "meter-xxs: mean selectivity ups_block_1 "),
    ] {
        // The second time nothing is reused.
        for _ in 0..2 {
            let (document, _) = place.json_and_remarks(&given(stage));
            assert_eq!(document["up_to_date"], false);
            assert_eq!(document["file"], Value::Null);
        }
        let said = place.mde(&given(stage));
        let remarks = without_expected_remarks(&said.stderr);
        assert_eq!((said.status, remarks.as_str()), (Some(0), REMARK));
        assert!(said.stdout.starts_with(part), "{}", said.stdout);
    }
    assert_same("without --out", &place.files("."), &before);
}

#[test]
fn with_out_results_are_kept_and_skipped_until_an_input_changes() {
    let place = Place::with_meter();
    let line = |stage: &str| format!("{} --out kept", given(stage));
    let run = place.files("run");
    for stage in ["evaluate", "dissect"] {
        let (first, _) = place.json_and_remarks(&line(stage));
        assert_eq!(first["up_to_date"], false);
        assert_eq!(first["file"], format!("kept/{stage}.json"));
    }
    let kept = place.files("kept");
    let names: Vec<_> = kept.keys().map(String::as_str).collect();
    let expected = [
        "dissect.json",
        "dissect/ups_block_1-top.safetensors",
        "dissect/ups_block_1.safetensors",
        "dissect/ups_block_2-top.safetensors",
        "dissect/ups_block_2.safetensors",
        "dissect/ups_block_3-top.safetensors",
        "dissect/ups_block_3.safetensors",
        "evaluate.json",
        "examples.safetensors",
        "stages/dissect.json",
        "stages/evaluate.json",
    ];
    assert_eq!(names, expected);

    let up_to_date = |line: &str| {
        place.json_and_remarks(line).0["up_to_date"]
            .as_bool()
            .unwrap()
    };
    for stage in ["evaluate", "dissect"] {
        assert!(up_to_date(&line(stage)), "{stage}");
    }
    assert_same("the second time", &place.files("kept"), &kept);
    assert_same("results beside the run", &place.files("run"), &run);

    assert!(!up_to_date(&format!("{} --examples 1", line("evaluate"))));
    assert!(!up_to_date(&format!(
        "{} --layers mvit0 --bins 8",
        line("dissect")
    )));
    place.json(
        "train --model meter-xxs --data rooms:rooms --out other --seed 1 --steps 1 --batch-size 2",
    );
    for stage in ["evaluate", "dissect"] {
        let before = place.read(&format!("kept/{stage}.json"));
        let other = line(stage).replace("run/", "other/");
        assert!(!up_to_date(&other), "{other}");
        assert!(up_to_date(&other), "{other}");
        assert!(place.read(&format!("kept/{stage}.json")) != before);
    }
}

#[test]
fn rooms_listed_as_nyu_give_the_same_numbers() {
    let place = Place::with_meter();
    place.write("rooms/nyuv2_test.csv", place.read("rooms/rooms_test.csv"));
    for (stage, numbers) in [("evaluate", "summary"), ("dissect", "layers")] {
        let (rooms, _) = place.json_and_remarks(&given(stage));
        let (nyu, _) = place.json_and_remarks(&given(stage).replace("rooms:rooms", "nyu:rooms"));
        assert_eq!(nyu["provenance"]["data"], "nyu");
        assert_eq!(nyu[numbers], rooms[numbers], "{stage}");
    }
}

#[test]
fn a_run_or_a_network_with_weights_but_not_both() {
    let place = Place::with_meter();
    let before = place.files(".");
    for stage in ["evaluate", "dissect"] {
        for (options, parts) in [
            ("", ["--run", "--weights"]),
            ("--run run --model meter-xxs", ["--run", "--model"]),
            ("--run run --weights run/w", ["--run", "--weights"]),
            ("--run run --out kept", ["--run", "--out"]),
            ("--model meter-xxs", ["required", "--weights"]),
            ("--weights run/w", ["required", "--model"]),
            ("--model meter-xxs --out kept", ["required", "--weights"]),
            ("--out kept", ["required", "--weights"]),
        ] {
            let line = format!("{stage} --data rooms:rooms {options}");
            place.mde(&line).is_refusal(&line, 2, &parts);
        }
    }
    assert_same("wrong usage", &place.files("."), &before);
}

#[test]
fn errors_of_unknown_names_list_the_known_ones() {
    let place = Place::with_meter();
    for stage in ["evaluate", "dissect"] {
        let line = given(stage).replace("meter-xxs", "meter-xl");
        place.refuses(
            &format!("{line} --out kept"),
            &["unknown model \"meter-xl\"", "meter-xxs", "mff-tiny"],
        );
    }
    place.refuses(
        &format!("{} --layers D --out kept", given("dissect")),
        &["no layer \"D\"", "mvit0", "ups_block_3"],
    );
    place.refuses(
        &format!("{} --protocol nyu --out kept", given("evaluate")),
        &["\"nyu\"", "nyu-meter"],
    );
}

#[test]
fn a_file_in_the_way_of_results_is_kept() {
    let place = Place::with_meter();
    place.write("file", "kept");
    for stage in ["evaluate", "dissect"] {
        for (out, part) in [
            ("file", "file: this is a file"),
            ("file/below", "cannot use the folder file/below"),
        ] {
            place.refuses(&format!("{} --out {out}", given(stage)), &[part]);
        }
    }
}

#[test]
fn a_runs_folder_takes_no_results_about_other_weights() {
    let place = Place::with_meter();
    let before = place.files("run");
    for stage in ["evaluate", "dissect"] {
        place.refuses(
            &format!("{} --out run", given(stage)),
            &["run: ", "the folder of a run", "--run"],
        );
    }
    assert_same("refused", &place.files("run"), &before);
}
