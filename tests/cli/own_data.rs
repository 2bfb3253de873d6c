//! User data, converted archives, and the findings of `mde inspect`.

use std::collections::BTreeSet;

use image::{DynamicImage, GrayImage, ImageBuffer, Luma};
use serde_json::Value;

use crate::place::{Place, shared};

/// The rooms, described as user data: pairs by patterns, depth limited to 4 m.
const DESCRIPTION: &str = r#"
name = "my-rooms"
scene = "indoor"
[depth]
encoding = "u16-mm"
range = [0.3, 4.0]
[train]
rgb = "train/*.jpg"
depth = "train/*.png"
[test]
rgb = "test/*.jpg"
depth = "test/*.png"
"#;

#[test]
fn a_described_folder_is_trained_on_and_measured() {
    let place = Place::new();
    place.write("rooms/dataset.toml", DESCRIPTION);
    place.json("train --data rooms --out run --steps 1 --batch-size 2");
    let document = place.json("evaluate --run run --data rooms");
    assert_eq!(document["provenance"]["data"], "my-rooms");
    assert_eq!(document["summary"]["images"], 4);
    // Depth outside the range is invalid, so there are fewer pixels than with the rooms' list.
    let mut pixels = vec![document["summary"]["pixels"].as_u64().unwrap()];
    place.write(
        "rooms/dataset.toml",
        DESCRIPTION.replace("range", "# range"),
    );
    let whole = place.json("evaluate --run run --data rooms");
    pixels.push(whole["summary"]["pixels"].as_u64().unwrap());
    assert!(0 < pixels[0] && pixels[0] < pixels[1], "{pixels:?}");
    // As ground truth for another program's predictions the folder is the same data set.
    place.json("evaluate --run run --data rooms --dump maps");
    let given =
        place.json("evaluate --pred maps/pred --gt rooms --resize-pred --protocol nyu-full");
    assert_eq!(given["provenance"]["data"], "my-rooms");
}

#[test]
fn wrong_descriptions_are_refused() {
    let place = Place::new();
    let train = "train --data rooms --out run --steps 1 --batch-size 2";
    place.refuses(train, &["rooms/dataset.toml"]);
    for (from, to, parts) in [
        (
            "scene = \"indoor\"",
            "scene = \"street\"",
            &["mff-tiny", "80 m"][..],
        ),
        ("range", "rnage", &["rooms/dataset.toml", "rnage", "range"]),
        ("train/*.jpg", "nowhere/*.jpg", &["nowhere/*.jpg"]),
        ("train/*.jpg", "../*.jpg", &["../*.jpg"]),
        ("u16-mm", "u8/25.5", &["u8/25.5", "16-bit"]),
    ] {
        place.write("rooms/dataset.toml", DESCRIPTION.replace(from, to));
        place.refuses(train, parts);
    }
    // A description of another kind of data than named.
    place.write(
        "rooms/dataset.toml",
        DESCRIPTION.replace("\"indoor\"", "\"street\""),
    );
    place.refuses(
        "train --data rooms:rooms --out run --steps 1",
        &["rooms/dataset.toml", "street", "indoor"],
    );
}

/// The errors and warnings of an inspection: check and file.
fn faults(document: &Value) -> BTreeSet<String> {
    let findings = document["findings"].as_array().unwrap().iter();
    let faults = findings.filter(|finding| finding["severity"] != "note");
    faults
        .map(|finding| {
            let text = |key: &str| finding[key].as_str().unwrap();
            assert!(!text("advice").is_empty(), "{finding}");
            let file = text("where").rsplit([' ', '/']).next().unwrap();
            format!("{} {file}", text("check"))
        })
        .collect()
}

