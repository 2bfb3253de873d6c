//! The model card, and Python that reads the folder.

use std::process::Command;

use safetensors::SafeTensors;
use serde_json::{Value, json};

use super::{document, export, measured_place};
use crate::place::Place;

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

#[test]
fn cards_name_the_unit_of_the_reference_and_the_focal_length() {
    let place = Place::with_meter();
    export(&place, "run -o meter --format pth-names");
    let card = place.text("meter/README.md");
    assert!(
        card.contains("`net` then predicts depth in centimetres."),
        "{card}"
    );
    let streets = Place::with_streets();
    streets.json(
        "train --data streets:streets --model bts-tiny-kitti --out run --steps 1 --batch-size 2",
    );
    export(&streets, "run -o bts");
    let card = streets.text("bts/README.md");
    assert!(card.contains("the focal length of the camera"), "{card}");
}
