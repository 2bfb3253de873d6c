//! Networks handed on: exported folders, what they hold, and who reads them.
//!
//! - `card`: the model card and its reader, Python
//! - `hub`: exported networks in repositories
//! - `refusals`: folders that cannot be written, and folders that are not exported networks

mod card;
mod hub;
mod refusals;

use std::fs;

use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::place::{Place, assert_same};

/// A place with `run/`, whose units have assigned depth ranges, measured.
fn measured_place() -> Place {
    let place = Place::new();
    let train = "train --data rooms:rooms --out run --steps 2 --batch-size 2 --alpha 0.1 --seed 3";
    place.json(train);
    for stage in ["evaluate", "dissect"] {
        place.json_and_remarks(&format!("{stage} --run run --data rooms:rooms"));
    }
    place
}

/// `mde export LINE`, which must succeed.
fn export(place: &Place, line: &str) -> Value {
    place.json_and_remarks(&format!("export {line}")).0
}

fn document(place: &Place, path: &str) -> Value {
    serde_json::from_slice(&place.read(path)).unwrap()
}

/// A document without the hash of the weights' file.
fn without_checkpoint(place: &Place, path: &str) -> Value {
    let mut document = document(place, path);
    document["provenance"]["checkpoint"] = Value::Null;
    document
}

#[test]
fn an_exported_run_gives_the_numbers_of_the_run() {
    let place = measured_place();
    let run = place.files("run");
    for (folder, format) in [("net", ""), ("pth", "--format pth-names")] {
        let said = export(&place, &format!("run --out {folder} {format}"));
        assert_eq!(said["model"], "mff-tiny");
        assert_eq!(said["results"], json!(["evaluate.json", "dissect.json"]));
        for stage in ["evaluate", "dissect"] {
            let line = format!("{stage} --weights {folder} --data rooms:rooms --out {folder}-kept");
            place.json_and_remarks(&line);
            let name = format!("{stage}.json");
            let found = without_checkpoint(&place, &format!("{folder}-kept/{name}"));
            assert_eq!(
                found,
                without_checkpoint(&place, &format!("run/{name}")),
                "{name}"
            );
        }
        // The assignment and the mean depth of the training data are there.
        let dissected = document(&place, &format!("{folder}-kept/dissect.json"));
        assert!(dissected["layers"][0]["valid_bins"]["assigned"].is_array());
        let evaluated = document(&place, &format!("{folder}-kept/evaluate.json"));
        assert_eq!(evaluated["constant_baseline"]["source"], "training_mean");
        assert_eq!(evaluated["provenance"]["seed"], 3);
        let kept = place.files(&format!("{folder}-kept"));
        for (name, bytes) in &kept {
            if name.ends_with(".safetensors") {
                assert!(run[name] == *bytes, "{name}");
            }
        }
    }
    assert_same("the exported run", &place.files("run"), &run);
}

#[test]
fn networks_of_streets_keep_the_geometry_of_their_frames() {
    let place = Place::with_streets();
    let data = "--data streets:streets";
    place.json(&format!(
        "train {data} --model bts-tiny-kitti --out run --steps 1 --batch-size 2"
    ));
    place.json_and_remarks(&format!("evaluate {data} --run run"));
    export(&place, "--run run -o net");
    place.json_and_remarks(&format!("evaluate {data} --weights net --out kept"));
    let found = without_checkpoint(&place, "kept/evaluate.json");
    assert_eq!(found, without_checkpoint(&place, "run/evaluate.json"));
    let preprocessing = |path: &str| document(&place, path)["preprocessing"].clone();
    assert_eq!(
        preprocessing("net/config.json"),
        preprocessing("run/config.json")
    );
}

