//! Streets through the program: from rendering to the report with BTS, and damaged or wrong lists
//! and files.

use std::fs;

use image::{ImageBuffer, Luma, Rgb, RgbImage};
use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::place::{Place, assert_same};

const RUNS: [(&str, &str); 2] = [
    ("plain", ""),
    ("assigned", "--layers upconv2,iconv1 --alpha 0.1"),
];

fn train(run: &str, options: &str) -> String {
    format!(
        "train --model bts-tiny-kitti --data streets:streets --out {run} --steps 2 --batch-size 2 {options}"
    )
}

fn measure(stage: &str, run: &str) -> String {
    format!("{stage} --run {run} --data streets:streets")
}

#[test]
fn from_streets_to_the_report() {
    let place = Place::empty();
    let rendered =
        place.json("render streets --train 8 --test 4 --width 310 --height 94 --out streets");
    assert_eq!(rendered["rendered"], 12);
    for (run, options) in RUNS {
        let trained = place.json(&train(run, options));
        assert_eq!(trained["step"], 2);
        let assigned: Vec<_> = trained["last"]["selectivity"]
            .as_object()
            .unwrap()
            .keys()
            .collect();
        let expected: &[&str] = if run == "plain" {
            &[]
        } else {
            &["iconv1", "upconv2"]
        };
        assert_eq!(assigned, expected);

        let evaluated = place.json(&measure("evaluate", run));
        assert_eq!(evaluated["protocol"]["name"], "kitti-garg");
        assert_eq!(evaluated["protocol"]["max_depth"], 80.0);
        assert_eq!(evaluated["summary"]["images"], 4);
        let mean_depth = evaluated["constant_baseline"]["depth"].as_f64().unwrap();
        assert!(5.0 < mean_depth && mean_depth < 40.0, "{mean_depth}");

        place.json(&measure("dissect", run));
        let dissected: Value =
            serde_json::from_slice(&place.read(&format!("{run}/dissect.json"))).unwrap();
        let layers = dissected["layers"].as_array().unwrap();
        let names: Vec<_> = layers
            .iter()
            .map(|layer| layer["layer"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["upconv3", "iconv2", "upconv2", "upconv1", "iconv1"]);
        for layer in layers {
            // Bins end where KITTI's range does, and only the layers that were assigned have
            // owners.
            let edges = layer["bins"]["edges"].as_array().unwrap();
            assert!((edges.last().unwrap().as_f64().unwrap() - 80.0).abs() < 1e-9);
            let name = layer["layer"].as_str().unwrap();
            let owned = layer["valid_bins"]["assigned"].is_array();
            assert_eq!(owned, expected.contains(&name), "{run}: {name}");
        }
    }
    let report = place.json("report plain assigned --out report");
    assert!(place.path(report["html"].as_str().unwrap()).is_file());
    let selectivity = report["answers"][1].as_str().unwrap();
    assert!(selectivity.contains("upconv2 and iconv1"), "{selectivity}");
    let page = place.text("report/report.md");
    for part in ["bts-tiny-kitti", "kitti-garg", "streets"] {
        assert!(page.contains(part), "{part} is not in the report");
    }

    let before = place.files(".");
    for (run, options) in RUNS {
        for line in [
            train(run, options),
            measure("evaluate", run),
            measure("dissect", run),
        ] {
            assert_eq!(place.json(&line)["up_to_date"], true, "mde {line}");
        }
    }
    place.json("report plain assigned --out report");
    assert_same("the second time", &place.files("."), &before);
}

#[test]
fn depth_scales_with_the_focal_length_for_networks_that_use_it() {
    let place = Place::with_streets();
    let list = place.text("streets/streets_test.txt");
    let fields = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let doubled = list.lines().map(|line| {
        let [rgb, depth, focal] = fields(line).try_into().unwrap();
        format!("{rgb} {depth} {}", 2.0 * focal.parse::<f64>().unwrap())
    });
    let doubled = doubled.collect::<Vec<_>>().join("\n");
    for (model, factor) in [("bts-tiny-kitti", 2.0), ("meter-xxs-kitti", 1.0)] {
        place.json(&format!(
            "train --model {model} --data streets:streets --out {model} --steps 1 --batch-size 2"
        ));
        let predictions = || {
            place.json(&measure("evaluate", model));
            prediction(&place.read(&format!("{model}/examples.safetensors")))
        };
        let once = predictions();
        place.write("streets/streets_test.txt", &doubled);
        let twice = predictions();
        place.write("streets/streets_test.txt", &list);
        assert_eq!(once.len(), twice.len());
        for (once, twice) in once.iter().zip(&twice) {
            let expected = factor * once;
            assert!(
                (twice - expected).abs() <= 1e-5 * expected.abs(),
                "{model}: {once}, {twice}"
            );
        }
    }
}

/// The first predicted map among the examples of an evaluation.
fn prediction(examples: &[u8]) -> Vec<f32> {
    let tensors = SafeTensors::deserialize(examples).unwrap();
    let map = tensors.tensor("0/pred").unwrap();
    let numbers = map.data().as_chunks().0.iter();
    numbers.map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

/// Streets, and `run/`: a network trained on them.
fn trained() -> Place {
    let place = Place::with_streets();
    place.json(&train("run", ""));
    place
}

/// Fails unless training names `parts` of a fault in the training streets, and measuring of the
/// same in the test streets. `spoil` gets the split, which also replaces `SPLIT` in a part.
/// Restores the streets at the end.
fn refused(place: &Place, spoil: impl Fn(&Place, &str), parts: &[&str]) {
    let good = place.files("streets");
    let measuring = vec![measure("evaluate", "run"), measure("dissect", "run")];
    for (split, lines) in [("train", vec![train("new", "")]), ("test", measuring)] {
        spoil(place, split);
        let parts: Vec<_> = parts
            .iter()
            .map(|part| part.replace("SPLIT", split))
            .collect();
        let parts: Vec<_> = parts.iter().map(String::as_str).collect();
        for line in lines {
            place.refuses(&line, &parts);
        }
        for (name, content) in &good {
            place.write(&format!("streets/{name}"), content);
        }
    }
}

fn rgb(split: &str) -> String {
    format!("streets/{split}/image_02/data/0000000002.png")
}

fn depth(split: &str) -> String {
    format!("streets/{split}/proj_depth/groundtruth/image_02/0000000002.png")
}

#[test]
fn a_line_without_a_usable_focal_length_is_named() {
    let place = trained();
    for (focal, reason) in [
        ("", "2 fields, the focal length is missing"),
        (
            " focal",
            "the focal length `focal` is not a positive number",
        ),
        (
            " 721,5377",
            "the focal length `721,5377` is not a positive number",
        ),
        (" 0", "the focal length `0` is not a positive number"),
        (
            " -721.5377",
            "the focal length `-721.5377` is not a positive number",
        ),
        (" nan", "the focal length `nan` is not a positive number"),
        (" inf", "the focal length `inf` is not a positive number"),
        (" 721.5377 1", "4 fields"),
    ] {
        refused(
            &place,
            |place, split| {
                let list = format!("streets/streets_{split}.txt");
                let lines = place.text(&list);
                let lines =
                    lines
                        .lines()
                        .enumerate()
                        .map(|(index, line)| match line.rsplit_once(' ') {
                            Some((pair, _)) if index == 2 => format!("{pair}{focal}"),
                            _ => line.to_owned(),
                        });
                place.write(&list, lines.collect::<Vec<_>>().join("\n"));
            },
            &[
                "streets/streets_SPLIT.txt, line 3: ",
                reason,
                "expected `rgb depth focal`",
            ],
        );
    }
}

#[test]
fn a_street_that_cannot_be_used_is_named() {
    type Fault = fn(&Place, &str);
    let cases: &[(Fault, &[&str])] = &[
        (
            |place, split| put(place, split, (310, 94), (310, 93)),
            &[
                "SPLIT/proj_depth/groundtruth/image_02/0000000002.png",
                "93x310",
                "94x310",
                "same size",
            ],
        ),
        (
            |place, split| fs::remove_file(place.path(&rgb(split))).unwrap(),
            &[
                "streets_SPLIT.txt",
                "1 of the listed files",
                "SPLIT/image_02/data/0000000002.png",
            ],
        ),
        (
            |place, split| fs::remove_file(place.path(&depth(split))).unwrap(),
            &[
                "streets_SPLIT.txt",
                "1 of the listed files",
                "SPLIT/proj_depth/groundtruth/image_02/0000000002.png",
            ],
        ),
        (
            |place, split| place.cut_short(&depth(split)),
            &[
                "SPLIT/proj_depth/groundtruth/image_02/0000000002.png",
                "cut short",
            ],
        ),
        (
            |place, split| place.write(&depth(split), place.read(&rgb(split))),
            &[
                "SPLIT/proj_depth/groundtruth/image_02/0000000002.png",
                "u16/256",
                "16-bit grey",
            ],
        ),
        (
            |place, split| put(place, split, (300, 80), (300, 80)),
            &["SPLIT/image_02/data/0000000002", "crop of 88x304", "80x300"],
        ),
    ];
    let place = trained();
    for (spoil, parts) in cases {
        refused(&place, spoil, parts);
    }
}

/// Replaces a pair by one of these sizes (width, height).
fn put(place: &Place, split: &str, of_rgb: (u32, u32), of_depth: (u32, u32)) {
    let colour = RgbImage::from_pixel(of_rgb.0, of_rgb.1, Rgb([9, 99, 199]));
    colour.save(place.path(&rgb(split))).unwrap();
    let metres =
        ImageBuffer::<Luma<u16>, Vec<u16>>::from_pixel(of_depth.0, of_depth.1, Luma([12 * 256]));
    metres.save(place.path(&depth(split))).unwrap();
}

#[test]
fn a_list_without_any_depth_is_refused_and_one_with_some_is_used() {
    let place = Place::with_streets();
    let list = place.text("streets/streets_train.txt");
    let without = |line: &str| match line.split_once(' ') {
        Some((rgb, _)) => format!("{rgb} None 180\n"),
        None => String::new(),
    };
    place.write(
        "streets/streets_train.txt",
        list.lines().map(without).collect::<String>(),
    );
    place.refuses(
        &train("run", ""),
        &["streets_train.txt", "all 8 images", "None"],
    );
    let some = list.lines().enumerate().map(|(index, line)| match index {
        0..5 => without(line),
        _ => format!("{line}\n"),
    });
    place.write("streets/streets_train.txt", some.collect::<String>());
    place.refuses(
        &train("run", "").replace("--batch-size 2", "--batch-size 4"),
        &["3 pairs"],
    );
    let (_, remark) = place.json_and_remarks(&train("run", ""));
    assert_eq!(
        remark,
        "3 pairs in streets:streets (train split); 5 lines without depth (`None`)\n"
    );
    let config: Value = serde_json::from_slice(&place.read("run/config.json")).unwrap();
    assert_eq!(config["data"]["images"], json!(3));
}
