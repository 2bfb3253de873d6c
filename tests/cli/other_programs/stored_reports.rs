//! Reports of files of other programs. Every command line that a report or a message prints is run
//! on the folder that it is about.

use serde_json::Value;

use super::axes::{MAP, depths, features, write};
use crate::place::Place;

/// Predictions and ground truth of four images, and features of two layers.
fn place() -> Place {
    let place = Place::empty();
    let (_, shape, metres) = depths();
    let pixels = shape[2] * shape[3];
    for image in 0..shape[0] {
        let map = |scale: f32| mde_arrays::Map {
            height: shape[2],
            width: shape[3],
            values: (metres[image * pixels..][..pixels].iter())
                .map(|depth| depth * scale)
                .collect(),
        };
        place.write(&format!("gt/{image:04}.npy"), map(1.0).to_npy());
        place.write(&format!("pred/{image:04}.npy"), map(1.1).to_npy());
    }
    for (name, seed) in [("a", 0), ("b", 2)] {
        let maps = features("NChw", 0, |image, unit, pixel| {
            let peak = (unit * 3 + seed + image) % MAP.0;
            1.0 / (1.0 + (pixel / MAP.1).abs_diff(peak) as f32)
        });
        write(&place, &format!("{name}.safetensors"), &[maps, depths()]);
    }
    place
}

const EVALUATE: &str = "evaluate --pred pred --gt gt --protocol nyu-full --name net --out";

fn dissect(place: &Place, layer: &str, folder: &str, options: &str) {
    place.json(&format!(
        "dissect --features {layer}.safetensors --layer block/{layer} --dataset nyu --bins 6 --name \
         net --out {folder} {options}"
    ));
}

/// The command lines of a text: in backticks, or lines of their own.
fn commands(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let lines = quoted
        .chain(text.lines())
        .filter(|line| line.starts_with("mde "));
    let mut commands: Vec<String> = lines
        .flat_map(|line| line.split(" && "))
        .map(|line| line.trim_start_matches("mde ").to_owned())
        .collect();
    commands.sort();
    commands.dedup();
    commands
}

/// Runs each command with what its capitals stand for, and returns how many there were.
fn run_all(place: &Place, text: &str) -> usize {
    let commands = commands(text);
    for command in &commands {
        let line = command
            .replace("--pred PATH --gt PATH", "--pred pred --gt gt")
            .replace("--protocol NAME", "--protocol nyu-full")
            .replace(
                "--features FILE --dataset NAME",
                "--features a.safetensors --dataset nyu",
            );
        let said = place.mde(&line);
        assert_eq!(said.status, Some(0), "{line}: {}", said.stderr);
    }
    commands.len()
}

fn report(place: &Place, folders: &str) -> String {
    place.json(&format!("report {folders}"));
    let folder = folders.split(' ').next().unwrap();
    let html = place.text(&format!("{folder}/report.html"));
    assert!(!html.contains("stored:"));
    place.text(&format!("{folder}/report.md"))
}

#[test]
fn a_folder_of_both_is_reported_with_commands_that_run() {
    let place = place();
    place.json_and_remarks(&format!("{EVALUATE} results"));
    dissect(&place, "a", "results", "");
    dissect(&place, "b", "results", "--permutations 0");
    let markdown = report(&place, "results");
    for part in [
        "block/a",
        "block/b",
        "the chance level",
        "Predictions (blake3)",
        "net",
    ] {
        assert!(markdown.contains(part), "no {part} in {markdown}");
    }
    // The network is not there.
    for part in ["mde ablate", "mde correct", "strongest response", "Plain"] {
        assert!(!markdown.contains(part), "{part} in {markdown}");
    }
    assert!(run_all(&place, &markdown) >= 3, "{markdown}");
    // They added the chance level.
    let after = report(&place, "results");
    assert!(!after.contains("Not measured"), "{after}");
    let table = place.text("results/tables/provenance.csv");
    let row = |name: &str| {
        table
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap()
            .to_owned()
    };
    let hash = |name: &str| row(name).split(',').nth(1).unwrap().to_owned();
    assert_eq!(hash("Weights (blake3)"), "");
    for name in ["Predictions (blake3)", "Features (blake3)"] {
        assert_eq!(hash(name).len(), 64, "{table}");
    }
}

#[test]
fn a_folder_of_predictions_says_how_features_are_added() {
    let place = place();
    place.json_and_remarks(&format!("{EVALUATE} results"));
    let markdown = report(&place, "results");
    assert!(
        markdown.contains("mde dissect --features FILE --dataset NAME"),
        "{markdown}"
    );
    assert!(!markdown.contains("mde ablate"), "{markdown}");
    assert_eq!(run_all(&place, &markdown), 2, "{markdown}");
    assert!(report(&place, "results").contains("Depth selectivity"));
}

#[test]
fn a_folder_of_features_says_how_predictions_are_added() {
    let place = place();
    dissect(&place, "a", "results", "");
    place.refuses(
        "report results",
        &["results/evaluate.json", "--name net --out results"],
    );
    let message = place.mde("report results").stderr;
    assert_eq!(run_all(&place, &message), 1, "{message}");
    assert!(report(&place, "results").contains("block/a"));
}

#[test]
fn two_folders_of_several_layers_are_compared_layer_by_layer() {
    let place = place();
    for folder in ["one", "two"] {
        place.json_and_remarks(&format!("{EVALUATE} {folder}"));
        dissect(&place, "a", folder, "");
        dissect(&place, "b", folder, "");
    }
    let found = place.json("compare one two");
    let layers = found["comparison"]["layers"].as_array();
    let layers = layers.or(found["layers"].as_array()).unwrap();
    let names: Vec<&Value> = layers.iter().map(|layer| &layer["layer"]).collect();
    assert_eq!(names, ["block/a", "block/b"]);
    let markdown = report(&place, "one two");
    assert!(markdown.contains("block/a") && markdown.contains("block/b"));
    run_all(&place, &markdown);
}
