//! Which dictionary of a file holds the weights, and what is taken off the names.

use mde_models::{LoadReport, ModelError, Parameters};

use crate::common::{assert_says, load, parameters, refused, safetensors, saved, values};
use crate::pth::{Entry, Pickle, checkpoint, checkpoint_of, dictionary, entry, floats, state_dict};

fn model() -> Parameters {
    parameters(&[
        ("encoder.conv.weight", vec![2]),
        ("decoder.out.bias", vec![1]),
    ])
}

/// The weights, all of them `value`, with names that begin with `prefix`.
fn entries(prefix: &str, value: f32) -> Vec<Entry> {
    vec![
        floats(&format!("{prefix}encoder.conv.weight"), &[2], &[value; 2]),
        floats(&format!("{prefix}decoder.out.bias"), &[1], &[value]),
    ]
}

#[track_caller]
fn loaded(file: &[u8], value: f32) -> LoadReport {
    let model = model();
    let report = load(&model, file).unwrap();
    assert_eq!(report.matched, 2);
    assert_eq!(values(&model, "encoder.conv.weight"), [value; 2]);
    assert_eq!(values(&model, "decoder.out.bias"), [value]);
    report
}

#[test]
fn any_prefix_of_whole_parts_is_taken_off_and_reported() {
    for prefix in [
        "module.",
        "_orig_mod.",
        "model.",
        "net.",
        "_orig_mod.module.",
        "module._orig_mod.",
        "model._orig_mod.",
        "model.module.net.",
        "depth_net.",
        "a.b.c.d.e.f.g.h.",
    ] {
        let report = loaded(&checkpoint(&entries(prefix, 3.0)), 3.0);
        assert_eq!(report.prefix, prefix);
        assert_says(
            &report.to_string(),
            &[&format!("; prefix {prefix} removed")],
        );
    }
    let report = loaded(&checkpoint(&entries("", 3.0)), 3.0);
    assert_eq!(
        report.to_string(),
        "2 matched, 0 missing, 0 unexpected, 0 with a different shape"
    );
    // Not a whole part.
    refused(&model(), &checkpoint(&entries("my", 3.0)));
}

#[test]
fn tensors_without_the_prefix_are_ignored_and_named() {
    let mut all = entries("model.", 3.0);
    all.push(floats("loss.weight", &[1], &[1.0]));
    all.push(entry("n_averaged", "LongStorage", &[], vec![0; 8]));
    let report = loaded(&checkpoint(&all), 3.0);
    assert_eq!(report.ignored, ["loss.weight", "n_averaged"]);
    // Another tensor with the prefix is of another network.
    all.push(floats("model.encoder.extra", &[1], &[1.0]));
    let message = refused(&model(), &checkpoint(&all));
    assert_says(&message, &["unexpected model.encoder.extra"]);
    // So is one beside names that need no prefix.
    let mut all = entries("", 3.0);
    all.push(floats("loss.weight", &[1], &[1.0]));
    assert_says(
        &refused(&model(), &checkpoint(&all)),
        &["unexpected loss.weight"],
    );
}

#[test]
fn wrappers_of_a_part_of_the_network_are_taken_off() {
    let mut all = entries("", 3.0);
    all[0].name = "encoder._orig_mod.conv.weight".to_owned();
    let report = loaded(&checkpoint(&all), 3.0);
    assert_eq!(
        (report.prefix.as_str(), &report.wrappers[..]),
        ("", &["_orig_mod".to_owned()][..])
    );
    assert_says(&report.to_string(), &["; _orig_mod removed inside names"]);
    all[0].name = "module.model.encoder.module.conv.weight".to_owned();
    all[1].name = "module.model.decoder.out.bias".to_owned();
    let report = loaded(&checkpoint(&all), 3.0);
    assert_eq!(report.prefix, "model.");
    // Two tensors of one name are ambiguous.
    let mut all = entries("", 3.0);
    all.push(floats("encoder.module.conv.weight", &[2], &[4.0; 2]));
    refused(&model(), &checkpoint(&all));
}

#[test]
fn safetensors_have_the_same_prefixes() {
    let model = model();
    let tensor =
        |value: &[f32]| candle_core::Tensor::new(value, &candle_core::Device::Cpu).unwrap();
    let tensors = [
        ("model._orig_mod.encoder.conv.weight", tensor(&[1.0, 2.0])),
        ("model._orig_mod.decoder.out.bias", tensor(&[3.0])),
        ("loss.weight", tensor(&[9.0])),
    ];
    let tensors = tensors.map(|(name, tensor)| (name.to_owned(), tensor));
    let report = model
        .load(&safetensors(&tensors.into_iter().collect()).path)
        .unwrap();
    assert_eq!(report.prefix, "model._orig_mod.");
    assert_eq!(report.ignored, ["loss.weight"]);
    assert_eq!(values(&model, "encoder.conv.weight"), [1.0, 2.0]);
}

