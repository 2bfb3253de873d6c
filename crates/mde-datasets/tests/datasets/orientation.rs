//! Images that are stored turned or mirrored, as their EXIF orientation says.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageFormat, Luma, RgbImage};
use mde_datasets::{DataSpec, InspectOptions, Split, inspect, read_picture};

use crate::common::{Folder, Grey16, SIZE, picture};

/// EXIF data with an orientation, in either byte order: a TIFF header and one entry (tag 0x0112,
/// SHORT).
fn exif(orientation: u8, big_endian: bool) -> Vec<u8> {
    let mut data = if big_endian {
        b"MM".to_vec()
    } else {
        b"II".to_vec()
    };
    let mut put = |bytes: u32, length: usize| {
        let all = bytes.to_be_bytes();
        let mut part = all[4 - length..].to_vec();
        if !big_endian {
            part.reverse();
        }
        data.extend(part);
    };
    for (value, length) in [(42, 2), (8, 4), (1, 2), (0x0112, 2), (3, 2), (1, 4)] {
        put(value, length);
    }
    put(u32::from(orientation), 2);
    put(0, 2);
    put(0, 4);
    data
}

/// A JPEG with EXIF data after another application segment, as cameras write it.
fn tagged_jpeg(stored: &RgbImage, exif: &[u8]) -> Vec<u8> {
    let jpeg = encoded(stored.clone().into(), ImageFormat::Jpeg);
    let mut content = b"Exif\0\0".to_vec();
    content.extend(exif);
    let mut tagged = jpeg[..2].to_vec();
    for (marker, content) in [
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0".to_vec()),
        (0xE1, content),
    ] {
        tagged.extend([0xFF, marker]);
        tagged.extend((content.len() as u16 + 2).to_be_bytes());
        tagged.extend(content);
    }
    tagged.extend(&jpeg[2..]);
    tagged
}

/// A PNG with an eXIf chunk before the pixels, or after them.
fn tagged_png(image: DynamicImage, exif: &[u8], before: bool) -> Vec<u8> {
    let png = encoded(image, ImageFormat::Png);
    // Signature and IHDR, or all but IEND.
    let at = if before { 8 + 25 } else { png.len() - 12 };
    let mut body = b"eXIf".to_vec();
    body.extend(exif);
    let mut tagged = png[..at].to_vec();
    tagged.extend((exif.len() as u32).to_be_bytes());
    tagged.extend(&body);
    tagged.extend(crc32(&body).to_be_bytes());
    tagged.extend(&png[at..]);
    tagged
}

fn encoded(image: DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// The checksum of a chunk (PNG specification, annex D).
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
        }
    }
    !crc
}

/// What is stored so that an image is shown as `shown`.
fn stored(shown: &RgbImage, orientation: u8) -> RgbImage {
    let inverse = match orientation {
        6 => 8,
        8 => 6,
        other => other,
    };
    let mut image = DynamicImage::from(shown.clone());
    image.apply_orientation(Orientation::from_exif(inverse).unwrap());
    image.into_rgb8()
}

fn spec(folder: &Folder) -> DataSpec {
    folder.write(
        "dataset.toml",
        "name = \"x\"\nscene = \"indoor\"\n[depth]\nencoding = \"u16-mm\"\n[train]\nlist = \"list.csv\"\n",
    );
    folder.root().to_str().unwrap().parse().unwrap()
}

#[test]
fn all_eight_orientations_are_applied_by_lists_and_for_predictions() {
    let shown = picture(1);
    for orientation in 1..=8 {
        let stored = stored(&shown, orientation);
        for big_endian in [false, true] {
            let exif = exif(orientation, big_endian);
            for before in [true, false] {
                let folder = Folder::new(1);
                folder.write(
                    "train/00000.png",
                    tagged_png(stored.clone().into(), &exif, before),
                );
                let list = folder.open().unwrap();
                let sample = list.load(0).unwrap();
                assert_eq!(sample.rgb, shown, "orientation {orientation}");
                assert_eq!(
                    list.frame_size().unwrap(),
                    (SIZE.0 as usize, SIZE.1 as usize)
                );
                assert_eq!(
                    read_picture(&folder.path("train/00000.png")).unwrap(),
                    shown
                );
            }
            // Of a JPEG the two readers give the same pixels, near those shown.
            let folder = Folder::new(1);
            folder.write("train/00000.jpg", tagged_jpeg(&stored, &exif));
            folder.write("list.csv", "train/00000.jpg,train/00000_depth.png");
            let rgb = folder.open().unwrap().load(0).unwrap().rgb;
            assert_eq!(rgb, read_picture(&folder.path("train/00000.jpg")).unwrap());
            let off = rgb.as_raw().iter().zip(shown.as_raw());
            let off: f64 = off.map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
            assert!(
                off / (rgb.as_raw().len() as f64) < 12.0,
                "orientation {orientation}: {off}"
            );
        }
    }
}

