//! `mde predict`: maps at the size of the pictures, and files that are not pictures.

use std::collections::BTreeSet;
use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

use crate::place::{Place, assert_same, shared};

/// A picture of smooth colours that has no symmetry.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let share = |at: u32, of: u32| (at * 250 / of) as u8;
        Rgb([share(x, width), share(y, height), (x * 7 + y * 3) as u8])
    })
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
    encoded(&picture.into(), ImageFormat::Png)
}

/// Height, width and values of a `.npy` of float32.
fn npy(bytes: &[u8]) -> (usize, usize, Vec<f32>) {
    assert_eq!(bytes[..8], *b"\x93NUMPY\x01\x00");
    let values_at = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..values_at]).unwrap();
    let shape = header.strip_prefix("{'descr': '<f4', 'fortran_order': False, 'shape': (");
    let (height, width) = shape.unwrap().split_once(", ").unwrap();
    let width = width.split_once(')').unwrap().0;
    let values = bytes[values_at..].as_chunks::<4>().0.iter();
    let values: Vec<f32> = values.map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let (height, width) = (height.parse().unwrap(), width.parse().unwrap());
    assert_eq!(values.len(), height * width);
    (height, width, values)
}

/// Checks that the maps of a picture agree and have its size; returns the depths.
fn check_maps(place: &Place, written: &Value, per_metre: f32) -> Vec<f32> {
    let read = |key: &str| place.read(written[key].as_str().unwrap());
    let (height, width, depth) = npy(&read("depth_npy"));
    assert_eq!(written["size"], json!([height, width]));
    let (nearest, farthest) = depth
        .iter()
        .fold((f32::MAX, f32::MIN), |(low, high), &depth| {
            (low.min(depth), high.max(depth))
        });
    assert!(nearest < farthest, "{nearest} {farthest}");
    assert_eq!(written["nearest"].as_f64().unwrap() as f32, nearest);
    assert_eq!(written["farthest"].as_f64().unwrap() as f32, farthest);

    let stored = image::load_from_memory(&read("depth_png")).unwrap();
    let DynamicImage::ImageLuma16(stored) = stored else {
        panic!("{:?} in {written}", stored.color());
    };
    assert_eq!(stored.dimensions(), (width as u32, height as u32));
    for (&stored, &depth) in stored.as_raw().iter().zip(&depth) {
        // 0 says that there is no depth; a network that has learnt nothing can answer that.
        let expected = if depth > 0.0 {
            (depth * per_metre).max(1.0)
        } else {
            0.0
        };
        let off = f32::from(stored) - expected;
        assert!(off.abs() <= 0.501, "{stored} for {depth} m");
    }
    let colour = |path: &Value| {
        let picture = image::load_from_memory(&place.read(path.as_str().unwrap())).unwrap();
        let DynamicImage::ImageRgb8(picture) = picture else {
            panic!("{path}");
        };
        assert_eq!(picture.width(), width.max(96) as u32);
        assert!(picture.height() >= height as u32 + 36);
        let colours: BTreeSet<[u8; 3]> = picture.pixels().map(|pixel| pixel.0).collect();
        assert!(colours.len() > 20, "{path}: {} colours", colours.len());
    };
    colour(&written["depth_colour"]);
    for unit in written["units"].as_array().unwrap() {
        colour(&unit["colour"]);
        let (rows, columns, values) = npy(&place.read(unit["npy"].as_str().unwrap()));
        assert_eq!((rows, columns), (height, width));
        let lowest = values.iter().copied().fold(f32::MAX, f32::min);
        assert_eq!(unit["lowest"].as_f64().unwrap() as f32, lowest);
    }
    depth
}

