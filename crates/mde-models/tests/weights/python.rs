//! Files that PyTorch writes, and the lines of Python that messages print, run as printed.

use std::path::{Path, PathBuf};
use std::process::Command;

use mde_models::{ModelError, Parameters};
use tempfile::TempDir;

use crate::common::{parameters, values};

/// A folder in which Python runs; `None` without PyTorch.
struct Place {
    dir: TempDir,
    python: PathBuf,
}

impl Place {
    fn new() -> Option<Self> {
        Some(Self {
            python: mde_test_kit::python(&["torch"])?,
            dir: tempfile::tempdir().unwrap(),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs a program that saves with `s(object, name)`; `t` is a state dict.
    fn write(&self, program: &str) {
        let start = "import torch, collections, argparse, functools, numpy as np\n\
            t = collections.OrderedDict(w=torch.tensor([1.5, -2.0]), b=torch.tensor([[3.0]]))\n\
            def s(o, name, **options):\n    torch.save(o, name, **options)\n\
            \x20   torch.save(o, 'legacy_' + name, _use_new_zipfile_serialization=False, **options)\n";
        let output = Command::new(&self.python)
            .args(["-W", "ignore", "-c", &format!("{start}{program}")])
            .current_dir(self.dir.path())
            .output()
            .unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {message}");
    }

    /// Runs the command of a message in a shell.
    fn run(&self, message: &str) {
        let line = message.split("python3 -c ").nth(1).unwrap();
        let line = format!(
            "\"$MDE_PYTHON\" -W ignore -c {}",
            line.lines().next().unwrap()
        );
        let output = Command::new("bash")
            .args(["-c", &line])
            .env("MDE_PYTHON", &self.python)
            .current_dir(self.dir.path())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {error}");
    }
}

fn model() -> Parameters {
    parameters(&[("w", vec![2]), ("b", vec![1, 1])])
}

#[track_caller]
fn assert_read(path: &Path) {
    let model = model();
    if let Err(error) = model.load(path) {
        panic!("{error}");
    }
    assert_eq!(values(&model, "w"), [1.5, -2.0]);
    assert_eq!(values(&model, "b"), [3.0]);
}

#[test]
fn checkpoints_of_pytorch_are_read() {
    let Some(place) = Place::new() else { return };
    place.write(
        "for p in range(1, 6): s(t, f'p{p}.pth', pickle_protocol=p)\n\
         o = dict(best=np.zeros(9, np.int32), score=np.float64(0.5), args=argparse.Namespace(lr=1),\n\
         \x20   count=collections.Counter('abba'), call=functools.partial(torch.optim.Adam, lr=1e-4),\n\
         \x20   device=torch.device('cpu'), dtype=torch.float16, size=torch.Size([2]), rng=torch.get_rng_state(),\n\
         \x20   bytes=b'1234', array=bytearray(b'12'), names={'a', 'b'}, frozen=frozenset([1]), slice=slice(3),\n\
         \x20   complex=torch.zeros(3, dtype=torch.complex64), eight=torch.zeros(3).to(torch.float8_e5m2),\n\
         \x20   default=collections.defaultdict(list), sparse=torch.eye(2).to_sparse(), model=t)\n\
         for p in range(2, 6): s(o, f'o{p}.pth', pickle_protocol=p)\n\
         p = [torch.nn.Parameter(v.clone()) for v in t.values()]\n\
         adam = torch.optim.AdamW(p); sum(x.sum() for x in p).backward(); adam.step()\n\
         s(dict(state_dict=t, optimizer=adam.state_dict()), 'adam.pth')\n\
         s({k: torch.nn.Parameter(v) for k, v in t.items()}, 'parameter.pth')\n\
         flat = torch.tensor([9.0, 1.5, -2.0, 3.0])\n\
         s(dict(w=flat[1:3], b=flat[3:].view(1, 1)), 'views.pth')\n\
         s({'module._orig_mod.' + k: v for k, v in t.items()}, 'prefix.pth')",
    );
    let mut names: Vec<String> = (1..6).map(|p| format!("p{p}.pth")).collect();
    names.extend((2..6).map(|p| format!("o{p}.pth")));
    names.extend(["adam", "parameter", "views", "prefix"].map(|name| format!("{name}.pth")));
    for name in names {
        assert_read(&place.path(&name));
        assert_read(&place.path(&format!("legacy_{name}")));
    }
}

/// Writes `old.pth` in PyTorch's oldest format: a tar archive with the numbers, the shapes and the
/// object in files of their own.
const OLDEST: &str = "\n\
    import pickle, io, struct, tarfile\n\
    d = lambda o: pickle.dumps(o, 2)\n\
    q = lambda *n: struct.pack('<%dq' % len(n), *n)\n\
    numbers = d(1) + d(('k', 'cpu', torch.FloatStorage)) + q(3) + struct.pack('<3f', 1.5, -2, 3) + d([])\n\
    w = d((7, 'k', torch.FloatTensor)) + struct.pack('<2i', 1, 0) + q(2) + q(1) + q(0)\n\
    b = d((8, 'k', torch.FloatTensor)) + struct.pack('<2i', 2, 0) + q(1, 1) + q(1, 1) + q(2)\n\
    class P(pickle.Pickler):\n\
    \x20   def persistent_id(self, o): return {id(t['w']): 7, id(t['b']): 8}.get(id(o))\n\
    out = io.BytesIO(); P(out, 2).dump({'w': t['w'], 'b': t['b']})\n\
    files = dict(storages=numbers, tensors=d(2) + w + b, pickle=out.getvalue(), sys_info=d({}))\n\
    with tarfile.open('old.pth', 'w') as z:\n\
    \x20   for name, data in files.items():\n\
    \x20       i = tarfile.TarInfo(name); i.size = len(data); z.addfile(i, io.BytesIO(data))\n";

/// Each refusal whose message has a line of Python, on a file that only needs PyTorch.
#[test]
fn printed_lines_work_on_the_file_that_provokes_them() {
    let Some(place) = Place::new() else { return };
    place.write(
        "m = torch.nn.Module(); m.w = torch.nn.Parameter(t['w']); m.register_buffer('b', t['b'])\n\
         s(m, 'module.pth'); s(dict(epoch=3, model=m), 'nested.pth')\n\
         s(dict(model=m), \"it's $HOME `pwd` \\\"x\\\" !y.pth\")\n\
         s(argparse.Namespace(state_dict=t), 'namespace.pth')\n\
         s(dict(model=collections.UserDict(t)), 'user.pth')\n\
         s({k: v.numpy() for k, v in t.items()}, 'numpy.pth')\n\
         s(dict(model={k: v.to_sparse() for k, v in t.items()}), 'sparse.pth')\n\
         s(dict(left=t, right={k: v + 1 for k, v in t.items()}), 'two.pth')\n\
         s({p + k: v for k, v in t.items() for p in ['l.', 'r.']}, 'prefixes.pth')\n\
         s(m, 'weights.pth')\n\
         torch.jit.save(torch.jit.script(m), 'script.pt')",
    );
    place.write(OLDEST);
    let awkward = "it's $HOME `pwd` \"x\" !y.pth";
    let mut names = ["weights.pth", "script.pt", "old.pth"]
        .map(str::to_owned)
        .to_vec();
    for name in [
        "module",
        "nested",
        "namespace",
        "user",
        "numpy",
        "sparse",
        "two",
        "prefixes",
    ] {
        names.extend([format!("{name}.pth"), format!("legacy_{name}.pth")]);
    }
    names.push(awkward.to_owned());
    for name in names {
        let path = place.path(&name);
        let before = std::fs::read(&path).unwrap();
        let message = model().load(&path).unwrap_err().to_string();
        place.run(&message);
        let saved = match name.as_str() {
            "weights.pth" => "state_dict.pth",
            _ => "weights.pth",
        };
        assert_read(&place.path(saved));
        assert!(std::fs::read(&path).unwrap() == before, "{name}");
    }
}

#[test]
fn the_line_for_two_sets_in_safetensors_works() {
    let Some(place) = Place::new() else { return };
    if mde_test_kit::python(&["safetensors"]).is_none() {
        return;
    }
    place.write(
        "from safetensors.torch import save_file\n\
         save_file({p + k: v.clone() for k, v in t.items() for p in ['l.', 'r.']}, 'two.safetensors')",
    );
    let error = model().load(&place.path("two.safetensors")).unwrap_err();
    assert!(matches!(error, ModelError::Ambiguous { .. }), "{error}");
    place.run(&error.to_string());
    assert_read(&place.path("weights_1.safetensors"));
}
