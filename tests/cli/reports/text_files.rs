//! Text files of other systems: byte order marks, UTF-16, line ends.

use image::{ImageBuffer, Luma, Rgb, RgbImage};

use crate::place::Place;

const SCENES: [&str; 2] = ["scene0000_00", "scene0001_00"];

/// ScanNet's folders: two scenes of two frames; `only` names the scenes of each split.
fn scannet(key: &str) -> Place {
    let place = Place::empty();
    for scene in SCENES {
        for i in 0..2u8 {
            let rgb = format!("d/scans/{scene}/color/{i}.jpg");
            let depth = format!("d/scans/{scene}/depth/{i}.png");
            place.write(&rgb, "");
            place.write(&depth, "");
            let shade = Rgb([90, 40 * i, scene.as_bytes()[8]]);
            RgbImage::from_pixel(160, 120, shade)
                .save(place.path(&rgb))
                .unwrap();
            let depths: ImageBuffer<Luma<u16>, _> = ImageBuffer::from_pixel(160, 120, Luma([2000]));
            depths.save(place.path(&depth)).unwrap();
        }
    }
    let split = format!(
        "rgb = \"scans/*/color/*.jpg\"\ndepth = \"scans/*/depth/*.png\"\n{key} = \"names.txt\"\n"
    );
    place.write(
        "d/dataset.toml",
        format!(
            "name = \"scannet\"\nscene = \"indoor\"\n[depth]\nencoding = \"u16-mm\"\n\
             [train]\n{split}[test]\n{split}"
        ),
    );
    place
}

/// The text as programs of Windows and older systems write it.
fn encodings(text: &str) -> Vec<Vec<u8>> {
    let windows = text.replace('\n', "\r\n");
    let marked = format!("\u{feff}{windows}");
    let utf16 = |text: &str, unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect();
    vec![
        text.into(),
        windows.clone().into(),
        marked.clone().into(),
        format!("\u{feff}{text}").into(),
        text.replace('\n', "\r").into(),
        utf16(&marked, u16::to_le_bytes),
        utf16(&marked, u16::to_be_bytes),
        utf16(&windows, u16::to_le_bytes),
    ]
}

fn pairs(place: &Place) -> (u64, u64) {
    let found = place.mde("inspect --data d --json");
    let found: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
    let pairs = |split: usize| found["splits"][split]["pairs"].as_u64().unwrap();
    (pairs(0), pairs(1))
}

#[test]
fn gtfs_osm_import_39_a_byte_order_mark_before_the_first_scene() {
    let place = scannet("only");
    for text in encodings(&format!("{}\n{}\n", SCENES[0], SCENES[1])) {
        place.write("d/names.txt", &text);
        assert_eq!(pairs(&place), (4, 4), "{text:02X?}");
    }
    // A validation scene must not stay in the training set.
    let place = scannet("skip");
    for text in encodings(&format!("{}\n\n# another\nscene9999_00\n", SCENES[0])) {
        place.write("d/names.txt", &text);
        assert_eq!(pairs(&place), (2, 2), "{text:02X?}");
    }
    let said = place.mde("train --data d --model mff-tiny --out run --steps 1 --batch-size 2");
    assert!(
        said.stderr.starts_with(
            "2 pairs in d (train split); skip: 1 of 2 names matches no image: scene9999_00\n"
        ),
        "{}",
        said.stderr
    );
    let inspected = place.mde("inspect --data d").stdout;
    assert!(inspected.contains("note: unknown-name"), "{inspected}");
    // If no name matches, the names are of another form.
    place.write("d/names.txt", "Scene0000_00\n");
    let inspected = place.mde("inspect --data d").stdout;
    assert!(inspected.contains("warning: unknown-name"), "{inspected}");
    assert!(inspected.contains("repair: list texts of the first * of rgb, such as `scene0000_00`"));
    place.write("d/names.txt", "scene0000_00\n");
    assert!(
        !place
            .mde("inspect --data d")
            .stdout
            .contains("unknown-name")
    );
}

