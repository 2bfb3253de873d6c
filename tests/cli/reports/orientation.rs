//! Pictures that are stored turned.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, Rgb, RgbImage};

use crate::place::Place;

/// EXIF data, little-endian: a TIFF header and one entry, tag 0x0112 of type SHORT.
fn exif(orientation: u8) -> Vec<u8> {
    let start = b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0";
    [&start[..], &[orientation, 0, 0, 0], &[0; 4]].concat()
}

/// A JPEG of these pixels with an EXIF orientation.
fn tagged(stored: &RgbImage, orientation: u8) -> Vec<u8> {
    let mut jpeg = Cursor::new(Vec::new());
    stored.write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
    let jpeg = jpeg.into_inner();
    let content = [&b"Exif\0\0"[..], &exif(orientation)].concat();
    let length = (content.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, &content, &jpeg[2..]].concat()
}

/// Folders `tagged` and `plain` with one pair per orientation: the same picture stored in eight
/// ways, and as it is shown. The depth maps belong to the picture as shown.
fn write_sets(place: &Place, width: u32, height: u32) {
    let shown = RgbImage::from_fn(width, height, |x, y| {
        Rgb([x as u8, y as u8, (x * y / width) as u8])
    });
    let depth = ImageBuffer::from_fn(width, height, |_, y| {
        Luma([(1000 + 4000 * y / height) as u16])
    });
    for name in ["tagged", "plain"] {
        std::fs::create_dir_all(place.path(name)).unwrap();
        let end = if name == "tagged" { "jpg" } else { "png" };
        let mut list = String::new();
        for orientation in 1..=8 {
            depth
                .save(place.path(&format!("{name}/{orientation}_d.png")))
                .unwrap();
            list += &format!("{orientation}.{end},{orientation}_d.png\n");
        }
        place.write(&format!("{name}/l.csv"), list);
        place.write(
            &format!("{name}/dataset.toml"),
            "name = \"phone\"\nscene = \"indoor\"\n[depth]\nencoding = \"u16-mm\"\n\
             [train]\nlist = \"l.csv\"\n[test]\nlist = \"l.csv\"\n",
        );
    }
    for orientation in 1..=8 {
        let inverse = match orientation {
            6 => 8,
            8 => 6,
            other => other,
        };
        let mut stored = DynamicImage::from(shown.clone());
        stored.apply_orientation(Orientation::from_exif(inverse).unwrap());
        let jpeg = tagged(&stored.into_rgb8(), orientation);
        // What a viewer shows of the file, without loss.
        let mut picture = image::load_from_memory(&jpeg).unwrap();
        picture.apply_orientation(Orientation::from_exif(orientation).unwrap());
        assert_eq!((picture.width(), picture.height()), (width, height));
        picture
            .save(place.path(&format!("plain/{orientation}.png")))
            .unwrap();
        place.write(&format!("tagged/{orientation}.jpg"), jpeg);
    }
}

#[test]
fn dust3r_15_and_nunif_376_pictures_are_turned_by_every_command() {
    let place = Place::with_meter();
    for (width, height) in [(160, 160), (160, 120), (120, 160)] {
        write_sets(&place, width, height);
        let evaluate = |data: &str| {
            let line = format!("evaluate --run run --data {data} --dump {width}x{height}/{data}");
            place.json(&line)["summary"].clone()
        };
        assert_eq!(evaluate("tagged"), evaluate("plain"));
        for orientation in 1..=8 {
            let map =
                |data: &str| place.read(&format!("{width}x{height}/{data}/pred/{orientation}.npy"));
            assert!(map("tagged") == map("plain"), "orientation {orientation}");
            place.json(&format!(
                "predict --run run tagged/{orientation}.jpg --out {width}x{height}/a{orientation}"
            ));
            place.json(&format!(
                "predict --run run plain/{orientation}.png --out {width}x{height}/b{orientation}"
            ));
            let map = |out: &str| {
                place.read(&format!(
                    "{width}x{height}/{out}{orientation}/{orientation}-depth.npy"
                ))
            };
            assert!(map("a") == map("b"), "orientation {orientation}");
        }
        let inspected = place.json("inspect --data tagged --decode --split train");
        let findings = inspected["findings"].to_string();
        assert!(
            findings.contains("7 images shown turned or mirrored by their EXIF orientation"),
            "{findings}"
        );
    }
    // The last sets are upright, which MFF does not take.
    write_sets(&place, 160, 120);
    let train = |data: &str| {
        let line =
            format!("train --data {data} --model mff-tiny --out t-{data} --steps 1 --batch 4");
        place.json(&line)["last"]["loss"].clone()
    };
    assert_eq!(train("tagged"), train("plain"));
}

