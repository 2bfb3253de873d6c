//! Networks handed on: exported folders, what they hold, and who reads them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex};

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
fn the_card_holds_the_numbers_of_the_run() {
    let place = measured_place();
    let line = "run --data rooms:rooms --random-orders 1";
    place.json(&format!("ablate --run {line}"));
    let said = export(&place, "run -o net --license Apache-2.0");
    assert_eq!(
        said["missing_results"],
        json!(["errors with responses corrected"])
    );
    let card = place.text("net/README.md");
    let evaluated = document(&place, "run/evaluate.json");
    let dissected = document(&place, "run/dissect.json");
    let ablated = document(&place, "run/ablate.json");
    let number = |value: &Value| format!("{:.4}", value.as_f64().unwrap());
    let mean = &evaluated["summary"]["mean"];
    let d = &dissected["layers"][0];
    let area = &ablated["layers"][0]["areas"][0]["abs_rel"];
    for part in [
        "---\nlicense: apache-2.0\nlibrary_name: mde\npipeline_tag: depth-estimation\n",
        "# mff-tiny trained on rooms",
        &format!(
            "| this network | {} | {} | {} |",
            number(&mean["abs_rel"]),
            number(&mean["rmse"]),
            number(&mean["delta_1"])
        ),
        &number(&evaluated["constant_baseline"]["summary"]["mean"]["abs_rel"]),
        "Protocol: `nyu-mff`, depths between 0.001 and 10 m, predictions are not aligned.",
        "Data: rooms test, 4 images",
        "Source: `evaluate.json` of the run",
        evaluated["provenance"]["data_hash"].as_str().unwrap(),
        "| seed | 3 |",
        "| 0.1, on D, MFF, at most 64 bins |",
        "| steps | 2 |",
        &number(&d["valid_bins"]["mean"]),
        &number(&d["valid_bins"]["held_out"]["mean"]),
        &number(&d["reference"]["mean"]),
        &number(&d["null"]["mean"]),
        &format!("most selective first | zero | {}", number(&area["value"])),
        "## Not in this card\n\n- errors with responses corrected\n",
    ] {
        assert!(card.contains(part), "no `{part}` in {card}");
    }
    assert!(!card.contains(place.path("").to_str().unwrap()), "{card}");
}

#[test]
fn without_results_the_card_says_so_and_without_a_licence_the_user_is_told() {
    let place = Place::with_run();
    let (said, remarks) = place.json_and_remarks("export run -o net");
    assert_eq!(
        (&said["results"], &said["license"]),
        (&json!([]), &Value::Null)
    );
    assert!(
        remarks.contains("no --license") && remarks.lines().count() == 1,
        "{remarks}"
    );
    let card = place.text("net/README.md");
    assert!(
        card.starts_with("---\nlibrary_name: mde\n") && !card.contains("license:"),
        "{card}"
    );
    for part in [
        "depth errors",
        "depth selectivity",
        "errors with units removed",
    ] {
        assert!(card.contains(&format!("\n- {part}\n")), "{card}");
    }
    assert!(
        card.contains("0: no unit has an assigned depth range"),
        "{card}"
    );
    // As the remark advises.
    assert!(remarks.contains("add a line such as `license: apache-2.0` after its first line"));
    let licensed = card.replacen("---\n", "---\nlicense: apache-2.0\n", 1);
    place.json_and_remarks("export run -o licensed --license apache-2.0");
    let expected = place.text("licensed/README.md");
    let front = |card: &str| card.split("---\n").nth(1).unwrap().to_owned();
    assert_eq!(front(&licensed), front(&expected));
    let (_, remarks) = place.json_and_remarks("export run -o other --license LicenseRef-mine");
    assert_eq!(remarks, "");
    let card = place.text("other/README.md");
    assert!(
        card.starts_with("---\nlicense: other\nlicense_name: licenseref-mine\n"),
        "{card}"
    );
    let line = "export run -o third --license a,b";
    place.mde(line).is_refusal(line, 2, &["SPDX", "apache-2.0"]);
}