#[test]
fn twelve_planted_faults_are_found_and_nothing_else() {
    let place = Place::new();
    let inspect = "inspect --data rooms:rooms --decode";
    place.json(&format!("{inspect} --write-hashes rooms/hashes"));
    let hashes = "--hashes rooms/hashes";
    let sound = place.json(&format!("{inspect} {hashes}"));
    assert_eq!(faults(&sound), BTreeSet::new(), "{sound}");
    assert_eq!(sound["splits"][0]["pairs"], 12);

    let train = |number: usize, kind: &str| format!("rooms/train/room_{number:05}.{kind}");
    let save = |path: String, image: DynamicImage| image.save(place.path(&path)).unwrap();
    std::fs::remove_file(place.path(&train(0, "jpg"))).unwrap();
    place.cut_short(&train(1, "png"));
    place.write(&train(2, "jpg"), "");
    place.write(&train(3, "png"), "<html>404 Not Found</html>");
    save(
        train(4, "png"),
        GrayImage::from_pixel(160, 120, Luma([9])).into(),
    );
    save(
        train(5, "jpg"),
        GrayImage::from_pixel(160, 120, Luma([9])).into(),
    );
    let grey = |width, metres: f32| {
        ImageBuffer::from_fn(width, 120, |x, _| {
            Luma([(1000.0 * metres) as u16 + x as u16])
        })
    };
    save(train(6, "png"), grey(159, 2.0).into());
    save(
        train(7, "png"),
        ImageBuffer::from_pixel(160, 120, Luma([0u16])).into(),
    );
    save(train(8, "png"), grey(160, 40.0).into());
    let mut depth = place.read(&train(9, "png"));
    let middle = depth.len() / 2;
    depth[middle] ^= 0xff;
    place.write(&train(9, "png"), depth);
    place.write(&train(10, "jpg"), place.read("rooms/test/room_00000.jpg"));
    let list = place.text("rooms/rooms_train.csv");
    place.write("rooms/rooms_train.csv", list + "train/room_00011.jpg\n");

    let planted = [
        "missing-file room_00000.jpg",
        "truncated room_00001.png",
        "empty-file room_00002.jpg",
        "not-an-image room_00003.png",
        "depth-type room_00004.png",
        "pixel-type room_00005.jpg",
        "size-mismatch room_00006.png",
        "no-measurement room_00007.png",
        "implausible-depth room_00008.png",
        "damaged room_00009.png",
        "leak room_00000.jpg",
        "malformed-line 13",
    ];
    let found = place.json_then_failure(inspect, "rooms:rooms: 11 errors, listed above");
    assert_eq!(faults(&found), planted.map(str::to_owned).into());
    // With recorded hashes, each changed file is one more finding.
    let line = format!("{inspect} {hashes}");
    let compared = faults(&place.json_then_failure(&line, "errors, listed above"));
    let changed = compared
        .iter()
        .filter(|fault| fault.starts_with("hash-mismatch"));
    assert_eq!(changed.count(), 11, "{compared:?}");
    // The text gives a repair for every fault.
    let said = place.mde(inspect);
    assert_eq!(said.status, Some(1));
    assert!(
        said.stdout.contains("repair:") && said.stdout.contains("11 errors, 1 warning"),
        "{}",
        said.stdout
    );
}

#[test]
fn weights_are_inspected_against_a_network() {
    let place = Place::with_meter();
    let weights = "run/checkpoint/step-000000001/weights.safetensors";
    let sound = place.json(&format!("inspect --weights {weights} --model meter-xxs"));
    assert_eq!(
        (&sound["load_report"]["matched"], &sound["role"]),
        (&226.into(), &"network".into())
    );
    assert_eq!(faults(&sound), BTreeSet::new());
    let one_error = format!("{weights}: 1 error, listed above");
    let line = format!("inspect --weights {weights} --model mff-tiny");
    let other = place.json_then_failure(&line, &one_error);
    assert_eq!(
        faults(&other),
        ["weights weights.safetensors".to_owned()].into()
    );
    place.cut_short(weights);
    let line = format!("inspect --weights {weights} --model meter-xxs");
    let cut = place.json_then_failure(&line, &one_error);
    assert_eq!(
        faults(&cut),
        ["weights weights.safetensors".to_owned()].into()
    );
}

