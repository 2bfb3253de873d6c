//! Folders that cannot be written, and folders that are not exported networks.

use std::fs;

use serde_json::json;

use super::{export, measured_place};
use crate::place::{Place, assert_same};

#[test]
fn folders_that_are_not_exported_networks_are_named() {
    let place = measured_place();
    export(&place, "run -o net");
    for (folder, config) in [
        (
            "transformers",
            r#"{"model_type": "depth_anything", "architectures": ["DepthAnythingForDepthEstimation"]}"#,
        ),
        ("diffusers", r#"{"_class_name": "UNet2DConditionModel"}"#),
        ("other", "{}"),
        ("damaged", "{\"format\": \"mde-exp"),
    ] {
        place.write(&format!("{folder}/config.json"), config);
        place.write(&format!("{folder}/model.safetensors"), "");
    }
    fs::create_dir(place.path("empty")).unwrap();
    let checkpoint = "run/checkpoint/step-000000002";
    for (folder, parts) in [
        (
            "transformers",
            &["transformers library (model_type depth_anything)", "--pred"][..],
        ),
        ("diffusers", &["diffusers library"]),
        (
            "other",
            &["other/config.json", "not written by `mde export`"],
        ),
        ("damaged", &["damaged/config.json", "damaged or cut short"]),
        ("empty", &["empty: a folder without config.json"]),
        ("run", &["run/config.json", "--run run"]),
        (
            checkpoint,
            &["--model NAME --weights run/checkpoint/step-000000002/weights.safetensors"],
        ),
    ] {
        for line in [
            "evaluate --data rooms:rooms --weights",
            "dissect --data rooms:rooms --weights",
            "predict x.jpg -o maps --weights",
            "inspect --weights",
            "export -o new --weights",
            "train --data rooms:rooms --out new --steps 1 --batch-size 2 --init",
        ] {
            if line.starts_with("train") {
                // The lock of the new run stays.
                let said = place.mde(&format!("{line} {folder}"));
                said.is_refusal(line, 1, parts);
            } else {
                place.refuses(&format!("{line} {folder}"), parts);
            }
        }
    }
    // The advice for a run, and for its checkpoint.
    export(&place, "run -o exported");
    place.json("inspect --weights exported");
    let file = format!("{checkpoint}/weights.safetensors");
    place.json(&format!("inspect --model mff-tiny --weights {file}"));
}

#[test]
fn damaged_folders_and_contradictions_are_refused() {
    let place = measured_place();
    export(&place, "run -o net");
    let evaluate = "evaluate --data rooms:rooms --weights net";
    place.refuses(
        &format!("{evaluate} --model meter-xxs"),
        &["net is mff-tiny, but --model is meter-xxs; give --model mff-tiny"],
    );
    place.refuses(
        "evaluate --data rooms:rooms --run net",
        &["net: this is an exported network", "--weights net"],
    );
    for out in ["net", "run"] {
        let line = format!("{evaluate} --out {out}");
        place.refuses(
            &line,
            &[&format!("{out}: this is "), "choose another --out"],
        );
    }
    let train = "train --data rooms:rooms --steps 1 --batch-size 2 --out net";
    place.refuses(train, &["net: this is an exported network"]);
    let config = place.text("net/config.json");
    for (from, to, parts) in [
        (
            "\"max_depth\": 10.0",
            "\"max_depth\": 80.0",
            &["input and output", "mff-tiny"][..],
        ),
        ("0.485", "0.5", &["input and output"]),
        (
            "\"model\": \"mff-tiny\"",
            "\"model\": \"mff-tin\"",
            &["did you mean", "mff-tiny"],
        ),
        (
            "\"steps\": 2",
            "\"steps\": null",
            &["damaged or was edited"],
        ),
        (
            "\"format_version\": 1",
            "\"format_version\": 2",
            &["format_version is 2"],
        ),
        ("model.safetensors", "../run/x", &["weights.file"]),
        (
            "\"model.safetensors\"",
            "\"pytorch_model.pth\"",
            &["pytorch_model.pth", "missing"],
        ),
    ] {
        let edited = config.replacen(from, to, 1);
        assert_ne!(edited, config, "{from}");
        place.write("net/config.json", edited);
        place.refuses(evaluate, &[&["config.json"], parts].concat());
    }
    place.write("net/config.json", &config);
    let whole = place.read("net/model.safetensors");
    place.cut_short("net/model.safetensors");
    place.refuses(
        evaluate,
        &[
            "net/model.safetensors: its BLAKE3 is",
            "copy or download them again",
        ],
    );
    // Another file, which is whole: the advice uses it alone.
    let mut other = whole;
    *other.last_mut().unwrap() ^= 1;
    place.write("net/model.safetensors", other);
    place.refuses(
        evaluate,
        &["--model mff-tiny --weights net/model.safetensors"],
    );
    let alone = "evaluate --data rooms:rooms --model mff-tiny --weights net/model.safetensors";
    place.json_and_remarks(alone);
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n";
    place.write("net/model.safetensors", pointer);
    place.refuses(evaluate, &["a Git LFS pointer", "git lfs pull"]);
    fs::remove_file(place.path("net/model.safetensors")).unwrap();
    place.refuses(evaluate, &["net/model.safetensors", "missing"]);
}

#[test]
fn damaged_configurations_cause_no_panic() {
    let place = Place::with_run();
    export(&place, "run -o net");
    let whole = place.read("net/config.json");
    for seed in 0..60 {
        let damaged = mde_test_kit::damaged(&whole, &mut mde_test_kit::rng(seed));
        place.write("net/config.json", damaged);
        let said = place.mde("inspect --weights net");
        let fine = [Some(0), Some(1)].contains(&said.status) && !said.stderr.contains("panicked");
        assert!(fine, "{seed}: {:?} {}", said.status, said.stderr);
    }
}

#[test]
fn a_file_of_weights_needs_its_network() {
    let place = Place::with_meter();
    let file = "run/checkpoint/step-000000001/weights.safetensors";
    for command in ["evaluate --data rooms:rooms", "inspect", "export -o new"] {
        let line = format!("{command} --weights {file}");
        place
            .mde(&line)
            .is_refusal(&line, 2, &["required", "--model", file]);
    }
}

#[test]
fn folders_that_cannot_be_written_are_refused() {
    let place = measured_place();
    place.write("full/file", "kept");
    fs::create_dir(place.path("bare")).unwrap();
    for (line, parts) in [
        ("run -o full", &["full: this folder is not empty"][..]),
        ("run -o full/file", &["full/file: this is a file"]),
        (
            "run -o full/file/below",
            &["full/file/below: this is a file, or lies below one"],
        ),
        (
            "run -o run/export",
            &["run/export: this lies inside the run folder"],
        ),
        ("run -o run", &["run: this folder is not empty"]),
        ("run -o .", &["not empty"]),
        ("nothing -o new", &["nothing: no run here"]),
        ("bare -o new", &["bare: no run here"]),
    ] {
        place.refuses(&format!("export {line}"), parts);
    }
    // A run without a checkpoint.
    place.write("begun/config.json", place.read("run/config.json"));
    place.refuses("export begun -o new", &["begun", "no checkpoint"]);
    // An empty folder is used.
    export(&place, "run -o bare");
    assert_eq!(place.files("bare").len(), 3);
    let line = "export run --run run -o new";
    place.mde(line).is_refusal(line, 2, &["--run"]);
}

#[test]
fn a_full_disk_leaves_nothing_behind() {
    let place = measured_place();
    let before = place.files(".");
    for format in ["safetensors", "pth-names"] {
        let line = format!("export run -o new --format {format}");
        let said = place.mde_on_full_disk(1000, &line);
        said.is_refusal(&line, 1, &["cannot write", "new", "free some space"]);
    }
    assert_same("a full disk", &place.files("."), &before);
    assert!(!place.path("new").exists());
}

#[test]
fn results_of_another_checkpoint_are_refused() {
    let place = measured_place();
    place.json("train --data rooms:rooms --out other --steps 1 --batch-size 2");
    place.copy(&place.path("run/evaluate.json"), "other/evaluate.json");
    let evaluate = "mde evaluate --run other --data DATA";
    place.refuses(
        "export other -o net",
        &["other/evaluate.json", "earlier checkpoint", evaluate],
    );
    // Both remedies.
    place.json_and_remarks("evaluate --run other --data rooms:rooms");
    export(&place, "other -o net");
    place.copy(&place.path("run/dissect.json"), "other/dissect.json");
    place.refuses(
        "export other -o second",
        &["other/dissect.json", "delete the file"],
    );
    fs::remove_file(place.path("other/dissect.json")).unwrap();
    assert_eq!(
        export(&place, "other -o second")["results"],
        json!(["evaluate.json"])
    );

    // An ablation whose dissection has changed since.
    place.json("ablate --run run --data rooms:rooms --random-orders 1 --layers D");
    place.json("dissect --run run --data rooms:rooms --permutations 3");
    let ablate = "mde ablate --run run --data DATA";
    place.refuses(
        "export run -o third",
        &["run/ablate.json", "another dissect.json", ablate],
    );
    place.json("ablate --run run --data rooms:rooms --random-orders 1 --layers D");
    export(&place, "run -o third");
    place.cut_short("run/evaluate.json");
    place.refuses("export run -o fourth", &["run/evaluate.json"]);
}

#[test]
fn networks_with_values_that_are_not_finite_are_refused() {
    let place = Place::with_run();
    let weights = "run/checkpoint/step-000000001/weights.safetensors";
    let mut bytes = place.read(weights);
    let last = bytes.len() - 4;
    bytes[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    place.write(weights, bytes);
    place.refuses(
        "export run -o net",
        &["weights.safetensors: ", "holds NaN or infinity"],
    );
}