#[test]
fn gprof2dot_88_utf16_of_powershell() {
    let place = scannet("only");
    place.write("d/names.txt", SCENES.join("\n"));
    let description = place.text("d/dataset.toml");
    for text in encodings(&description) {
        place.write("d/dataset.toml", text);
        assert_eq!(pairs(&place), (4, 4));
    }
    let lines = |separator: &str, focal: &str| -> String {
        let line = |i: u8| {
            let folder = "scans/scene0000_00";
            format!("{folder}/color/{i}.jpg{separator}{folder}/depth/{i}.png{focal}\n")
        };
        (0..2).map(line).collect()
    };
    for (name, lines) in [("l.csv", lines(",", "")), ("l.txt", lines(" ", " 721.5"))] {
        let list = format!("list = \"{name}\"\n");
        let head = description.split("[train]").next().unwrap();
        place.write(
            "d/dataset.toml",
            format!("{head}[train]\n{list}[test]\n{list}"),
        );
        let mut hashes = Vec::new();
        for text in encodings(&lines) {
            place.write(&format!("d/{name}"), &text);
            assert_eq!(pairs(&place), (2, 2), "{text:02X?}");
            let train = "train --data d --model mff-tiny --out run --steps 1 --batch-size 2";
            place.json_and_remarks(train);
            let (document, _) = place.json_and_remarks("evaluate --run run --data d");
            hashes.push(document["provenance"]["data_hash"].clone());
            std::fs::remove_dir_all(place.path("run")).unwrap();
        }
        // The same data, whatever system wrote the list.
        hashes.dedup();
        assert_eq!(hashes.len(), 1);
    }
    // KITTI's layout.
    let street = Place::empty();
    street.copy(&place.path("d/scans"), "k/scans");
    for text in encodings(&lines(" ", " 721.5377")) {
        street.write("k/eigen_test_files_with_gt.txt", text);
        let found = street.mde("inspect --data kitti:k --split test --json");
        let found: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
        assert_eq!(found["splits"][0]["pairs"], 2, "{found}");
    }
}

#[test]
fn recorded_hashes_of_other_systems() {
    let place = scannet("only");
    place.write("d/names.txt", SCENES[0]);
    place.mde("inspect --data d --write-hashes hashes");
    for text in encodings(&place.text("hashes")) {
        place.write("hashes", text);
        let said = place.mde("inspect --data d --hashes hashes");
        assert!(!said.stdout.contains("hash"), "{}", said.stdout);
    }
}

#[test]
fn other_encodings_are_named_with_the_command_that_converts_them() {
    let place = scannet("only");
    let folder = "d/scans/k\u{fc}che";
    place.copy(&place.path("d/scans/scene0000_00"), folder);
    place.write("d/names.txt", b"scene0001_00\nk\xFCche\n");
    let line = "train --data d --model mff-tiny --out run --steps 1 --batch-size 2";
    place.refuses(line, &["d/names.txt, line 2: not UTF-8 text (byte 0xFC)"]);
    let message = place.mde(line).stderr;
    let command = message.split('`').nth(1).unwrap();
    let mut shell = std::process::Command::new("sh");
    let done = shell
        .args(["-c", command])
        .current_dir(place.path("."))
        .status();
    assert!(done.unwrap().success(), "{command}");
    assert_eq!(pairs(&place), (4, 4));
    // Two encodings in one file, and a file that is not a text.
    place.write("d/names.txt", b"scene0001_00\ns\0c\0\n\0");
    place.refuses(line, &["d/names.txt, line 2: a NUL byte"]);
    place.write("d/dataset.toml", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    place.refuses(
        line,
        &["d/dataset.toml, line 3: a NUL byte", "expected a text file"],
    );
}

/// Scenes as `ls -d` and `find` print them.
#[test]
fn scenes_written_as_folders() {
    let place = scannet("only");
    for end in ["/", ""] {
        for start in ["", "scans/", "./scans/"] {
            let text = format!("{start}scene0000_00{end}\n{start}scene0001_00{end}\n");
            place.write("d/names.txt", &text);
            assert_eq!(pairs(&place).0, 4, "{text}");
            let backslashes = text.trim_start_matches("./").replace('/', "\\");
            place.write("d/names.txt", backslashes);
        }
    }
    place.write("d/names.txt", "scene9999_00\n");
    let line = "train --data d --model mff-tiny --out run --steps 1 --batch-size 2";
    place.refuses(
        line,
        &[
            "only: 1 of 1 name matches no image: scene9999_00",
            "`scene0000_00`",
        ],
    );
}
