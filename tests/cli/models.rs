//! `mde models`: the networks, their layers and weights.

use std::collections::BTreeSet;

use mde_models::Preset;
use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::place::Place;

fn names(document: &Value) -> Vec<&str> {
    let models = document["models"].as_array().unwrap();
    models
        .iter()
        .map(|model| model["name"].as_str().unwrap())
        .collect()
}

#[test]
fn every_network_is_listed_in_the_text_and_the_document() {
    let place = Place::empty();
    let known: Vec<_> = Preset::all().iter().map(|preset| preset.name).collect();
    let document = place.json("models");
    assert_eq!(names(&document), known);
    let said = place.mde("models");
    assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""));
    let lines: Vec<_> = said.stdout.lines().collect();
    let titles = lines.iter().filter(|line| !line.starts_with(' '));
    let named = titles.map(|line| line.split(' ').next().unwrap());
    assert_eq!(named.collect::<Vec<_>>(), known);
    // The properties of a network follow its title: METER XXS has all three.
    let at = lines.iter().position(|line| line.starts_with("meter-xxs "));
    let below = &lines[at.unwrap() + 1..];
    assert!(below[0].contains("mvit0 48/8, mvit1 64/16"), "{below:?}");
    assert!(below[1].contains("weights: meter-xxs-nyu"), "{below:?}");

    let keys = [
        "default_layers",
        "input",
        "layers",
        "max_depth",
        "name",
        "parameters",
        "summary",
        "weights",
    ];
    for model in document["models"].as_array().unwrap() {
        let name = &model["name"];
        let fields = model.as_object().unwrap();
        assert_eq!(
            fields.keys().collect::<BTreeSet<_>>(),
            BTreeSet::from_iter(&keys.map(str::to_owned))
        );
        assert!(model["parameters"].as_u64().unwrap() > 100_000, "{name}");
        assert!(!model["summary"].as_str().unwrap().is_empty(), "{name}");
        let layers: Vec<_> = model["layers"].as_array().unwrap().iter().collect();
        for layer in &layers {
            assert!(layer["units"].as_u64().unwrap() > 0, "{name}: {layer}");
            assert!(layer["stride"].as_u64().unwrap() > 0, "{name}: {layer}");
        }
        let chosen = model["default_layers"].as_array().unwrap();
        assert!(!chosen.is_empty(), "{name}");
        for layer in chosen {
            assert!(
                layers.iter().any(|known| known["name"] == *layer),
                "{name} has no {layer}"
            );
        }
    }
    assert!(place.files(".").is_empty());
}

#[test]
fn a_named_network_is_shown_with_layers_and_weights() {
    let place = Place::empty();
    let said = place.mde("models meter-xxs");
    assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""));
    let lines: Vec<String> = said
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert!(lines[0].starts_with("meter-xxs 0.71 M parameters, 192x256 to 10 m"));
    assert_eq!(
        lines[1..],
        [
            "mvit0 48 units, stride 8",
            "mvit1 64 units, stride 16",
            "mvit2 80 units, stride 32",
            "encoder 160 units, stride 32",
            "ups_block_1 32 units, stride 16 (assigned and dissected by default)",
            "ups_block_2 16 units, stride 8 (assigned and dissected by default)",
            "ups_block_3 8 units, stride 4 (assigned and dissected by default)",
            "weights (mde fetch weights): meter-xxs-nyu",
        ]
    );
    let untrained = place.mde("models bts-tiny-kitti");
    assert!(
        untrained.stdout.contains("none known"),
        "{}",
        untrained.stdout
    );
    let two = place.json("models meter-xxs-kitti mff-tiny");
    assert_eq!(names(&two), ["meter-xxs-kitti", "mff-tiny"]);
    assert_eq!(two["models"][0]["weights"], json!(["meter-xxs-kitti"]));
    assert_eq!(two["models"][1]["weights"], json!([]));
}

#[test]
fn a_run_agrees_with_the_description_of_its_network() {
    let place = Place::with_meter();
    let document = place.json("models meter-xxs");
    let model = &document["models"][0];
    assert_eq!(
        (&model["input"], &model["max_depth"]),
        (&json!([192, 256]), &json!(10.0))
    );

    let weights = place.read("run/checkpoint/step-000000001/weights.safetensors");
    let tensors = SafeTensors::deserialize(&weights).unwrap();
    let trained = tensors
        .iter()
        .filter(|(name, _)| !name.contains(".running_"));
    let numbers: usize = trained
        .map(|(_, tensor)| tensor.shape().iter().product::<usize>())
        .sum();
    assert_eq!(model["parameters"], numbers);

    let layers = model["layers"].as_array().unwrap();
    let all: Vec<_> = layers
        .iter()
        .map(|layer| layer["name"].as_str().unwrap())
        .collect();
    place.json(&format!(
        "dissect --run run --data rooms:rooms --layers {}",
        all.join(",")
    ));
    let dissected: Value = serde_json::from_slice(&place.read("run/dissect.json")).unwrap();
    let found = dissected["layers"].as_array().unwrap();
    assert_eq!(found.len(), layers.len());
    for (found, said) in found.iter().zip(layers) {
        assert_eq!(found["layer"], said["name"]);
        for field in ["units", "stride"] {
            assert_eq!(found[field], said[field], "{}", said["name"]);
        }
    }
    let by_default = place.json("dissect --run run --data rooms:rooms");
    let dissected = by_default["layers"].as_array().unwrap();
    let dissected: Vec<_> = dissected.iter().map(|layer| &layer["layer"]).collect();
    assert_eq!(json!(dissected), model["default_layers"]);
}

#[test]
fn the_error_of_an_unknown_network_lists_the_known_ones() {
    let place = Place::empty();
    let known: Vec<_> = Preset::all().iter().map(|preset| preset.name).collect();
    for line in [
        "models meter",
        "models meter-xxs meter",
        "models meter --json",
    ] {
        place.refuses(line, &["unknown model \"meter\"", &known.join(", ")]);
    }
}
