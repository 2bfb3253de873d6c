//! Weights by a name of the manifest or from the hub, in place of a file.

use std::fs;

use serde_json::json;

use crate::place::Place;

const WEIGHTS: &str = "run/checkpoint/step-000000001/weights.safetensors";

/// A place whose manifest names the weights of its run, already fetched.
fn place_with_named_weights() -> Place {
    let place = Place::with_meter();
    let bytes = place.read(WEIGHTS);
    let manifest = format!(
        "[weights.mine]\nsummary = \"Weights of a test\"\nmodels = [\"meter-xxs\"]\nfile = \"mine.safetensors\"\n\
         url = \"http://127.0.0.1:9/mine.safetensors\"\npage = \"http://127.0.0.1:9/\"\nsize = {}\n\
         verified = false\npaper = \"none\"\ninput = \"192x256\"\nlicence = \"none\"\n",
        bytes.len()
    );
    fs::write(place.home().join("manifest.toml"), manifest).unwrap();
    let folder = place.home().join("weights/mine");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("mine.safetensors"), bytes).unwrap();
    place
}

#[test]
fn a_name_of_the_manifest_is_its_file() {
    let place = place_with_named_weights();
    let evaluate = "evaluate --model meter-xxs --data rooms:rooms --weights";
    let (by_name, _) = place.json_and_remarks(&format!("{evaluate} mine"));
    let (by_file, _) = place.json_and_remarks(&format!("{evaluate} {WEIGHTS}"));
    assert_eq!(by_name["summary"], by_file["summary"]);
    let inspected = place.json("inspect --weights mine --model meter-xxs");
    assert_eq!(inspected["findings"], json!([]));
    let train = "train --model meter-xxs --data rooms:rooms --steps 1 --batch-size 2 --init mine --out tuned";
    place.json_and_remarks(train);
    // The second time the run has a checkpoint.
    let (again, _) = place.json_and_remarks(train);
    assert_eq!(again["up_to_date"], true);
    // A file of this name takes precedence.
    place.write("mine", "not weights");
    place.refuses(&format!("{evaluate} mine"), &["mine"]);
}

#[test]
fn unknown_names_are_refused() {
    let place = place_with_named_weights();
    let before = place.files(".");
    for option in [
        "evaluate --weights",
        "dissect --weights",
        "inspect --weights",
    ] {
        let (command, option) = option.split_once(' ').unwrap();
        let data = if command == "inspect" {
            ""
        } else {
            "--data rooms:rooms"
        };
        let line = |weights: &str| format!("{command} {data} --model meter-xxs {option} {weights}");
        place.refuses(&line("mien"), &["mien", "did you mean", "mine"]);
        let said = place.mde(&line("hf:nobody"));
        said.is_refusal(command, 2, &["hf:ORG/REPO"]);
    }
    assert!(place.files(".") == before);
}
