//! Every format and number type gives the values written.

use half::f16;
use mde_arrays::{ArrayFile, Map, read_array};

use crate::common::{assert_same, depth, fixture, whole};

#[test]
fn every_type_of_number_in_both_byte_orders() {
    let half: Vec<f32> = depth()
        .iter()
        .map(|value| f16::from_f32(*value).to_f32())
        .collect();
    let odd = |value: f64| f64::from(value % 2.0 == 1.0);
    let mut expected = vec![
        ("b1".to_owned(), whole(odd)),
        ("u1".to_owned(), whole(|value| value)),
        ("i1".to_owned(), whole(|value| 0.0 - value)),
    ];
    for order in ["le", "be"] {
        expected.push((format!("f2_{order}"), half.clone()));
        expected.push((format!("f4_{order}"), depth()));
        expected.push((format!("f8_{order}"), depth()));
        for size in [2, 4, 8] {
            // Offsets up to 2^56 need rounding to float32.
            let offset = 256f64.powi(size - 1);
            expected.push((format!("u{size}_{order}"), whole(|value| value + offset)));
            expected.push((format!("i{size}_{order}"), whole(|value| -value - offset)));
        }
    }
    let npz = ArrayFile::open(fixture("types.npz")).unwrap();
    assert_eq!(npz.members().len(), expected.len());
    let safetensors = ArrayFile::open(fixture("types.safetensors")).unwrap();
    assert_eq!(safetensors.members().len(), 3 + 9);
    for (name, values) in &expected {
        let array = npz.read(Some(name)).unwrap();
        assert_eq!(array.shape, [3, 5]);
        assert_same(&array.values, values, name);
        if !name.ends_with("_be") {
            let array = safetensors.read(Some(name)).unwrap();
            assert_eq!(array.shape, [3, 5]);
            assert_same(&array.values, values, name);
        }
    }
    let coarse = read_array(fixture("bf16.safetensors"), None).unwrap();
    assert_same(&coarse.values, &[1.5, -2.0, f32::INFINITY], "bf16");
}

#[test]
fn orders_versions_and_shapes_of_npy() {
    for name in ["fortran", "version1", "version2", "version3"] {
        let array = read_array(fixture(&format!("{name}.npy")), None).unwrap();
        assert_eq!(array.shape, [3, 5]);
        assert_same(&array.values, &depth(), name);
    }
    let cube = read_array(fixture("fortran_3d.npy"), None).unwrap();
    assert_eq!(cube.shape, [2, 3, 4]);
    assert_eq!(cube.values, (0..24u8).map(f32::from).collect::<Vec<_>>());
    let scalar = read_array(fixture("scalar.npy"), None).unwrap();
    assert_eq!((scalar.shape, scalar.values), (vec![], vec![2.5]));
    let empty = read_array(fixture("empty.npy"), None).unwrap();
    assert_eq!((empty.shape, empty.values), (vec![0, 5], vec![]));
}

#[test]
fn archives_give_arrays_by_name() {
    for name in ["two.npz", "compressed.npz"] {
        let file = ArrayFile::open(fixture(name)).unwrap();
        let members: Vec<_> = file.members().collect();
        assert_eq!(
            members,
            [("kitchen/00045", &[3, 5][..]), ("bath", &[3, 5][..])]
        );
        for member in ["kitchen/00045", "bath"] {
            assert_same(&file.read(Some(member)).unwrap().values, &depth(), name);
        }
    }
    let one = read_array(fixture("one.npz"), None).unwrap();
    assert_same(&one.values, &depth(), "one.npz");
    let tensor = read_array(fixture("two.safetensors"), Some("depth")).unwrap();
    assert_same(&tensor.values, &depth(), "two.safetensors");
}

#[test]
fn slices_are_parts_of_the_whole() {
    for (name, member) in [
        ("stack.npy", None),
        ("stack.npz", Some("depth")),
        ("stack_compressed.npz", Some("depth")),
        ("features.safetensors", Some("features")),
        ("features.safetensors", Some("depth")),
        ("fortran_3d.npy", None),
    ] {
        let file = ArrayFile::open(fixture(name)).unwrap();
        let whole = file.read(member).unwrap();
        let size = whole.values.len() / whole.shape[0];
        for (index, expected) in whole.values.chunks(size).enumerate() {
            let slice = file.read_slice(member, index).unwrap();
            assert_eq!(slice.shape, whole.shape[1..]);
            assert_same(&slice.values, expected, name);
        }
        assert!(file.read_slice(member, whole.shape[0]).is_err());
    }
}

#[test]
fn images() {
    for name in [
        "none.exr",
        "rle.exr",
        "zips.exr",
        "zip.exr",
        "piz.exr",
        "little.pfm",
        "big.pfm",
    ] {
        let array = read_array(fixture(name), None).unwrap();
        assert_eq!(array.shape, [3, 5], "{name}");
        assert_same(&array.values, &depth(), name);
    }
    let half: Vec<f32> = depth()
        .iter()
        .map(|value| f16::from_f32(*value).to_f32())
        .collect();
    assert_same(
        &read_array(fixture("half.exr"), None).unwrap().values,
        &half,
        "half",
    );
    // PXR24 keeps 24 bits of a float, enough for the values of a half.
    let finite = [f16::from_f32(1.0).to_f32(), 2.0, 3.0, -0.0, 0.0];
    let kept = [&depth()[..10], &finite].concat();
    assert_same(
        &read_array(fixture("pxr24.exr"), None).unwrap().values,
        &kept,
        "pxr24",
    );
    let uint = read_array(fixture("uint.exr"), None).unwrap();
    assert_same(&uint.values, &whole(|value| value + 16_777_216.0), "uint");
    let grey = |name: &str| read_array(fixture(name), None).unwrap().values;
    assert_same(&grey("grey8.png"), &whole(|value| value), "8 bit");
    assert_same(
        &grey("grey16.png"),
        &whole(|value| value + 5000.0),
        "16 bit",
    );
}

#[test]
fn a_tiled_image_is_assembled() {
    let array = read_array(fixture("tiled.exr"), None).unwrap();
    assert_eq!(array.shape, [21, 35]);
    let (tile, mut expected) = (depth(), Vec::new());
    for row in 0..21 {
        expected.extend((0..35).map(|column| tile[row % 3 * 5 + column % 5]));
    }
    assert_same(&array.values, &expected, "tiled");
}

#[test]
fn the_depth_channel_of_a_render_is_found() {
    let render = ArrayFile::open(fixture("render.exr")).unwrap();
    assert_eq!(render.members().len(), 4);
    for member in [None, Some("ViewLayer.Depth.Z"), Some("R")] {
        assert_same(&render.read(member).unwrap().values, &depth(), "render");
    }
    // The red channel of a colour image is not depth unless it is named.
    let error = read_array(fixture("colour.exr"), None)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("colour.exr: holds 3 arrays: `B` [3, 5], `G` [3, 5], `R` [3, 5]"),
        "{error}"
    );
}

#[test]
fn a_written_map_equals_numpy_s_to_the_byte() {
    let map = Map {
        height: 3,
        width: 5,
        values: depth(),
    };
    assert_eq!(
        map.to_npy(),
        std::fs::read(fixture("version1.npy")).unwrap()
    );
}
