//! Trained weights on real images, where they are at hand: METER's own, from PyTorch's checkpoints.

use std::path::Path;

use crate::place::{Place, shared};

const DRIVE: &str = "2011_09_26_drive_0002_sync";

/// The three pairs in `kitti/`, listed for training and testing as the paper does, in the folders of KITTI's downloads.
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

#[test]
fn meter_is_right_about_real_streets() {
    let (Some(sample), Some(weights)) = (
        shared("kitti-sample"),
        shared("weights/meter_xxs_kitti.pth"),
    ) else {
        return;
    };
    let place = place_with_kitti(&sample);
    place.copy(&weights, "meter.pth");
    let given = "--model meter-xxs-kitti --weights meter.pth --data kitti:kitti --out results";
    let (evaluated, remark) = place.json_and_remarks(&format!("evaluate {given}"));
    assert_eq!(
        remark,
        "meter.pth: 226 matched, 0 missing, 0 unexpected, 0 of another shape\n"
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
fn fine_tuning_goes_on_where_the_real_weights_are() {
    let (Some(sample), Some(weights)) = (
        shared("kitti-sample"),
        shared("weights/meter_xxs_kitti.pth"),
    ) else {
        return;
    };
    let place = place_with_kitti(&sample);
    place.copy(&weights, "meter.pth");
    let line = |out: &str| {
        let options = "--model meter-xxs-kitti --data kitti:kitti --steps 1 --batch 3";
        format!("train {options} --out {out}")
    };
    let (tuned, _) = place.json_and_remarks(&format!("{} --init meter.pth", line("tuned")));
    let random = place.json(&line("random"));
    let loss = |trained: &serde_json::Value| trained["last"]["loss"].as_f64().unwrap();
    let (tuned, random) = (loss(&tuned), loss(&random));
    assert!(tuned < random - 1.0, "{tuned} and {random} at random");
}

#[test]
fn bts_learns_and_is_measured_on_real_streets() {
    let Some(sample) = shared("kitti-sample") else {
        return;
    };
    let place = place_with_kitti(&sample);
    let trained =
        place.json("train --model bts-tiny-kitti --data kitti:kitti --out run --steps 2 --batch 3");
    assert!(trained["last"]["loss"].as_f64().unwrap() > 0.0);
    let evaluated = place.json("evaluate --run run --data kitti:kitti");
    assert_eq!(evaluated["protocol"]["name"], "kitti-bts");
    assert_eq!(evaluated["summary"]["images"], 3);
    assert!(evaluated["summary"]["mean"]["abs_rel"].as_f64().unwrap() > 0.0);
    assert_eq!(
        place.json("dissect --run run --data kitti:kitti")["images"],
        3
    );
}

#[test]
fn meter_is_right_about_real_rooms() {
    const FRAMES: usize = 24;
    let (Some(nyu), Some(weights)) = (shared("nyu-labeled"), shared("weights/meter_xxs_nyu.pth"))
    else {
        return;
    };
    let place = Place::empty();
    place.copy(&weights, "meter.pth");
    let list = std::fs::read_to_string(nyu.join("nyuv2_test.csv")).unwrap();
    let lines: Vec<&str> = list.lines().take(FRAMES).collect();
    for file in lines.iter().flat_map(|line| line.split(',')) {
        place.copy(&nyu.join(file), &format!("nyu/{file}"));
    }
    place.write("nyu/nyuv2_test.csv", lines.join("\n"));
    let line = "evaluate --model meter-xxs --weights meter.pth --data nyu:nyu";
    let (evaluated, _) = place.json_and_remarks(line);
    assert_eq!(evaluated["protocol"]["name"], "nyu-meter");
    assert_eq!(evaluated["summary"]["images"], FRAMES);
    let abs_rel = evaluated["summary"]["mean"]["abs_rel"].as_f64().unwrap();
    assert!(0.05 < abs_rel && abs_rel < 0.25, "{abs_rel}");
}