#[test]
fn maps_have_the_size_of_the_picture() {
    let place = Place::with_run();
    let sizes = [(131, 57), (33, 101), (640, 427), (1, 1), (5, 3)];
    let mut names = Vec::new();
    for (width, height) in sizes {
        let name = format!("pictures/{width}x{height}.png");
        place.write(&name, png(picture(width, height)));
        names.push(name);
    }
    let line = format!(
        "predict {} --run run -o out/maps --units MFF:0,31 --units D:5",
        names[..3].join(" ")
    );
    let said = place.json(&line);
    assert_eq!(said["failed"], json!([]));
    assert_eq!(
        (&said["depth_encoding"], &said["depth_png_values"]),
        (&json!("u16-mm"), &json!("millimetres"))
    );
    let mut listed = BTreeSet::new();
    for (written, (width, height)) in said["images"].as_array().unwrap().iter().zip(sizes) {
        assert_eq!(written["size"], json!([height, width]));
        check_maps(&place, written, 1000.0);
        let units = written["units"].as_array().unwrap();
        let chosen: Vec<Value> = (units.iter())
            .map(|unit| json!([unit["layer"], unit["unit"]]))
            .collect();
        assert_eq!(json!(chosen), json!([["MFF", 0], ["MFF", 31], ["D", 5]]));
        let files = ["depth_png", "depth_npy", "depth_colour"].map(|key| &written[key]);
        let of_units = units
            .iter()
            .flat_map(|unit| [&unit["colour"], &unit["npy"]]);
        listed.extend(files.into_iter().chain(of_units).map(Value::to_string));
    }
    let found: BTreeSet<String> = (place.files("out/maps").keys())
        .map(|name| json!(format!("out/maps/{name}")).to_string())
        .collect();
    assert_eq!(found, listed);
    assert!(found.contains("\"out/maps/33x101-MFF-31.png\""));
    // The whole picture in proportion, its shorter side as in the evaluation of mff-tiny.
    let inputs = said["images"].as_array().unwrap().iter();
    let inputs: Vec<&Value> = inputs.map(|written| &written["input"]).collect();
    assert_eq!(json!(inputs), json!([[60, 138], [184, 60], [60, 90]]));

    // Again: what is there is replaced by the same.
    let before = place.files("out");
    place.write("out/maps/33x101-depth.png", "something else");
    place.json(&line);
    assert_same("again", &place.files("out"), &before);

    let said = place.mde(&line);
    assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""));
    for part in [
        "pictures/131x57.png: 131x57 pixels, ",
        "  MFF unit 31: ",
        "3 of 3 pictures by mff-tiny: depth in 16-bit PNG (millimetres)",
    ] {
        assert!(said.stdout.contains(part), "no `{part}` in {}", said.stdout);
    }

    // Also a single pixel.
    let tiny = place.json(&format!(
        "predict {} --run run -o tiny",
        names[3..].join(" ")
    ));
    let (height, width, _) = npy(&place.read("tiny/1x1-depth.npy"));
    assert_eq!((height, width), (1, 1));
    check_maps(&place, &tiny["images"][1], 1000.0);
}

#[test]
fn pictures_of_every_kind_are_read() {
    let place = Place::with_run();
    let rgb = picture(67, 41);
    let colour = DynamicImage::from(rgb.clone());
    place.write("rgb.png", png(rgb.clone()));
    place.write("rgba.png", png(colour.to_rgba8()));
    place.write("rgb16.png", png(colour.to_rgb16()));
    place.write("grey.png", png(colour.to_luma8()));
    let three = DynamicImage::from(colour.to_luma8()).to_rgb8();
    place.write("three.png", png(three));
    // A JPEG whose orientation puts its first row on the right, and the picture as displayed.
    let mut jpeg = encoded(&colour, ImageFormat::Jpeg);
    let seen = image::load_from_memory(&jpeg).unwrap().rotate90();
    place.write("seen.png", png(seen));
    let orientation = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let mut exif = vec![0xff, 0xe1, 0, orientation.len() as u8 + 2];
    exif.extend(orientation);
    jpeg.splice(2..2, exif);
    place.write("turned.jpg", jpeg);

    let names = ["rgb.png", "rgba.png", "rgb16.png", "grey.png", "three.png"];
    let line = format!(
        "predict {} seen.png turned.jpg --run run -o out",
        names.join(" ")
    );
    assert_eq!(place.json(&line)["images"].as_array().unwrap().len(), 7);
    let depth = |stem: &str| place.read(&format!("out/{stem}-depth.npy"));
    for (same, as_this) in [
        ("rgba", "rgb"),
        ("rgb16", "rgb"),
        ("three", "grey"),
        ("turned", "seen"),
    ] {
        assert!(depth(same) == depth(as_this), "{same} as {as_this}");
    }
    assert!(depth("grey") != depth("rgb"));
    let (height, width, _) = npy(&depth("turned"));
    assert_eq!((height, width), (67, 41));
}

