//! Damaged and malicious checkpoints: an error that names the file, no panic, no memory beyond the
//! file's size, and unchanged parameters.

use std::fs;

use mde_models::{ModelError, Parameters};

use crate::common::{assert_says, load, parameters, refused, saved, values};
use crate::pth::{Entry, Pickle, archive, checkpoint, checkpoint_of, floats, state_dict};

fn model() -> Parameters {
    parameters(&[("w", vec![2])])
}

fn weight() -> Entry {
    floats("w", &[2], &[1.0, 2.0])
}

/// A checkpoint of this pickle with the storage of [`weight`].
fn with(pickle: Pickle) -> Vec<u8> {
    checkpoint_of(pickle, &[weight()])
}

/// `{"w": tensor}` with another tensor.
fn tensor(change: impl FnOnce(&mut Entry)) -> Vec<u8> {
    let mut entry = weight();
    change(&mut entry);
    with(state_dict(&[entry]))
}

#[test]
fn code_in_a_pickle_is_named_and_not_run() {
    let marker = std::env::temp_dir().join(format!("mde-ran-{}", std::process::id()));
    let command = format!("touch {}", marker.display());
    let call = |module, name| {
        Pickle::default()
            .global(module, name)
            .raw(b"(")
            .text(&command)
            .raw(b"tR")
    };
    for (module, name) in [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("torch._utils", "_rebuild_sparse_tensor"),
        ("numpy.core.multiarray", "scalar"),
        ("__main__", "Model"),
    ] {
        let named = format!("{module}.{name}");
        // Alone, as a value, and where a tensor would be created.
        let alone = call(module, name);
        let value = Pickle::default()
            .raw(b"}")
            .text("w")
            .raw(&call(module, name).0)
            .raw(b"s");
        let as_type = Pickle::default()
            .raw(b"}")
            .text("w")
            .global("torch._tensor", "_rebuild_from_type_v2")
            .raw(b"(")
            .global(module, name)
            .raw(b"N")
            .tensor_arguments(&weight())
            .raw(b"}tRs");
        for pickle in [alone, value, as_type] {
            let file = saved("checkpoint.pth", &with(pickle));
            match model().load(&file.path).unwrap_err() {
                ModelError::UnsafePickle { path, callable, .. } => {
                    assert_eq!((path, callable), (file.path.clone(), named.clone()));
                }
                other => panic!("{other}"),
            }
        }
    }
    assert!(!marker.exists());
    let message = refused(&model(), &with(call("os", "system")));
    assert_says(&message, &["os.system", "no code was run", "state_dict()"]);
}

#[test]
fn a_name_in_a_message_is_short_and_printable() {
    let pickle = Pickle::default().global("\u{1b}[31mred", &"x".repeat(100_000));
    let message = refused(&model(), &with(pickle));
    assert!(
        !message.contains('\u{1b}') && message.len() < 1000,
        "{message}"
    );
}

#[test]
fn calls_with_wrong_arguments_are_errors() {
    let rebuild = |arguments: &[u8]| {
        let open = Pickle::default().raw(b"}").text("w");
        open.global("torch._utils", "_rebuild_tensor_v2")
            .raw(arguments)
            .raw(b"Rs")
    };
    for pickle in [
        rebuild(b")"),
        rebuild(b"K\x01"),
        rebuild(b"(K\x01K\x02K\x03t"),
        rebuild(b"(K\x01K\x02)))t"),
        rebuild(b"((NNNNNtQK\x00))t"),
        Pickle::default().raw(b"NQ"),
        Pickle::default().raw(b"(K\x01tQ"),
        Pickle::default().raw(b")R"),
        Pickle::default().raw(b"K\x01K\x02R"),
        Pickle::default()
            .global("torch._utils", "_rebuild_parameter")
            .raw(b")R"),
        Pickle::default()
            .global("torch._tensor", "_rebuild_from_type_v2")
            .raw(b"(NNNtR"),
        Pickle::default()
            .global("collections", "OrderedDict")
            .raw(b"(K\x01tR"),
        // Pops, closes and stores values that do not exist.
        Pickle::default(),
        Pickle::default().raw(b"s"),
        Pickle::default().raw(b"t"),
        Pickle::default().raw(b"q\x00"),
        Pickle::default().raw(b"h\x07"),
        Pickle::default().raw(b"(q\x00"),
        Pickle::default().raw(b"}(K\x01u"),
        Pickle::default().raw(b"K\x01K\x02K\x03s"),
        Pickle::default().raw(b"\xff"),
        Pickle::default().raw(b"X\x02\x00\x00\x00\xff\xfe"),
    ] {
        let message = refused(&model(), &with(pickle));
        assert_says(&message, &["pickle"]);
    }
}

