//! Folders with several layers of stored features, and when a layer is computed again.

use serde_json::Value;

use super::axes::{MAP, Tensor, depths, features, write};
use crate::place::Place;

/// Responses that differ between layers by `seed`.
fn layer(seed: usize) -> Tensor<'static> {
    features("NChw", 0, |image, unit, pixel| {
        let row = pixel / MAP.1;
        let peak = (unit * 3 + seed + image) % MAP.0;
        1.0 / (1.0 + row.abs_diff(peak) as f32) + ((pixel * 7 + seed) % 5) as f32 / 50.0
    })
}

/// With the layers `a` and `b` in files of their own and, as prefixes, in `ab.safetensors`.
fn place() -> Place {
    let place = Place::empty();
    let (_, depth_shape, depth) = depths();
    let mut both = Vec::new();
    for (name, prefixed, seed) in [
        ("a", ["a/features", "a/depth"], 0),
        ("b", ["b/features", "b/depth"], 2),
    ] {
        let (_, shape, values) = layer(seed);
        write(
            &place,
            &format!("{name}.safetensors"),
            &[layer(seed), depths()],
        );
        both.push((prefixed[0], shape, values));
        both.push((prefixed[1], depth_shape.clone(), depth.clone()));
    }
    write(&place, "ab.safetensors", &both);
    place
}

const LINE: &str = "dissect --dataset nyu --bins 6 --name net";

fn dissection(place: &Place, folder: &str) -> Value {
    serde_json::from_slice(&place.read(&format!("{folder}/dissect.json"))).unwrap()
}

fn names(dissection: &Value) -> Vec<&str> {
    let layers = dissection["layers"].as_array().unwrap().iter();
    layers
        .map(|layer| layer["layer"].as_str().unwrap())
        .collect()
}

#[test]
fn a_folder_holds_any_number_of_layers() {
    let place = place();
    let [a, b] = ["a", "b"].map(|name| {
        format!("{LINE} --features {name}.safetensors --layer block/{name} --out results")
    });
    let first = place.json(&a);
    assert_eq!(names(&first), ["block/a"]);
    let second = place.json(&b);
    assert_eq!(names(&second), ["block/b"]);
    let found = dissection(&place, "results");
    assert_eq!(names(&found), ["block/a", "block/b"]);
    // The numbers are those of a folder of its own.
    for (index, name) in ["a", "b"].into_iter().enumerate() {
        place.json(&format!(
            "{LINE} --features {name}.safetensors --layer block/{name} --out {name}"
        ));
        assert_eq!(
            dissection(&place, name)["layers"][0],
            found["layers"][index]
        );
        assert!(
            place
                .path(&format!("results/dissect/block/{name}.safetensors"))
                .exists()
        );
        assert!(
            place
                .path(&format!("results/stages/dissect/block/{name}.json"))
                .exists()
        );
    }
    // Both stay up to date; a layer that is dissected again replaces itself alone.
    for line in [&a, &b] {
        assert_eq!(place.json(line)["up_to_date"], true, "{line}");
    }
    place.json(&format!("{a} --permutations 10"));
    let replaced = dissection(&place, "results");
    assert_eq!(replaced["layers"][0]["null"]["permutations"], 10);
    assert_eq!(replaced["layers"][1], found["layers"][1]);
    assert_eq!(place.json(&b)["up_to_date"], true);
    // An entry that was changed by hand is not taken for a result.
    let changed =
        place
            .text("results/dissect.json")
            .replacen("\"reference\": {", "\"reference\":{", 1);
    place.write(
        "results/dissect.json",
        changed.replace("\"permutations\": 10,", "\"permutations\": 11,"),
    );
    assert_eq!(
        place.json(&format!("{a} --permutations 10"))["up_to_date"],
        false
    );
    assert_eq!(place.json(&b)["up_to_date"], true);
    assert_eq!(dissection(&place, "results"), replaced);
}

#[test]
fn layers_of_one_file_are_named_by_their_prefix() {
    let place = place();
    for prefix in ["a", "b/"] {
        place.json(&format!(
            "{LINE} --features ab.safetensors --prefix {prefix} --out results"
        ));
    }
    let found = dissection(&place, "results");
    assert_eq!(names(&found), ["a", "b"]);
    assert_ne!(
        found["layers"][0]["valid_bins"],
        found["layers"][1]["valid_bins"]
    );
}

/// What a message advises after `give `, `with ` or the like, run with the refused command.
#[test]
fn a_layer_does_not_replace_another_unasked() {
    let place = place();
    place.json(&format!("{LINE} --features a.safetensors --out results"));
    let before = dissection(&place, "results");
    let line = format!("{LINE} --features b.safetensors --out results");
    place.refuses(
        &line,
        &[
            "layer features is of other files",
            "--layer NAME",
            "--layer features",
        ],
    );
    place.json(&format!("{line} --layer b"));
    let found = dissection(&place, "results");
    assert_eq!(names(&found), ["features", "b"]);
    assert_eq!(found["layers"][0], before["layers"][0]);
    place.json(&format!("{line} --layer features"));
    let found = dissection(&place, "results");
    assert_eq!(names(&found), ["features", "b"]);
    assert_eq!(
        found["layers"][0]["valid_bins"],
        found["layers"][1]["valid_bins"]
    );
}

