//! Every line of Python that an error prints is run, on the file that the error names, and what it
//! writes is read.

use std::path::{Path, PathBuf};
use std::process::Command;

use mde_arrays::{ArrayError, MapSet, read_array};
use mde_test_kit::python;
use tempfile::TempDir;

/// A folder in which Python runs.
struct Workshop {
    python: PathBuf,
    folder: TempDir,
}

impl Workshop {
    /// Runs a script that writes files into the folder; None without these modules.
    fn new(modules: &[&str], script: &str) -> Option<Self> {
        let workshop = Self {
            python: python(modules)?,
            folder: tempfile::tempdir().unwrap(),
        };
        workshop.run(&format!("import numpy as np\n{script}"));
        Some(workshop)
    }

    fn run(&self, script: &str) {
        let mut command = Command::new(&self.python);
        command.args(["-c", script]).current_dir(self.folder.path());
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{said}");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the line that the refusal of a file prints.
    fn follow(&self, name: &str, member: Option<&str>) -> String {
        let error = match MapSet::open(self.path(name), member) {
            Ok(_) => panic!("{name}: was read"),
            Err(error) => error.to_string(),
        };
        let line = error.split("in Python: `").nth(1);
        let line = line.unwrap_or_else(|| panic!("no line in {error}"));
        self.run(line.split('`').next().unwrap());
        error
    }

    /// The values of each map of a file.
    fn maps(&self, name: &str) -> Vec<(String, Vec<f32>)> {
        let maps = MapSet::open(self.path(name), None).unwrap();
        let load = |id: &String| (id.clone(), maps.load(id).unwrap().values);
        maps.ids().iter().map(load).collect()
    }

    fn values(&self, name: &str) -> Vec<f32> {
        read_array(self.path(name), None).unwrap().values
    }
}

fn named(expected: &[(&str, &[f32])]) -> Vec<(String, Vec<f32>)> {
    let owned = |&(name, values): &(&str, &[f32])| (name.to_owned(), values.to_vec());
    expected.iter().map(owned).collect()
}

/// Maps of different sizes.
const TWO: &str = "a, b = np.full((1, 2), 7.0), np.full((2, 2), 9.0)\n";

#[test]
fn objects_are_saved_map_by_map() {
    let script = "
o = np.empty(2, object); o[0], o[1] = a, b
np.save('sizes.npy', o)
np.savez_compressed('gt_depths.npz', data=o)
o = np.empty(2, object); o[0], o[1] = a, a + 1
np.save('same.npy', o)
np.save('dictionary.npy', {'kitchen_1': a, 'bath_2': b})
np.save('numbers.npy', np.full((1, 2), 7.5).astype(object))
np.save(\"it's.npy\", o)
";
    let Some(workshop) = Workshop::new(&["numpy"], &(TWO.to_owned() + script)) else {
        return;
    };
    let two = named(&[("arr_0", &[7.0; 2]), ("arr_1", &[9.0; 4])]);
    let error = workshop.follow("sizes.npy", None);
    assert!(error.contains("only for a file you trust"), "{error}");
    assert_eq!(workshop.maps("sizes_maps.npz"), two);
    workshop.follow("gt_depths.npz", None);
    assert_eq!(workshop.maps("gt_depths_maps.npz"), two);
    for name in ["same", "it's"] {
        workshop.follow(&format!("{name}.npy"), None);
        let expected = named(&[("arr_0", &[7.0; 2]), ("arr_1", &[8.0; 2])]);
        assert_eq!(workshop.maps(&format!("{name}_maps.npz")), expected);
    }
    workshop.follow("dictionary.npy", None);
    let expected = named(&[("kitchen_1", &[7.0; 2]), ("bath_2", &[9.0; 4])]);
    assert_eq!(workshop.maps("dictionary_maps.npz"), expected);
    workshop.follow("numbers.npy", None);
    assert_eq!(workshop.values("numbers_float32.npy"), [7.5; 2]);
}

#[test]
fn numbers_of_other_types_are_converted() {
    let script = "
np.save('complex.npy', np.full((1, 2), 3 + 4j, np.complex64))
np.savez('several.npz', depth=np.full((1, 2), 1j), name='kitchen')
np.save('long.npy', np.full((1, 2), 2.5, np.longdouble))
np.save('bf16.npy', (np.full((1, 2), 1.5, np.float32).view(np.uint32) >> 16).astype(np.uint16).view('V2'))
kind = [('at', [('x', '<f4')]), ('name', '<U3'), ('depth', '<f8'), ('count', '<i4')]
one = np.zeros((1, 2), kind); one['depth'] = 6.5
np.save('fields.npy', one)
";
    let Some(workshop) = Workshop::new(&["numpy"], script) else {
        return;
    };
    for (name, member, expected) in [
        ("complex", None, 5.0),
        ("several", Some("depth"), 1.0),
        ("long", None, 2.5),
        ("bf16", None, 1.5),
    ] {
        let ending = if member.is_some() { "npz" } else { "npy" };
        workshop.follow(&format!("{name}.{ending}"), member);
        let found = workshop.values(&format!("{name}_float32.npy"));
        assert_eq!(found, [expected; 2], "{name}");
    }
    // The first field is a structure and the second is text: the third is printed, or none.
    let error = MapSet::open(workshop.path("fields.npy"), None).unwrap_err();
    assert!(!error.to_string().contains("`x`"), "{error}");
    workshop
        .run("import numpy as np; np.save('flat.npy', np.load('fields.npy')[['name', 'depth']])");
    workshop.follow("flat.npy", None);
    assert_eq!(workshop.values("flat_float32.npy"), [6.5; 2]);
}

#[test]
fn a_large_compressed_array_is_saved_plainly() {
    let script = "np.savez_compressed('deep.npz', np.full((40, 4096, 1639), 3, np.uint8))";
    let Some(workshop) = Workshop::new(&["numpy"], script) else {
        return;
    };
    let error = workshop.follow("deep.npz", None);
    assert!(error.contains("268435456"), "{error}");
    let maps = MapSet::open(workshop.path("deep_plain.npy"), None).unwrap();
    assert_eq!((maps.len(), maps.size("39").unwrap()), (40, (4096, 1639)));
    assert_eq!(maps.load("39").unwrap().values[7], 3.0);
}

#[test]
fn pickles_are_saved_as_arrays() {
    let script = "
import pickle
for name, x in dict(list=[a, b], dictionary=dict(k=a, l=b), array=np.stack([a, a])).items():
    with open(name + '.npy', 'wb') as file: pickle.dump(x, file)
";
    let Some(workshop) = Workshop::new(&["numpy"], &(TWO.to_owned() + script)) else {
        return;
    };
    for (name, expected) in [
        ("list", named(&[("arr_0", &[7.0; 2]), ("arr_1", &[9.0; 4])])),
        ("dictionary", named(&[("k", &[7.0; 2]), ("l", &[9.0; 4])])),
        ("array", named(&[("0", &[7.0; 2]), ("1", &[7.0; 2])])),
    ] {
        let error = workshop.follow(&format!("{name}.npy"), None);
        assert!(error.contains("Python pickle"), "{error}");
        assert_eq!(
            workshop.maps(&format!("{name}_maps.npz")),
            expected,
            "{name}"
        );
    }
}

#[test]
fn files_of_torch_save_are_saved_as_arrays() {
    let script = "
import torch
t = torch.full((1, 2), 7.0)
for name, x in dict(tensor=torch.stack([t, t]), list=[t, t + 1], dictionary={'k': t}).items():
    for legacy in (False, True):
        torch.save(x, f'{name}_{legacy}.npz', _use_new_zipfile_serialization=not legacy)
";
    let Some(workshop) = Workshop::new(&["numpy", "torch"], script) else {
        return;
    };
    for (name, expected) in [
        ("tensor", named(&[("0", &[7.0; 2]), ("1", &[7.0; 2])])),
        ("list", named(&[("arr_0", &[7.0; 2]), ("arr_1", &[8.0; 2])])),
        ("dictionary", named(&[("k", &[7.0; 2])])),
    ] {
        for legacy in ["False", "True"] {
            let error = workshop.follow(&format!("{name}_{legacy}.npz"), None);
            assert!(error.contains("torch.save"), "{error}");
            assert_eq!(
                workshop.maps(&format!("{name}_{legacy}_maps.npz")),
                expected
            );
        }
    }
}

#[test]
fn tensors_of_other_types_are_converted() {
    let script = "
import torch; from safetensors.torch import save_file
save_file({'depth': torch.full((1, 2), 1.5).to(torch.float8_e4m3fn)}, 'small.safetensors')
save_file({'depth': torch.full((1, 2), 3 + 4j)}, 'complex.safetensors')
";
    let Some(workshop) = Workshop::new(&["numpy", "torch", "safetensors"], script) else {
        return;
    };
    for (name, expected) in [("small", 1.5), ("complex", 5.0)] {
        workshop.follow(&format!("{name}.safetensors"), None);
        let found = workshop.values(&format!("{name}_float32.safetensors"));
        assert_eq!(found, [expected; 2]);
    }
}

#[test]
fn other_formats_are_converted_where_python_can_read_them() {
    let picture = "
from PIL import Image
Image.fromarray(np.full((1, 2), 2.5, np.float32)).save('depth.tif')
";
    let hdf5 = "
import h5py
with h5py.File('maps.h5', 'w') as f: f['k'] = np.full((1, 2), 2.5)
";
    let matlab = "import scipy.io; scipy.io.savemat('maps.mat', {'k': np.full((1, 2), 2.5)})";
    for (module, script, from, to) in [
        ("PIL", picture, "depth.tif", "depth.npy"),
        ("h5py", hdf5, "maps.h5", "maps_maps.npz"),
        ("scipy.io", matlab, "maps.mat", "maps_maps.npz"),
    ] {
        if let Some(workshop) = Workshop::new(&["numpy", module], script) {
            workshop.follow(from, None);
            assert_eq!(workshop.values(to), [2.5; 2], "{module}");
        }
    }
}

#[test]
fn what_cannot_be_converted_has_no_line() {
    let script = "
np.save('text.npy', np.array([['near', 'far']]))
np.save('date.npy', np.array([['2021-10-11']], 'M8[D]'))
np.save('void.npy', np.zeros((1, 2), 'V1'))
";
    let Some(workshop) = Workshop::new(&["numpy"], script) else {
        return;
    };
    for name in ["text", "date", "void"] {
        let path = workshop.path(&format!("{name}.npy"));
        let error = MapSet::open(&path, None).unwrap_err();
        assert!(matches!(error, ArrayError::Unsupported { .. }), "{error}");
        assert!(!error.to_string().contains('`'), "{error}");
        assert!(Path::new(&path).exists());
    }
}
