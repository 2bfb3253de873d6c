//! What a stored number stands for: scales, disparities, alignment.

use mde_arrays::Map;
use serde_json::Value;

use crate::place::Place;

fn row(place: &Place, folder: &str, values: &[f32]) {
    let map = Map {
        height: 1,
        width: values.len(),
        values: values.to_vec(),
    };
    place.write(&format!("{folder}/1.npy"), map.to_npy());
}

const DEPTHS: [f32; 4] = [1.0, 2.0, 4.0, 8.0];

fn abs_rel(place: &Place, options: &str) -> f64 {
    let line = format!("evaluate --gt gt --protocol nyu-full {options}");
    let document = place.json(&line);
    document["summary"]["mean"]["abs_rel"].as_f64().unwrap()
}

/// depth = 5.4 / disparity: the scale is metres.
#[test]
fn monodepth2_376_the_stereo_factor_is_a_scale() {
    let place = Place::empty();
    row(&place, "gt", &DEPTHS);
    row(&place, "stereo", &DEPTHS.map(|depth| 5.4 / depth));
    let given = "--pred stereo --disparity --pred-scale";
    assert!(abs_rel(&place, &format!("{given} 5.4")) < 1e-6);
    assert!(abs_rel(&place, &format!("{given} 0.18518519")) > 0.9);
    // Without a scale, a disparity of 1 stands for 1 m.
    row(&place, "plain", &DEPTHS.map(f32::recip));
    assert_eq!(abs_rel(&place, "--pred plain --disparity"), 0.0);
    // For depth, too, a stored 1 stands for that many metres.
    row(&place, "millimetres", &DEPTHS.map(|depth| 1000.0 * depth));
    assert!(abs_rel(&place, "--pred millimetres --pred-scale 0.001") < 1e-6);
}

#[test]
fn sfmlearner_7_the_ratio_of_medians_of_depths() {
    let place = Place::empty();
    row(&place, "gt", &DEPTHS);
    row(&place, "pred", &[0.9, 0.6, 0.2, 0.15]);
    let given = "--pred pred --disparity --align";
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-6, "{found}");
    near(abs_rel(&place, &format!("{given} median-depth")), 0.15625);
    near(abs_rel(&place, &format!("{given} median")), 0.185185);
    // An alignment does not depend on the scale.
    near(
        abs_rel(&place, &format!("{given} median-depth --pred-scale 5.4")),
        0.15625,
    );
}

#[test]
fn distdepth_15_what_is_stored_and_what_it_stands_for_is_explained() {
    let place = Place::empty();
    row(&place, "gt", &[6.0]);
    row(&place, "disparity", &[0.9]);
    let explain = |options: &str| {
        let line = format!("evaluate --gt gt --protocol nyu-full {options} --explain");
        let document: Value = place.json(&line);
        (place.mde(&line).stdout, document["sample"].clone())
    };
    let (said, sample) = explain("--pred disparity --disparity --pred-scale 5.4");
    let line = "row 0, column 0: stored 0.9, disparity, depth = 5.4 / 0.9 = 6 m";
    assert!(said.contains(line), "{said}");
    assert!(said.contains("ground truth stored 6 x 1 = 6 m"), "{said}");
    assert_eq!(sample["stored"], 0.9);
    assert_eq!(sample["depth"], 6.0);
    row(&place, "millimetres", &[2500.0]);
    let (said, _) = explain("--pred millimetres --pred-scale 0.001");
    assert!(said.contains("stored 2500 x 0.001 = 2.5 m"), "{said}");
    let help = place.mde("evaluate --help").stdout;
    assert!(
        help.contains("With --disparity, depth is METRES /"),
        "{help}"
    );
}

/// Values that no unit makes right.
#[test]
fn values_that_are_not_depth() {
    let place = Place::empty();
    row(&place, "gt", &DEPTHS);
    for (value, part) in [
        (f32::NAN, "NaN"),
        (f32::INFINITY, "inf"),
        (f32::NEG_INFINITY, "inf"),
    ] {
        row(&place, "pred", &[1.0, value, 4.0, 8.0]);
        let line = "evaluate --pred pred --gt gt --protocol nyu-full";
        place.refuses(line, &["image 1", "row 0, column 1", part]);
    }
    // As published protocols do: clamped to the least depth, 1 mm.
    for value in [0.0, -3.0] {
        row(&place, "pred", &[value, 2.0, 4.0, 8.0]);
        let expected = 0.999 / 4.0;
        let line = "evaluate --gt gt --protocol nyu-full --pred pred";
        let document = place.json_and_remarks(line).0;
        let found = document["summary"]["mean"]["abs_rel"].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-6);
    }
    // A disparity of 0 is infinitely far: 10 m.
    row(&place, "pred", &[1.0, 0.5, 0.25, 0.0]);
    assert!((abs_rel(&place, "--pred pred --disparity") - 0.25 / 4.0).abs() < 1e-6);
}

