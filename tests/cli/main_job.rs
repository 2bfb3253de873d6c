//! The main job through the program: files and output of each stage, and when it is skipped.

use std::fs;

use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};

use crate::place::{Place, assert_same, without_expected_remarks};

const RUNS: [(&str, &str); 2] = [("plain", ""), ("assigned", "--alpha 0.1")];

fn train(run: &str, options: &str) -> String {
    format!("train --data rooms:rooms --out {run} --steps 3 --batch-size 2 {options}")
}

fn evaluate(run: &str) -> String {
    format!("evaluate --run {run} --data rooms:rooms")
}

fn dissect(run: &str) -> String {
    format!("dissect --run {run} --data rooms:rooms")
}

#[test]
fn from_rooms_to_the_report() {
    let place = Place::empty();
    let render = "render rooms --train 12 --test 4 --width 160 --height 120 --out rooms";
    let rendered = place.json(render);
    assert_eq!(
        (&rendered["rendered"], &rendered["kept"]),
        (&json!(16), &json!(0))
    );
    for list in ["train_list", "test_list"] {
        assert!(place.path(rendered[list].as_str().unwrap()).is_file());
    }
    for (run, options) in RUNS {
        let trained = place.json(&train(run, options));
        assert_eq!(
            (&trained["up_to_date"], &trained["step"]),
            (&json!(false), &json!(3))
        );
        assert_eq!(
            place.text(&format!("{run}/metrics.jsonl")).lines().count(),
            3
        );
        let layers = trained["last"]["selectivity"].as_object().unwrap();
        assert_eq!(layers.len(), if run == "plain" { 0 } else { 2 });

        let evaluated = place.json(&evaluate(run));
        assert_eq!(evaluated["up_to_date"], false);
        assert_eq!(evaluated["summary"]["images"], 4);
        let document: Value =
            serde_json::from_slice(&place.read(&format!("{run}/evaluate.json"))).unwrap();
        assert_eq!(document["summary"], evaluated["summary"]);
        assert_eq!(document["per_image"].as_array().unwrap().len(), 4);
        examples_are_maps(&place.read(&format!("{run}/examples.safetensors")), 4);

        let dissected = place.json(&dissect(run));
        assert_eq!(dissected["up_to_date"], false);
        assert_eq!(dissected["images"], 4);
        tallies_agree_with_the_document(&place, run);
        let provenance = &dissected["provenance"];
        assert_eq!(
            provenance, &evaluated["provenance"],
            "the same weights on the same images"
        );
    }
    let report = place.json("report plain assigned --out report");
    for path in ["html", "markdown"] {
        assert!(place.path(report[path].as_str().unwrap()).is_file());
    }
    assert!(
        report["tables"]
            .as_array()
            .unwrap()
            .iter()
            .all(|path| place.path(path.as_str().unwrap()).is_file())
    );
    let answers = report["answers"].as_array().unwrap();
    for (answer, part) in answers.iter().zip(["AbsRel", "selectivity"]) {
        assert!(answer.as_str().unwrap().contains(part), "{answer}");
    }
    assert!(place.text("report/report.html").contains("</html>"));
    assert!(place.text("report/report.md").contains("AbsRel"));

    everything_again_changes_nothing(&place, render);
}

/// The second time nothing is computed again, and no byte changes.
fn everything_again_changes_nothing(place: &Place, render: &str) {
    let before = place.files(".");
    assert!(before.keys().all(|name| !name.ends_with(".incomplete")));
    let rendered = place.json(render);
    assert_eq!(
        (&rendered["rendered"], &rendered["kept"]),
        (&json!(0), &json!(16))
    );
    for (run, options) in RUNS {
        for line in [train(run, options), evaluate(run), dissect(run)] {
            assert_eq!(place.json(&line)["up_to_date"], true, "mde {line}");
        }
    }
    place.json("report plain assigned --out report");
    assert_same("the second time", &place.files("."), &before);
}

/// `i/rgb` [H, W, 3], `i/gt` and `i/pred` [H, W] for every id.
fn examples_are_maps(bytes: &[u8], images: usize) {
    let tensors = SafeTensors::deserialize(bytes).unwrap();
    assert_eq!(ids(bytes).len(), images);
    for index in 0..images {
        let rgb = tensors.tensor(&format!("{index}/rgb")).unwrap();
        assert_eq!((rgb.dtype(), rgb.shape()), (Dtype::U8, &[228, 304, 3][..]));
        for map in ["gt", "pred"] {
            let map = tensors.tensor(&format!("{index}/{map}")).unwrap();
            assert_eq!((map.dtype(), map.shape()), (Dtype::F32, &[228, 304][..]));
        }
    }
}