#[test]
fn the_checkpoint_of_an_unfinished_training_is_called_so() {
    let place = Place::with_run();
    let config = place.text("run/config.json");
    place.write(
        "run/config.json",
        config.replace("\"steps\": 1,", "\"steps\": 9,"),
    );
    let (_, remarks) = place.json_and_remarks("export run -o net");
    assert!(remarks.contains("step 1 of 9"), "{remarks}");
    let card = place.text("net/README.md");
    assert!(
        card.contains("| steps | 1 of 9: training was not finished |"),
        "{card}"
    );
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

/// A script that reads an exported folder as other libraries do.
const READ: &str = "
import json, pathlib, re, sys
folder = pathlib.Path(sys.argv[1])
card = (folder / 'README.md').read_text()
front = card.split('---\\n')[1]
try:
    import yaml
    meta = yaml.safe_load(front)
    assert meta['pipeline_tag'] == 'depth-estimation' and meta['datasets'] == ['rooms'], meta
    assert meta['license'] == 'mit', meta
    metrics = meta['model-index'][0]['results'][0]['metrics']
    assert [m['type'] for m in metrics] == ['abs_rel', 'rmse', 'delta_1'], metrics
    from huggingface_hub import ModelCard, ModelCardData
    data = ModelCard(card).data
    assert data.eval_results[0].metric_type == 'abs_rel', data
except ImportError as error:
    print(error)
from safetensors import safe_open
with safe_open(folder / 'model.safetensors', 'np') as file:
    assert file.metadata()['format'] == 'pt'
    names = list(file.keys())
    count = sum(file.get_tensor(name).size for name in names if 'running' not in name)
config = json.loads((folder / 'config.json').read_text())
assert count == config['weights']['parameters'], count
print('read', len(names))
";

#[test]
fn python_libraries_read_the_folder() {
    let Some(python) = mde_test_kit::python(&["safetensors", "numpy"]) else {
        return;
    };
    let place = measured_place();
    export(&place, "run -o net --license mit");
    let said = Command::new(python)
        .args(["-c", READ])
        .arg(place.path("net"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{errors}");
    assert!(String::from_utf8_lossy(&said.stdout).contains("read 242"));
}

#[test]
fn the_python_lines_of_the_card_run() {
    let Some(python) = mde_test_kit::python(&["safetensors", "torch"]) else {
        return;
    };
    let place = measured_place();
    for format in ["safetensors", "pth-names"] {
        export(&place, &format!("run -o {format} --format {format}"));
        let card = place.text(&format!("{format}/README.md"));
        let code = card
            .split("```python\n")
            .nth(1)
            .unwrap()
            .split("```")
            .next()
            .unwrap();
        // The last line of pth-names needs the reference's network.
        let network = "class Net:\n  def load_state_dict(self, state, strict):\n    assert strict\nnet = Net()\n";
        let script = format!("{network}{code}\nprint(len(state))");
        let said = Command::new(&python)
            .args(["-c", &script])
            .current_dir(place.path(format))
            .output()
            .unwrap();
        assert!(
            said.status.success(),
            "{}",
            String::from_utf8_lossy(&said.stderr)
        );
        let entries = String::from_utf8(said.stdout).unwrap();
        let entries: usize = entries.trim().parse().unwrap();
        let norms = place.read("run/checkpoint/step-000000002/weights.safetensors");
        let norms = SafeTensors::deserialize(&norms).unwrap();
        let norms = norms
            .names()
            .into_iter()
            .filter(|name| name.ends_with("running_mean"));
        let batches = if format == "pth-names" {
            norms.count()
        } else {
            0
        };
        assert_eq!(entries, 242 + batches);
    }
}

/// A hub on loopback: the files below a folder by the last part of their path.
struct Hub {
    url: String,
    requested: Arc<Mutex<Vec<String>>>,
}

impl Hub {
    fn start(files: BTreeMap<String, Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requested = Arc::new(Mutex::new(Vec::new()));
        let log = requested.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let first = lines.next().and_then(Result::ok).unwrap_or_default();
                for line in lines.map_while(Result::ok) {
                    if line.is_empty() {
                        break;
                    }
                }
                let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
                let file = files.get(path.rsplit('/').next().unwrap());
                let (status, body) = match file {
                    Some(body) => ("200 OK", body.as_slice()),
                    None => ("404 Not Found", &[][..]),
                };
                log.lock().unwrap().push(path);
                let head = format!(
                    "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                drop(
                    stream
                        .write_all(head.as_bytes())
                        .and_then(|()| stream.write_all(body)),
                );
            }
        });
        Self { url, requested }
    }

    /// `mde LINE` with this hub; status and stderr.
    fn mde(&self, place: &Place, line: &str) -> (Option<i32>, String) {
        let mut command = place.command(line);
        command
            .env("HF_ENDPOINT", &self.url)
            .env("HF_HOME", place.home().join("hf"));
        for proxy in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
            command.env_remove(proxy);
        }
        let output = command.output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }
}