#[test]
fn the_dictionary_that_fits_is_found_below_any_keys() {
    let weights = || state_dict(&entries("", 3.0));
    let moments = || state_dict(&[floats("exp_avg", &[1], &[0.5])]);
    for (pickle, place) in [
        (
            dictionary(&[("net", weights()), ("optimizer", moments())]),
            "net",
        ),
        (dictionary(&[("ema", weights())]), "ema"),
        (
            dictionary(&[("a", dictionary(&[("b", dictionary(&[("c", weights())]))]))]),
            "a.b.c",
        ),
        (
            Pickle::default()
                .raw(b"K\x05")
                .raw(&weights().0)
                .raw(b"\x86"),
            "[1]",
        ),
        (
            dictionary(&[
                ("optimizer", dictionary(&[("state", moments())])),
                ("weights", weights()),
            ]),
            "weights",
        ),
    ] {
        let mut all = entries("", 3.0);
        all.push(floats("exp_avg", &[1], &[0.5]));
        let report = loaded(&checkpoint_of(pickle, &all), 3.0);
        assert_eq!(report.place, place);
    }
}

/// Averages are taken only where nothing else fits, and never without a word.
#[test]
fn averaged_weights_beside_the_weights_are_reported() {
    let (main, ema) = (entries("", 3.0), entries("", 4.0));
    let rename = |entries: &[Entry], key: &str| {
        let mut entries = entries.to_vec();
        for entry in &mut entries {
            entry.key = format!("{key}.{}", entry.key);
        }
        entries
    };
    let ema = rename(&ema, "ema");
    let all = [&main[..], &ema].concat();
    for (first, second) in [("model", "model_ema"), ("state_dict", "best_state_dict")] {
        for is_reversed in [false, true] {
            let mut pairs = vec![(first, state_dict(&main)), (second, state_dict(&ema))];
            if is_reversed {
                pairs.reverse();
            }
            let report = loaded(&checkpoint_of(dictionary(&pairs), &all), 3.0);
            assert_eq!(
                (report.place.as_str(), &report.alternatives[..]),
                (first, &[second.to_owned()][..])
            );
            assert_says(
                &report.to_string(),
                &[&format!("; also fits, not read: {second}")],
            );
        }
    }
    // In one dictionary, under prefixes.
    for (prefix, other) in [
        ("", "ema."),
        ("model.", "model_ema."),
        ("student.", "teacher."),
    ] {
        let both = [entries(prefix, 3.0), rename(&entries(other, 4.0), "ema")].concat();
        let report = loaded(&checkpoint(&both), 3.0);
        assert_eq!(report.prefix, prefix);
        assert_eq!(report.alternatives, [format!("{other}*")]);
    }
}

#[test]
fn two_sets_of_weights_are_refused_with_a_line_that_saves_one() {
    let (left, mut right) = (entries("", 3.0), entries("", 4.0));
    for entry in &mut right {
        entry.key = format!("right.{}", entry.key);
    }
    let all = [&left[..], &right].concat();
    let pickle = dictionary(&[("left", state_dict(&left)), ("right", state_dict(&right))]);
    let file = saved("checkpoint.pth", &checkpoint_of(pickle, &all));
    match model().load(&file.path).unwrap_err() {
        ModelError::Ambiguous { found, advice, .. } => {
            assert_eq!(found, ["left", "right"]);
            assert_says(&advice, &["['left'], 'weights.pth')\""]);
        }
        other => panic!("{other}"),
    }
    let both = [entries("a.", 3.0), entries("b.", 4.0)].concat();
    let message = refused(&model(), &checkpoint(&both));
    assert_says(&message, &["a.*, b.*", "if k.startswith('a.')}"]);
}

#[test]
fn names_of_both_sides_are_shown() {
    let names: Vec<_> = (0..30)
        .map(|at| (format!("layer{at:02}.weight"), vec![1]))
        .collect();
    let theirs: Vec<_> = (0..30)
        .map(|at| floats(&format!("stage.{at:02}.kernel"), &[1], &[0.0]))
        .collect();
    let message = refused(&parameters(&names), &checkpoint(&theirs));
    let lines: Vec<_> = message.lines().skip(1).map(str::trim).collect();
    assert_eq!(lines.len(), 11, "{message}");
    assert_eq!(
        (lines[0], lines[5]),
        ("missing layer00.weight", "unexpected stage.00.kernel")
    );
    assert_eq!(lines[10], "and 50 more");
}
