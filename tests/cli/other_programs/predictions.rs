//! `mde evaluate --pred`.

use std::io::{Cursor, Write};
use std::path::Path;

use mde_arrays::{Map, read_array};
use serde_json::Value;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::features::write_features;
use super::{Guises, assert_close, doubles, golden, map, truth};
use crate::place::{Place, shared};

/// Golden names of the metrics, and ours.
const METRICS: [(&str, &str); 11] = [
    ("d102", "delta_1_02"),
    ("d105", "delta_1_05"),
    ("d110", "delta_1_10"),
    ("a1", "delta_1"),
    ("a2", "delta_2"),
    ("a3", "delta_3"),
    ("rmse", "rmse"),
    ("rmse_log", "rmse_log"),
    ("abs_rel", "abs_rel"),
    ("sq_rel", "sq_rel"),
    ("log10", "log10"),
];

#[test]
fn parity_metrics_through_the_command_line() {
    let file = golden("metrics");
    let bytes = std::fs::read(&file).unwrap();
    for (dataset, protocol) in [("nyuv2", "nyu-mff"), ("kitti", "kitti-garg")] {
        let place = Place::empty();
        let mut images = 0;
        while let Ok(gt) = read_array(&file, Some(&format!("{dataset}/gt{images}"))) {
            let pred = read_array(&file, Some(&format!("{dataset}/pred{images}"))).unwrap();
            for (kind, array) in [("gt", gt), ("pred", pred)] {
                let map = array.into_map(&file).unwrap();
                place.write(&format!("{kind}/{images}.npy"), map.to_npy());
            }
            images += 1;
        }
        assert!(images > 1);
        place.json(&format!(
            "evaluate --pred pred --gt gt --protocol {protocol} --out results"
        ));
        let found: Value = serde_json::from_slice(&place.read("results/evaluate.json")).unwrap();
        for (golden, ours) in METRICS {
            let expected = |of: &str| doubles(&bytes, &format!("{dataset}/{of}/{golden}"))[0];
            let mean = found["summary"]["mean"][ours].as_f64().unwrap();
            assert_close(mean, expected("mean"), golden);
            for image in 0..images {
                let errors = &found["per_image"][image]["errors"];
                let value = errors[ours].as_f64().unwrap();
                assert_close(value, expected(&format!("image{image}")), golden);
            }
        }
    }
}

/// The numbers of an evaluation, without their provenance.
fn numbers(place: &Place, folder: &str) -> Value {
    let file = place.read(&format!("{folder}/evaluate.json"));
    let mut document: Value = serde_json::from_slice(&file).unwrap();
    for only_a_network in ["provenance", "constant_baseline"] {
        document.as_object_mut().unwrap().remove(only_a_network);
    }
    // A folder has another order than a list.
    let images = document["per_image"].as_array_mut().unwrap();
    images.sort_by_key(|image| image["id"].to_string());
    document
}

#[test]
fn dumped_maps_give_the_numbers_of_the_network() {
    let place = Place::with_meter();
    place.json("evaluate --run run --data rooms:rooms --dump maps");
    place.json("evaluate --pred maps/pred --gt maps/gt --protocol nyu-meter --out given");
    assert_eq!(numbers(&place, "given"), numbers(&place, "run"));
    let again =
        place.json("evaluate --pred maps/pred --gt maps/gt --protocol nyu-meter --out given");
    assert_eq!(again["up_to_date"], true);
    // Another option is another result.
    let aligned = "--align least-squares --out given";
    let again = place.json(&format!(
        "evaluate --pred maps/pred --gt maps/gt --protocol nyu-meter {aligned}"
    ));
    assert_eq!(again["up_to_date"], false);
    place.refuses(
        "evaluate --run run --data rooms:rooms --dump maps",
        &["maps", "new or an empty folder"],
    );
}