/// The type and the order in which numbers are stored do not matter, nor axes of length 1.
#[test]
fn types_orders_and_axes() {
    let Some(python) = mde_test_kit::python(&["numpy"]) else {
        return;
    };
    let place = Place::empty();
    let script = "
import numpy as np, os
d = np.stack([np.arange(1, 7, dtype=np.float32).reshape(2, 3) / 2, np.full((2, 3), 2, np.float32)])
os.makedirs('gt'); [np.save(f'gt/{i}.npy', m) for i, m in enumerate(d)]
for name, a in dict(f2=d.astype('f2'), big=d.astype('>f4'), f8=d.astype('>f8'), fortran=np.asfortranarray(d),
                    n1hw=d[:, None], nhw1=d[..., None]).items():
    np.save(name + '.npy', a)
for name, axis in dict(hw1=(2,), onehw=(0,), two=(0, 1)).items():
    os.makedirs(name); [np.save(f'{name}/{i}.npy', np.expand_dims(m, axis)) for i, m in enumerate(d)]
np.save('scalar.npy', np.float32(2)); np.save('line.npy', d.ravel()); np.save('rgb.npy', np.zeros((2, 3, 3), 'f4'))
os.makedirs('empty')
";
    place.python(&python, script);
    for pred in [
        "f2.npy",
        "big.npy",
        "f8.npy",
        "fortran.npy",
        "n1hw.npy",
        "nhw1.npy",
        "hw1",
        "onehw",
        "two",
    ] {
        assert_eq!(abs_rel(&place, &format!("--pred {pred}")), 0.0, "{pred}");
    }
    for (pred, parts) in [
        ("scalar.npy", &["scalar.npy", "[]", "expected one map"][..]),
        ("line.npy", &["line.npy", "[12]"]),
        ("rgb.npy", &["2 of 3", "3x3"]),
        ("empty", &["empty", "found no map"]),
    ] {
        let line = format!("evaluate --pred {pred} --gt gt --protocol nyu-full");
        let said = place.mde(&line);
        assert_eq!(said.status, Some(1), "{pred}: {}", said.stdout);
        let is_said = parts.iter().any(|part| said.stderr.contains(part));
        assert!(is_said, "{pred}: {}", said.stderr);
    }
}

fn remarks(place: &Place, options: &str) -> String {
    let said = place.mde(&format!("evaluate --gt gt --protocol nyu-full {options}"));
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    said.stderr
}

/// Disparities in a wrong unit, as depths are.
#[test]
fn the_unit_of_disparities_is_checked() {
    let place = Place::empty();
    row(&place, "gt", &DEPTHS);
    row(&place, "pred", &DEPTHS.map(|depth| 256.0 * 5.4 / depth));
    let given = "--pred pred --disparity --pred-scale";
    let said = remarks(&place, &format!("{given} 0.00390625"));
    assert!(said.contains("far from 1"), "{said}");
    assert_eq!(
        remarks(&place, &format!("{given} 1382.4")).lines().count(),
        1
    );
    let aligned = remarks(&place, &format!("{given} 1 --align median"));
    assert!(!aligned.contains("far from 1"), "{aligned}");
}

/// The message on integers says what a scale means for disparities, and its option works.
#[test]
fn integer_disparities() {
    let place = Place::empty();
    row(&place, "gt", &DEPTHS);
    std::fs::create_dir_all(place.path("pred")).unwrap();
    let stored = DEPTHS.map(|depth| (256.0 * 5.4 / depth) as u16);
    let pixel = |x: u32, _| image::Luma([stored[x as usize]]);
    image::ImageBuffer::<image::Luma<u16>, Vec<u16>>::from_fn(4, 1, pixel)
        .save(place.path("pred/1.png"))
        .unwrap();
    let line = "evaluate --gt gt --protocol nyu-full --pred pred --disparity";
    let option = "--pred-scale 1 --align median";
    place.refuses(line, &["depth = S / stored", "256", option]);
    assert!(abs_rel(&place, &format!("--pred pred --disparity {option}")) < 0.01);
    assert!(abs_rel(&place, "--pred pred --disparity --pred-scale 1382.4") < 0.01);
}

/// Zeros in a prediction are missing values, not depth.
#[test]
fn zeros_in_predictions_are_reported() {
    let place = Place::empty();
    row(&place, "gt", &DEPTHS);
    for hole in [0.0, -1.0] {
        row(&place, "pred", &[1.0, hole, 4.0, 8.0]);
        let said = remarks(&place, "--pred pred");
        let expected = "25.0 % of the scored predictions are at or below 0.001 m";
        assert!(said.contains(expected), "{said}");
        // A kept result says it again.
        for _ in 0..2 {
            let said = remarks(&place, "--pred pred --out run");
            assert!(said.contains(expected), "{said}");
        }
        std::fs::remove_dir_all(place.path("run")).unwrap();
    }
    row(&place, "pred", &DEPTHS);
    assert!(!remarks(&place, "--pred pred").contains("scored predictions"));
}
