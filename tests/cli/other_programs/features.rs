//! `mde dissect --features`.

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::Value;

use super::axes::{Tensor, depths_by, features, write};
use super::{assert_close, doubles, golden, map, truth};
use crate::place::Place;

#[test]
fn parity_dissect_through_the_command_line() {
    let file = golden("dissect");
    let bytes = std::fs::read(&file).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let cases = tensors.names().into_iter();
    let cases: Vec<&str> = cases
        .filter_map(|name| name.strip_suffix("/features"))
        .collect();
    assert!(!cases.is_empty());
    for case in cases {
        let (dataset, rest) = case.split_once("_K").unwrap();
        let dataset = if dataset == "nyuv2" { "nyu" } else { dataset };
        let bins: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let place = Place::empty();
        let document = place.json(&format!(
            "dissect --features {} --prefix {case} --dataset {dataset} --bins {bins} --out results",
            file.display()
        ));
        assert_eq!(document["layers"][0]["bins"].to_string(), bins);
        let found: Value = serde_json::from_slice(&place.read("results/dissect.json")).unwrap();
        let layer = &found["layers"][0];
        let units = layer["reference"]["units"].as_array().unwrap();
        let expected = doubles(&bytes, &format!("{case}/selectivity"));
        let preferred = doubles(&bytes, &format!("{case}/preferred_bin"));
        assert_eq!(units.len(), expected.len());
        for (unit, (selectivity, bin)) in units.iter().zip(expected.iter().zip(preferred)) {
            assert_close(unit["selectivity"].as_f64().unwrap(), *selectivity, case);
            assert_eq!(unit["preferred_bin"].as_f64(), Some(bin), "{case}");
        }
        let mean = expected.iter().sum::<f64>() / expected.len() as f64;
        assert_close(layer["reference"]["mean"].as_f64().unwrap(), mean, case);
        // The reference counts depth beyond the last edge in bin 0.
        let counts = doubles(&bytes, &format!("{case}/count"));
        let beyond = layer["pixels_beyond"].as_f64().unwrap();
        for (bin, (found, expected)) in layer["pixels"]
            .as_array()
            .unwrap()
            .iter()
            .zip(counts)
            .enumerate()
        {
            let quirk = if bin == 0 { beyond } else { 0.0 };
            assert_eq!(
                found.as_f64().unwrap() + quirk,
                expected,
                "{case}, bin {bin}"
            );
        }
    }
}

/// Writes `features` [2, 3, 2, 4] and `depth` [2, 1, 6, 8].
pub(super) fn write_features(place: &Place, name: &str, value: impl Fn(usize) -> f32) {
    let bytes = |values: Vec<f32>| -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    };
    let features = bytes((0..2 * 3 * 8).map(&value).collect());
    let depth = bytes((0..2 * 48).map(|pixel| 0.5 + pixel as f32 / 20.0).collect());
    let views = [
        (
            "features",
            TensorView::new(Dtype::F32, vec![2, 3, 2, 4], &features).unwrap(),
        ),
        (
            "depth",
            TensorView::new(Dtype::F32, vec![2, 1, 6, 8], &depth).unwrap(),
        ),
    ];
    place.write(name, safetensors::serialize(views, None).unwrap());
}

#[test]
fn features_of_several_files_are_one_set_of_images() {
    let place = Place::empty();
    let value = |i: usize| (i * 7 % 11) as f32;
    write_features(&place, "a.safetensors", value);
    write_features(&place, "b.safetensors", |i| value(i + 5));
    let line = "dissect --dataset nyu --bins 4 --layer conv3 --name other --features";
    let document = place.json(&format!("{line} a.safetensors,b.safetensors --out results"));
    assert_eq!(document["images"], 4);
    assert_eq!(document["layers"][0]["layer"], "conv3");
    assert_eq!(document["layers"][0]["units"], 3);
    assert_eq!(document["provenance"]["model"], "other");
    assert!(place.path("results/dissect/conv3.safetensors").exists());
    let again = place.json(&format!("{line} a.safetensors,b.safetensors --out results"));
    assert_eq!(again["up_to_date"], true);
    let default = place.json("dissect --dataset nyu --features a.safetensors");
    assert_eq!(default["layers"][0]["bins"], 3);
}

