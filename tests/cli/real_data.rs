//! Trained weights on real images, where available: METER's, from PyTorch checkpoints.

use std::path::Path;

use serde_json::Value;

use crate::place::{Place, shared};

const DRIVE: &str = "2011_09_26_drive_0002_sync";

/// The three pairs in `kitti/`, listed for training and testing as the paper does, in the folders
/// of KITTI's downloads.
fn place_with_kitti(sample: &Path) -> Place {
    let place = Place::empty();
    let mut list = String::new();
    for number in [5, 50, 100] {
        let name = format!("{number:010}.png");
        let rgb = format!("2011_09_26/{DRIVE}/image_02/data/{name}");
        let depth = format!("{DRIVE}/proj_depth/groundtruth/image_02/{name}");
        place.copy(&sample.join("rgb").join(&name), &format!("kitti/{rgb}"));
        place.copy(
            &sample.join("depth").join(&name),
            &format!("kitti/data_depth_annotated/val/{depth}"),
        );
        list += &format!("{rgb} {depth} 721.5377\n");
    }
    place.write("kitti/eigen_train_files_with_gt.txt", &list);
    // The list of 697 has images without ground truth.
    let without = format!("2011_09_26/{DRIVE}/image_02/data/0000000000.png None 721.5377\n");
    place.write("kitti/eigen_test_files_with_gt.txt", without + &list);
    place
}

/// The same with METER's weights for KITTI in `meter.pth`, if both are available.
fn place_with_meter_and_kitti() -> Option<Place> {
    let (sample, weights) = (
        shared("kitti-sample")?,
        shared("weights/meter_xxs_kitti.pth")?,
    );
    let place = place_with_kitti(&sample);
    place.copy(&weights, "meter.pth");
    Some(place)
}

#[test]
fn meter_predicts_real_streets() {
    let Some(place) = place_with_meter_and_kitti() else {
        return;
    };
    let given = "--model meter-xxs-kitti --weights meter.pth --data kitti:kitti --out results";
    let (evaluated, remark) = place.json_and_remarks(&format!("evaluate {given}"));
    assert_eq!(
        remark,
        "meter.pth: 226 matched, 0 missing, 0 unexpected, 0 with a different shape\n\
         3 pairs in kitti:kitti (test split); 1 line without depth (`None`)\n"
    );
    assert_eq!(evaluated["protocol"]["name"], "kitti-garg");
    assert_eq!(evaluated["summary"]["images"], 3);
    let mean = &evaluated["summary"]["mean"];
    let abs_rel = mean["abs_rel"].as_f64().unwrap();
    assert!(0.01 < abs_rel && abs_rel < 0.15, "{abs_rel}");
    assert!(mean["delta_1"].as_f64().unwrap() > 0.9, "{mean}");

    let (dissected, _) = place.json_and_remarks(&format!("dissect {given}"));
    assert_eq!(dissected["images"], 3);
    for layer in dissected["layers"].as_array().unwrap() {
        let selectivity = layer["valid_bins"].as_f64().unwrap();
        assert!(0.0 < selectivity && selectivity < 1.0, "{layer}");
    }
}

#[test]
fn fine_tuning_starts_from_the_real_weights() {
    let Some(place) = place_with_meter_and_kitti() else {
        return;
    };
    let line = |out: &str| {
        let options = "--model meter-xxs-kitti --data kitti:kitti --steps 1 --batch-size 3";
        format!("train {options} --out {out}")
    };
    let (tuned, _) = place.json_and_remarks(&format!("{} --init meter.pth", line("tuned")));
    let (random, _) = place.json_and_remarks(&line("random"));
    let loss = |trained: &Value| trained["last"]["loss"].as_f64().unwrap();
    let (tuned, random) = (loss(&tuned), loss(&random));
    assert!(tuned < random - 1.0, "{tuned} and {random} at random");
}