/// `sums` [images, units, K + 1], `counts` [images, K + 1] and `edges` [K + 1] add up to what
/// `dissect.json` says.
fn tallies_agree_with_the_document(place: &Place, run: &str) {
    let document: Value =
        serde_json::from_slice(&place.read(&format!("{run}/dissect.json"))).unwrap();
    let layers = document["layers"].as_array().unwrap();
    let names: Vec<_> = layers
        .iter()
        .map(|layer| layer["layer"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["D", "MFF"]);
    for layer in layers {
        let bytes = place.read(&format!("{run}/{}", layer["tally"].as_str().unwrap()));
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let (images, units) = (ids(&bytes).len(), layer["units"].as_u64().unwrap() as usize);
        let pixels: Vec<u64> = serde_json::from_value(layer["pixels"].clone()).unwrap();
        let slots = pixels.len() + 1;
        assert_eq!(images, 4);
        for (name, dtype, shape) in [
            ("sums", Dtype::F64, &[images, units, slots][..]),
            ("counts", Dtype::U64, &[images, slots]),
            ("edges", Dtype::F64, &[slots]),
        ] {
            let tensor = tensors.tensor(name).unwrap();
            assert_eq!((tensor.dtype(), tensor.shape()), (dtype, shape), "{name}");
        }
        let words =
            |name| -> Vec<[u8; 8]> { tensors.tensor(name).unwrap().data().as_chunks().0.to_vec() };
        let counts: Vec<u64> = words("counts")
            .into_iter()
            .map(u64::from_le_bytes)
            .collect();
        let total = |slot: usize| -> u64 { counts.iter().skip(slot).step_by(slots).sum() };
        let beyond = layer["pixels_beyond"].as_u64().unwrap();
        let expected: Vec<u64> = pixels.iter().copied().chain([beyond]).collect();
        assert_eq!((0..slots).map(total).collect::<Vec<_>>(), expected);
        assert!(expected.iter().sum::<u64>() > 0);

        let edges: Vec<f64> = words("edges").into_iter().map(f64::from_le_bytes).collect();
        assert_eq!(json!(edges), layer["bins"]["edges"]);
        // The mean response of every unit in every bin is its sum over all images by the bin's
        // pixels.
        let sums: Vec<f64> = words("sums").into_iter().map(f64::from_le_bytes).collect();
        for unit in 0..units {
            for bin in 0..slots - 1 {
                let Some(mean) = layer["mean_response"][unit][bin].as_f64() else {
                    continue;
                };
                let sum: f64 = (0..images)
                    .map(|image| sums[(image * units + unit) * slots + bin])
                    .sum();
                let expected = sum / pixels[bin] as f64;
                assert!(
                    (mean - expected).abs() <= 1e-9 * expected.abs().max(1e-9),
                    "{mean} is not {expected}"
                );
            }
        }
        let assigned = layer["valid_bins"]["assigned"].as_array();
        assert_eq!(assigned.map(Vec::len), (run == "assigned").then_some(units));
        statistics_are_there(place, run, layer, units);
    }
}

/// Intervals, chance level, other grids, and the images to which units respond most.
fn statistics_are_there(place: &Place, run: &str, layer: &Value, units: usize) {
    let valid_bins = &layer["valid_bins"];
    let interval = &valid_bins["interval"];
    assert!(interval["low"].as_f64().unwrap() <= interval["high"].as_f64().unwrap());
    let length = |value: &Value| value.as_array().unwrap().len();
    assert_eq!(length(&valid_bins["unit_intervals"]), units);
    assert_eq!(length(&valid_bins["held_out"]["units"]), units);
    assert_eq!(length(&layer["response_intervals"]), units);
    assert_eq!(layer["null"]["permutations"], 100);
    assert_eq!(length(&layer["null"]["units"]), units);
    assert_eq!(length(&layer["discretisations"]), 10);
    let top = place.read(&format!("{run}/{}", layer["top_images"].as_str().unwrap()));
    let tensors = SafeTensors::deserialize(&top).unwrap();
    assert_eq!(tensors.tensor("images").unwrap().shape(), [units, 4]);
    assert_eq!(tensors.len(), 3 + ids(&top).len());
}

fn ids(bytes: &[u8]) -> Vec<String> {
    let (_, header) = SafeTensors::read_metadata(bytes).unwrap();
    serde_json::from_str(&header.metadata().as_ref().unwrap()["ids"]).unwrap()
}

#[test]
fn a_stage_runs_again_when_an_input_or_output_has_changed() {
    let place = Place::with_run();
    let (evaluate, dissect) = (evaluate("run"), dissect("run"));
    let up_to_date = |line: &str| place.json(line)["up_to_date"].as_bool().unwrap();
    assert!(!up_to_date(&evaluate) && !up_to_date(&dissect));
    let evaluated = place.text("run/evaluate.json");

    // Another option is another input, unless it does not change the numbers.
    assert!(!up_to_date(&format!("{evaluate} --examples 2")));
    examples_are_maps(&place.read("run/examples.safetensors"), 2);
    assert!(!up_to_date(&format!("{evaluate} --examples 0")));
    assert!(up_to_date(&format!(
        "{evaluate} --examples 0 --batch-size 3 --workers 1"
    )));
    assert!(!up_to_date(&format!("{evaluate} --max-depth 8")));
    assert!(!up_to_date(&evaluate));
    assert_eq!(place.text("run/evaluate.json"), evaluated);
    assert!(!up_to_date(&format!("{dissect} --bins 16")));
    assert!(!up_to_date(&format!("{dissect} --permutations 3")));
    let few = place.mde(&format!("{dissect} --permutations 3")).stderr;
    assert!(few.contains("p is at least 0.25"), "{few}");
    assert!(!up_to_date(&format!("{dissect} --top-images 1")));
    assert!(!up_to_date(&format!("{dissect} --layers D")));
    assert!(up_to_date(&format!(
        "{dissect} --layers D --batch-size 1 --workers 3"
    )));
    assert!(!up_to_date(&dissect));

    // Changed or deleted outputs are written again.
    place.write(
        "run/evaluate.json",
        evaluated.replacen("abs_rel", "abs_rek", 1),
    );
    assert!(!up_to_date(&evaluate));
    assert_eq!(place.text("run/evaluate.json"), evaluated);
    for lost in ["run/examples.safetensors", "run/stages/evaluate.json"] {
        fs::remove_file(place.path(lost)).unwrap();
        assert!(!up_to_date(&evaluate), "{lost}");
    }
    place.cut_short("run/dissect/MFF.safetensors");
    assert!(!up_to_date(&dissect));

    // Other images, other numbers.
    let list = place.text("rooms/rooms_test.csv");
    place.write(
        "rooms/rooms_test.csv",
        list.lines().take(3).collect::<Vec<_>>().join("\n"),
    );
    assert!(!up_to_date(&evaluate) && !up_to_date(&dissect));
    assert_ne!(place.text("run/evaluate.json"), evaluated);
}

#[test]
fn batch_size_and_workers_change_no_result() {
    let place = Place::with_run();
    place.json(&evaluate("run"));
    place.json(&dissect("run"));
    let before = place.files("run");
    // Without the records nothing is skipped.
    fs::remove_dir_all(place.path("run/stages")).unwrap();
    place.json(&format!("{} --batch-size 3 --workers 1", evaluate("run")));
    place.json(&format!("{} --batch-size 1 --workers 3", dissect("run")));
    assert_same("another batch size", &place.files("run"), &before);
}

#[test]
fn a_report_on_one_run_without_pictures() {
    let place = Place::with_run();
    place.json(&format!("{} --examples 0", evaluate("run")));
    place.json(&dissect("run"));
    let report = place.json("report run --out report");
    assert_eq!(report["comparison"], Value::Null);
    assert_eq!(report["answers"].as_array().unwrap().len(), 2);
    assert!(place.text("report/report.html").contains("</html>"));
}

#[test]
fn a_dissection_reports_its_uncertainty() {
    let place = Place::with_run();
    let line = format!("{} --layers D", dissect("run"));
    let layer = &place.json(&line)["layers"][0];
    let low = layer["valid_bins_interval"]["low"].as_f64().unwrap();
    let (chance, floor) = (&layer["chance_level"], &layer["flat_floor"]);
    assert!(chance.is_f64() && floor.is_f64() && layer["valid_bins_held_out"].is_f64());
    assert!(layer["units_above_chance"].as_u64() <= layer["units_tested"].as_u64());
    let said = place.mde(&line).stdout;
    for part in [
        format!("[{low:.4}, "),
        format!("; chance level {:.4}, ", chance.as_f64().unwrap()),
        format!("; flat floor {:.4})", floor.as_f64().unwrap()),
        "; held out ".to_owned(),
    ] {
        assert!(said.contains(&part), "{part} {said}");
    }

    // Parts that were not requested are absent from the document and the text.
    let none = format!("{line} --permutations 0 --top-images 0");
    assert_eq!(place.json(&none)["layers"][0]["chance_level"], Value::Null);
    assert!(!place.mde(&none).stdout.contains("chance level"));
    let document: Value = serde_json::from_slice(&place.read("run/dissect.json")).unwrap();
    let layer = &document["layers"][0];
    assert_eq!(
        (&layer["null"], &layer["top_images"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn without_json_the_result_is_a_sentence() {
    let place = Place::with_run();
    for (line, part) in [
        (evaluate("run"), "run/evaluate.json: AbsRel"),
        (dissect("run"), "run/dissect.json: mean selectivity D"),
        ("report run --out report".to_owned(), "report/report.html"),
    ] {
        let said = place.mde(&line);
        assert_eq!(
            (said.status, without_expected_remarks(&said.stderr).as_str()),
            (Some(0), ""),
            "mde {line}"
        );
        assert!(said.stdout.contains(part), "mde {line}: {}", said.stdout);
    }
}