#[test]
fn features_that_cannot_be_dissected_are_refused() {
    let place = Place::empty();
    write_features(&place, "nan.safetensors", |i| {
        if i == 9 { f32::NAN } else { 1.0 }
    });
    write_features(&place, "ok.safetensors", |i| i as f32);
    let cut = place.read("ok.safetensors");
    place.write("cut.safetensors", &cut[..cut.len() - 40]);
    place.write("map.npy", map(truth).to_npy());
    for (line, parts) in [
        ("--features nan.safetensors", &["unit 1", "NaN"][..]),
        ("--features cut.safetensors", &["cut.safetensors"]),
        ("--features map.npy", &["map.npy", "features"]),
        ("--features nowhere.safetensors", &["nowhere.safetensors"]),
        (
            "--features ok.safetensors --prefix D",
            &["D/features", "depth, features"],
        ),
        ("--features ok.safetensors --layers D", &["--layer"]),
        (
            "--features ok.safetensors --layer ../x --out results",
            &["../x", "name of a file"],
        ),
        (
            "--features ok.safetensors --bins 1",
            &["bins is 1", "at least 2"],
        ),
    ] {
        place.refuses(&format!("dissect {line} --dataset kitti"), parts);
    }
    for (line, part) in [
        ("--features ok.safetensors", "--dataset"),
        ("--features ok.safetensors --dataset kitchens", "nyu"),
        (
            "--features ok.safetensors --dataset nyu --data rooms:rooms",
            "--data",
        ),
        ("--dataset nyu", "--features"),
    ] {
        let line = format!("dissect {line}");
        place.mde(&line).is_refusal(&line, 2, &[part]);
    }
}

/// Values of other types, depth without measurements, and units that do not respond.
#[test]
fn unusual_values_are_read_or_refused_with_the_reason() {
    let place = Place::empty();
    let line = "dissect --dataset nyu --bins 4 --permutations 2 --features";
    let depth = |scale: f32| depths_by(move |metres| metres * scale);
    let varied = || {
        features("NChw", 0, |image, unit, pixel| {
            ((pixel + 3 * unit + image) % 7) as f32
        })
    };
    let constant = |value: f32| features("NChw", 0, move |_, _, _| value);
    let one = |(name, shape, values): Tensor<'static>| {
        let first = values.len() / shape[0];
        let shape = [&[1], &shape[1..]].concat();
        (name, shape, values[..first].to_vec())
    };
    for (name, tensors, parts) in [
        (
            "zero",
            [varied(), depth(0.0)],
            ["without any depth above 0", "metres"],
        ),
        (
            "mm",
            [varied(), depth(1000.0)],
            ["beyond 10 m", "--range NEAR,FAR"],
        ),
        (
            "infinite",
            [constant(f32::INFINITY), depth(1.0)],
            ["unit 0", "inf"],
        ),
    ] {
        write(&place, &format!("{name}.safetensors"), &tensors);
        place.refuses(&format!("{line} {name}.safetensors"), &parts);
    }
    for (name, tensors, said, remark) in [
        (
            "dead",
            [constant(0.0), depth(1.0)],
            "undefined: no unit responds",
            "",
        ),
        (
            "constant",
            [constant(3.0), depth(1.0)],
            "selectivity features 0.0000",
            "",
        ),
        (
            "wall",
            [varied(), depths_by(|_| 5.0)],
            "undefined: 1 of 4 depth bins",
            "",
        ),
        (
            "one",
            [one(varied()), one(depth(1.0))],
            "selectivity features",
            "one image",
        ),
        (
            "far",
            [varied(), depth(2.0)],
            "selectivity features",
            "% of the depth is beyond 10 m",
        ),
        (
            "sky",
            [
                varied(),
                depths_by(|metres| if metres > 8.0 { f32::INFINITY } else { metres }),
            ],
            "selectivity features",
            "",
        ),
    ] {
        write(&place, &format!("{name}.safetensors"), &tensors);
        let found = place.mde(&format!("{line} {name}.safetensors"));
        assert_eq!(found.status, Some(0), "{name}: {}", found.stderr);
        assert!(found.stdout.contains(said), "{name}: {}", found.stdout);
        assert!(found.stderr.contains(remark), "{name}: {}", found.stderr);
        assert_eq!(
            found.stderr.is_empty(),
            remark.is_empty(),
            "{name}: {}",
            found.stderr
        );
    }
}
