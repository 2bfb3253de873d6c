//! Checkpoints as PyTorch programs write them.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use candle_core::{Device, Tensor, safetensors::load_buffer};
use serde_json::Value;

use self::pth::{
    Entry, Pickle, checkpoint_of, dictionary, entry, floats, legacy_of, state_dict, state_dict_in,
};
use crate::place::{Place, shared};

#[path = "../../../crates/mde-models/tests/weights/pth.rs"]
#[allow(dead_code)] // the tests of mde-models use the rest
mod pth;

const WEIGHTS: &str = "run/checkpoint/step-000000001/weights.safetensors";

/// A trained METER XXS and its weights as entries of a checkpoint.
struct Trained {
    place: Place,
    entries: Vec<Entry>,
    summary: Value,
}

impl Trained {
    fn new() -> Self {
        let place = Place::with_meter();
        let entries = entries(&place, WEIGHTS);
        let mut trained = Self {
            place,
            entries,
            summary: Value::Null,
        };
        trained.summary = trained.evaluated(WEIGHTS).0;
        trained
    }

    /// The entries with names that begin with `prefix`.
    fn prefixed(&self, prefix: &str) -> Vec<Entry> {
        let mut entries = self.entries.clone();
        for entry in &mut entries {
            entry.name.insert_str(0, prefix);
        }
        entries
    }

    /// The errors of `mde evaluate` on a file, and the remarks.
    fn evaluated(&self, file: &str) -> (Value, String) {
        let line = format!("evaluate --model meter-xxs --weights {file} --data rooms:rooms");
        let (mut document, remarks) = self.place.json_and_remarks(&line);
        (document["summary"].take(), remarks)
    }

    /// Runs the Python command that a message prints.
    #[track_caller]
    fn run_printed(&self, python: &Path, message: &str) {
        let command = message.split("python3 ").nth(1).unwrap();
        let command = format!("\"$MDE_PYTHON\" {}", command.lines().next().unwrap());
        let output = Command::new("bash")
            .args(["-c", &command])
            .env("MDE_PYTHON", python)
            .current_dir(self.place.path("."))
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {error}");
    }

    /// Fails unless the file gives the same numbers, and the remark says `parts`.
    #[track_caller]
    fn reads(&self, name: &str, file: Vec<u8>, parts: &[&str]) {
        self.place.write(name, file);
        let (summary, remarks) = self.evaluated(name);
        assert_eq!(summary, self.summary, "{name}");
        for part in [&["226 matched, 0 missing, 0 unexpected"], parts].concat() {
            assert!(remarks.contains(part), "{name}: no `{part}` in `{remarks}`");
        }
    }
}

/// Tensors of a safetensors file, which are float32.
fn entries(place: &Place, file: &str) -> Vec<Entry> {
    let tensors = load_buffer(&place.read(file), &Device::Cpu).unwrap();
    let mut entries: Vec<Entry> = tensors
        .iter()
        .map(|(name, tensor)| {
            let values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
            floats(name, tensor.dims(), &values)
        })
        .collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries
}

fn global(module: &str, name: &str) -> Pickle {
    Pickle::default().global(module, name)
}

