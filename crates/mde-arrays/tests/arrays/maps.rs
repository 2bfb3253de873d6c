//! Folders, stacks and archives of maps, and their ids.

use std::fs;
use std::path::Path;

use mde_arrays::{Array, ArrayError, Ids, MapSet, OrderMeaning, pair};
use tempfile::TempDir;

use crate::common::{assert_same, assert_says, depth, fixture};

/// A folder with copies of fixtures under other names.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in files {
        let path = folder.path().join(to);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(fixture(from), path).unwrap();
    }
    folder
}

fn open(path: &Path) -> MapSet {
    MapSet::open(path, None).unwrap()
}

#[test]
fn a_folder_of_mixed_formats_matches_its_ground_truth() {
    let predictions = folder(&[
        ("version1.npy", "00045.npy"),
        ("zip.exr", "00046.EXR"),
        ("one.npz", "more/00047.npz"),
        ("version1.npy", ".hidden/00048.npy"),
        ("version1.npy", "._00045.npy"),
        ("make.py", "notes.txt"),
    ]);
    let ground_truths = folder(&[
        ("grey16.png", "test/kitchen/00045.png"),
        ("little.pfm", "test/kitchen/00046.pfm"),
        ("grey8.png", "test/v1.2/0.5m.png"),
    ]);
    let (predictions, ground_truths) = (open(predictions.path()), open(ground_truths.path()));
    assert_eq!(predictions.ids(), ["00045", "00046", "more/00047"]);
    assert_eq!(
        ground_truths.ids(),
        ["test/kitchen/00045", "test/kitchen/00046", "test/v1.2/0.5m"]
    );
    for id in predictions.ids() {
        let map = predictions.load(id).unwrap();
        assert_eq!((map.height, map.width), (3, 5));
        assert_same(&map.values, &depth(), id);
    }
    let of_two = Ids {
        ids: &ground_truths.ids()[..2],
        meaning: OrderMeaning::Nothing,
    };
    let pairing = pair(predictions.ordered_ids(), of_two, None).unwrap();
    assert_eq!(pairing.pairs, [(0, 0), (1, 1)]);
    assert_eq!(pairing.without_ground_truth, [2]);
    let all = ground_truths.ordered_ids();
    let error = pair(predictions.ordered_ids(), all, None).unwrap_err();
    assert_says(&error, &["1 of 3", "test/v1.2/0.5m"]);
    assert_eq!(predictions.find("test/kitchen/00046").unwrap(), "00046");
    let error = predictions.find("00049").unwrap_err();
    assert_says(
        &error,
        &["no map `00049` among 3", "00045, 00046, more/00047"],
    );
    assert!(
        predictions.load("00047").is_err(),
        "load takes complete ids"
    );
}

#[test]
fn folders_that_are_not_sets_of_maps() {
    let same = folder(&[("version1.npy", "a/x.npy"), ("grey8.png", "a/x.png")]);
    let error = MapSet::open(same.path(), None).unwrap_err();
    assert_says(&error, &["a/x.npy", "a/x.png", "the same id `a/x`"]);
    let none = folder(&[("make.py", "make.py"), ("make.py", "below/make.py")]);
    let error = MapSet::open(none.path(), None).unwrap_err();
    assert_says(
        &error,
        &["no map in this folder or its subfolders (2 other files)"],
    );
    let error = MapSet::open(none.path().join("gone"), None).unwrap_err();
    assert!(matches!(error, ArrayError::Read { .. }), "{error}");
    // The files of a folder are opened when a map is loaded.
    let mixed = folder(&[("mixed.npz", "00045.npz"), ("stack.npy", "00046.npy")]);
    let maps = open(mixed.path());
    assert_says(
        &maps.load("00045").unwrap_err(),
        &["00045.npz", "holds 3 arrays"],
    );
    assert_says(
        &maps.load("00046").unwrap_err(),
        &["00046.npy: has shape [3, 1, 3, 5]", "expected one map"],
    );
    let named = MapSet::open(mixed.path(), Some("depth")).unwrap();
    assert_same(&named.load("00045").unwrap().values, &depth(), "named");
}