#[test]
fn the_folder_describes_the_network_and_where_it_comes_from() {
    let place = measured_place();
    export(&place, "run -o net --license Apache-2.0");
    let names: Vec<_> = place.files("net").into_keys().collect();
    assert_eq!(names, ["README.md", "config.json", "model.safetensors"]);
    let config = document(&place, "net/config.json");
    let run = document(&place, "run/config.json");
    assert_eq!(config["training"], run);
    assert_eq!(config["step"], 2);
    assert_eq!(config["input"]["height"], 57);
    assert_eq!(
        config["output"],
        json!({"quantity": "depth", "unit": "metre", "max_depth": 10.0})
    );
    let layers = config["layers"].as_array().unwrap();
    let d = layers.iter().find(|layer| layer["name"] == "D").unwrap();
    let dissected = document(&place, "run/dissect.json");
    let edges = &dissected["layers"][0]["bins"]["edges"];
    assert_eq!(d["assigned_ranges"][5], json!([edges[5], edges[6]]));
    assert_eq!(layers[0]["assigned_ranges"], Value::Null);

    let bytes = place.read("net/model.safetensors");
    assert_eq!(
        config["weights"]["blake3"],
        blake3::hash(&bytes).to_string()
    );
    let checkpoint = place.read("run/checkpoint/step-000000002/weights.safetensors");
    assert_eq!(
        config["weights"]["exported_from"],
        blake3::hash(&checkpoint).to_string()
    );
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().as_ref().unwrap();
    for (key, value) in [
        ("format", "pt"),
        ("model", "mff-tiny"),
        ("seed", "3"),
        ("step", "2"),
        ("data", "rooms"),
        ("data_hash", run["data"]["fingerprint"].as_str().unwrap()),
    ] {
        assert_eq!(metadata[key], value, "{key}");
    }
    let [exported, trained] = [&bytes, &checkpoint].map(|bytes| SafeTensors::deserialize(bytes));
    let (exported, trained) = (exported.unwrap(), trained.unwrap());
    assert_eq!(exported.len(), trained.len());
    for (name, tensor) in trained.tensors() {
        let found = exported.tensor(&name).unwrap();
        assert_eq!(
            (found.dtype(), found.shape()),
            (tensor.dtype(), tensor.shape())
        );
        assert!(found.data() == tensor.data(), "{name}");
    }
}

#[test]
fn equal_networks_give_equal_files() {
    let place = measured_place();
    for format in ["safetensors", "pth-names"] {
        for parent in ["a", "b"] {
            export(
                &place,
                &format!("run -o {parent}/{format} --format {format}"),
            );
        }
    }
    assert_same("the second export", &place.files("b"), &place.files("a"));
}

#[test]
fn weights_without_a_run_and_exported_networks_are_exported_too() {
    let place = Place::with_meter();
    place.copy(
        &place.path("run/checkpoint/step-000000001/weights.safetensors"),
        "w.safetensors",
    );
    export(&place, "--model meter-xxs --weights w.safetensors -o net");
    let card = place.text("net/README.md");
    assert!(
        card.contains("the weights come from the file w.safetensors (BLAKE3"),
        "{card}"
    );
    let config = document(&place, "net/config.json");
    assert_eq!(
        (&config["training"], &config["step"]),
        (&Value::Null, &Value::Null)
    );
    let evaluate = |options: &str| {
        place
            .json_and_remarks(&format!("evaluate --data rooms:rooms {options}"))
            .0["summary"]
            .clone()
    };
    let expected = evaluate("--model meter-xxs --weights w.safetensors");
    assert_eq!(evaluate("--weights net"), expected);
    assert_eq!(evaluate("--weights net --model meter-xxs"), expected);
    export(&place, "--weights net -o again --format pth-names");
    assert_eq!(evaluate("--weights again"), expected);
    export(&place, "run -o from-run");
    export(&place, "--weights from-run -o passed-on");
    let training = |path: &str| document(&place, path)["training"].clone();
    assert_eq!(
        training("passed-on/config.json"),
        training("from-run/config.json")
    );
}

#[test]
fn every_command_that_takes_weights_takes_the_folder() {
    let place = measured_place();
    export(&place, "run -o net");
    let inspected = place.json("inspect --weights net");
    assert_eq!(
        (&inspected["model"], &inspected["role"]),
        (&json!("mff-tiny"), &json!("network"))
    );
    let images = place.files("rooms");
    let image = images.keys().find(|name| name.ends_with(".jpg")).unwrap();
    place.json_and_remarks(&format!("predict rooms/{image} --weights net -o maps"));
    place.json_and_remarks(&format!("predict rooms/{image} --run run -o expected"));
    assert_same(
        "predicted maps",
        &place.files("maps"),
        &place.files("expected"),
    );
    let data = "--data rooms:rooms --weights net --out kept";
    place.json_and_remarks(&format!("dissect {data}"));
    for stage in ["ablate", "correct"] {
        place.json_and_remarks(&format!("{stage} {data} --layers D"));
    }
    let train = "train --data rooms:rooms --steps 1 --batch-size 2 --init net --out tuned";
    let (_, remarks) = place.json_and_remarks(train);
    assert!(remarks.contains("net/model.safetensors: "), "{remarks}");
    // The run no longer needs the folder.
    fs::remove_dir_all(place.path("net")).unwrap();
    assert_eq!(place.json(train)["up_to_date"], true);
}
