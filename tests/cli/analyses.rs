//! `mde ablate` and `mde correct`: their results, when they are skipped, and unusable
//! dissections.

use std::fs;

use serde_json::{Value, json};

use crate::place::{Place, assert_same, without_expected_remarks};

const ANALYSES: [&str; 2] = ["ablate", "correct"];

fn line(stage: &str) -> String {
    format!("{stage} --run run --data rooms:rooms")
}

/// A run whose MFF has been dissected into eight bins.
fn dissected() -> Place {
    let place = Place::with_run();
    place.json(&format!("{} --layers MFF --bins 8", line("dissect")));
    place
}

fn document(place: &Place, file: &str) -> Value {
    serde_json::from_slice(&place.read(file)).unwrap()
}

#[test]
fn they_start_from_the_dissection_and_agree_with_the_evaluation() {
    let place = dissected();
    let evaluated = place.json(&line("evaluate"));
    let mean = &evaluated["summary"]["mean"];

    let ablated = place.json(&line("ablate"));
    assert_eq!(
        (&ablated["up_to_date"], &ablated["images"]),
        (&json!(false), &json!(4))
    );
    assert_eq!(ablated["provenance"], evaluated["provenance"]);
    let ablation = document(&place, "run/ablate.json");
    let layer = &ablation["layers"][0];
    assert_eq!(
        (&layer["layer"], &layer["units"]),
        (&json!("MFF"), &json!(32))
    );
    assert_eq!(layer["baseline"]["abs_rel"], mean["abs_rel"]);
    // Two fills, each with two orders and five random ones.
    let curves = layer["curves"].as_array().unwrap();
    assert_eq!(curves.len(), 14);
    let removed = curves[0]["points"].as_array().unwrap().iter();
    let removed: Vec<&Value> = removed.map(|point| &point["removed"]).collect();
    assert_eq!(json!(removed), json!([0, 1, 2, 4, 8, 16, 32]));
    assert_eq!(ablated["layers"][0]["areas"], layer["areas"]);
    assert!(layer["areas"][0]["abs_rel"]["interval"]["low"].is_f64());
    assert!(place.path("run/ablate/MFF.safetensors").is_file());

    let corrected = place.json(&line("correct"));
    assert_eq!(corrected["up_to_date"], false);
    let correction = document(&place, "run/correct.json");
    for said in [&corrected, &correction] {
        assert!(
            said["note"].as_str().unwrap().starts_with("oracle"),
            "{said}"
        );
    }
    let layer = &correction["layers"][0];
    assert_eq!(layer["before"]["abs_rel"], mean["abs_rel"]);
    assert_eq!(layer["single_units"].as_array().unwrap().len(), 32);
    assert_eq!(layer["groups"].as_array().unwrap().len(), 8);
    assert_eq!(layer["per_image"].as_array().unwrap().len(), 4);
    assert_eq!(correction["dissection"], ablation["dissection"]);
    for file in [&layer["values"], &layer["maps"]] {
        assert!(
            place
                .path(&format!("run/{}", file.as_str().unwrap()))
                .is_file()
        );
    }

    // The second time nothing is computed again. Without the records, everything ends with the same
    // bytes for any batch size.
    let before = place.files("run");
    for stage in ANALYSES {
        assert_eq!(place.json(&line(stage))["up_to_date"], true);
        fs::remove_file(place.path(&format!("run/stages/{stage}/MFF.json"))).unwrap();
        let other = format!("{} --batch-size 3 --workers 1", line(stage));
        assert_eq!(place.json(&other)["up_to_date"], false);
    }
    assert_same("another batch", &place.files("run"), &before);
}

#[test]
fn they_run_again_when_the_dissection_has_changed() {
    let place = dissected();
    for stage in ANALYSES {
        place.json(&line(stage));
    }
    place.json(&format!("{} --layers MFF --bins 4", line("dissect")));
    for stage in ANALYSES {
        assert_eq!(place.json(&line(stage))["up_to_date"], false, "{stage}");
        assert_eq!(place.json(&line(stage))["up_to_date"], true, "{stage}");
    }
    let options = [
        ("ablate", "--random-orders 2"),
        ("ablate", "--protocol nyu-full"),
        ("correct", "--examples 1"),
    ];
    for (stage, option) in options {
        let line = format!("{} {option}", line(stage));
        let (document, _) = place.json_and_remarks(&line);
        assert_eq!(document["up_to_date"], false, "{line}");
    }
}