#[test]
fn false_sizes_are_not_allocated() {
    // Each of these claims gigabytes or more.
    let text = with(Pickle::default().raw(b"X\xff\xff\xff\xffshort"));
    let claims = [
        ("cut short", text),
        (
            "fit into its storage",
            tensor(|w| w.dims = vec![1 << 40, 2]),
        ),
        (
            "fit into its storage",
            tensor(|w| w.dims = vec![1 << 40; 4]),
        ),
        // Repeats its two numbers.
        (
            "fit into its storage",
            tensor(|w| (w.dims, w.strides) = (vec![1 << 40, 2], vec![0, 1])),
        ),
        ("fit into its storage", tensor(|w| w.offset = 1)),
        ("fit into its storage", tensor(|w| w.offset = 1 << 62)),
        (
            "fit into its storage",
            tensor(|w| w.strides = vec![1 << 62]),
        ),
        ("fit into its storage", tensor(|w| w.strides = vec![1, 1])),
        ("expected", tensor(|w| w.len = 1 << 40)),
        ("expected", tensor(|w| w.len = 1 << 62)),
        (
            "dimensions",
            tensor(|w| (w.dims, w.strides) = (vec![1; 1000], vec![1; 1000])),
        ),
    ];
    for (part, bytes) in claims {
        assert_says(&refused(&model(), &bytes), &[part]);
    }
}

#[test]
fn repeated_values_take_no_memory() {
    // Sixty times (x, x): 2^60 values if they were copied.
    let doubling = (0..60).fold(Pickle::default().text("x"), |pickle, _| {
        pickle.raw(b"q\x00h\x00\x86")
    });
    assert_says(&refused(&model(), &with(doubling)), &["no state dict"]);
    let dict = (0..60).fold(Pickle::default().raw(b"}"), |pickle, index| {
        pickle
            .raw(b"q\x00")
            .text(&format!("{index}"))
            .raw(b"h\x00s")
    });
    assert_says(&refused(&model(), &with(dict)), &["no named tensors"]);
    // A dictionary that is its own `model`.
    let endless = Pickle::default()
        .raw(b"}q\x00")
        .text("model")
        .raw(b"h\x00s");
    assert_says(&refused(&model(), &with(endless)), &["no named tensors"]);
}

#[test]
fn deep_nesting_does_not_recurse() {
    let deep = Pickle::default().raw(b"N").raw(&vec![0x85; 1_000_000]);
    assert_says(&refused(&model(), &with(deep)), &["no state dict"]);
}

#[test]
fn an_endless_pickle_is_refused() {
    let long = with(Pickle::default().raw(&vec![b'N'; 17 << 20]));
    assert_says(&refused(&model(), &long), &["data.pkl", "at most"]);
}

#[test]
fn a_checkpoint_without_tensors_lists_its_keys() {
    let pickle = Pickle::default()
        .raw(b"}(")
        .text("net")
        .raw(b"}")
        .text("epoch")
        .raw(b"K\x03u");
    let message = refused(&model(), &with(pickle));
    assert_says(
        &message,
        &[
            "the keys of its pickle are net, epoch",
            "model or state_dict",
        ],
    );
}