#[test]
fn dust3r_15_a_depth_map_of_the_stored_pixels() {
    let place = Place::empty();
    write_sets(&place, 160, 120);
    let list = "6.jpg,6_d.png\n".repeat(2);
    place.write("tagged/l.csv", &list);
    // Turned a quarter counter-clockwise, as the pixels of orientation 6 are stored.
    let depth = image::open(place.path("plain/6_d.png")).unwrap();
    depth
        .rotate270()
        .save(place.path("tagged/6_d.png"))
        .unwrap();
    let train = "train --data tagged --model mff-tiny --out run --steps 1 --batch 2";
    let parts = [
        "6.jpg is 120x160",
        "stored as 160x120",
        "EXIF orientation 6",
        "remove the orientation",
    ];
    place.refuses(train, &parts);
    let toml = place.text("tagged/dataset.toml");
    place.write("tagged/dataset.toml", format!("resize_rgb = true\n{toml}"));
    place.refuses(
        train,
        &[
            "aspect ratio",
            "EXIF orientation 6",
            "turn the depth map likewise",
        ],
    );
    place.write("tagged/dataset.toml", toml);
    // Both remedies: turn the depth map likewise, or remove the orientation.
    depth.save(place.path("tagged/6_d.png")).unwrap();
    place.json(train);
    depth
        .rotate270()
        .save(place.path("tagged/6_d.png"))
        .unwrap();
    let jpeg = place.read("tagged/6.jpg");
    let segment = 2 + 2 + 2 + 6 + exif(6).len();
    place.write("tagged/6.jpg", [&jpeg[..2], &jpeg[segment..]].concat());
    place.json("inspect --data tagged --split train");
}

/// Files of maps are read as they are stored, so a turned one is refused.
#[test]
fn dust3r_15_a_turned_file_of_maps() {
    let place = Place::empty();
    std::fs::create_dir_all(place.path("gt")).unwrap();
    let depth = ImageBuffer::from_fn(16, 12, |_, y| Luma([1000 + 200 * y as u16]));
    depth.save(place.path("gt/1.png")).unwrap();
    let plain = std::fs::read(place.path("gt/1.png")).unwrap();
    let line = "evaluate --pred gt --gt gt --pred-scale 0.001 --gt-scale 0.001 --protocol nyu-full";
    for orientation in 1..=8 {
        // After the signature and the header chunk: 8 + 25 bytes.
        let content = [&b"eXIf"[..], &exif(orientation)].concat();
        let length = (content.len() as u32 - 4).to_be_bytes();
        let sum = crc32(&content).to_be_bytes();
        place.write(
            "gt/1.png",
            [&plain[..33], &length, &content, &sum, &plain[33..]].concat(),
        );
        if orientation == 1 {
            assert_eq!(place.json(line)["summary"]["mean"]["abs_rel"], 0.0);
        } else {
            place.refuses(line, &[&format!("EXIF orientation {orientation}")]);
        }
    }
}

/// The checksum of PNG's chunks (PNG specification, annex D).
fn crc32(bytes: &[u8]) -> u32 {
    let sum = bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| match sum & 1 {
            1 => (sum >> 1) ^ 0xEDB8_8320,
            _ => sum >> 1,
        })
    });
    !sum
}