#[test]
fn layers_of_other_networks_or_ground_truth_are_refused() {
    let place = place();
    place.json(&format!(
        "{LINE} --features a.safetensors --layer a --out results"
    ));
    let other = "dissect --dataset nyu --bins 6 --features b.safetensors --layer b --out results";
    place.refuses(
        other,
        &["results/dissect.json", "named net", "named b", "--name net"],
    );
    place.json(&format!("{other} --name net"));
    // One pixel of the depth of image 2, and fewer images.
    let (name, shape, mut values) = depths();
    values[2 * 48 * 64 + 5] += 0.1;
    write(
        &place,
        "moved.safetensors",
        &[layer(1), (name, shape, values)],
    );
    let (_, mut few, values) = layer(1);
    let (_, mut few_depths, few_values) = depths();
    (few[0], few_depths[0]) = (3, 3);
    let values = values[..values.len() / 4 * 3].to_vec();
    let few_values = few_values[..few_values.len() / 4 * 3].to_vec();
    write(
        &place,
        "few.safetensors",
        &[("features", few, values), ("depth", few_depths, few_values)],
    );
    for (file, difference) in [
        ("moved", "image 2 differ"),
        ("few", "4 images there, 3 here"),
    ] {
        let line = format!("{LINE} --features {file}.safetensors --layer c");
        place.refuses(
            &format!("{line} --out results"),
            &["other ground truth", difference],
        );
        place.json(&format!("{line} --out {file}"));
    }
    // A folder whose only layer is replaced may change its ground truth.
    place.json(&format!(
        "{LINE} --features a.safetensors --layer c --out moved"
    ));
    place.write("damaged/dissect.json", "{");
    place.refuses(
        &format!("{LINE} --features a.safetensors --out damaged"),
        &["damaged/dissect.json", "Remove it"],
    );
    std::fs::remove_file(place.path("damaged/dissect.json")).unwrap();
    place.json(&format!("{LINE} --features a.safetensors --out damaged"));
}

#[test]
fn features_and_networks_keep_apart() {
    let place = Place::with_run();
    write(&place, "a.safetensors", &[layer(0), depths()]);
    place.refuses(
        &format!("{LINE} --features a.safetensors --out run"),
        &["run", "folder of a run", "--out"],
    );
    place.json(&format!("{LINE} --features a.safetensors --out stored"));
    let weights = place.files("run/checkpoint");
    let weights = weights
        .keys()
        .find(|name| name.ends_with("weights.safetensors"))
        .unwrap();
    let line = format!(
        "dissect --model mff-tiny --weights run/checkpoint/{weights} --data rooms:rooms --permutations 0"
    );
    let said = place.mde(&format!("{line} --out stored"));
    said.is_refusal(
        &line,
        1,
        &["stored/dissect.json", "another program", "--out"],
    );
    place.json_and_remarks(&format!("{line} --out weights"));
    place.refuses(
        &format!("{LINE} --features a.safetensors --out weights"),
        &["weights/dissect.json", "mff-tiny", "--out"],
    );
}

/// The selectivities of a document's layers, by which a stale result shows.
fn numbers(document: &Value) -> Value {
    let layers = document["layers"].as_array().unwrap().iter();
    let keys = ["layer", "bins", "valid_bins", "reference", "chance_level"];
    layers
        .map(|layer| keys.map(|key| layer[key].clone()).to_vec())
        .collect()
}

/// Runs each line into one folder. None may take the result of the one before, and all must print
/// the numbers of an empty folder.
fn each_is_computed(place: &Place, lines: &[String]) {
    for (index, line) in lines.iter().enumerate() {
        let (kept, _) = place.json_and_remarks(&format!("{line} --out kept"));
        let (fresh, _) = place.json_and_remarks(&format!("{line} --out fresh-{index}"));
        assert_eq!(kept["up_to_date"], false, "{line}");
        assert_eq!(numbers(&kept), numbers(&fresh), "{line}");
        let (again, _) = place.json_and_remarks(&format!("{line} --out kept"));
        assert_eq!(again["up_to_date"], true, "{line}");
        assert_eq!(numbers(&again), numbers(&fresh), "{line}");
    }
}