#[test]
fn unusable_pictures_are_reported_at_the_end() {
    let place = Place::with_run();
    let good = png(picture(40, 30));
    place.write("good.png", &good);
    place.write("also.png", &good);
    place.write("bad/empty.png", "");
    place.write("bad/text.jpg", "not a picture");
    place.write("bad/cut.png", &good[..good.len() / 2]);
    let jpeg = encoded(&picture(40, 30).into(), ImageFormat::Jpeg);
    place.write("bad/short.jpg", &jpeg[..jpeg.len() - 9]);
    let depth: image::ImageBuffer<image::Luma<u16>, _> =
        image::ImageBuffer::from_pixel(4, 3, image::Luma([1500_u16]));
    place.write("bad/depth.png", png(depth));
    let mut clear = DynamicImage::from(picture(4, 3)).to_rgba8();
    clear.get_pixel_mut(3, 2).0[3] = 254;
    place.write("bad/clear.png", png(clear));
    place.write("bad/long.png", png(GrayImage::new(3, 25)));
    // A header that promises more than there is memory for: a JPEG's has height and width behind
    // this marker.
    let mut huge = jpeg.clone();
    let header = huge
        .windows(4)
        .position(|bytes| bytes == [0xff, 0xc0, 0, 17])
        .unwrap();
    huge[header + 5..header + 9].fill(0xff);
    place.write("bad/huge.jpg", huge);
    let reasons = [
        ("bad", "a folder", "bad/*.jpg"),
        ("bad/empty.png", "not a JPEG or PNG image", ""),
        ("bad/text.jpg", "not a JPEG or PNG image", ""),
        ("bad/cut.png", "cut short", "again"),
        ("bad/short.jpg", "cut short", "again"),
        ("bad/depth.png", "16-bit grey", "depth maps"),
        ("bad/clear.png", "transparent", "background"),
        ("bad/long.png", "25x3", "at most 8 times"),
        ("bad/huge.jpg", "65535x65535", "smaller"),
        ("bad/nowhere.png", "cannot be read", ""),
    ];
    let names = reasons.map(|(name, ..)| name).join(" ");
    let line = format!("predict good.png {names} also.png --run run -o out");
    let said = place.mde(&format!("{line} --json"));
    assert_eq!(said.status, Some(1), "{}", said.stderr);
    let mut told = said.stderr.lines();
    assert_eq!(
        told.next(),
        Some("mde: 10 of 12 pictures could not be predicted:")
    );
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    for (index, (name, reason, advice)) in reasons.into_iter().enumerate() {
        let line = told.next().unwrap();
        for part in [name, reason, advice] {
            assert!(line.contains(part), "no `{part}` in `{line}`");
        }
        let failed = &document["failed"][index];
        assert_eq!(failed["image"], name);
        assert!(line.ends_with(failed["error"].as_str().unwrap()));
    }
    assert_eq!(told.next(), None);
    let done = document["images"].as_array().unwrap();
    assert_eq!(done.len(), 2);
    for written in done {
        check_maps(&place, written, 1000.0);
    }
    assert_eq!(place.files("out").len(), 6);

    // Only unusable pictures: nothing is printed on stdout, and nothing is written.
    place.refuses(
        &format!("predict {names} --run run -o other"),
        &["10 of 10 pictures", "bad/cut.png"],
    );
}

#[test]
fn unusable_settings_are_refused_before_any_work() {
    let place = Place::with_run();
    let good = png(picture(40, 30));
    for name in ["x.png", "x-depth.png", "other/x.jpg"] {
        place.write(name, &good);
    }
    place.write("file", "kept");
    let cases: &[(&str, &[&str])] = &[
        (
            "x.png other/x.jpg --run run -o out",
            &[
                "x.png and other/x.jpg would write the same files, out/x-",
                "rename",
            ],
        ),
        ("x.png x.png --run run -o out", &["x.png and x.png"]),
        (
            "x.png x-depth.png --run run -o .",
            &["would replace the picture x-depth.png", "another --out"],
        ),
        ("x.png .. --run run -o out", &["..: not a file name"]),
        (
            "x.png --run run -o out --units E:0",
            &["no layer \"E\"", "MFF"],
        ),
        (
            "x.png --run run -o out --units D:0 --units MFF:31,32",
            &["layer MFF has units 0 to 31, not 32"],
        ),
        (
            "x.png --run run -o out --focal 500",
            &["mff-tiny", "remove --focal"],
        ),
        ("x.png --run run -o file", &["file"]),
        ("x.png --run nowhere -o out", &["nowhere: no run here"]),
        ("x.png --model mff-tiny --weights x.png -o out", &["x.png"]),
    ];
    for (line, parts) in cases {
        place.refuses(&format!("predict {line}"), parts);
    }
    for (line, part) in [
        ("--run run -o out", "IMAGE"),
        ("x.png --run run", "--out"),
        ("x.png -o out", "--run"),
        (
            "x.png -o out --run run --weights x.png --model mff-tiny",
            "--run",
        ),
        ("x.png -o out --run run --units MFF", "MFF:0,7"),
        ("x.png -o out --run run --units MFF:one", "MFF:0,7"),
        ("x.png -o out --run run --focal 0", "positive"),
        ("x.png -o out --run run --focal NaN", "positive"),
    ] {
        let line = format!("predict {line}");
        place.mde(&line).is_refusal(&line, 2, &[part]);
    }
}

