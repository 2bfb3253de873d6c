//! Predictions and activations that another program has stored, and why a number is what it is.

use std::path::{Path, PathBuf};

use mde_arrays::{Map, read_array};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::Value;

use crate::place::{Place, shared};

/// A golden file: those that the environment names, or the copies in the repository.
fn golden(name: &str) -> PathBuf {
    let folder = std::env::var_os("MDE_GOLDENS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens")),
        PathBuf::from,
    );
    folder.join(format!("{name}.safetensors"))
}

/// Doubles of a golden tensor, which a float32 would round.
fn doubles(file: &[u8], name: &str) -> Vec<f64> {
    let tensors = SafeTensors::deserialize(file).unwrap();
    let tensor = tensors.tensor(name).unwrap();
    let (numbers, _) = tensor.data().as_chunks();
    match tensor.dtype() {
        Dtype::F64 => numbers.iter().map(|n| f64::from_le_bytes(*n)).collect(),
        Dtype::I64 => numbers
            .iter()
            .map(|n| i64::from_le_bytes(*n) as f64)
            .collect(),
        other => panic!("{name} is {other}"),
    }
}

fn assert_close(found: f64, expected: f64, what: &str) {
    let bound = 1e-5 * expected.abs().max(found.abs());
    assert!(
        (found - expected).abs() <= bound,
        "{what}: found {found}, expected {expected}"
    );
}

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

#[test]
fn parity_dissect_through_the_command_line() {
    let file = golden("dissect");
    let bytes = std::fs::read(&file).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let cases = tensors.names().into_iter();
    let cases: Vec<&str> = cases
        .filter_map(|name| name.strip_suffix("/features"))
        .collect();
    assert!(!cases.is_empty());
    for case in cases {
        let (dataset, rest) = case.split_once("_K").unwrap();
        let bins: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let place = Place::empty();
        let document = place.json(&format!(
            "dissect --features {} --prefix {case} --dataset {dataset} --bins {bins} --out results",
            file.display()
        ));
        assert_eq!(document["layers"][0]["bins"].to_string(), bins);
        let found: Value = serde_json::from_slice(&place.read("results/dissect.json")).unwrap();
        let layer = &found["layers"][0];
        let units = layer["reference"]["units"].as_array().unwrap();
        let expected = doubles(&bytes, &format!("{case}/selectivity"));
        let preferred = doubles(&bytes, &format!("{case}/preferred_bin"));
        assert_eq!(units.len(), expected.len());
        for (unit, (selectivity, bin)) in units.iter().zip(expected.iter().zip(preferred)) {
            assert_close(unit["selectivity"].as_f64().unwrap(), *selectivity, case);
            assert_eq!(unit["preferred_bin"].as_f64(), Some(bin), "{case}");
        }
        let mean = expected.iter().sum::<f64>() / expected.len() as f64;
        assert_close(layer["reference"]["mean"].as_f64().unwrap(), mean, case);
        // The reference counts depth beyond the last edge in bin 0.
        let counts = doubles(&bytes, &format!("{case}/count"));
        let beyond = layer["pixels_beyond"].as_f64().unwrap();
        for (bin, (found, expected)) in layer["pixels"]
            .as_array()
            .unwrap()
            .iter()
            .zip(counts)
            .enumerate()
        {
            let quirk = if bin == 0 { beyond } else { 0.0 };
            assert_eq!(
                found.as_f64().unwrap() + quirk,
                expected,
                "{case}, bin {bin}"
            );
        }
    }
}

/// The numbers of an evaluation, without where they come from.
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
    assert_eq!(again["skipped"], true);
    // Another option is another result.
    let aligned = "--align least-squares --out given";
    let again = place.json(&format!(
        "evaluate --pred maps/pred --gt maps/gt --protocol nyu-meter {aligned}"
    ));
    assert_eq!(again["skipped"], false);
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

