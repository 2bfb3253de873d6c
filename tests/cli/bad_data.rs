//! Damaged or wrong lists and files. Training and evaluation refuse them before they write
//! anything.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, Luma, Rgb, RgbImage};

use crate::place::Place;

/// Size of the rendered rooms.
const SIZE: (u32, u32) = (160, 120);
/// A pair in the middle of the training list.
const RGB: &str = "rooms/train/room_00007.jpg";
const DEPTH: &str = "rooms/train/room_00007.png";

/// A function that makes one fault, and the expected parts of the message.
type Case = (fn(&Place), &'static [&'static str]);

#[test]
fn training_names_the_list_or_file_at_fault() {
    let cases: &[Case] = &[
        (
            |place| std::fs::remove_dir_all(place.path("rooms")).unwrap(),
            &["rooms: no such folder", "rooms_train.csv"],
        ),
        (
            |place| remove(place, "rooms/rooms_train.csv"),
            &["rooms_train.csv does not exist", "rgb,depth"],
        ),
        (
            |place| place.write("rooms/rooms_train.csv", ""),
            &["rooms_train.csv", "empty", "rgb,depth"],
        ),
        (
            |place| append(place, "train/room_00001.jpg\n"),
            &["rooms_train.csv, line 13", "1 field", "rgb,depth"],
        ),
        (
            |place| append(place, "train/a.jpg,train/a.png\n"),
            &["rooms_train.csv", "2 of the listed", "train/a.jpg"],
        ),
        (
            |place| append(place, "../a.jpg,../a.png\n"),
            &[
                "rooms_train.csv, line 13",
                "../a.jpg",
                "out of the data folder",
            ],
        ),
        (
            |place| remove(place, RGB),
            &[
                "rooms_train.csv",
                "1 of the listed files",
                "train/room_00007.jpg",
            ],
        ),
        (
            |place| remove(place, DEPTH),
            &[
                "rooms_train.csv",
                "1 of the listed files",
                "train/room_00007.png",
            ],
        ),
        (|place| place.cut_short(RGB), &[RGB, "cut short"]),
        (|place| place.cut_short(DEPTH), &[DEPTH, "cut short"]),
        (|place| place.write(RGB, ""), &[RGB, "not a JPEG or PNG"]),
        (
            |place| place.write(RGB, "room seven"),
            &[RGB, "not a JPEG or PNG"],
        ),
        (
            |place| place.write(DEPTH, "depth seven"),
            &[DEPTH, "not a PNG"],
        ),
        (
            |place| place.write(RGB, png(grey())),
            &[RGB, "expected an 8-bit RGB image", "1 channel"],
        ),
        (
            |place| place.write(RGB, png(rgb16())),
            &[RGB, "expected an 8-bit RGB image", "16-bit"],
        ),
        (
            |place| place.write(DEPTH, png(grey())),
            &[DEPTH, "u16-mm", "16-bit grey", "found 8-bit grey"],
        ),
        (
            |place| place.write(DEPTH, png(millimetres((64, 48), 1500))),
            &[DEPTH, "48x64", "120x160", "same size"],
        ),
        (
            no_depth_in_training,
            &[
                "rooms_train.csv",
                "no valid depth",
                "12 depth maps",
                "encoding",
            ],
        ),
        (portraits, &["room_000", "crop", "does not fit"]),
    ];
    for (spoil, parts) in cases {
        let place = Place::new();
        spoil(&place);
        place.refuses(
            "train --data rooms:rooms --out run --steps 2 --batch-size 2",
            parts,
        );
    }
}

#[test]
fn rgb_png_cut_short_is_found_before_training() {
    let place = Place::new();
    let whole = png(DynamicImage::ImageRgb8(RgbImage::from_fn(
        SIZE.0,
        SIZE.1,
        |x, y| Rgb([x as u8, y as u8, 7]),
    )));
    place.write(RGB, &whole[..whole.len() - 20]);
    place.refuses(
        "train --data rooms:rooms --out run --steps 2 --batch-size 2",
        &[RGB, "cut short"],
    );
}