#[test]
fn a_truncated_file_is_an_error() {
    let whole = checkpoint(&[weight()]);
    for length in 0..whole.len() {
        refused(&model(), &whole[..length]);
    }
    load(&model(), &whole).unwrap();
}

#[test]
fn a_flipped_bit_is_an_error_or_changes_nothing() {
    let whole = checkpoint(&[weight()]);
    let file = saved("checkpoint.pth", &whole);
    let mut errors = 0;
    for at in 0..whole.len() {
        for mask in [0x01, 0x80] {
            let mut flipped = whole.clone();
            flipped[at] ^= mask;
            fs::write(&file.path, &flipped).unwrap();
            let model = model();
            match model.load(&file.path) {
                // A date or another field of the archive that is not read.
                Ok(_) => assert_eq!(values(&model, "w"), [1.0, 2.0], "{mask:#x} of byte {at}"),
                Err(_) => {
                    assert_eq!(values(&model, "w"), [0.5, 0.5]);
                    errors += 1;
                }
            }
        }
    }
    assert!(errors > whole.len(), "{errors} of {}", 2 * whole.len());
}

#[test]
fn damaged_numbers_are_detected_by_their_checksum() {
    let mut whole = checkpoint(&[weight()]);
    let numbers: Vec<u8> = [1.0f32, 2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let at = whole
        .windows(8)
        .position(|window| window == numbers)
        .unwrap();
    whole[at] ^= 1;
    assert_says(&refused(&model(), &whole), &["data/of.w", "damaged"]);
}

#[test]
fn archives_that_are_not_checkpoints_are_refused() {
    let program = state_dict(&[weight()]).program();
    let numbers = weight().bytes;
    let file = |name| (name, program.as_slice());
    for (parts, files) in [
        (
            // An archive that contains a checkpoint.
            vec!["without data.pkl", "bts_nyu/model", "unzip /"],
            vec![file("bts_nyu/model"), ("bts_nyu/bts.py", b"".as_slice())],
        ),
        (
            vec!["more than one data.pkl"],
            vec![file("a/data.pkl"), file("b/data.pkl")],
        ),
        (vec!["lacks its file a/data/of.w"], vec![file("a/data.pkl")]),
        (
            vec![
                "values of w",
                "a/data/of.w in the archive has 4 bytes, expected 8",
            ],
            vec![file("a/data.pkl"), ("a/data/of.w", &numbers[..4])],
        ),
        (
            vec!["a/data/of.w", "16 bytes"],
            vec![file("a/data.pkl"), ("a/data/of.w", &[0; 16])],
        ),
    ] {
        assert_says(&refused(&model(), &archive(&files)), &parts);
    }
}

#[test]
fn compressed_archives_are_refused() {
    // The compression method in the file's header and in the directory: 8 is deflate.
    let mut whole = checkpoint(&[weight()]);
    for (header, method) in [(b"PK\x03\x04", 8), (b"PK\x01\x02", 10)] {
        let starts: Vec<usize> = (0..whole.len() - 4)
            .filter(|&at| &whole[at..at + 4] == header)
            .collect();
        whole[starts[1] + method] = 8;
    }
    let message = refused(&model(), &whole);
    assert!(
        message.contains("compress") || message.contains("Compression"),
        "{message}"
    );
}

/// The reason why checkpoints are not read with candle's reader.
#[test]
fn candles_reader_panics_at_a_short_call() {
    let pickle = Pickle::default()
        .raw(b"}")
        .text("w")
        .global("torch._utils", "_rebuild_tensor_v2")
        .raw(b")Rs");
    let file = saved("checkpoint.pth", &with(pickle));
    let theirs = std::panic::catch_unwind(|| candle_core::pickle::read_all(&file.path));
    assert!(
        theirs.is_err(),
        "candle no longer panics: import/pickle.rs may be unnecessary now"
    );
    assert_says(
        &refused(&model(), &fs::read(&file.path).unwrap()),
        &["too few arguments"],
    );
}