/// A 6x8 ground truth and predictions of it in many guises, all of which mean the same depth.
struct Guises {
    place: Place,
}

const SIZE: (usize, usize) = (6, 8);

fn map(value: impl Fn(usize) -> f32) -> Map {
    Map {
        height: SIZE.0,
        width: SIZE.1,
        values: (0..SIZE.0 * SIZE.1).map(value).collect(),
    }
}

/// Depths from 1 to 5.7 m, the first pixel not measured.
fn truth(pixel: usize) -> f32 {
    if pixel == 0 {
        0.0
    } else {
        1.0 + pixel as f32 / 10.0
    }
}

impl Guises {
    fn new() -> Self {
        let place = Place::empty();
        for name in ["a/1", "a/2"] {
            place.write(&format!("gt/{name}.npy"), map(truth).to_npy());
        }
        Self { place }
    }

    /// Writes both predictions and evaluates them.
    fn evaluate(&self, folder: &str, pred: impl Fn(usize) -> f32 + Copy, options: &str) -> Value {
        for name in ["1", "2"] {
            self.place
                .write(&format!("{folder}/{name}.npy"), map(pred).to_npy());
        }
        self.place.json(&format!(
            "evaluate --pred {folder} --gt gt --protocol nyu-full {options}"
        ))
    }
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
fn an_image_is_explained_step_by_step() {
    let guises = Guises::new();
    guises.evaluate("pred", |_| 2.0, "");
    let line = "evaluate --pred pred --gt gt --protocol nyu-full --explain a/2";
    let document = guises.place.json(line);
    assert_eq!(document["image"], "a/2");
    let explained = &document["explanation"];
    assert_eq!(explained["pixels"]["unmeasured"], 1);
    assert_eq!(explained["pixels"]["scored"], 47);
    let said = guises.place.mde(line).stdout;
    for part in [
        "a/2, protocol nyu-full",
        "6x8 (height x width), 48 pixels",
        "rows 0..6, columns 0..8",
        "1 without a measurement",
        "Σ |p - d| / d / n",
        "/ 47 = ",
    ] {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
    // Without a name the first; a network's as well.
    let first = guises
        .place
        .json("evaluate --pred pred --gt gt --protocol nyu-full --explain");
    assert_eq!(first["image"], "a/1");
    guises.place.refuses(
        "evaluate --pred pred --gt gt --protocol nyu-full --explain b/3",
        &["b/3", "a/1, a/2"],
    );
}

#[test]
fn a_networks_image_is_explained_with_the_numbers_of_its_evaluation() {
    let place = Place::with_run();
    place.json("evaluate --run run --data rooms:rooms");
    let evaluation: Value = serde_json::from_slice(&place.read("run/evaluate.json")).unwrap();
    let image = &evaluation["per_image"][2];
    let id = image["id"].as_str().unwrap();
    let document = place.json(&format!(
        "evaluate --run run --data rooms:rooms --explain {id}"
    ));
    assert_eq!(document["explanation"]["errors"], image["errors"]);
}

#[test]
fn all_protocols_stand_side_by_side() {
    let guises = Guises::new();
    guises.evaluate("pred", |_| 2.0, "");
    let line = "evaluate --pred pred --gt gt --all-protocols";
    let document = guises.place.json(line);
    let rows = document["protocols"].as_array().unwrap();
    let row = |name: &str| {
        rows.iter()
            .find(|row| row["protocol"]["name"] == name)
            .unwrap()
    };
    let full = row("nyu-full");
    assert_eq!(full["by_image"]["pixels"], 94);
    assert_eq!(full["by_pixel"]["pixels"], 94);
    assert!(
        row("nyu-eigen")["refused"]
            .as_str()
            .unwrap()
            .contains("480x640")
    );
    let said = guises.place.mde(line).stdout;
    assert!(
        said.contains("kitti-garg") && said.contains("cannot be applied"),
        "{said}"
    );
}

#[test]
fn what_cannot_be_compared_is_refused() {
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

/// Writes `features` [2, 3, 2, 4] and `depth` [2, 1, 6, 8].
fn write_features(place: &Place, name: &str, value: impl Fn(usize) -> f32) {
    let bytes = |values: Vec<f32>| -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    };
    let features = bytes((0..2 * 3 * 8).map(&value).collect());
    let depth = bytes((0..2 * 48).map(|pixel| 0.5 + pixel as f32 / 20.0).collect());
    let views = [
        (
            "features",
            TensorView::new(Dtype::F32, vec![2, 3, 2, 4], &features).unwrap(),
        ),
        (
            "depth",
            TensorView::new(Dtype::F32, vec![2, 1, 6, 8], &depth).unwrap(),
        ),
    ];
    place.write(name, safetensors::serialize(views, None).unwrap());
}

#[test]
fn features_of_several_files_are_one_set_of_images() {
    let place = Place::empty();
    let value = |i: usize| (i * 7 % 11) as f32;
    write_features(&place, "a.safetensors", value);
    write_features(&place, "b.safetensors", |i| value(i + 5));
    let line = "dissect --dataset nyuv2 --bins 4 --layer conv3 --name other --features";
    let document = place.json(&format!("{line} a.safetensors,b.safetensors --out results"));
    assert_eq!(document["images"], 4);
    assert_eq!(document["layers"][0]["layer"], "conv3");
    assert_eq!(document["layers"][0]["units"], 3);
    assert_eq!(document["provenance"]["model"], "other");
    assert!(place.path("results/dissect/conv3.safetensors").exists());
    let again = place.json(&format!("{line} a.safetensors,b.safetensors --out results"));
    assert_eq!(again["skipped"], true);
    let default = place.json("dissect --dataset nyuv2 --features a.safetensors");
    assert_eq!(default["layers"][0]["bins"], 3);
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
        place.refuses(
            &format!("report {network}-results --out page"),
            &[
                "dissect.json",
                &format!("mde dissect --features FILE --dataset nyuv2|kitti --name {network}"),
            ],
        );
        write_features(place, "f.safetensors", |i| (i * 7 % 11) as f32 + shift);
        place.json(&format!(
            "dissect --features f.safetensors --dataset nyuv2 --bins 4 --name {network} --out {network}-results"
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
    place.json("dissect --features f.safetensors --dataset nyuv2 --name third --out ours-results");
    place.refuses("report ours-results --out page", &["dissect.json"]);
}

#[test]
fn features_that_cannot_be_dissected_are_refused() {
    let place = Place::empty();
    write_features(&place, "nan.safetensors", |i| {
        if i == 9 { f32::NAN } else { 1.0 }
    });
    write_features(&place, "ok.safetensors", |i| i as f32);
    let cut = place.read("ok.safetensors");
    place.write("cut.safetensors", &cut[..cut.len() - 40]);
    place.write("map.npy", map(truth).to_npy());
    for (line, parts) in [
        ("--features nan.safetensors", &["unit 1", "NaN"][..]),
        ("--features cut.safetensors", &["cut.safetensors"]),
        ("--features map.npy", &["map.npy", "features"]),
        ("--features nowhere.safetensors", &["nowhere.safetensors"]),
        (
            "--features ok.safetensors --prefix D",
            &["D/features", "depth, features"],
        ),
        ("--features ok.safetensors --layers D", &["--layer"]),
    ] {
        place.refuses(&format!("dissect {line} --dataset kitti"), parts);
    }
    for (line, part) in [
        ("--features ok.safetensors", "--dataset"),
        ("--features ok.safetensors --dataset rooms", "nyuv2"),
        (
            "--features ok.safetensors --dataset nyuv2 --data rooms:rooms",
            "--data",
        ),
        ("--dataset nyuv2", "--features"),
    ] {
        let line = format!("dissect {line}");
        place.mde(&line).is_refusal(&line, 2, &[part]);
    }
}
