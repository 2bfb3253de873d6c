//! Objects beside the weights and around them: skipped if no tensor needs them, refused otherwise.

use mde_models::{ModelError, Parameters};

use crate::common::{assert_says, load, parameters, refused, saved, values};
use crate::pth::{
    Entry, Pickle, below, checkpoint_of, dictionary, entry, floats, legacy_of, state_dict,
};

fn model() -> Parameters {
    parameters(&[("w", vec![2])])
}

fn entries() -> [Entry; 1] {
    [floats("w", &[2], &[1.0, 2.0])]
}

fn global(module: &str, name: &str) -> Pickle {
    Pickle::default().global(module, name)
}

/// `numpy.zeros(2, dtype=int32)`, as NumPy pickles it.
fn array() -> Pickle {
    global("numpy._core.multiarray", "_reconstruct")
        .raw(b"(")
        .global("numpy", "ndarray")
        .raw(b"K\x00\x85C\x01bt")
        .raw(b"R(K\x01K\x02\x85")
        .global("numpy", "dtype")
        .text("i4")
        .raw(b"\x89\x88\x87R\x89C\x08\0\0\0\0\0\0\0\0tb")
}

/// An object with these attributes.
fn object(module: &str, name: &str, state: Pickle) -> Pickle {
    global(module, name).raw(b")\x81").raw(&state.0).raw(b"b")
}

#[test]
fn what_no_tensor_needs_is_skipped_and_named() {
    let step = entry("step", "LongStorage", &[], vec![0; 8]);
    let optimiser = dictionary(&[
        ("state", state_dict(std::slice::from_ref(&step))),
        ("param_groups", Pickle::default().raw(b"]")),
    ]);
    let namespace = || dictionary(&[("lr", Pickle::default().raw(b"K\x01"))]);
    let partial = global("functools", "partial")
        .raw(b"(")
        .global("torch.optim.adam", "Adam")
        .raw(b"tR");
    let counter = global("collections", "Counter").raw(b"}\x85R");
    let pickle = dictionary(&[
        ("best_eval_steps", array()),
        ("args", object("argparse", "Namespace", namespace())),
        ("callbacks", dictionary(&[("early", partial)])),
        ("milestones", counter),
        ("state_dict", state_dict(&entries())),
        ("optimizer", optimiser),
    ]);
    for file in [
        checkpoint_of(pickle.clone(), &entries()),
        legacy_of(pickle, &[entries()[0].clone(), step]),
    ] {
        let model = model();
        let report = load(&model, &file).unwrap();
        assert_eq!(values(&model, "w"), [1.0, 2.0]);
        assert_eq!(report.place, "state_dict");
        let skipped = [
            "argparse.Namespace",
            "collections.Counter",
            "functools.partial",
            "numpy._core.multiarray._reconstruct",
        ];
        assert_eq!(report.skipped, skipped);
        assert_says(
            &report.to_string(),
            &["; skipped, not run: argparse.Namespace, "],
        );
    }
}

/// Whatever it would do, it is not done.
#[test]
fn code_beside_the_weights_is_not_run() {
    let marker = std::env::temp_dir().join(format!("mde-ran-beside-{}", std::process::id()));
    let call = global("os", "system")
        .raw(b"(")
        .text(&format!("touch {}", marker.display()))
        .raw(b"tR");
    let pickle = dictionary(&[("extra", call), ("model", state_dict(&entries()))]);
    let report = load(&model(), &checkpoint_of(pickle, &entries())).unwrap();
    assert_eq!(report.skipped, ["os.system"]);
    assert!(!marker.exists());
}

#[test]
fn tensors_of_unknown_kinds_are_skipped_where_no_parameter_needs_them() {
    let odd = [
        entry("spectrum", "ComplexFloatStorage", &[1], vec![0; 8]),
        entry("bytes", "UntypedStorage", &[1], vec![0; 1]),
        entry("unheard", "Float3Storage", &[1], vec![0; 1]),
        Entry {
            // PyTorch repeats one number: an expanded tensor.
            strides: vec![0, 0],
            len: 1,
            ..floats("expanded", &[5, 5], &[1.0])
        },
    ];
    let pickle = dictionary(&[
        ("statistics", state_dict(&odd)),
        ("net", state_dict(&entries())),
    ]);
    let all = [&odd[..], &entries()].concat();
    let model = model();
    assert_eq!(
        load(&model, &checkpoint_of(pickle, &all)).unwrap().place,
        "net"
    );
    assert_eq!(values(&model, "w"), [1.0, 2.0]);
    // In place of the parameter they are an error.
    let mut spectrum = odd[0].clone();
    spectrum.name = "w".to_owned();
    spectrum.dims = vec![2];
    spectrum.len = 2;
    spectrum.bytes = vec![0; 16];
    let message = refused(
        &self::model(),
        &checkpoint_of(state_dict(&[spectrum.clone()]), &[spectrum]),
    );
    assert_says(&message, &["w contains complex or quantised numbers"]);
}