#[test]
fn real_frames_of_the_labelled_set_are_converted_and_measured() {
    let (Some(mat), Some(weights)) = (
        shared("nyu-mat-sample/nyu_depth_v2_labeled_6.mat"),
        shared("weights/meter_xxs_nyu.pth"),
    ) else {
        return;
    };
    let place = Place::empty();
    let convert = format!("convert nyu-labelled --mat {} --out nyu", mat.display());
    place.refuses(&convert, &["splits.mat"]);
    let document = place.json(&format!("{convert} --all-into test"));
    assert_eq!(
        (&document["written"], &document["kept"]),
        (&6.into(), &0.into())
    );
    let again = place.json(&format!("{convert} --all-into test"));
    assert_eq!((&again["written"], &again["kept"]), (&0.into(), &6.into()));
    let inspected = place.json("inspect --data nyu --decode --split test");
    assert_eq!(inspected["findings"], serde_json::json!([]), "{inspected}");
    let (evaluated, _) = place.json_and_remarks(&format!(
        "evaluate --model meter-xxs --weights {} --data nyu",
        weights.display()
    ));
    assert_eq!(evaluated["summary"]["images"], 6);
    // A network trained on NYU is right about its frames only if they are upright and in metres.
    let abs_rel = evaluated["summary"]["mean"]["abs_rel"].as_f64().unwrap();
    assert!(abs_rel < 0.25, "{abs_rel}");
}

#[test]
fn real_frames_are_scored_where_depth_is_valid() {
    let (Some(frames), Some(weights)) = (
        shared("nyu-raw-sample"),
        shared("weights/meter_xxs_nyu.pth"),
    ) else {
        return;
    };
    let place = Place::with_raw_frames(&frames);
    let inspected = place.json("inspect --data raw --decode --split test");
    assert_eq!(faults(&inspected), BTreeSet::new());
    let missing = &inspected["splits"][0]["depth"]["missing_fraction"];
    assert!(
        (0.2..0.35).contains(&missing.as_f64().unwrap()),
        "{missing}"
    );
    let line = format!(
        "evaluate --model meter-xxs --weights {} --data raw",
        weights.display()
    );
    let (evaluated, _) = place.json_and_remarks(&line);
    assert_eq!(evaluated["summary"]["images"], 3);
    let abs_rel = evaluated["summary"]["mean"]["abs_rel"].as_f64().unwrap();
    assert!(abs_rel < 0.15, "{abs_rel}");
    let (explained, _) = place.json_and_remarks(&format!("{line} --explain"));
    let pixels = &explained["explanation"]["pixels"];
    let [unmeasured, scored] =
        ["unmeasured", "scored"].map(|class| pixels[class].as_u64().unwrap());
    assert_eq!(unmeasured + scored, 192 * 256);
    assert!(unmeasured > 192 * 256 / 10, "{pixels}");
}

#[test]
fn files_that_are_not_archives_are_refused() {
    let place = Place::empty();
    place.write("cut.mat", "MATLAB 7.3 MAT-file, and nothing more");
    place.write("cut.zip", "PK");
    for (line, part) in [
        (
            "nyu-labelled --mat nowhere.mat --all-into test",
            "nowhere.mat",
        ),
        ("nyu-labelled --mat cut.mat --all-into test", "cut.mat"),
        ("nyu-fastdepth --shard nowhere.tar", "nowhere.tar"),
        ("nyu-bts --archive cut.zip", "cut.zip"),
        ("nyu-mff --archive nowhere.zip", "nowhere.zip"),
    ] {
        let line = format!("convert {line} --out nyu");
        let said = place.mde(&line);
        said.is_refusal(&line, 1, &[part]);
        assert!(!place.path("nyu/dataset.toml").exists(), "{line}");
    }
}