#[cfg(unix)]
#[test]
fn a_folder_that_contains_itself_is_an_error() {
    let folder = folder(&[("version1.npy", "00045.npy")]);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).unwrap();
    let error = MapSet::open(folder.path(), None).unwrap_err();
    assert_says(&error, &["again", "cannot be read"]);
}

#[test]
fn stacks_are_numbered() {
    for (name, member) in [
        ("stack.npy", None),
        ("stack.npz", None),
        ("stack_compressed.npz", None),
        ("features.safetensors", Some("depth")),
    ] {
        let maps = MapSet::open(fixture(name), member).unwrap();
        assert!(maps.is_stack());
        let ids: Vec<String> = (0..maps.len()).map(|index| index.to_string()).collect();
        assert_eq!(maps.ids(), ids);
        for (index, id) in ids.iter().enumerate() {
            let map = maps.load(id).unwrap();
            assert_eq!((map.height, map.width), (3, 5));
            let expected: Vec<f32> = depth()
                .iter()
                .map(|value| value + 100.0 * index as f32)
                .collect();
            let nearly = if index == 0 { depth() } else { expected };
            assert_same(&map.values, &nearly, name);
        }
        assert!(maps.load("3").is_err());
    }
}

#[test]
fn maps_are_named_after_arrays_or_files() {
    for name in ["two.npz", "compressed.npz"] {
        let maps = open(&fixture(name));
        assert_eq!(maps.ids(), ["kitchen/00045", "bath"]);
        assert!(!maps.is_stack());
        assert_same(
            &maps.load(maps.find("00045").unwrap()).unwrap().values,
            &depth(),
            name,
        );
    }
    for (name, id) in [
        ("version1.npy", "version1"),
        ("grey16.png", "grey16"),
        ("little.pfm", "little"),
        ("render.exr", "render"),
        ("one.npz", "arr_0"),
    ] {
        let maps = open(&fixture(name));
        assert_eq!(maps.ids(), [id]);
        assert_eq!(maps.load(id).unwrap().values.len(), 15);
    }
    for (name, said) in [
        ("mixed.npz", "`features` [2, 3, 4]"),
        ("features.safetensors", "`features` [2, 4, 2, 3]"),
        ("scalar.npy", "[]"),
        ("empty.npy", "[0, 5]"),
    ] {
        let error = MapSet::open(fixture(name), None).unwrap_err();
        assert_says(&error, &[name, said, "expected one map [H, W] per array"]);
    }
    let error = MapSet::open(fixture("object.npy"), None).unwrap_err();
    assert_says(&error, &["object.npy", "Python objects"]);
}

#[test]
fn shapes_of_one_map() {
    let with = |shape: &[usize]| Array {
        shape: shape.to_vec(),
        values: vec![0.0; shape.iter().product()],
    };
    for (shape, size) in [
        (&[3, 5][..], (3, 5)),
        (&[1, 3, 5], (3, 5)),
        (&[1, 1, 3, 5], (3, 5)),
        (&[3, 5, 1], (3, 5)),
        (&[1, 1], (1, 1)),
    ] {
        let map = with(shape).into_map("x.npy").unwrap();
        assert_eq!((map.height, map.width), size);
    }
    for shape in [
        &[][..],
        &[5],
        &[2, 3, 5],
        &[1, 2, 3, 5],
        &[3, 5, 3],
        &[0, 5],
        &[1, 1, 1, 3, 5],
    ] {
        let error = with(shape).into_map("x.npy").unwrap_err();
        assert_says(
            &error,
            &["x.npy: has shape", &format!("{shape:?}"), "[H, W, 1]"],
        );
    }
}
