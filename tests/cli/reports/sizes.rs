//! Predictions of another size: a crop is not a resize.

use mde_arrays::Map;
use serde_json::Value;

use crate::place::Place;

const FRAME: (usize, usize) = (375, 1242);
const CROP: (usize, usize) = (352, 1216);

fn write(place: &Place, name: &str, size: (usize, usize), value: impl Fn(usize, usize) -> f32) {
    let pixels = (0..size.0).flat_map(|row| (0..size.1).map(move |column| (row, column)));
    let map = Map {
        height: size.0,
        width: size.1,
        values: pixels.map(|(row, column)| value(row, column)).collect(),
    };
    place.write(name, map.to_npy());
}

/// The depth of the report: falls from top to bottom, saw teeth along the rows.
fn depth(row: usize, column: usize) -> f32 {
    let from_below = (FRAME.0 - 1 - row) as f32 / (FRAME.0 - 1) as f32;
    5.0 + 40.0 * from_below + (column % 200) as f32 / 50.0
}

/// `gt` with a whole frame, and in `pred` its benchmark crop, perfect where it looks.
fn benchmark_crop() -> Place {
    let place = Place::empty();
    write(&place, "gt/1.npy", FRAME, depth);
    let (top, left) = (FRAME.0 - CROP.0, (FRAME.1 - CROP.1) / 2);
    write(&place, "pred/1.npy", CROP, |row, column| {
        depth(row + top, column + left)
    });
    place
}

fn evaluate(place: &Place, options: &str) -> (Value, String) {
    let said = place.mde(&format!("evaluate --json {options}"));
    assert_eq!(said.status, Some(0), "{options}: {}", said.stderr);
    (serde_json::from_str(&said.stdout).unwrap(), said.stderr)
}

fn abs_rel(place: &Place, options: &str) -> f64 {
    let document = evaluate(place, options).0;
    document["summary"]["mean"]["abs_rel"].as_f64().unwrap()
}

#[test]
fn bts_70_the_benchmark_crop_is_put_back() {
    let place = benchmark_crop();
    let given = "--pred pred --gt gt";
    for protocol in ["kitti-garg", "kitti-bts", "kitti-eigen"] {
        let line = format!("evaluate {given} --protocol {protocol}");
        for resize in ["", " --resize-pred"] {
            let parts = [
                "352x1216",
                "375x1242",
                "--place-pred kitti-crop puts it back",
            ];
            place.refuses(&format!("{line}{resize}"), &parts);
        }
        let options = format!("{given} --protocol {protocol} --place-pred kitti-crop");
        assert_eq!(abs_rel(&place, &options), 0.0, "{protocol}");
    }
    // The first row and column say the same.
    let options = format!("{given} --protocol kitti-garg --place-pred 23,13");
    assert_eq!(abs_rel(&place, &options), 0.0);
    // Another place is another depth: 40 / 374 m a row.
    let options = format!("{given} --protocol kitti-garg --place-pred 22,13");
    assert!(abs_rel(&place, &options) > 0.001);
    let document = evaluate(
        &place,
        &format!("{given} --protocol kitti-garg --place-pred kitti-crop --explain"),
    );
    assert_eq!(document.0["explanation"]["size"]["height"], 375);
    assert_eq!(document.0["explanation"]["rows"][0], 153);
}

/// Pixels outside of the crop are not predicted: they are neither zero nor left out.
#[test]
fn newcrfs_7_pixels_outside_of_the_crop_are_an_error() {
    let place = benchmark_crop();
    let line =
        "evaluate --pred pred --gt gt --protocol nyu-full --max-depth 80 --place-pred kitti-crop";
    place.refuses(
        line,
        &[
            "covers rows 23..375 and columns 13..1229 of 375x1242",
            "image 1",
            "row 0, column 0",
            "kitti-garg",
        ],
    );
    // Where nothing is measured there, nothing is missing.
    write(&place, "gt/1.npy", FRAME, |row, column| {
        if row < 23 || !(13..1229).contains(&column) {
            0.0
        } else {
            depth(row, column)
        }
    });
    let options = line.strip_prefix("evaluate ").unwrap();
    assert_eq!(abs_rel(&place, options), 0.0);
}

/// AdaBins' network predicts at half the size of the crop.
#[test]
fn adabins_10_a_crop_at_half_the_size() {
    let place = benchmark_crop();
    write(&place, "half/1.npy", (176, 608), |row, column| {
        let (row, column) = (2 * row + 23, 2 * column + 13);
        (depth(row, column) + depth(row + 1, column + 1)) / 2.0
    });
    let given = "--pred half --gt gt --protocol kitti-garg";
    for resize in ["", " --resize-pred"] {
        let parts = ["176x608", "--place-pred kitti-crop --resize-pred"];
        place.refuses(&format!("evaluate {given}{resize}"), &parts);
    }
    place.refuses(
        &format!("evaluate {given} --place-pred kitti-crop"),
        &["352x1216", "--resize-pred"],
    );
    let (document, remarks) = evaluate(
        &place,
        &format!("{given} --place-pred kitti-crop --resize-pred"),
    );
    let error = document["summary"]["mean"]["abs_rel"].as_f64().unwrap();
    assert!(error < 0.002, "{error}");
    assert!(!remarks.contains("aspect ratio"), "{remarks}");
}