#[test]
fn meters_dumped_maps_give_its_numbers_on_all_654_frames() {
    let (Some(data), Some(weights)) = (shared("nyu-labeled"), shared("weights/meter_xxs_nyu.pth"))
    else {
        return;
    };
    let place = Place::empty();
    place.json_and_remarks(&format!(
        "evaluate --model meter-xxs --weights {} --data nyu:{} --out network --dump maps",
        weights.display(),
        data.display()
    ));
    place.json("evaluate --pred maps/pred --gt maps/gt --protocol nyu-meter --out given");
    let given = numbers(&place, "given");
    assert_eq!(given["summary"]["images"], 654);
    assert!(given == numbers(&place, "network"), "to the last bit");
}

fn abs_rel(document: &Value) -> f64 {
    document["summary"]["mean"]["abs_rel"].as_f64().unwrap()
}

#[test]
fn scales_alignments_and_disparities_find_the_depth_again() {
    let guises = Guises::new();
    let depth = |pixel| 1.0 + pixel as f32 / 10.0;
    for (folder, pred, options) in [
        ("metres", &depth as &dyn Fn(usize) -> f32, ""),
        (
            "millimetres",
            &|pixel| 1000.0 * depth(pixel),
            "--pred-scale 0.001",
        ),
        ("scaled", &|pixel| 3.5 * depth(pixel), "--align median"),
        (
            "affine",
            &|pixel| 0.5 * depth(pixel) + 7.0,
            "--align least-squares",
        ),
        ("disparity", &|pixel| 1.0 / depth(pixel), "--disparity"),
        (
            "relative",
            &|pixel| 3.0 / depth(pixel) - 0.4,
            "--disparity --align least-squares",
        ),
    ] {
        let found = guises.evaluate(folder, pred, options);
        assert!(abs_rel(&found) < 1e-5, "{folder}: {found}");
        assert_eq!(found["summary"]["pixels"], 2 * 47);
        assert_eq!(found["images_with_negative_scale"], 0);
    }
    let wrong = guises.evaluate("metres", depth, "--disparity --align least-squares");
    assert!(abs_rel(&wrong) > 0.1);
    assert_eq!(wrong["images_with_negative_scale"], 2);
    let said = guises.place.mde(
        "evaluate --pred metres --gt gt --protocol nyu-full --disparity --align least-squares",
    );
    assert!(said.stdout.contains("--disparity"), "{}", said.stdout);
}

#[test]
fn predictions_of_another_size_are_resized_only_if_asked() {
    let guises = Guises::new();
    let half = Map {
        height: 3,
        width: 4,
        values: vec![2.0; 12],
    };
    for name in ["1", "2"] {
        guises
            .place
            .write(&format!("half/{name}.npy"), half.to_npy());
    }
    let line = "evaluate --pred half --gt gt --protocol nyu-full";
    guises.place.refuses(line, &["3x4", "6x8", "--resize-pred"]);
    let resized = guises.place.json(&format!("{line} --resize-pred"));
    let constant = guises.evaluate("constant", |_| 2.0, "");
    assert_eq!(resized["summary"], constant["summary"]);
}

#[test]
fn ground_truth_of_a_data_set_is_its_test_split() {
    let place = Place::new();
    for id in place.text("rooms/rooms_test.csv").lines() {
        let (rgb, _) = id.split_once(',').unwrap();
        let name = Path::new(rgb).with_extension("npy");
        let pred = Map {
            height: 120,
            width: 160,
            values: vec![2.0; 120 * 160],
        };
        place.write(&format!("pred/{}", name.display()), pred.to_npy());
    }
    let line =
        "evaluate --pred pred --gt rooms:rooms --protocol nyu-full --name two-metres --out results";
    let document = place.json(line);
    assert_eq!(document["summary"]["images"], 4);
    let provenance = &document["provenance"];
    assert_eq!(
        (&provenance["model"], &provenance["data"]),
        (&"two-metres".into(), &"rooms".into())
    );
    // Four pictures for the report, which then can be written.
    assert!(place.read("results/examples.safetensors").len() > 4 * 120 * 160);
    // The same, read as files: PNGs of millimetres.
    place.refuses(
        "evaluate --pred pred --gt rooms/test --protocol nyu-full",
        &["--gt-scale 0.001"],
    );
}