#[test]
fn bts_is_trained_and_measured_on_real_streets() {
    let Some(sample) = shared("kitti-sample") else {
        return;
    };
    let place = place_with_kitti(&sample);
    let (trained, remark) = place.json_and_remarks(
        "train --model bts-tiny-kitti --data kitti:kitti --out run --steps 2 --batch-size 3",
    );
    // KITTI's ground truth reaches a little beyond what is evaluated.
    assert!(remark.contains("are beyond 80 m"), "{remark}");
    assert!(trained["last"]["loss"].as_f64().unwrap() > 0.0);
    let (evaluated, remark) = place.json_and_remarks("evaluate --run run --data kitti:kitti");
    assert!(remark.contains("1 line without depth"), "{remark}");
    assert_eq!(evaluated["protocol"]["name"], "kitti-bts");
    assert_eq!(evaluated["summary"]["images"], 3);
    assert!(evaluated["summary"]["mean"]["abs_rel"].as_f64().unwrap() > 0.0);
    let (dissected, _) = place.json_and_remarks("dissect --run run --data kitti:kitti");
    assert_eq!(dissected["images"], 3);
}

/// The whole test split: the numbers that the README states.
#[test]
fn meter_predicts_real_rooms() {
    let (Some(nyu), Some(weights)) = (shared("nyu-labeled"), shared("weights/meter_xxs_nyu.pth"))
    else {
        return;
    };
    let place = Place::empty();
    place.copy(&weights, "meter.pth");
    place.copy(&nyu.join("test"), "nyu/test");
    place.copy(&nyu.join("nyuv2_test.csv"), "nyu/nyuv2_test.csv");
    let near = |value: &Value, expected: f64, tolerance: f64, what: &str| {
        let value = value.as_f64().unwrap();
        assert!((value - expected).abs() < tolerance, "{what}: {value}");
    };
    let given = "--model meter-xxs --weights meter.pth --data nyu:nyu";
    let (evaluated, _) = place.json_and_remarks(&format!("evaluate {given}"));
    assert_eq!(evaluated["protocol"]["name"], "nyu-meter");
    assert_eq!(evaluated["summary"]["images"], 654);
    let mean = &evaluated["summary"]["mean"];
    for (metric, expected) in [("abs_rel", 0.159), ("rmse", 0.538), ("delta_1", 0.786)] {
        near(&mean[metric], expected, 0.005, metric);
    }

    let expected = [
        ("ups_block_1", 0.373),
        ("ups_block_2", 0.333),
        ("ups_block_3", 0.273),
        ("encoder", 0.437),
    ];
    let names = expected.map(|(layer, _)| layer).join(",");
    let (dissected, _) = place.json_and_remarks(&format!("dissect {given} --layers {names}"));
    assert_eq!(dissected["images"], 654);
    let layers = dissected["layers"].as_array().unwrap();
    assert_eq!(layers.len(), expected.len());
    for (layer, (name, selectivity)) in layers.iter().zip(expected) {
        assert_eq!(layer["layer"], name);
        near(&layer["valid_bins"], selectivity, 0.01, name);
        near(&layer["reference"], selectivity, 0.01, name);
    }
}

#[test]
fn weights_for_streets_give_a_warning_on_rooms() {
    let (Some(frames), Some(weights)) = (
        shared("nyu-raw-sample"),
        shared("weights/meter_xxs_kitti.pth"),
    ) else {
        return;
    };
    let place = Place::with_raw_frames(&frames);
    // They load, since both presets are the same network.
    let line = format!(
        "evaluate --model meter-xxs --weights {} --data raw",
        weights.display()
    );
    let remarks = place.mde(&line).stderr;
    let (evaluated, _) = place.json_and_remarks(&line);
    assert!(remarks.contains("warning: the median ratio"), "{remarks}");
    assert!(
        remarks.contains("weights belong to this preset and data set"),
        "{remarks}"
    );
    let ratio = evaluated["unit_warning"]["median_ratio"].as_f64().unwrap();
    assert!((0.2..0.35).contains(&ratio), "{ratio}");
    let abs_rel = |document: &Value| document["summary"]["mean"]["abs_rel"].as_f64().unwrap();
    let baseline = &evaluated["constant_baseline"];
    assert_eq!(baseline["source"], "test_mean");
    assert!(abs_rel(&evaluated) > abs_rel(baseline));
}
