//! PyTorch checkpoints: nesting, prefixes, strides, types and shared storages.

use mde_models::{ModelError, ShapeMismatch};

use crate::common::{assert_says, load, parameters, refused, saved, values};
use crate::pth::{Entry, Pickle, below, checkpoint, checkpoint_of, entry, floats, state_dict};

const CONV: [f32; 6] = [0.25, -1.0, 2.0, 3.5, -4.0, 5.0];

fn model() -> mde_models::Parameters {
    parameters(&[("conv.weight", vec![2, 3]), ("conv.bias", vec![2])])
}

fn entries(prefix: &str) -> Vec<Entry> {
    vec![
        floats(&format!("{prefix}conv.weight"), &[2, 3], &CONV),
        floats(&format!("{prefix}conv.bias"), &[2], &[7.0, 8.0]),
    ]
}

#[test]
fn a_state_dict_is_read() {
    let model = model();
    let report = load(&model, &checkpoint(&entries(""))).unwrap();
    assert!(report.is_match());
    assert_eq!(report.matched, 2);
    assert!(report.converted.is_empty() && report.ignored.is_empty());
    assert_eq!(values(&model, "conv.weight"), CONV);
    assert_eq!(values(&model, "conv.bias"), [7.0, 8.0]);
}

#[test]
fn the_state_dict_is_found_below_its_usual_keys() {
    let entries = entries("");
    let dict = || state_dict(&entries);
    for pickle in [
        below("model", dict()),
        below("state_dict", dict()),
        below("model_state_dict", dict()),
        below("model", below("state_dict", dict())),
    ] {
        let model = model();
        load(&model, &checkpoint_of(pickle, &entries)).unwrap();
        assert_eq!(values(&model, "conv.weight"), CONV);
    }
}

#[test]
fn the_prefix_of_data_parallel_is_removed() {
    let model = model();
    let entries = entries("module.");
    let pickle = below("model", state_dict(&entries));
    let report = load(&model, &checkpoint_of(pickle, &entries)).unwrap();
    assert_eq!(values(&model, "conv.weight"), CONV);
    assert_eq!(
        (report.place.as_str(), report.prefix.as_str()),
        ("model", "module.")
    );
    assert_says(
        &report.to_string(),
        &["; read from model; prefix module. removed"],
    );
}

#[test]
fn batch_counters_are_ignored() {
    let mut entries = entries("");
    let counter = 12i64.to_le_bytes().to_vec();
    entries.push(entry("bn.num_batches_tracked", "LongStorage", &[], counter));
    assert_eq!(load(&model(), &checkpoint(&entries)).unwrap().matched, 2);
}

#[test]
fn parameters_and_tensor_types_are_unwrapped() {
    let entries = entries("");
    let [weight, bias] = entries.as_slice() else {
        panic!("two entries")
    };
    let pickle = Pickle::default()
        .raw(b"}(")
        .text(&weight.name)
        .global("torch._utils", "_rebuild_parameter")
        .raw(b"(")
        .tensor(weight)
        .raw(b"\x88}tR")
        .text(&bias.name)
        .global("torch._tensor", "_rebuild_from_type_v2")
        .raw(b"(")
        .global("torch._utils", "_rebuild_tensor_v2")
        .global("torch.nn.parameter", "Parameter")
        .tensor_arguments(bias)
        .raw(b"}tRu");
    let model = model();
    load(&model, &checkpoint_of(pickle, &entries)).unwrap();
    assert_eq!(values(&model, "conv.weight"), CONV);
    assert_eq!(values(&model, "conv.bias"), [7.0, 8.0]);
}