#[test]
fn unusable_predictions_are_refused() {
    let guises = Guises::new();
    let place = &guises.place;
    guises.evaluate("pred", |_| 2.0, "");
    place.write("one/1.npy", map(truth).to_npy());
    let nan = map(|pixel| if pixel == 11 { f32::NAN } else { 2.0 });
    for name in ["1", "2"] {
        place.write(&format!("nan/{name}.npy"), nan.to_npy());
        place.write(&format!("cut/{name}.npy"), &nan.to_npy()[..150]);
        place.write(&format!("text/{name}.npy"), "not an array");
    }
    place.write("empty/readme.txt", "");
    let full = "--protocol nyu-full";
    for (line, parts) in [
        (format!("--pred one --gt gt {full}"), &["1 of 2", "a/2"][..]),
        (
            format!("--pred nan --gt gt {full}"),
            &["a/1", "row 1, column 3", "NaN"],
        ),
        (format!("--pred cut --gt gt {full}"), &["1.npy"]),
        (format!("--pred text --gt gt {full}"), &["1.npy"]),
        (format!("--pred empty --gt gt {full}"), &["empty"]),
        (format!("--pred nowhere --gt gt {full}"), &["nowhere"]),
        (
            format!("--pred pred --gt nowhere {full}"),
            &["nowhere", "nyu:DIR"],
        ),
        (
            "--pred pred --gt gt".to_owned(),
            &["--protocol", "nyu-eigen"],
        ),
        (
            "--pred pred --gt gt --protocol nyu-eigen".to_owned(),
            &["480x640", "6x8"],
        ),
        (
            format!("--pred pred --gt gt {full} --align least-squares"),
            &["a/1", "2", "least squares"],
        ),
    ] {
        place.refuses(&format!("evaluate {line}"), parts);
    }
    for (line, part) in [
        ("--pred pred", "--gt"),
        ("--pred pred --gt gt --data rooms:rooms", "--data"),
        ("--pred pred --gt gt --run run", "--run"),
        (
            "--pred pred --gt gt --protocol nyu-full --align mean",
            "least-squares",
        ),
        ("--pred pred --gt gt --pred-scale 0", "--pred-scale"),
        ("--run run", "--data"),
    ] {
        let line = format!("evaluate {line}");
        place.mde(&line).is_refusal(&line, 2, &[part]);
    }
}

#[test]
fn another_programs_network_has_a_report_and_can_be_compared() {
    let guises = Guises::new();
    let place = &guises.place;
    for (network, shift) in [("ours", 0.1), ("theirs", 0.4)] {
        guises.evaluate(
            network,
            |pixel| truth(pixel) + shift,
            &format!("--out {network}-results"),
        );
        // A page without a dissection.
        place.json(&format!("report {network}-results --out page"));
        write_features(place, "f.safetensors", |i| (i * 7 % 11) as f32 + shift);
        place.json(&format!(
            "dissect --features f.safetensors --layout nchw --dataset nyu --bins 4 --name {network} --out {network}-results"
        ));
    }
    place.json("report ours-results --out page");
    assert!(
        place
            .text("page/report.md")
            .contains("mde evaluate --pred PATH")
    );
    let compared = place.json("compare ours-results theirs-results");
    let accuracy = compared["comparison"]["accuracy"].to_string();
    assert!(accuracy.contains("abs_rel"), "{compared}");
    // Activations of another network do not belong to these predictions.
    place.refuses(
        "dissect --features f.safetensors --layout nchw --dataset nyu --name third --out ours-results",
        &["ours-results/evaluate.json", "named ours", "named third"],
    );
}