/// The error, after checking that it names this code and changed nothing.
#[track_caller]
fn code_refused(pickle: Pickle, named: &str, advice: &[&str]) -> String {
    let file = saved("checkpoint.pth", &checkpoint_of(pickle, &entries()));
    let model = model();
    let error = model.load(&file.path).unwrap_err();
    assert!(crate::common::untouched(&model));
    let message = error.to_string();
    match error {
        ModelError::UnsafePickle { path, callable, .. } => {
            assert_eq!((path, callable.as_str()), (file.path.clone(), named));
        }
        other => panic!("{other}"),
    }
    assert_says(&message, advice);
    message
}

#[test]
fn a_state_dict_in_an_unknown_class_is_refused() {
    let items = [
        b"(".as_slice(),
        &Pickle::default().text("w").tensor(&entries()[0]).0,
        b"u",
    ]
    .concat();
    let easy_dict = || global("easydict", "EasyDict").raw(b")\x81").raw(&items);
    let loaded = "map_location='cpu', weights_only=False)";
    code_refused(
        easy_dict(),
        "easydict.EasyDict",
        &[
            &format!("torch.save(dict({loaded}").replace("map", "torch.load('/")[..24],
            loaded,
        ],
    );
    code_refused(
        below("model", easy_dict()),
        "easydict.EasyDict",
        &[&format!("{loaded}['model']), 'weights.pth')\"")],
    );
    let state = dictionary(&[("state_dict", state_dict(&entries()))]);
    code_refused(
        object("argparse", "Namespace", state),
        "argparse.Namespace",
        &[&format!("{loaded}.state_dict), 'weights.pth')\"")],
    );
}

#[test]
fn a_whole_network_is_named_and_refused() {
    let network = || {
        let state = dictionary(&[
            ("training", Pickle::default().raw(b"\x88")),
            ("_parameters", state_dict(&entries())),
            ("_modules", Pickle::default().raw(b"}")),
        ]);
        object("depth.model", "Net", state)
    };
    let line = ".state_dict(), 'weights.pth')\"";
    let message = code_refused(network(), "depth.model.Net", &["a whole network", line]);
    assert!(!message.contains("dict(torch"), "{message}");
    let optimiser = state_dict(&[floats("exp_avg", &[2], &[0.0, 0.0])]);
    let pickle = dictionary(&[("optimizer", optimiser), ("model", network())]);
    code_refused(pickle, "depth.model.Net", &["['model'].state_dict()"]);
    // The legacy format refers to the class with its source code.
    let class = Pickle::default()
        .raw(b"(")
        .text("module")
        .global("depth.model", "Net")
        .text("net.py")
        .text("class Net: pass")
        .raw(b"tQ");
    let state = dictionary(&[
        ("_parameters", state_dict(&entries())),
        ("_modules", Pickle::default().raw(b"}")),
    ]);
    let pickle = class.raw(b")\x81").raw(&state.0).raw(b"b");
    let message = refused(&model(), &legacy_of(pickle, &entries()));
    assert_says(&message, &["they need depth.model.Net", line]);
}

#[test]
fn a_parameter_that_only_code_can_build_is_refused() {
    let named = |value: Pickle| dictionary(&[("w", value)]);
    code_refused(
        below("model", named(array())),
        "numpy._core.multiarray._reconstruct",
        &[
            "w is such an object",
            "{k: torch.as_tensor(v) for k, v in ",
            "['model'].items()}",
        ],
    );
    let sparse = global("torch._utils", "_rebuild_sparse_tensor").raw(b")R");
    code_refused(
        named(sparse),
        "torch._utils._rebuild_sparse_tensor",
        &["{k: v.to_dense() for"],
    );
    let message = code_refused(named(global("os", "system").raw(b")R")), "os.system", &[]);
    // No line that would run it.
    assert!(!message.contains("torch.load"), "{message}");
    let subclass = global("torch._tensor", "_rebuild_from_type_v2")
        .raw(b"(")
        .global("torch._utils", "_rebuild_tensor_v2")
        .global("depth", "MyTensor")
        .tensor_arguments(&entries()[0])
        .raw(b"}tR");
    code_refused(named(subclass), "depth.MyTensor", &["no code was run"]);
}

#[test]
fn names_in_the_advice_cannot_leave_their_quotes() {
    let hostile = "a'];import os;os.system(\"$(touch x)`touch y`!\\\")#\n";
    let items = [
        b"(".as_slice(),
        &Pickle::default().text("w").tensor(&entries()[0]).0,
        b"u",
    ]
    .concat();
    let inner = global("easydict", "EasyDict").raw(b")\x81").raw(&items);
    let message = code_refused(below(hostile, inner), "easydict.EasyDict", &[]);
    let line = message.split("python3 -c ").nth(1).unwrap();
    let code = line.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
    assert!(!code.contains(['"', '$', '`', '!', '\n']), "{code}");
    assert_says(code, &["['a\\x27\\x5d\\x3bimport os"]);
}

#[test]
fn torchscript_is_refused_by_name() {
    let program = state_dict(&entries()).program();
    let files = [
        ("net/data.pkl", program.as_slice()),
        ("net/code/__torch__.py", b"class Net: pass"),
        ("net/constants.pkl", b"\x80\x02).".as_slice()),
    ];
    let message = refused(&model(), &crate::pth::archive(&files));
    assert_says(
        &message,
        &[
            "TorchScript",
            "torch.save(torch.jit.load('/",
            "map_location='cpu').state_dict(), ",
        ],
    );
}