#[test]
fn damaged_exif_data_and_unknown_orientations_turn_nothing() {
    let shown = picture(0);
    let good = exif(6, false);
    for exif in [
        &exif(0, false)[..],
        &exif(9, true),
        &good[..9],
        &good[..17],
        b"",
        b"II*\0",
        &[0xFF; 40],
    ] {
        let folder = Folder::new(1);
        folder.write(
            "train/00000.png",
            tagged_png(shown.clone().into(), exif, true),
        );
        assert_eq!(folder.open().unwrap().load(0).unwrap().rgb, shown);
    }
}

#[test]
fn sizes_that_differ_by_a_turn_say_so() {
    let folder = Folder::new(1);
    let data = spec(&folder);
    let says = |parts: &[&str]| {
        let message = data
            .open(Split::Train, None)
            .unwrap()
            .load(0)
            .unwrap_err()
            .to_string();
        let findings = inspect(&data, &InspectOptions::default(), &|_| ()).findings;
        let finding = findings
            .iter()
            .find(|finding| finding.check == "size-mismatch")
            .unwrap();
        for part in parts {
            assert!(message.contains(part), "{message}");
            assert!(finding.what.contains(part), "{}", finding.what);
        }
    };
    // The depth map belongs to the stored pixels: 26x35, shown as 35x26.
    folder.write(
        "train/00000.png",
        tagged_png(picture(0).into(), &exif(6, false), true),
    );
    says(&[
        "35x26",
        "EXIF orientation 6",
        "stored as 26x35",
        "remove the orientation",
    ]);
    // The remedies: no orientation, or the depth map turned likewise.
    picture(0).save(folder.path("train/00000.png")).unwrap();
    data.open(Split::Train, None).unwrap().load(0).unwrap();
    folder.write(
        "train/00000.png",
        tagged_png(picture(0).into(), &exif(6, false), true),
    );
    let depth = image::open(folder.path("train/00000_depth.png")).unwrap();
    depth
        .rotate90()
        .save(folder.path("train/00000_depth.png"))
        .unwrap();
    let sample = data.open(Split::Train, None).unwrap().load(0).unwrap();
    assert_eq!(sample.depth.size(), (35, 26));
    // A turned depth map beside an image without EXIF.
    picture(0).save(folder.path("train/00000.png")).unwrap();
    says(&["no EXIF orientation", "turned by 90 degrees"]);
}

#[test]
fn turned_images_are_noted_and_turned_depth_is_refused() {
    let folder = Folder::new(2);
    let data = spec(&folder);
    let turned = stored(&picture(0), 3);
    folder.write(
        "train/00000.png",
        tagged_png(turned.into(), &exif(3, false), true),
    );
    let train = InspectOptions {
        split: Some(Split::Train),
        ..InspectOptions::default()
    };
    let findings = inspect(&data, &train, &|_| ()).findings;
    let [note] = findings.as_slice() else {
        panic!("{findings:?}")
    };
    assert_eq!(note.check, "turned-images");
    assert!(
        note.what.starts_with("1 image shown turned or mirrored"),
        "{}",
        note.what
    );

    let depth = Grey16::from_pixel(SIZE.1, SIZE.0, Luma([2000]));
    for (orientation, refused) in [(1, false), (2, true), (6, true)] {
        let png = tagged_png(depth.clone().into(), &exif(orientation, false), true);
        folder.write("train/00001_depth.png", png);
        let loaded = data.open(Split::Train, None).unwrap().load(1);
        if !refused {
            loaded.unwrap();
            continue;
        }
        let message = loaded.unwrap_err().to_string();
        for part in [
            "00001_depth.png",
            &format!("EXIF orientation {orientation}"),
            "without EXIF",
        ] {
            assert!(message.contains(part), "{message}");
        }
        let findings = inspect(&data, &InspectOptions::default(), &|_| ()).findings;
        assert!(
            findings
                .iter()
                .any(|finding| finding.check == "turned-depth"),
            "{findings:?}"
        );
    }
}