/// `numpy.zeros(9, dtype=numpy.int32)`, as NumPy pickles it in protocol 2: with the bytes as text
/// that is encoded again.
fn zeros() -> Pickle {
    let encode = |text: &str| {
        global("_codecs", "encode")
            .text(text)
            .text("latin1")
            .raw(b"\x86R")
    };
    global("numpy._core.multiarray", "_reconstruct")
        .global("numpy", "ndarray")
        .raw(b"K\x00\x85")
        .raw(&encode("b").0)
        .raw(b"\x87R(K\x01K\x09\x85")
        .global("numpy", "dtype")
        .text("i4")
        .raw(b"\x89\x88\x87R(K\x03")
        .text("<")
        .raw(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89")
        .raw(&encode(&"\0".repeat(36)).0)
        .raw(b"tb")
}

#[test]
fn pytorch_101107_names_of_a_compiled_network() {
    let trained = Trained::new();
    for prefix in [
        "_orig_mod.",
        "_orig_mod.module.",
        "module._orig_mod.",
        "model._orig_mod.",
    ] {
        let entries = trained.prefixed(prefix);
        let pickle = dictionary(&[("model", state_dict(&entries))]);
        let said = format!("; read from model; prefix {prefix} removed");
        trained.reads("c1.pth", checkpoint_of(pickle, &entries), &[&said]);
    }
    // Only a part of the network was compiled.
    let mut entries = trained.entries.clone();
    for entry in &mut entries {
        entry.name = entry.name.replace("encoder.", "encoder._orig_mod.");
    }
    let file = checkpoint_of(state_dict(&entries), &entries);
    trained.reads("part.pth", file, &["; _orig_mod removed inside names"]);
}

#[test]
fn lightning_3629_weights_below_the_attribute_of_a_module() {
    let trained = Trained::new();
    for prefix in ["model.", "net.", "depth_net."] {
        let mut entries = trained.prefixed(prefix);
        entries.push(floats("loss.weight", &[1], &[1.0]));
        let number = || Pickle::default().raw(b"K\x03");
        let empty = |of: &[u8]| Pickle::default().raw(of);
        let pickle = dictionary(&[
            ("epoch", number()),
            ("global_step", number()),
            ("pytorch-lightning_version", Pickle::default().text("2.2.0")),
            ("state_dict", state_dict(&entries)),
            ("loops", dictionary(&[("fit_loop", empty(b"}"))])),
            ("callbacks", empty(b"}")),
            ("optimizer_states", empty(b"]")),
            ("lr_schedulers", empty(b"]")),
            ("hyper_parameters", dictionary(&[("lr", number())])),
        ]);
        let said = format!("; read from state_dict; prefix {prefix} removed");
        let parts = [said.as_str(), "; ignored on purpose: loss.weight"];
        trained.reads("c2.ckpt", checkpoint_of(pickle, &entries), &parts);
    }
    // The report in JSON says the same.
    let line = "inspect --weights c2.ckpt --model meter-xxs";
    let report = &trained.place.json(line)["load_report"];
    assert_eq!(report["prefix"], "depth_net.");
    assert_eq!(report["place"], "state_dict");
    assert_eq!(report["ignored"], serde_json::json!(["loss.weight"]));
}

#[test]
fn pytorch_118092_pickles_of_newer_protocols() {
    let trained = Trained::new();
    for protocol in [3, 4, 5] {
        let pickle = state_dict_in(protocol, &trained.entries);
        trained.reads(
            "c3.pth",
            checkpoint_of(pickle.clone(), &trained.entries),
            &[],
        );
        trained.reads("legacy.pth", legacy_of(pickle, &trained.entries), &[]);
    }
}

#[test]
fn bts_main_a_numpy_array_beside_the_weights() {
    let trained = Trained::new();
    let best = entry("best", "FloatStorage", &[6], vec![0; 24]);
    let mut entries = trained.prefixed("module.");
    let pickle = dictionary(&[
        ("global_step", Pickle::default().raw(b"M\xf4\x01")),
        ("model", state_dict(&entries)),
        (
            "optimizer",
            dictionary(&[("state", Pickle::default().raw(b"}"))]),
        ),
        (
            "best_eval_measures_lower_better",
            Pickle::default().tensor(&best),
        ),
        ("best_eval_steps", zeros()),
    ]);
    entries.push(best);
    let parts = [
        "; read from model; prefix module. removed",
        "; skipped, not run: ",
        "numpy._core.multiarray._reconstruct",
    ];
    trained.reads("c4.pth", checkpoint_of(pickle.clone(), &entries), &parts);
    trained.reads("c4_legacy.pth", legacy_of(pickle, &entries), &parts);
    // Fine-tuning starts from it too.
    let line = "train --model meter-xxs --init c4.pth --data rooms:rooms --out tuned --steps 1 --batch-size 2";
    trained.place.json_and_remarks(line);
}

#[test]
fn weights_of_ema_beside_the_weights_are_named_and_not_taken() {
    let trained = Trained::new();
    let mut average = trained.entries.clone();
    for entry in &mut average {
        entry.key.insert_str(0, "ema.");
        entry.bytes.fill(0);
    }
    let all = [&trained.entries[..], &average].concat();
    let pickle = dictionary(&[
        ("model_ema", state_dict(&average)),
        ("model", state_dict(&trained.entries)),
    ]);
    let parts = ["; read from model; also fits, not read: model_ema"];
    trained.reads("ema.pth", checkpoint_of(pickle, &all), &parts);
    let pickle = dictionary(&[
        ("first", state_dict(&average)),
        ("second", state_dict(&trained.entries)),
    ]);
    trained.place.write("two.pth", checkpoint_of(pickle, &all));
    let line = "evaluate --model meter-xxs --weights two.pth --data rooms:rooms";
    let parts = [
        "two.pth hold more than one set of weights for this model: first, second",
        "torch.load('two.pth', map_location='cpu', weights_only=False)['first'], 'weights.pth')",
    ];
    trained.place.refuses(line, &parts);
}

/// The class is Python's own, so that the line works with the file alone.
#[test]
fn the_line_that_saves_weights_out_of_an_object_works_as_printed() {
    let trained = Trained::new();
    let object = global("collections", "UserDict")
        .raw(b")\x81}")
        .text("data")
        .raw(&state_dict(&trained.entries).0)
        .raw(b"sb");
    let pickle = dictionary(&[("model", object)]);
    let file = checkpoint_of(pickle, &trained.entries);
    trained.place.write("it's.pth", file);
    let line = "evaluate --model meter-xxs --weights it's.pth --data rooms:rooms";
    let said = trained.place.mde(line);
    let parts = [
        "collections.UserDict",
        "no code was run",
        "If you trust the file",
    ];
    said.is_refusal(line, 1, &parts);
    let Some(python) = mde_test_kit::python(&["torch"]) else {
        return;
    };
    trained.run_printed(&python, &said.stderr);
    assert_eq!(trained.evaluated("weights.pth").0, trained.summary);
}

#[test]
fn weights_of_another_network_are_named_with_the_network_that_fits() {
    let place = Place::with_meter();
    let line = "inspect --weights W --model mff-tiny".replace('W', WEIGHTS);
    let document = place.json_then_failure(&line, "1 error");
    let finding = &document["findings"][0];
    let (what, advice) = (&finding["what"], &finding["advice"]);
    let what = what.as_str().unwrap();
    for part in [
        "\n  missing D.",
        "\n  unexpected decoder.conv2d_in.weight",
        "\n  closest: meter-xxs, meter-xxs-kitti, with 226 of 226 parameters",
    ] {
        assert!(what.contains(part), "no `{part}` in `{what}`");
    }
    assert_eq!(advice, "give the closest network with --model");
    let line = line.replace("mff-tiny", "meter-xxs-kitti");
    assert_eq!(place.json(&line)["findings"], serde_json::json!([]));
    // A network that mde does not have.
    let entries: Vec<Entry> = (0..60)
        .map(|at| floats(&format!("_orig_mod.blocks.{at}.weight"), &[1], &[0.0]))
        .collect();
    place.write("other.pth", checkpoint_of(state_dict(&entries), &entries));
    let line = "inspect --weights other.pth --model mff-tiny";
    let document = place.json_then_failure(line, "1 error");
    let finding = document["findings"][0].to_string();
    for part in [
        "unexpected _orig_mod.blocks.0.weight",
        "mde evaluate --pred",
    ] {
        assert!(finding.contains(part), "no `{part}` in `{finding}`");
    }
    assert!(!finding.contains("closest"), "{finding}");
}

#[test]
fn meters_legacy_weights_give_meters_numbers() {
    let (Some(legacy), Some(zip)) = (
        shared("weights/meter_xxs_nyu_legacy.pth"),
        shared("weights/meter_xxs_nyu.pth"),
    ) else {
        return;
    };
    let place = Place::new();
    place.copy(&legacy, "legacy.pth");
    place.copy(&zip, "zip.pth");
    let evaluated = |file: &str| {
        let line = format!("evaluate --model meter-xxs --weights {file} --data rooms:rooms");
        place.json_and_remarks(&line).0["summary"].take()
    };
    assert_eq!(evaluated("legacy.pth"), evaluated("zip.pth"));
    place.cut_short("legacy.pth");
    let line = "evaluate --model meter-xxs --weights legacy.pth --data rooms:rooms";
    place.refuses(line, &["legacy.pth", "cut short or damaged"]);
}

/// BTS's released weights are archives with the checkpoint in them.
#[test]
fn an_archive_around_a_checkpoint_is_unpacked_as_the_message_says() {
    let trained = Trained::new();
    let checkpoint = legacy_of(state_dict(&trained.entries), &trained.entries);
    let files = [
        ("bts nyu/bts.py", b"pass".as_slice()),
        ("bts nyu/model", &checkpoint),
    ];
    trained.place.write("bts.zip", pth::archive(&files));
    let line = "evaluate --model meter-xxs --weights bts.zip --data rooms:rooms";
    let said = trained.place.mde(line);
    said.is_refusal(line, 1, &["unzip bts.zip 'bts nyu/model'"]);
    let Ok(output) = Command::new("unzip")
        .args(["bts.zip", "bts nyu/model"])
        .current_dir(trained.place.path("."))
        .output()
    else {
        return;
    };
    assert!(output.status.success());
    let unpacked = trained.place.read("bts nyu/model");
    trained.reads("model", unpacked, &[]);
}

/// Hugging Face's libraries write large networks in several files with an index.
#[test]
fn weights_in_several_files_are_joined_by_the_printed_command() {
    let trained = Trained::new();
    let place = &trained.place;
    let all = load_buffer(&place.read(WEIGHTS), &Device::Cpu).unwrap();
    let (mut first, mut second) = (all.clone(), all);
    first.retain(|name, _| name.starts_with("encoder."));
    second.retain(|name, _| !name.starts_with("encoder."));
    let index = "parts/model.safetensors.index.json";
    place.write(index, "{\"weight_map\": {}}");
    let part = |number: u32| format!("parts/model-0000{number}-of-00002.safetensors");
    candle_core::safetensors::save(&first, place.path(&part(1))).unwrap();
    candle_core::safetensors::save(&second, place.path(&part(2))).unwrap();
    let refused = |file: &str| {
        let line = format!("evaluate --model meter-xxs --weights {file} --data rooms:rooms");
        let said = place.mde(&line);
        said.is_refusal(&line, 1, &["in several files", "Join them: python3"]);
        said.stderr
    };
    refused(index);
    refused(&part(2));
    let message = refused(&part(1));
    let Some(python) = mde_test_kit::python(&["torch", "safetensors"]) else {
        return;
    };
    trained.run_printed(&python, &message);
    let joined = trained.evaluated("weights.safetensors").0;
    assert_eq!(joined, trained.summary);
}

#[test]
fn an_encoder_given_as_a_whole_network_is_named() {
    let place = Place::with_run();
    let weights = "run/checkpoint/step-000000001/weights.safetensors";
    let all = load_buffer(&place.read(weights), &Device::Cpu).unwrap();
    let encoder = all.into_iter();
    let encoder = encoder.filter_map(|(name, tensor)| {
        let name = name.strip_prefix("E.")?.to_owned();
        Some((name, tensor))
    });
    let encoder: HashMap<String, Tensor> = encoder.collect();
    candle_core::safetensors::save(&encoder, place.path("encoder.safetensors")).unwrap();
    let line = "train --data rooms:rooms --model mff-tiny --steps 1 --batch-size 2 --out tuned";
    let parts = ["they fit its encoder alone: `mde train --backbone`"];
    place.refuses(&format!("{line} --init encoder.safetensors"), &parts);
    let line = format!("{line} --backbone encoder.safetensors");
    let (_, remarks) = place.json_and_remarks(&line);
    assert!(remarks.contains("100 matched, 0 missing"), "{remarks}");
}