fn layers_of(document: &Value) -> Vec<&str> {
    let layers = document["layers"].as_array().unwrap().iter();
    layers
        .map(|layer| layer["layer"].as_str().unwrap())
        .collect()
}

/// A layer's results stay when another layer is measured from the same inputs.
#[test]
fn layers_that_are_measured_one_by_one_are_kept() {
    let place = Place::with_run();
    place.json(&format!("{} --layers D,MFF --bins 8", line("dissect")));
    for stage in ANALYSES {
        let file = format!("run/{stage}.json");
        place.json(&line(stage));
        let both = place.read(&file);
        fs::remove_file(place.path(&file)).unwrap();

        let first = place.json(&format!("{} --layers MFF", line(stage)));
        assert_eq!(layers_of(&first), ["MFF"]);
        let second = place.json(&format!("{} --layers D", line(stage)));
        // What is printed is what was asked for; the file holds both, in the dissection's order.
        assert_eq!(layers_of(&second), ["D"]);
        assert_eq!(layers_of(&document(&place, &file)), ["D", "MFF"]);
        assert_eq!(place.read(&file), both, "{stage}");
        for layers in ["", "--layers MFF", "--layers D", "--layers MFF,D"] {
            let again = place.json(&format!("{} {layers}", line(stage)));
            assert_eq!(again["up_to_date"], true, "{stage} {layers}");
        }
        // A layer whose values were changed is measured again, the other is not lost.
        place.write(&format!("run/{stage}/D.safetensors"), "changed");
        let again = place.json(&line(stage));
        assert_eq!(again["up_to_date"], false);
        assert_eq!(place.read(&file), both, "{stage}");

        // Results from other inputs are not mixed with these, and that is said.
        let option = match stage {
            "ablate" => "--random-orders 2",
            _ => "--examples 1",
        };
        let other = format!("{} --layers D {option}", line(stage));
        let (other, remarks) = place.json_and_remarks(&other);
        assert_eq!(layers_of(&other), ["D"]);
        let said = format!("{stage}.json held results of MFF from other inputs");
        assert!(remarks.contains(&said), "{remarks}");
        assert_eq!(layers_of(&document(&place, &file)), ["D"]);
    }
}

/// A run whose bins of the dissection are not those of its training.
#[test]
fn groups_by_preferred_bins_are_said() {
    let place = Place::new();
    let run =
        "train --data rooms:rooms --out run --steps 1 --batch-size 2 --alpha 0.1 --layers MFF";
    place.json(run);
    place.json_and_remarks(&format!("{} --layers MFF --bins 8", line("dissect")));
    let (_, remarks) = place.json_and_remarks(&line("correct"));
    let said = "grouped by their preferred bins";
    assert!(
        remarks.contains("layer MFF") && remarks.contains(said),
        "{remarks}"
    );
    place.json_and_remarks(&format!("{} --layers MFF", line("dissect")));
    let (_, remarks) = place.json_and_remarks(&line("correct"));
    assert!(!remarks.contains(said), "{remarks}");
}

#[test]
fn without_json_the_result_is_text() {
    let place = dissected();
    for (stage, parts) in [
        (
            "ablate",
            [
                "run/ablate.json: 4 images",
                "most selective first, filled with zero",
            ],
        ),
        ("correct", ["run/correct.json: 4 images", "oracle analysis"]),
    ] {
        let said = place.mde(&line(stage));
        let remarks = without_expected_remarks(&said.stderr);
        assert_eq!((said.status, remarks.as_str()), (Some(0), ""), "{stage}");
        for part in parts {
            assert!(said.stdout.contains(part), "{stage}: {}", said.stdout);
        }
    }
}

