//! PyTorch's legacy format, from before version 1.6.

use mde_models::Parameters;

use crate::common::{assert_says, load, parameters, refused, shared, values};
use crate::pth::{
    Entry, Pickle, below, checkpoint, dictionary, entry, floats, legacy, legacy_of, state_dict,
    state_dict_in,
};

fn model() -> Parameters {
    parameters(&[("w", vec![2, 2]), ("b", vec![2])])
}

fn entries() -> [Entry; 2] {
    [
        floats("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0]),
        floats("b", &[2], &[5.0, 6.0]),
    ]
}

#[track_caller]
fn assert_read(file: &[u8]) {
    let model = model();
    assert_eq!(load(&model, file).unwrap().matched, 2);
    assert_eq!(values(&model, "w"), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(values(&model, "b"), [5.0, 6.0]);
}

/// Offset of the storages, the first of which belongs to `w`.
fn storages(file: &[u8]) -> usize {
    let first = [&4u64.to_le_bytes()[..], &1f32.to_le_bytes()].concat();
    file.windows(12).position(|window| window == first).unwrap()
}

#[test]
fn it_is_read_like_the_zip_format() {
    assert_read(&legacy(&entries()));
    assert_read(&legacy_of(
        below("state_dict", state_dict(&entries())),
        &entries(),
    ));
    for protocol in [3, 4, 5] {
        assert_read(&legacy_of(state_dict_in(protocol, &entries()), &entries()));
    }
}

/// PyTorch 2.15 gives the same numbers whatever the file says.
#[test]
fn its_numbers_are_little_endian_on_every_machine() {
    let mut file = legacy(&entries());
    let mark = b"little_endian";
    let at = file.windows(mark.len()).position(|w| w == mark).unwrap() + mark.len();
    assert_eq!(file[at], 0x88);
    file[at] = 0x89;
    assert_read(&file);
}

#[test]
fn protocol_1_has_the_magic_number_in_digits() {
    let digits = b"L119547037146038801333356L\n.";
    let magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    let file = legacy(&entries());
    assert_read(&[&digits[..], file.strip_prefix(magic).unwrap()].concat());
}

#[test]
fn storages_that_no_weight_has_are_passed_over() {
    let unused = entry("exp_avg", "LongStorage", &[1000], vec![7; 8000]);
    let complex = entry("spectrum", "ComplexFloatStorage", &[3], vec![7; 24]);
    let pickle = dictionary(&[
        ("optimizer", state_dict(&[unused.clone(), complex.clone()])),
        ("model", state_dict(&entries())),
    ]);
    let [w, b] = entries();
    assert_read(&legacy_of(pickle, &[unused, w, complex, b]));
}

/// Before 1.6 a storage could be a part of another one.
#[test]
fn views_of_storages_are_followed() {
    let all: Vec<f32> = (0..10).map(|value| value as f32).collect();
    let view = |name: &str, first: usize, length: usize, offset: usize, dims: &[usize]| {
        let strides: Vec<usize> = match dims {
            [_, columns] => vec![*columns, 1],
            _ => vec![1],
        };
        Pickle::default()
            .text(name)
            .global("torch._utils", "_rebuild_tensor")
            .raw(b"((")
            .text("storage")
            .global("torch", "FloatStorage")
            .text("all")
            .text("cpu")
            .int(10)
            .raw(b"(")
            .text(name)
            .int(first)
            .int(length)
            .raw(b"ttQ")
            .int(offset)
            .ints(dims)
            .ints(&strides)
            .raw(b"tR")
    };
    let dict = |w: Pickle, b: Pickle| Pickle::default().raw(b"}(").raw(&w.0).raw(&b.0).raw(b"u");
    let storage = Entry {
        key: "all".to_owned(),
        ..floats("all", &[10], &all)
    };
    let pickle = dict(view("w", 4, 5, 1, &[2, 2]), view("b", 0, 2, 0, &[2]));
    let model = model();
    load(&model, &legacy_of(pickle, std::slice::from_ref(&storage))).unwrap();
    assert_eq!(values(&model, "w"), [5.0, 6.0, 7.0, 8.0]);
    assert_eq!(values(&model, "b"), [0.0, 1.0]);
    // A tensor beyond its view, and a view beyond its storage.
    for w in [view("w", 4, 3, 1, &[2, 2]), view("w", 7, 5, 1, &[2, 2])] {
        let pickle = dict(w, view("b", 0, 2, 0, &[2]));
        let message = refused(
            &self::model(),
            &legacy_of(pickle, std::slice::from_ref(&storage)),
        );
        assert_says(
            &message,
            &["w has the shape [2, 2]", "fit into its storage"],
        );
    }
}

/// Python 2 writes texts as bytes, and ordered dictionaries as a call with a list of pairs.
#[test]
fn checkpoints_of_python_2_are_read() {
    let bytes = |text: &str| [&[b'U', text.len() as u8], text.as_bytes()].concat();
    let pairs = entries().iter().fold(
        Pickle::default()
            .global("collections", "OrderedDict")
            .raw(b"(]("),
        |pickle, entry| {
            pickle
                .raw(b"](")
                .raw(&bytes(&entry.name))
                .tensor(entry)
                .raw(b"e")
        },
    );
    let dict = pairs.raw(b"etR");
    let file = Pickle::default()
        .raw(b"}")
        .raw(&bytes("state_dict"))
        .raw(&dict.0)
        .raw(b"s");
    assert_read(&legacy_of(file, &entries()));
}

#[test]
fn a_truncated_file_is_an_error() {
    let whole = legacy(&entries());
    for length in 0..whole.len() {
        refused(&model(), &whole[..length]);
    }
    let at = storages(&whole);
    let message = refused(&model(), &whole[..at + 12]);
    assert_says(&message, &["cut short"]);
    assert_read(&whole);
}

#[test]
fn false_lengths_and_keys_are_errors() {
    let whole = legacy(&entries());
    let at = storages(&whole);
    for count in [0u64, 3, 5, 1 << 40, 1 << 62, u64::MAX] {
        let mut file = whole.clone();
        file[at..at + 8].copy_from_slice(&count.to_le_bytes());
        refused(&model(), &file);
    }
    let [w, b] = entries();
    let keyed = |key: &str, entry: &Entry| Entry {
        key: key.to_owned(),
        ..entry.clone()
    };
    for (entries, part) in [
        (vec![keyed("other", &w), b.clone()], "that no tensor has"),
        (vec![w.clone(), w.clone()], "twice"),
        (vec![w.clone()], "storage of.b is missing"),
        // The other order: the lengths differ.
        (vec![b.clone(), w.clone()], ""),
    ] {
        let file = legacy_of(state_dict(&self::entries()), &entries);
        match part {
            "" => assert_read(&file),
            part => assert_says(&refused(&model(), &file), &[part]),
        }
    }
    let version = b"\x80\x02M\xe9\x03.";
    let mut file = whole;
    let at = file
        .windows(6)
        .position(|window| window == version)
        .unwrap();
    file[at + 3] = 0;
    assert_says(&refused(&model(), &file), &["unknown version"]);
}

#[test]
fn the_oldest_format_is_refused_by_name() {
    let mut tar = vec![0; 1024];
    tar[..8].copy_from_slice(b"storages");
    tar[257..262].copy_from_slice(b"ustar");
    let message = refused(&model(), &tar);
    assert_says(
        &message,
        &[
            "oldest format, a tar archive",
            "weights_only=False), 'weights.pth')\"",
        ],
    );
    assert!(!message.contains("download"), "{message}");
    tar[..8].copy_from_slice(b"bts/mode");
    assert_says(&refused(&model(), &tar), &["unpack it first: tar xf /"]);
}

#[test]
fn meters_legacy_weights_equal_those_of_the_zip_format() {
    let (Some(legacy), Some(zip)) = (
        shared("weights/meter_xxs_nyu_legacy.pth"),
        shared("weights/meter_xxs_nyu.pth"),
    ) else {
        return;
    };
    let (from_legacy, from_zip) = (crate::meter::model(), crate::meter::model());
    let report = from_legacy.load(&legacy).unwrap();
    assert_eq!(report, from_zip.load(&zip).unwrap());
    assert_eq!(report.matched, from_zip.all().len());
    for name in from_zip.all().keys() {
        let bits = |parameters| values(parameters, name).into_iter().map(f32::to_bits);
        assert!(bits(&from_legacy).eq(bits(&from_zip)), "{name}");
    }
}

#[test]
fn the_formats_hold_the_same() {
    let (old, new) = (model(), model());
    load(&old, &legacy(&entries())).unwrap();
    load(&new, &checkpoint(&entries())).unwrap();
    assert_eq!(values(&old, "w"), values(&new, "w"));
}