#[test]
fn a_full_disk_leaves_no_partial_files() {
    let place = Place::with_run();
    place.write("x.png", png(picture(200, 150)));
    place.write("y.png", png(picture(200, 150)));
    let line = "predict x.png y.png --run run -o out";
    // The PNG of depth fits, 200 x 150 float32 do not.
    let said = place.mde_on_full_disk(100, line);
    said.is_refusal(line, 1, &["cannot write out/x-depth.npy"]);
    let left = place.files("out");
    assert_eq!(left.keys().collect::<Vec<_>>(), ["x-depth.png"]);
    let whole = image::load_from_memory(&left["x-depth.png"]).unwrap();
    assert_eq!((whole.width(), whole.height()), (200, 150));
}

#[test]
fn streets_are_stored_as_kitti_does_and_scaled_by_the_focal_length() {
    let place = Place::with_streets();
    let train =
        "train --model bts-tiny-kitti --data streets:streets --out run --steps 1 --batch-size 2";
    place.json(train);
    let (width, height) = (155, 47);
    place.write("x.png", png(picture(width, height)));
    let predict = |options: &str, out: &str| {
        let said = place.json(&format!("predict x.png --run run -o {out} {options}"));
        assert_eq!(
            (&said["depth_encoding"], &said["depth_png_values"]),
            (&json!("u16/256"), &json!("metres x 256"))
        );
        // 375 rows of a frame become 94, rounded to multiples of 32.
        assert_eq!(said["images"][0]["input"], json!([96, 320]));
        check_maps(&place, &said["images"][0], 256.0)
    };
    let default = predict("", "default");
    // KITTI's focal length at the picture's scale, and twice that.
    let kitti = 721.5377 * 47.0 / 375.0;
    let same = predict(&format!("--focal {kitti}"), "same");
    let twice = predict(&format!("--focal {}", 2.0 * kitti), "twice");
    for ((default, same), twice) in default.iter().zip(same).zip(twice) {
        assert!((same / default - 1.0).abs() < 1e-5, "{same} {default}");
        assert!((twice / default - 2.0).abs() < 1e-5, "{twice} {default}");
    }
}

/// On three frames of those, 94 of 100, whose AbsRel in the evaluation is below 0.3.
#[test]
fn meter_predicts_real_rooms() {
    let (Some(nyu), Some(weights)) = (
        shared("nyu-labeled/test"),
        shared("weights/meter_xxs_nyu.pth"),
    ) else {
        return;
    };
    let place = Place::empty();
    place.copy(&weights, "meter.pth");
    let frames = [
        ("kitchen", "00000"),
        ("bedroom", "00078"),
        ("classroom", "00314"),
    ];
    let mut line = "predict --model meter-xxs --weights meter.pth -o out".to_owned();
    for (room, frame) in frames {
        let name = format!("rgb_{frame}.jpg");
        place.copy(&nyu.join(room).join(&name), &name);
        line += &format!(" {name}");
    }
    let (said, _) = place.json_and_remarks(&line);
    for ((room, frame), written) in frames.into_iter().zip(said["images"].as_array().unwrap()) {
        assert_eq!(written["input"], json!([192, 256]));
        let pred = check_maps(&place, written, 1000.0);
        let gt = nyu.join(room).join(format!("sync_depth_{frame}.png"));
        let gt = image::open(gt).unwrap().to_luma16();
        let (mut sum, mut pixels) = (0.0, 0);
        for (pred, gt) in pred.iter().zip(gt.as_raw()) {
            let gt = f32::from(*gt) / 1000.0;
            if gt > 1e-3 && gt < 10.0 {
                sum += f64::from((pred - gt).abs() / gt);
                pixels += 1;
            }
        }
        let abs_rel = sum / f64::from(pixels);
        assert!(abs_rel < 0.3, "{room} {frame}: AbsRel {abs_rel}");
    }
}
