//! `mde compare`: what it prints and writes, and results that cannot be compared.

use std::fs;

use mde_arrays::Map;
use safetensors::{Dtype, tensor::TensorView};
use serde_json::{Value, json};

use crate::place::{Place, assert_same};

const ROOMS: &str = "--data rooms:rooms";

/// `plain/` and `assigned/`, trained for a step, evaluated and dissected into eight bins.
fn two_runs() -> Place {
    let place = Place::new();
    for (run, options) in [("plain", ""), ("assigned", "--alpha 0.1 --seed 1 --bins 8")] {
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

/// The selectivity of every unit of a layer.
fn units(dissection: &Value, layer: usize) -> Vec<Value> {
    let units = &dissection["layers"][layer]["valid_bins"]["units"];
    let units = units.as_array().unwrap().iter();
    units.map(|unit| unit["selectivity"].clone()).collect()
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
            // The mean over the units that have a selectivity in both runs.
            let own = units(&dissected, layer);
            let both = found["unit_differences"].as_array().unwrap();
            let own = own.iter().zip(both).filter(|(_, both)| !both.is_null());
            let own: Vec<f64> = own.map(|(own, _)| number(own)).collect();
            assert_eq!(found["defined_in_both"], own.len());
            let expected = own.iter().sum::<f64>() / own.len() as f64;
            assert!((number(&found["selectivity"][side]) - expected).abs() < 1e-12);
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
        "units higher, lower\nD ",
        "\nMFF ",
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
        place.json_and_remarks(&format!("evaluate --run {run} {ROOMS} --protocol nyu-full"));
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
        refused(&["format 1, but this version reads format 4"]);
        other.as_object_mut().unwrap().remove("format");
        place.write(&file, other.to_string());
        refused(&["format none, but"]);
        other["format"] = json!(4);
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
    // A NaN sum. The sums lie before the hashes of the four images' ground truth.
    let mut broken = whole.clone();
    let end = broken.len() - 4 * 32;
    broken[end - 8..end].copy_from_slice(&f64::NAN.to_le_bytes());
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

/// `NAME/`: the evaluation of stored predictions, and the dissection of 16 stored units on 4 images
/// of 20x20 pixels. The first `silent` units are 0, the others respond the more to depth the higher
/// their number.
fn stored_run(place: &Place, name: &str, silent: usize, depth: impl Fn(usize) -> f32) {
    let (images, units, pixels) = (4, 16, 400);
    let bytes = |values: Vec<f32>| -> Vec<u8> {
        let values = values.iter();
        values.flat_map(|value| value.to_le_bytes()).collect()
    };
    let response = |at: usize| {
        let (image, unit, pixel) = (at / units / pixels, at / pixels % units, at % pixels);
        let slope = unit as f32 / 4.0;
        if unit < silent {
            0.0
        } else {
            1.0 + slope * own_depth(image * pixels + pixel)
        }
    };
    let features = bytes((0..images * units * pixels).map(response).collect());
    let depth = bytes((0..images * pixels).map(depth).collect());
    let view = |shape: Vec<usize>, bytes| TensorView::new(Dtype::F32, shape, bytes).unwrap();
    let tensors = [
        ("features", view(vec![images, units, 20, 20], &features)),
        ("depth", view(vec![images, 1, 20, 20], &depth)),
    ];
    let file = format!("{name}.safetensors");
    place.write(&file, safetensors::serialize(tensors, None).unwrap());
    let map = Map {
        height: 6,
        width: 8,
        values: (0..48).map(|i| 1.0 + i as f32 / 10.0).collect(),
    };
    for folder in ["gt", name] {
        for image in ["a", "b"] {
            place.write(&format!("maps/{folder}/{image}.npy"), map.to_npy());
        }
    }
    place.json_and_remarks(&format!(
        "evaluate --pred maps/{name} --gt maps/gt --protocol nyu-full --name {name} --out {name}"
    ));
    place.json_and_remarks(&format!(
        "dissect --features {file} --dataset nyu --bins 4 --name {name} --out {name}"
    ));
}

fn own_depth(pixel: usize) -> f32 {
    0.5 + (pixel * 37 % 900) as f32 / 100.0
}

/// Half of the units are set to 0 and no other is changed. Over each run's own units the mean
/// rises.
#[test]
fn silencing_units_does_not_raise_selectivity() {
    let place = Place::empty();
    stored_run(&place, "whole", 0, own_depth);
    stored_run(&place, "silenced", 8, own_depth);
    let means = ["whole", "silenced"].map(|run| {
        let dissection = document(&place, &format!("{run}/dissect.json"));
        dissection["layers"][0]["valid_bins"]["mean"]
            .as_f64()
            .unwrap()
    });
    assert!(means[1] > means[0] + 0.05, "{means:?}");
    let nothing = json!({ "value": 0.0, "interval": { "low": 0.0, "high": 0.0 } });
    for (line, lone) in [
        (
            "whole silenced",
            ["defined_only_in_first", "defined_only_in_second"],
        ),
        (
            "silenced whole",
            ["defined_only_in_second", "defined_only_in_first"],
        ),
    ] {
        let comparison = &place.json(&format!("compare {line}"))["comparison"];
        assert_eq!(comparison["selectivity"]["difference"], nothing);
        let layer = &comparison["layers"][0];
        assert_eq!(layer["selectivity"]["difference"], nothing);
        assert_eq!(layer["defined_in_both"], 8);
        assert_eq!((&layer[lone[0]], &layer[lone[1]]), (&json!(8), &json!(0)));
    }
    let said = place.mde("compare whole silenced").stdout;
    let words = "the means are over the 8 of 16 units with a selectivity in both runs; 8 have a \
                 selectivity in the first run only";
    assert!(said.contains(words), "{said}");
    place.json_and_remarks("report whole silenced --out report");
    let page = place.text("report/report.md");
    assert!(page.contains("leave out 8 of 16 units"), "{page}");
    assert!(page.contains("did not change"), "{page}");
}

/// The number of images and their ids, 0 to N - 1, say nothing of which images they are.
#[test]
fn stored_activations_of_other_images_are_refused() {
    let place = Place::empty();
    stored_run(&place, "one", 0, own_depth);
    stored_run(&place, "same", 2, own_depth);
    place.json("compare one same");
    stored_run(&place, "other", 0, |pixel| own_depth(pixel + 17));
    // One pixel of the third image only.
    let changed = |pixel: usize| own_depth(pixel) + f32::from(u8::from(pixel == 999)) / 64.0;
    stored_run(&place, "pixel", 0, changed);
    for (run, image) in [("other", "image 0"), ("pixel", "image 2")] {
        for line in [
            format!("compare one {run}"),
            format!("report one {run} --out report"),
        ] {
            place.refuses(
                &line,
                &[
                    &format!("the ground truth of {image} "),
                    "a depth map of 400 pixels with hash",
                    "the activations of both networks for the same images",
                ],
            );
        }
    }
}
