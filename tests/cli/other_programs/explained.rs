//! `--explain` and `--all-protocols`.

use serde_json::Value;

use super::Guises;
use crate::place::Place;

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
    // The first image without a name; also for a network.
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
fn all_protocols_are_tabulated() {
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