#[test]
fn every_option_that_decides_a_number_is_noticed_for_features() {
    let place = place();
    let (_, token_shape, token_values) = features("NTC", 3, |image, unit, pixel| {
        ((pixel * 31 + unit * 7 + image) % 97) as f32
    });
    write(
        &place,
        "tokens.safetensors",
        &[("features", token_shape, token_values), depths()],
    );
    let base = "dissect --name net --layer x --features";
    let mut lines: Vec<String> = [
        "a.safetensors --dataset nyu",
        // Five units have five bins, not 64.
        "a.safetensors --dataset nyu --bins 64",
        "a.safetensors --dataset nyu --bins 5 --permutations 7",
        "a.safetensors --dataset kitti --bins 5",
        "a.safetensors --dataset nyu --range 0.5,9 --bins 5",
        "a.safetensors --dataset nyu --range 0.5,8 --bins 5",
        "a.safetensors --dataset mine --range 0.5,8 --bins 5",
        "b.safetensors --dataset nyu",
        "a.safetensors,b.safetensors --dataset nyu",
        "b.safetensors,a.safetensors --dataset nyu",
        "ab.safetensors --prefix a --dataset nyu",
        "ab.safetensors --prefix b --dataset nyu",
        "tokens.safetensors --tokens 12x16 --dataset nyu",
    ]
    .map(|options| format!("{base} {options}"))
    .to_vec();
    each_is_computed(&place, &lines);
    // Two readings of the same bytes.
    let values: Vec<f32> = (0..4 * 16 * 16 * 16)
        .map(|at| (at * 7919 % 1009) as f32)
        .collect();
    let depth = (0..4 * 32 * 32).map(|at| 0.5 + (at * 31 % 97) as f32 / 11.0);
    let depth = ("depth", vec![4, 32, 32], depth.collect());
    write(
        &place,
        "square.safetensors",
        &[("features", vec![4, 16, 16, 16], values), depth],
    );
    lines = ["nchw", "nhwc"]
        .map(|layout| format!("{base} square.safetensors --dataset nyu --layout {layout}"))
        .to_vec();
    each_is_computed(&place, &lines);
    // Other content of one file, of the same size.
    let content = place.read("b.safetensors");
    place.write("a.safetensors", content);
    each_is_computed(
        &place,
        &[format!("{base} a.safetensors --dataset nyu --bins 6")],
    );
    // The batch size decides no number.
    let line = format!("{base} a.safetensors --dataset nyu --bins 6 --batch-size 1 --out kept");
    assert_eq!(place.json(&line)["up_to_date"], true);
}

#[test]
fn every_option_that_decides_a_number_is_noticed_for_a_network() {
    let place = Place::with_run();
    let weights = place.files("run/checkpoint");
    let weights = weights
        .keys()
        .find(|name| name.ends_with("weights.safetensors"))
        .unwrap();
    let base = format!(
        "dissect --model mff-tiny --weights run/checkpoint/{weights} --data rooms:rooms \
         --permutations 2"
    );
    let lines = [
        "--layers D",
        "--layers MFF",
        "--layers D --bins 8",
        "--layers D --bins 8 --range 0.5,8",
        "--layers D --bins 8 --permutations 3",
        "--layers D --bins 8 --top-images 1",
    ];
    let lines = lines.map(|options| match options.contains("--permutations") {
        true => format!("{base} {options}").replacen("--permutations 2 ", "", 1),
        false => format!("{base} {options}"),
    });
    each_is_computed(&place, &lines);
}

/// What a run was trained with is what it is dissected with.
#[test]
fn a_run_is_dissected_with_the_bins_of_its_training() {
    let place = Place::new();
    place.json(
        "train --data rooms:rooms --out run --steps 1 --batch-size 2 --alpha 0.1 --bins 6 --layers D",
    );
    let line = "dissect --run run --data rooms:rooms --permutations 0";
    let document = place.json(line);
    let assigned = |name: &str| {
        let found = dissection(&place, "run");
        let layers = found["layers"].as_array().unwrap();
        layers
            .iter()
            .find(|layer| layer["layer"] == name)
            .unwrap()
            .clone()
    };
    let layer = assigned("D");
    assert_eq!(layer["bins"]["edges"].as_array().unwrap().len(), 7);
    assert!(layer["valid_bins"]["assigned"].is_array(), "{layer}");
    assert!(layer["trained_bins"].is_null(), "{layer}");
    // The recipe's other layers are there too.
    assert!(document["layers"].as_array().unwrap().len() > 1);
    // Other bins are said, also by a call that computes nothing.
    for options in ["--bins 5", "--bins 5", "--range 0.5,9"] {
        let (document, remarks) = place.json_and_remarks(&format!("{line} {options}"));
        let words = "D was trained with 6 bins to 10 m";
        assert!(
            remarks.contains(words) && remarks.contains("undefined"),
            "{remarks}"
        );
        assert_eq!(document["layers"][0]["trained_bins"], 6, "{document}");
        let layer = assigned("D");
        assert!(layer["valid_bins"]["assigned"].is_null());
        assert_eq!(layer["trained_bins"]["edges"].as_array().unwrap().len(), 7);
    }
    let document = place.json(line);
    assert!(document["layers"][0]["trained_bins"].is_null());
}
