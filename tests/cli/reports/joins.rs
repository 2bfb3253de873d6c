//! Images without depth, depth without images.

use image::{ImageBuffer, Luma, Rgb, RgbImage};

use crate::place::Place;

const TRAIN: &str = "train --data d --model mff-tiny --out run --steps 1 --batch-size 2";

fn image(place: &Place, name: &str, shade: u8) {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = RgbImage::from_pixel(160, 120, Rgb([shade, 9, 9]));
    picture
        .write_to(&mut bytes, image::ImageFormat::Jpeg)
        .unwrap();
    place.write(name, bytes.into_inner());
}

fn depth(place: &Place, name: &str, millimetres: u16) {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let depths: ImageBuffer<Luma<u16>, _> = ImageBuffer::from_pixel(160, 120, Luma([millimetres]));
    depths
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    place.write(name, bytes.into_inner());
}

/// A camera's folder: eight pairs, of which the last three images have the extension `.JPG`.
fn camera(extra: &str) -> Place {
    let place = Place::empty();
    for i in 0..8u8 {
        let extension = if i > 4 { "JPG" } else { "jpg" };
        image(&place, &format!("d/color/{i}.{extension}"), 30 * i);
        depth(&place, &format!("d/depth/{i}.png"), 2000 + u16::from(i));
    }
    let split = format!("rgb = \"color/*.jpg\"\ndepth = \"depth/*.png\"\n{extra}");
    place.write(
        "d/dataset.toml",
        format!(
            "name = \"camera\"\nscene = \"indoor\"\n[depth]\nencoding = \"u16-mm\"\n\
             [train]\n{split}[test]\n{split}"
        ),
    );
    place
}

/// The first line that a command says about its data.
fn said(place: &Place, line: &str) -> String {
    let said = place.mde(line);
    assert_eq!(said.status, Some(0), "mde {line}: {}", said.stderr);
    said.stderr
        .lines()
        .find(|line| line.contains(" pairs in "))
        .unwrap()
        .to_owned()
}

#[test]
fn photo_inpainting_108_upper_case_extensions() {
    let place = camera("");
    assert_eq!(said(&place, TRAIN), "8 pairs in d (train split)");
    assert_eq!(
        said(&place, "evaluate --run run --data d"),
        "8 pairs in d (test split)"
    );
    assert_eq!(
        said(&place, "dissect --run run --data d"),
        "8 pairs in d (test split)"
    );
    let quiet = place.mde("evaluate --run run --data d -q");
    assert_eq!(quiet.stderr, "");
    // Depth maps likewise, and .jpeg is .jpg.
    for (from, to) in [
        ("d/depth/3.png", "d/depth/3.PNG"),
        ("d/color/2.jpg", "d/color/2.jpeg"),
    ] {
        std::fs::rename(place.path(from), place.path(to)).unwrap();
    }
    std::fs::remove_dir_all(place.path("run")).unwrap();
    assert_eq!(said(&place, TRAIN), "8 pairs in d (train split)");
    // Two images of one id.
    place.write("d/color/2.JPG", place.read("d/color/2.jpeg"));
    std::fs::remove_dir_all(place.path("run")).unwrap();
    place.refuses(TRAIN, &["color/2.", "differ only in their extension"]);
}

#[test]
fn lists_find_files_whose_extension_is_in_another_case() {
    let place = camera("");
    let lines: String = (0..8)
        .map(|i| format!("color/{i}.jpg,depth/{i}.PNG\n"))
        .collect();
    place.write("d/l.csv", &lines);
    place.write(
        "d/dataset.toml",
        "name = \"camera\"\nscene = \"indoor\"\n[depth]\nencoding = \"u16-mm\"\n[train]\nlist = \"l.csv\"\n",
    );
    assert_eq!(said(&place, TRAIN), "8 pairs in d (train split)");
    std::fs::remove_dir_all(place.path("run")).unwrap();
    image(&place, "d/color/0.JPG", 77);
    place.write("d/l.csv", lines + "color/0.JPG,depth/0.png\n");
    place.refuses(
        TRAIN,
        &["color/0.jpg and color/0.JPG differ only in their extension"],
    );
}

#[test]
fn both_sides_of_a_join_are_counted() {
    let place = camera("skip_unpaired = true\n");
    for i in [1, 6, 7] {
        std::fs::remove_file(place.path(&format!("d/depth/{i}.png"))).unwrap();
    }
    for name in ["d/depth/20.png", "d/depth/100.png"] {
        depth(&place, name, 1000);
    }
    assert_eq!(
        said(&place, TRAIN),
        "5 pairs in d (train split); 3 images and 2 depth maps match nothing: color/1.jpg, \
         color/6.JPG, color/7.JPG, depth/20.png, depth/100.png"
    );
    let evaluated = said(&place, "evaluate --run run --data d");
    assert!(
        evaluated.contains("3 images and 2 depth maps match nothing"),
        "{evaluated}"
    );
    let inspected = place.mde("inspect --data d").stdout;
    assert!(
        inspected.contains("2 depth maps without an image: depth/20.png, depth/100.png"),
        "{inspected}"
    );
    // Without skip_unpaired, images without depth are an error.
    let description = place
        .text("d/dataset.toml")
        .replace("skip_unpaired = true\n", "");
    place.write("d/dataset.toml", description);
    std::fs::remove_dir_all(place.path("run")).unwrap();
    place.refuses(
        TRAIN,
        &[
            "3 images without a depth map",
            "color/1.jpg (no depth/1.png)",
        ],
    );
}

#[test]
fn nothing_matches_by_the_files_of_the_other_pattern() {
    // The pattern of the images matches the depth maps as well.
    let place = Place::empty();
    for i in 0..4u8 {
        let rgb = format!("d/f/{i}.png");
        place.write(&rgb, "");
        RgbImage::from_pixel(160, 120, Rgb([40 * i, 9, 9]))
            .save(place.path(&rgb))
            .unwrap();
        depth(&place, &format!("d/f/{i}_depth.png"), 2000);
    }
    place.write(
        "d/dataset.toml",
        "name = \"x\"\nscene = \"indoor\"\n[train]\nencoding = \"u16-mm\"\n\
         rgb = \"f/*.png\"\ndepth = \"f/*_depth.png\"\n",
    );
    assert_eq!(said(&place, TRAIN), "4 pairs in d (train split)");
}

#[test]
fn an_empty_split_has_no_size() {
    let place = camera("");
    place.write("d/l.csv", "a b c d e\n");
    place.write(
        "d/dataset.toml",
        "name = \"camera\"\nscene = \"indoor\"\n[depth]\nencoding = \"u16-mm\"\n[test]\nlist = \"l.csv\"\n",
    );
    let found = place.mde("inspect --data d --split test");
    assert_eq!(found.status, Some(1));
    assert!(
        found
            .stdout
            .contains("test: 0 pairs in l.csv, depth u16-mm\n"),
        "{}",
        found.stdout
    );
}
