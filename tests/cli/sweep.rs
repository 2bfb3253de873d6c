//! `mde sweep`: one run folder per point, a table and a plot; resuming, refusals, failing points.

use std::fs;

use serde_json::{Value, json};

use crate::place::{Place, assert_same};

const SWEEP: &str = "sweep --data rooms:rooms --out sweep --steps 2 --batch-size 2 --bins 8";

fn numbers(points: &Value, key: &str) -> Vec<Value> {
    let points = points.as_array().unwrap().iter();
    points.map(|point| point[key].clone()).collect()
}

#[test]
fn the_numbers_of_every_point_equal_those_of_other_commands() {
    let place = Place::new();
    let line = format!("{SWEEP} --alphas 0.1,-0.1,0 --layers D,MFF --layers MFF");
    let (document, _) = place.json_and_remarks(&line);
    let points = &document["sweep"]["points"];
    // Set by set, by rising weight; the plain network belongs to both.
    assert_eq!(
        numbers(points, "alpha"),
        [-0.1, 0.0, 0.1, -0.1, 0.0, 0.1].map(Value::from)
    );
    assert_eq!(
        numbers(points, "run"),
        [
            "alpha-0.1-D+MFF",
            "plain",
            "alpha0.1-D+MFF",
            "alpha-0.1-MFF",
            "plain",
            "alpha0.1-MFF"
        ]
        .map(Value::from)
    );
    for point in points.as_array().unwrap() {
        let run = format!("sweep/{}", point["run"].as_str().unwrap());
        let data = "--data rooms:rooms";
        let evaluated = place.json(&format!("evaluate --run {run} {data}"));
        assert_eq!(evaluated["up_to_date"], true, "{run}");
        let mean = &evaluated["summary"]["mean"];
        let near = |found: &Value, expected: &Value| {
            (found.as_f64().unwrap() - expected.as_f64().unwrap()).abs() < 1e-12
        };
        for metric in ["abs_rel", "rmse", "delta_1"] {
            assert!(near(&point[metric]["value"], &mean[metric]), "{run}");
            assert!(point[metric]["interval"]["low"].is_f64(), "{run}");
        }
        let line = format!("dissect --run {run} {data} --layers D,MFF --bins 8");
        let dissected = place.json(&line);
        assert_eq!(dissected["up_to_date"], true, "{run}");
        let of = |name: &str| {
            let layers = dissected["layers"].as_array().unwrap();
            let layer = layers.iter().find(|layer| layer["layer"] == name).unwrap();
            layer["valid_bins"].as_f64().unwrap()
        };
        let layers = point["layers"].as_array().unwrap();
        let mean = layers.iter().map(|name| of(name.as_str().unwrap()));
        let mean = mean.sum::<f64>() / layers.len() as f64;
        assert!(near(&point["selectivity"], &json!(mean)), "{run}");
    }
    let csv = place.text("sweep/sweep.csv");
    assert_eq!(csv.lines().count(), 7);
    let page = place.text("sweep/sweep.html");
    assert_eq!(page.matches("<circle").count(), 6);
    assert!(!page.contains("http"), "it loads nothing");

    // The second time nothing is trained or measured, and a deleted point is restored unchanged.
    let before = place.files("sweep");
    fs::remove_dir_all(place.path("sweep/alpha0.1-MFF")).unwrap();
    place.json_and_remarks(&line);
    assert_same("resumed", &place.files("sweep"), &before);
}

#[test]
fn mistakes_are_refused_before_any_training() {
    let place = Place::new();
    let cases: &[(&str, &[&str])] = &[
        ("--layers D --layers D,E", &["no layer \"E\"", "D, MFF"]),
        ("--alphas 0,nan", &["alpha is NaN", "finite"]),
        ("--layers D,D", &["layers is D", "twice"]),
    ];
    for (options, parts) in cases {
        place.refuses(&format!("{SWEEP} {options}"), parts);
    }
    place.refuses(
        "sweep --data rooms:nowhere --out sweep",
        &["nowhere", "rooms_train.csv"],
    );
    let said = place.mde(&format!("{SWEEP} --alphas 0,x"));
    said.is_refusal("sweep", 2, &["--alphas", "'x'"]);
}

#[test]
fn a_failed_point_does_not_stop_the_others() {
    let place = Place::new();
    // A run with another seed is in the folder of a point.
    place.json(
        "train --data rooms:rooms --out sweep/alpha0.1-MFF --steps 2 --batch-size 2 --seed 1",
    );
    let said = place.mde(&format!("{SWEEP} --alphas 0,0.1 --layers MFF"));
    said.is_refusal("sweep", 1, &["1 of 2 points failed", "seed", "sweep.html"]);
    let found: Value = serde_json::from_slice(&place.read("sweep/sweep.json")).unwrap();
    assert_eq!(numbers(&found["points"], "alpha"), [json!(0.0)]);
    assert_eq!(numbers(&found["failed"], "alpha"), [json!(0.1)]);
    let message = found["failed"][0]["message"].as_str().unwrap();
    assert!(place.text("sweep/sweep.html").contains("seed"), "{message}");
}