/// monodepth2's predictions are whole frames: resizing them is right, and says what it changes.
#[test]
fn monodepth2_whole_frames_are_resized_with_a_word() {
    let place = Place::empty();
    for (id, frame) in [("1", FRAME), ("2", (370, 1224))] {
        write(&place, &format!("gt/{id}.npy"), frame, |_, _| 20.0);
        write(&place, &format!("large/{id}.npy"), (320, 1024), |_, _| 20.0);
        write(&place, &format!("medium/{id}.npy"), (192, 640), |_, _| 20.0);
        write(&place, &format!("square/{id}.npy"), (192, 192), |_, _| 20.0);
    }
    for (pred, said) in [
        (
            "large",
            Some("2 of 2 predictions, at most by +3.5 %: 320x1024 becomes 375x1242"),
        ),
        ("medium", None),
        (
            "square",
            Some("at most by +231.2 %: 192x192 becomes 375x1242"),
        ),
    ] {
        let given = format!("--pred {pred} --gt gt --protocol kitti-garg");
        let refused = format!("evaluate {given}");
        place.refuses(&refused, &["--resize-pred", "--place-pred TOP,LEFT"]);
        // A result that is up to date says it again.
        for _ in 0..2 {
            let (document, remarks) =
                evaluate(&place, &format!("{given} --resize-pred --out {pred}-out"));
            assert_eq!(document["summary"]["mean"]["abs_rel"], 0.0);
            match said {
                Some(said) => assert!(remarks.contains(said), "{remarks}"),
                None => assert!(!remarks.contains("aspect ratio"), "{remarks}"),
            }
        }
    }
}

#[test]
fn eigens_crop_of_nyu_is_put_back() {
    let place = Place::empty();
    let depth = |row: usize, column: usize| 1.0 + row as f32 / 100.0 + column as f32 / 200.0;
    write(&place, "gt/1.npy", (480, 640), depth);
    write(&place, "pred/1.npy", (426, 560), |row, column| {
        depth(row + 45, column + 41)
    });
    let given = "--pred pred --gt gt --protocol nyu-eigen";
    let parts = ["426x560", "--place-pred nyu-crop"];
    place.refuses(&format!("evaluate {given} --resize-pred"), &parts);
    assert_eq!(
        abs_rel(&place, &format!("{given} --place-pred nyu-crop")),
        0.0
    );
    let full = "evaluate --pred pred --gt gt --protocol nyu-full --place-pred nyu-crop";
    place.refuses(
        full,
        &["covers rows 45..471 and columns 41..601", "nyu-eigen"],
    );
    // MFF's centre crop has the shape of the frame.
    write(&place, "mff/1.npy", (114, 152), |_, _| 2.0);
    let (_, remarks) = evaluate(
        &place,
        "--pred mff --gt gt --protocol nyu-full --resize-pred",
    );
    assert!(
        remarks.contains("1 prediction of 114x152 for the whole frame"),
        "{remarks}"
    );
}

#[test]
fn placements_that_do_not_fit() {
    let place = benchmark_crop();
    let given = "evaluate --pred pred --gt gt --protocol kitti-garg --place-pred";
    place.refuses(
        &format!("{given} 24,13"),
        &["1: the prediction is 352x1216", "375x1242"],
    );
    place.refuses(
        &format!("{given} 18446744073709551615,0"),
        &["does not fit"],
    );
    place.refuses(&format!("{given} nyu-crop"), &["does not fit", "426x560"]);
    for wrong in ["bottom", "1", "-1,2", "1,2,3"] {
        let line = format!("{given}={wrong}");
        place
            .mde(&line)
            .is_refusal(&line, 2, &["kitti-crop, nyu-crop", "TOP,LEFT"]);
    }
}

/// The ground truth of a data set, whose picture is cut too.
#[test]
fn a_part_of_a_data_sets_frames() {
    let place = Place::new();
    for line in place.text("rooms/rooms_test.csv").lines() {
        let id = line.split_once('.').unwrap().0;
        write(&place, &format!("pred/{id}.npy"), (100, 155), |_, _| 2.0);
    }
    let given = "--pred pred --gt rooms:rooms --protocol kitti-garg --max-depth 10";
    place.refuses(
        &format!("evaluate {given}"),
        &["100x155", "120x160", "--place-pred TOP,LEFT"],
    );
    let (document, _) = evaluate(&place, &format!("{given} --place-pred 20,2 --out out"));
    assert_eq!(document["summary"]["images"], 4);
    place.json("report out --out page");
}

/// Maps `[W, H]` in place of `[H, W]`: stretching them is never right.
#[test]
fn swapped_rows_and_columns_are_not_resized() {
    let place = Place::empty();
    write(&place, "gt/1.npy", (48, 64), |row, _| {
        1.0 + row as f32 / 16.0
    });
    for size in [(64, 48), (32, 24)] {
        write(&place, "pred/1.npy", size, |_, column| 1.0 + column as f32);
        for resize in ["", " --resize-pred"] {
            let line = format!("evaluate --pred pred --gt gt --protocol nyu-full{resize}");
            place.refuses(
                &line,
                &["rows and columns seem to be swapped", "np.swapaxes"],
            );
        }
    }
    // A square map of a wide frame is stretched, as MiDaS's are.
    write(&place, "pred/1.npy", (48, 48), |row, _| {
        1.0 + row as f32 / 16.0
    });
    let options = "--pred pred --gt gt --protocol nyu-full --resize-pred";
    assert!(abs_rel(&place, options) < 1e-6);
}
