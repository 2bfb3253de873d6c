//! Lines of Python that convert a file to one that can be read. Each runs as printed, on the file
//! that the error names: `tests/arrays/advice.rs`, and `reports/advice.rs` of `mde`.

use std::path::Path;

use crate::Place;
use crate::npy::{NotNumbers, Remedy};

/// How to save the array `place` of this shape as numbers.
pub(crate) fn for_array(place: &Place, shape: &[usize], refused: &NotNumbers) -> String {
    let array = format!("np.load({})", quoted(&place.path)) + &subscript(&place.member);
    let objects =
        format!("np.load({}, allow_pickle=True)", quoted(&place.path)) + &subscript(&place.member);
    let (maps, one) = (
        beside(&place.path, "_maps.npz"),
        beside(&place.path, "_float32.npy"),
    );
    let save = |value: &str| numpy(&format!("np.save({one}, {value})"));
    let trusted = |line: String| line + " (it runs code from the file: only for a file you trust)";
    match &refused.remedy {
        // numpy.save of a dictionary, and of a list of maps of different sizes.
        Remedy::Objects if shape.is_empty() => {
            trusted(numpy(&format!("np.savez({maps}, **{objects}.item())")))
        }
        Remedy::Objects if shape.len() == 1 => {
            trusted(numpy(&format!("np.savez({maps}, *{objects})")))
        }
        Remedy::Objects => trusted(save(&format!("{objects}.astype(np.float32)"))),
        Remedy::Magnitude => save(&format!("np.abs({array}).astype(np.float32)")),
        Remedy::Float32 => save(&format!("{array}.astype(np.float32)")),
        // The upper half of a float32.
        Remedy::Bfloat16 => save(&format!(
            "({array}.view(np.uint16).astype(np.uint32) << 16).view(np.float32)"
        )),
        Remedy::Field(field) => save(&format!("{array}[{}].astype(np.float32)", text(field))),
        Remedy::Tensors => in_python(&format!(
            "from safetensors.torch import load_file, save_file; \
             save_file({{k: t.abs() if t.is_complex() else t.float() for k, t in load_file({}).items()}}, {})",
            quoted(&place.path),
            beside(&place.path, "_float32.safetensors")
        )),
        Remedy::Words(words) => (*words).to_owned(),
    }
}

/// How to save a stack `[H, W, N]` as `[N, H, W]`.
pub(crate) fn maps_first(place: &Place) -> String {
    let array = format!("np.load({})", quoted(&place.path)) + &subscript(&place.member);
    let is_numpy = |path: &Path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| {
            extension.eq_ignore_ascii_case("npy") || extension.eq_ignore_ascii_case("npz")
        })
    };
    if !is_numpy(&place.path) {
        return "save it with the last axis moved to the front".to_owned();
    }
    let one = beside(&place.path, "_maps.npy");
    numpy(&format!("np.save({one}, np.moveaxis({array}, -1, 0))"))
}

/// How to save a compressed array without compression.
pub(crate) fn uncompressed(path: &Path, member: &str) -> String {
    let array = format!("np.load({})", quoted(path)) + &subscript(member);
    numpy(&format!("np.save({}, {array})", beside(path, "_plain.npy")))
}

/// How to save the maps of a file of `torch.save`: a tensor, or a list or dictionary of tensors.
pub(crate) fn pytorch(path: &Path) -> String {
    let (from, maps) = (quoted(path), beside(path, "_maps.npz"));
    in_python(&format!(
        "import numpy as np, torch; x = torch.load({from}, map_location='cpu'); \
         f = lambda t: t.detach().float().numpy(); \
         np.savez({maps}, **{{k: f(t) for k, t in x.items()}}) if isinstance(x, dict) \
         else np.savez({maps}, *map(f, x)) if isinstance(x, (list, tuple)) else np.savez({maps}, f(x))"
    ))
}

/// How to save the maps of a pickle: an array, or a list or dictionary of arrays.
pub(crate) fn pickle(path: &Path) -> String {
    let (from, maps) = (quoted(path), beside(path, "_maps.npz"));
    let line = in_python(&format!(
        "import numpy as np, pickle; x = pickle.load(open({from}, 'rb')); \
         np.savez({maps}, **x) if isinstance(x, dict) \
         else np.savez({maps}, *x) if isinstance(x, (list, tuple)) else np.savez({maps}, x)"
    ));
    line + " (it runs code from the file: only for a file you trust)"
}

/// How to save the data sets of an HDF5 file.
pub(crate) fn hdf5(path: &Path) -> String {
    in_python(&format!(
        "import h5py, numpy as np; f = h5py.File({}); \
         np.savez({}, **{{k: f[k][()] for k in f if isinstance(f[k], h5py.Dataset)}})",
        quoted(path),
        beside(path, "_maps.npz")
    ))
}

/// How to save the variables of a MATLAB file.
pub(crate) fn matlab(path: &Path) -> String {
    in_python(&format!(
        "import numpy as np, scipy.io; \
         np.savez({}, **{{k: v for k, v in scipy.io.loadmat({}).items() if k[0] != '_'}})",
        beside(path, "_maps.npz"),
        quoted(path)
    ))
}

/// How to save a TIFF.
pub(crate) fn tiff(path: &Path) -> String {
    in_python(&format!(
        "import numpy as np; from PIL import Image; np.save({}, np.asarray(Image.open({})))",
        beside(path, ".npy"),
        quoted(path)
    ))
}

fn numpy(expression: &str) -> String {
    in_python(&format!("import numpy as np; {expression}"))
}

fn in_python(line: &str) -> String {
    format!("convert it in Python: `{line}`")
}

/// `['NAME']` for an array of an archive.
fn subscript(member: &str) -> String {
    match member {
        "" => String::new(),
        name => format!("[{}]", text(name)),
    }
}

/// A file beside this one whose name ends otherwise, as a string of Python.
fn beside(path: &Path, ending: &str) -> String {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(ending);
    quoted(&path.with_file_name(name))
}

fn quoted(path: &Path) -> String {
    text(&path.to_string_lossy())
}

/// A string literal of Python.
fn text(text: &str) -> String {
    let mut literal = String::from("'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => literal.extend(['\\', c]),
            c if c.is_control() => literal += &format!("\\x{:02x}", u32::from(c)),
            c => literal.push(c),
        }
    }
    literal + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_strings_of_python() {
        let path = Path::new("it's\\odd\n/a.b.npz");
        assert_eq!(quoted(path), r"'it\'s\\odd\x0a/a.b.npz'");
        assert_eq!(beside(path, ".npy"), r"'it\'s\\odd\x0a/a.b.npy'");
        let line = uncompressed(Path::new("d/x.npz"), "arr_0");
        assert!(
            line.ends_with("np.save('d/x_plain.npy', np.load('d/x.npz')['arr_0'])`"),
            "{line}"
        );
    }
}
