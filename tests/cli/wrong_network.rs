//! Networks on data that they are not made for: rooms reach to 10 m, streets to 80 m.

use serde_json::Value;

use crate::place::Place;

/// The expected message: the networks made for depth up to this many metres.
fn fitting(place: &Place, metres: f64) -> String {
    let document = place.json("models");
    let models: &Vec<Value> = document["models"].as_array().unwrap();
    let fitting = models.iter().filter(|model| model["max_depth"] == metres);
    let names: Vec<_> = fitting
        .map(|model| model["name"].as_str().unwrap())
        .collect();
    assert!(!names.is_empty());
    // Up to the end of the message, so that no other network is listed.
    format!("networks for this data: {}\n", names.join(", "))
}

#[test]
fn a_network_is_refused_on_data_of_another_depth() {
    let place = Place::with_streets();
    place.copy(&Place::new().path("rooms"), "rooms");
    let (for_rooms, for_streets) = (fitting(&place, 10.0), fitting(&place, 80.0));
    for (model, own, other, fitting) in [
        ("mff-tiny", "rooms", "streets", &for_streets),
        ("bts-tiny-kitti", "streets", "rooms", &for_rooms),
        ("meter-xxs", "rooms", "streets", &for_streets),
        ("meter-xxs-kitti", "streets", "rooms", &for_rooms),
    ] {
        let train = |data: &str, out: &str| {
            format!(
                "train --model {model} --data {data}:{data} --out {out} --steps 1 --batch-size 2"
            )
        };
        place.json(&train(own, model));
        let ranges = match other {
            "streets" => format!("depth reaches 80 m, but {model} predicts up to 10 m"),
            _ => format!("depth reaches 10 m, but {model} predicts up to 80 m"),
        };
        let parts = [&format!("{other}:{other}: "), &ranges, fitting];
        let parts = parts.map(String::as_str);
        place.refuses(&train(other, "new"), &parts);
        let weights = format!("{model}/checkpoint/step-000000001/weights.safetensors");
        for stage in ["evaluate", "dissect"] {
            place.refuses(
                &format!("{stage} --run {model} --data {other}:{other}"),
                &parts,
            );
            let given = format!("--model {model} --weights {weights} --out new");
            place.refuses(&format!("{stage} {given} --data {other}:{other}"), &parts);
        }
    }
}

#[test]
fn the_same_files_under_the_other_kind_are_refused_too() {
    let place = Place::with_streets();
    for (list, kittis) in [
        ("streets_train.txt", "eigen_train_files_with_gt.txt"),
        ("streets_test.txt", "eigen_test_files_with_gt.txt"),
    ] {
        place.write(
            &format!("streets/{kittis}"),
            place.read(&format!("streets/{list}")),
        );
    }
    let line = |model: &str, out: &str| {
        format!("train --model {model} --data kitti:streets --out {out} --steps 1 --batch-size 2")
    };
    place.refuses(
        &line("mff-tiny", "new"),
        &[
            "kitti:streets: depth reaches 80 m",
            "mff-tiny predicts up to 10 m",
        ],
    );
    // The depth range decides, not the layout: streets listed as KITTI are accepted.
    place.json(&line("meter-xxs-kitti", "run"));
    let evaluated = place.json("evaluate --run run --data streets:streets");
    assert_eq!(evaluated["protocol"]["name"], "kitti-garg");
}