/// An uncompressed .npz of maps with these names.
fn npz(names: &[&str], value: impl Fn(usize) -> f32 + Copy) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for name in names {
        archive.start_file(format!("{name}.npy"), stored).unwrap();
        archive.write_all(&map(value).to_npy()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn names_in_archives_cannot_leave_the_dump_folder() {
    let place = Place::empty();
    let line = |name: &str| {
        place.write("pred.npz", npz(&["a", name], |_| 2.0));
        place.write("gt.npz", npz(&["a", name], truth));
        "evaluate --pred pred.npz --gt gt.npz --protocol nyu-full --dump maps/of/this"
    };
    for name in ["../../x", "a/../../../../x", "/tmp/x", "..\\x"] {
        place.refuses(line(name), &["cannot dump", "id of an image"]);
    }
    place.json_and_remarks(line("kitchen/b"));
    let written = place.files("maps/of/this");
    let names: Vec<&str> = written.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "gt/a.npy",
            "gt/kitchen/b.npy",
            "pred/a.npy",
            "pred/kitchen/b.npy"
        ]
    );
}

#[test]
fn every_result_has_a_constant_baseline() {
    let guises = Guises::new();
    let mean = (1..48).map(|pixel| f64::from(truth(pixel))).sum::<f64>() / 47.0;
    let mut of_depth = None;
    for (folder, options) in [
        ("metres", ""),
        ("fitted", "--align least-squares"),
        ("disparity", "--disparity"),
        ("relative", "--disparity --align least-squares"),
    ] {
        let pred = |pixel| match options.contains("--disparity") {
            true => 1.0 / (1.0 + pixel as f32 / 10.0),
            false => 1.0 + pixel as f32 / 10.0,
        };
        let baseline = guises.evaluate(folder, pred, options)["constant_baseline"].take();
        assert_eq!(baseline["source"], "test_mean", "{folder}");
        assert_close(baseline["depth"].as_f64().unwrap(), mean, folder);
        let summary = baseline["summary"].clone();
        assert!(abs_rel(&baseline) > 0.1);
        assert_eq!(
            of_depth.get_or_insert(summary.clone()),
            &summary,
            "{folder}"
        );
    }
    let line = "evaluate --pred metres --gt gt --protocol nyu-full";
    let said = guises.place.mde(line).stdout;
    assert!(said.contains("mean depth of the test split"), "{said}");
}

#[test]
fn predictions_in_another_unit_are_reported() {
    let guises = Guises::new();
    let place = &guises.place;
    let depth = |pixel| 1.0 + pixel as f32 / 10.0;
    for (factor, unit) in [
        (1000.0, "millimetres"),
        (0.01, "centimetres"),
        (10.0, "10"),
        (0.2, "5"),
        (2.0, "2"),
        (3.2, "disparity"),
    ] {
        let pred = map(|pixel| factor * depth(pixel));
        for name in ["1", "2"] {
            place.write(&format!("pred/{name}.npy"), pred.to_npy());
        }
        let line = "evaluate --pred pred --gt gt --protocol nyu-full --out kept";
        // A result that is up to date is reported too.
        for up_to_date in [false, true] {
            let said = place.mde(&format!("{line} --json"));
            let (document, remarks) = (said.stdout, said.stderr);
            let document: Value = serde_json::from_str(&document).unwrap();
            assert_eq!(document["up_to_date"], up_to_date);
            let warning = &document["unit_warning"];
            assert_close(
                warning["median_ratio"].as_f64().unwrap(),
                f64::from(factor),
                unit,
            );
            assert!(
                remarks.contains("median ratio") && remarks.contains(unit),
                "{remarks}"
            );
        }
    }
    let usual = guises.evaluate("usual", |pixel| 1.3 * depth(pixel), "");
    assert_eq!(usual["unit_warning"], Value::Null);
    let fitted = guises.evaluate("fitted", |pixel| 10.0 * depth(pixel), "--align median");
    assert_eq!(fitted["unit_warning"], Value::Null);
}