#[test]
fn a_batch_without_depth_is_named() {
    let place = Place::new();
    for room in 0..11 {
        let name = format!("rooms/train/room_{room:05}.png");
        place.write(&name, png(millimetres(SIZE, 0)));
    }
    let line = "train --data rooms:rooms --out run --steps 6 --batch-size 2";
    place
        .mde(line)
        .is_refusal(line, 1, &["step ", "train/room_000", "depth"]);
}

#[test]
fn evaluation_and_dissection_name_the_list_or_file_at_fault() {
    const RGB: &str = "rooms/test/room_00002.jpg";
    const DEPTH: &str = "rooms/test/room_00002.png";
    let cases: &[Case] = &[
        (
            |place| remove(place, "rooms/rooms_test.csv"),
            &["rooms_test.csv does not exist"],
        ),
        (
            |place| place.write("rooms/rooms_test.csv", "\n"),
            &["rooms_test.csv", "empty"],
        ),
        (
            |place| remove(place, RGB),
            &["rooms_test.csv", "test/room_00002.jpg"],
        ),
        (|place| place.cut_short(RGB), &[RGB, "cut short"]),
        (
            |place| place.write(DEPTH, png(millimetres((64, 48), 1500))),
            &[DEPTH, "48x64", "120x160"],
        ),
        (
            |place| depth_everywhere(place, "test", 4, 0),
            &["none of the 4 images", "encoding"],
        ),
        // 60 m: measured, but beyond every indoor protocol and bin.
        (
            |place| depth_everywhere(place, "test", 4, 60_000),
            &["none of the 4 images", "encoding"],
        ),
    ];
    let place = Place::with_run();
    let good = place.files("rooms");
    for (spoil, parts) in cases {
        spoil(&place);
        for command in ["evaluate", "dissect"] {
            place.refuses(&format!("{command} --run run --data rooms:rooms"), parts);
        }
        for (name, content) in &good {
            place.write(&format!("rooms/{name}"), content);
        }
    }
}

#[test]
fn an_image_without_depth_is_left_out_and_listed() {
    let place = Place::with_run();
    place.write("rooms/test/room_00002.png", png(millimetres(SIZE, 0)));
    let evaluated = place.json("evaluate --run run --data rooms:rooms");
    assert_eq!(evaluated["summary"]["images"], 3);
    assert_eq!(
        evaluated["images_without_valid_depth"],
        serde_json::json!(["test/room_00002"])
    );
}

fn remove(place: &Place, name: &str) {
    std::fs::remove_file(place.path(name)).unwrap();
}

fn append(place: &Place, line: &str) {
    let list = place.text("rooms/rooms_train.csv");
    place.write("rooms/rooms_train.csv", list + line);
}

fn no_depth_in_training(place: &Place) {
    depth_everywhere(place, "train", 12, 0);
}

fn depth_everywhere(place: &Place, split: &str, rooms: u32, depth: u16) {
    for room in 0..rooms {
        place.write(
            &format!("rooms/{split}/room_{room:05}.png"),
            png(millimetres(SIZE, depth)),
        );
    }
}

/// Upright pictures, too narrow for the crop.
fn portraits(place: &Place) {
    for room in 0..12 {
        let rgb = DynamicImage::ImageRgb8(RgbImage::new(SIZE.1, SIZE.0));
        place.write(&format!("rooms/train/room_{room:05}.jpg"), png(rgb));
        place.write(
            &format!("rooms/train/room_{room:05}.png"),
            png(millimetres((SIZE.1, SIZE.0), 1500)),
        );
    }
}

fn grey() -> DynamicImage {
    DynamicImage::ImageLuma8(GrayImage::from_pixel(SIZE.0, SIZE.1, Luma([99])))
}

fn rgb16() -> DynamicImage {
    DynamicImage::ImageRgb16(ImageBuffer::from_pixel(SIZE.0, SIZE.1, Rgb([999; 3])))
}

fn millimetres(size: (u32, u32), depth: u16) -> DynamicImage {
    DynamicImage::ImageLuma16(ImageBuffer::from_pixel(size.0, size.1, Luma([depth])))
}

fn png(image: DynamicImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}