#[test]
fn strides_and_offsets_are_followed() {
    let storage: Vec<f32> = (0..20).map(|value| value as f32).collect();
    let shared = |name: &str, offset, dims: &[usize], strides: &[usize]| Entry {
        offset,
        strides: strides.to_vec(),
        len: storage.len(),
        key: "0".to_owned(),
        ..floats(name, dims, &storage)
    };
    let entries = [
        shared("transposed", 1, &[2, 3], &[1, 2]),
        shared("spread", 3, &[2, 2, 2], &[8, 1, 4]),
        shared("plain", 14, &[3, 2], &[2, 1]),
        // The strides of axes with one element are arbitrary.
        shared("thin", 5, &[1, 3, 1], &[99, 1, 77]),
        shared("empty", 0, &[0, 3], &[3, 1]),
    ];
    let shapes: Vec<_> = entries
        .iter()
        .map(|entry| (&entry.name, entry.dims.clone()))
        .collect();
    let model = parameters(&shapes);
    load(&model, &checkpoint_of(state_dict(&entries), &entries[..1])).unwrap();
    assert_eq!(values(&model, "transposed"), [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
    assert_eq!(
        values(&model, "spread"),
        [3.0, 7.0, 4.0, 8.0, 11.0, 15.0, 12.0, 16.0]
    );
    assert_eq!(
        values(&model, "plain"),
        [14.0, 15.0, 16.0, 17.0, 18.0, 19.0]
    );
    assert_eq!(values(&model, "thin"), [5.0, 6.0, 7.0]);
}

#[test]
fn other_precisions_become_float32_and_are_counted() {
    let model = parameters(&[
        ("half", vec![2]),
        ("brain", vec![2]),
        ("double", vec![3]),
        ("single", vec![1]),
    ]);
    let double = [0.1f64, -1e-300, f64::INFINITY];
    let report = load(
        &model,
        &checkpoint(&[
            // 1.5 and -2 in float16, 1.5 and -2 in bfloat16.
            entry("half", "HalfStorage", &[2], vec![0x00, 0x3e, 0x00, 0xc0]),
            entry(
                "brain",
                "BFloat16Storage",
                &[2],
                vec![0xc0, 0x3f, 0x00, 0xc0],
            ),
            entry(
                "double",
                "DoubleStorage",
                &[3],
                double
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect(),
            ),
            floats("single", &[1], &[9.0]),
        ]),
    )
    .unwrap();
    assert_eq!(values(&model, "half"), [1.5, -2.0]);
    assert_eq!(values(&model, "brain"), [1.5, -2.0]);
    assert_eq!(values(&model, "double"), [0.1, 0.0, f32::INFINITY]);
    let converted: Vec<(&str, usize)> = report
        .converted
        .iter()
        .map(|(dtype, count)| (dtype.as_str(), *count))
        .collect();
    assert_eq!(converted, [("bf16", 1), ("f16", 1), ("f64", 1)]);
    assert_says(
        &report.to_string(),
        &["4 matched", "1 converted from f64 to float32"],
    );
}

#[test]
fn numbers_beyond_float32_are_refused() {
    let model = parameters(&[("fine", vec![1]), ("huge", vec![2])]);
    let bytes = [1.0f64, 1e39].iter().flat_map(|value| value.to_le_bytes());
    let huge = entry("huge", "DoubleStorage", &[2], bytes.collect());
    let message = refused(&model, &checkpoint(&[floats("fine", &[1], &[2.0]), huge]));
    assert_says(&message, &["huge", "beyond the range of float32"]);
}

#[test]
fn integer_tensors_are_refused() {
    let model = parameters(&[("fine", vec![1]), ("ints", vec![1])]);
    let ints = entry("ints", "LongStorage", &[1], 3i64.to_le_bytes().to_vec());
    let message = refused(&model, &checkpoint(&[floats("fine", &[1], &[2.0]), ints]));
    assert_says(&message, &["ints contains integers"]);
}

#[test]
fn other_shapes_and_names_are_listed() {
    let entries = [
        floats("conv.weight", &[3, 2], &CONV),
        floats("fc.weight", &[1], &[1.0]),
    ];
    let file = saved("other.pth", &checkpoint(&entries));
    match model().load(&file.path).unwrap_err() {
        ModelError::Mismatch { path, report } => {
            assert_eq!(path, file.path);
            assert_eq!(report.missing, ["conv.bias"]);
            assert_eq!(report.unexpected, ["fc.weight"]);
            let shapes = ShapeMismatch {
                name: "conv.weight".to_owned(),
                expected: vec![2, 3],
                found: vec![3, 2],
            };
            assert_eq!(report.mismatched, [shapes]);
        }
        other => panic!("{other}"),
    }
}

#[test]
fn the_format_is_detected_by_the_bytes_not_by_the_name() {
    let model = model();
    let file = saved("weights.safetensors", &checkpoint(&entries("")));
    model.load(&file.path).unwrap();
    let copy = saved("copy.pth", b"");
    candle_core::safetensors::save(&model.snapshot().unwrap(), &copy.path).unwrap();
    let other = self::model();
    other.load(&copy.path).unwrap();
    assert_eq!(values(&other, "conv.weight"), CONV);
}