#[test]
fn an_exported_network_comes_from_the_hub() {
    let place = measured_place();
    export(&place, "run -o net");
    let hub = Hub::start(place.files("net"));
    let evaluate = "evaluate --data rooms:rooms --weights hf:me/net@v1 --out kept";
    // Nothing is downloaded without consent; the advice is the next command.
    let (status, said) = hub.mde(&place, evaluate);
    assert_eq!(status, Some(1), "{said}");
    assert!(
        said.contains("run `mde fetch weights hf:me/net@v1` first"),
        "{said}"
    );
    assert!(hub.requested.lock().unwrap().is_empty());
    let (status, said) = hub.mde(&place, "fetch weights hf:me/net@v1");
    assert_eq!(status, Some(0), "{said}");
    let paths =
        ["config.json", "model.safetensors"].map(|name| format!("/me/net/resolve/v1/{name}"));
    assert_eq!(*hub.requested.lock().unwrap(), paths);
    let (status, said) = hub.mde(&place, evaluate);
    assert_eq!(status, Some(0), "{said}");
    let found = without_checkpoint(&place, "kept/evaluate.json");
    assert_eq!(found, without_checkpoint(&place, "run/evaluate.json"));
    let train = "train --data rooms:rooms --steps 1 --batch-size 2 --out tuned --init hf:me/net@v1";
    assert_eq!(hub.mde(&place, train).0, Some(0));
    assert_eq!(hub.requested.lock().unwrap().len(), 2);
}

#[test]
fn repositories_of_other_programs_are_refused_before_their_weights_are_fetched() {
    let place = Place::empty();
    let config = br#"{"model_type": "dpt", "architectures": ["DPTForDepthEstimation"]}"#.to_vec();
    let hub = Hub::start(BTreeMap::from([
        ("config.json".to_owned(), config),
        ("model.safetensors".to_owned(), b"never read".to_vec()),
    ]));
    for _ in 0..2 {
        let (status, said) = hub.mde(&place, "fetch weights hf:intel/dpt");
        assert_eq!(status, Some(1), "{said}");
        assert!(
            said.contains("transformers library (model_type dpt)"),
            "{said}"
        );
    }
    let requested = hub.requested.lock().unwrap().clone();
    assert!(
        requested.iter().all(|path| path.ends_with("config.json")),
        "{requested:?}"
    );
    let hub = Hub::start(BTreeMap::from([(
        "net.pth".to_owned(),
        b"weights".to_vec(),
    )]));
    let (status, said) = hub.mde(&place, "fetch weights hf:me/old");
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("name their file: hf:me/old/FILE"), "{said}");
    let (status, said) = hub.mde(&place, "fetch weights hf:me/old/net.pth");
    assert_eq!(status, Some(0), "{said}");
    let line = "fetch weights hf:me/old --from x.pth";
    let (status, said) = hub.mde(&place, line);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("hf:me/old/FILE --from FILE"), "{said}");
}