#[test]
fn without_a_dissection_the_error_names_its_command() {
    let place = Place::with_run();
    for stage in ANALYSES {
        place.refuses(
            &line(stage),
            &[
                "run/dissect.json is missing",
                "`mde dissect --run run --data rooms:rooms`",
            ],
        );
    }
}

#[test]
fn a_dissection_of_other_weights_or_another_version_is_refused() {
    let place = dissected();
    let command = "`mde dissect --run run --data rooms:rooms`";
    let again = format!("run {command} first");
    let whole = document(&place, "run/dissect.json");
    let change = |change: &dyn Fn(&mut Value)| {
        let mut changed = whole.clone();
        change(&mut changed);
        place.write("run/dissect.json", changed.to_string());
    };
    for stage in ANALYSES {
        change(&|document| document["provenance"]["checkpoint"] = json!("00ff"));
        place.refuses(
            &line(stage),
            &["run/dissect.json is about other weights", "00ff", &again],
        );
        change(&|document| document["format"] = json!(7));
        place.refuses(
            &line(stage),
            &["format 7, but this version reads format 4", command],
        );
        // A document of the first format lacks what the second has.
        change(&|document| {
            document["format"] = json!(1);
            document.as_object_mut().unwrap().remove("bootstrap");
        });
        place.refuses(
            &line(stage),
            &["format 1, but this version reads format 4", command],
        );
        change(&|document| document["layers"] = json!("MFF"));
        place.refuses(&line(stage), &["run/dissect.json: ", "damaged", command]);
        change(&|document| document["layers"][0]["units"] = json!(3));
        place.refuses(
            &line(stage),
            &["MFF", "the network has 32", "dissect again"],
        );
        place.write("run/dissect.json", "{");
        place.refuses(&line(stage), &["run/dissect.json: ", "damaged", command]);
    }
}

#[test]
fn layers_that_were_not_dissected_or_do_not_exist_are_refused() {
    let place = dissected();
    for stage in ANALYSES {
        place.refuses(
            &format!("{} --layers D", line(stage)),
            &["the layers MFF, not D", "--layers MFF,D` first"],
        );
        place.refuses(
            &format!("{} --layers E", line(stage)),
            &["no layer \"E\"", "Rconv1"],
        );
        place.refuses(
            &format!("{} --layers MFF,MFF", line(stage)),
            &["\"MFF\" is named twice"],
        );
    }
    place.cut_short("run/dissect/MFF.safetensors");
    place.refuses(
        &line("ablate"),
        &[
            "run/dissect/MFF.safetensors",
            "damaged",
            "`mde dissect --run run",
        ],
    );
    fs::remove_file(place.path("run/dissect/MFF.safetensors")).unwrap();
    place.refuses(
        &line("ablate"),
        &["run/dissect/MFF.safetensors", "run `mde dissect"],
    );
}

#[test]
fn a_file_of_weights_needs_a_folder_with_its_dissection() {
    let place = Place::with_meter();
    let weights = "run/checkpoint/step-000000001/weights.safetensors";
    let given =
        |stage: &str| format!("{stage} --model meter-xxs --weights {weights} --data rooms:rooms");
    for stage in ANALYSES {
        place.refuses(
            &given(stage),
            &[
                "starts from a dissection",
                "mde dissect --model meter-xxs",
                "--out DIR",
            ],
        );
        place.refuses(
            &format!("{} --out kept", given(stage)),
            &["kept/dissect.json is missing", "--out kept"],
        );
    }
    let kept = |stage: &str| format!("{} --out kept", given(stage));
    place.json_and_remarks(&format!("{} --layers ups_block_3", kept("dissect")));
    for stage in ANALYSES {
        let (document, _) = place.json_and_remarks(&kept(stage));
        assert_eq!(document["layers"][0]["layer"], "ups_block_3");
        assert!(place.path(&format!("kept/{stage}.json")).is_file());
    }
}

#[test]
fn at_least_one_random_order_is_needed() {
    let place = dissected();
    let line = format!("{} --random-orders 0", line("ablate"));
    place.mde(&line).is_refusal(&line, 2, &["--random-orders"]);
}
