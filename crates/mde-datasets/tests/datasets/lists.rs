//! Lists and files: every bad input gives a message that names the file and the repair.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use crate::common::{Folder, Grey16, SIZE, depth_mm, depth_u8, picture};
use image::{DynamicImage, GrayImage, Rgb, RgbImage};
use mde_datasets::{DataKind, DataSpec, DatasetError, DepthEncoding, Scene, Split, mean_depth};
use mde_files::HashCache;

const MM: DepthEncoding = DepthEncoding::U16_MM;

/// Asserts that `message` contains all of `parts`.
fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{message}` does not say `{part}`");
    }
}

#[test]
fn a_pair_loads_with_its_id_focal_length_and_invalid_depth() {
    let folder = Folder::new(2);
    folder.write(
        "list.csv",
        "\u{feff}train/00001.png, train/00001_depth.png , 518.86\r\n\r\n./train/00000.png,train/00000_depth.png,500\r\n",
    );
    let list = folder.open().unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!((list.id(0), list.id(1)), ("train/00001", "train/00000"));
    let sample = list.load(0).unwrap();
    assert_eq!(sample.id, "train/00001");
    assert_eq!(sample.focal, Some(518.86));
    assert_eq!(sample.rgb, picture(1));
    assert_eq!(sample.depth.size(), (26, 35));
    for (metres, stored) in sample.depth.metres.iter().zip(depth_mm(1).pixels()) {
        assert_eq!(*metres, f32::from(stored.0[0]) / 1000.0);
    }
    assert!(sample.depth.metres.contains(&0.0));
    assert_eq!(list.load(1).unwrap().focal, Some(500.0));
}

#[test]
fn encodings_have_the_stated_scale() {
    for (encoding, stored, metres) in [
        (DepthEncoding::U8_OVER_25_5, 255, 10.0),
        (MM, 2345, 2.345),
        (DepthEncoding::U16_OVER_256, 640, 2.5),
        ("u16/5000".parse().unwrap(), 6250, 1.25),
        ("u8/51".parse().unwrap(), 255, 5.0),
        ("u16/6553.5".parse().unwrap(), 10848, 1.655_298_7),
        ("u16/65.535".parse().unwrap(), 13107, 200.0),
        ("u16/0.5".parse().unwrap(), 3, 6.0),
        (DepthEncoding::SunRgbd, 9872, 1.234),
        (DepthEncoding::SunRgbd, 64000, 8.0),
        (DepthEncoding::SunRgbd, 6465, 9.0),
        ("float/1000".parse().unwrap(), 2345, 2.345),
    ] {
        assert_eq!(encoding.metres(stored), metres);
        assert_eq!(encoding.metres(0), 0.0);
        assert_eq!(
            encoding.to_string().parse::<DepthEncoding>().unwrap(),
            encoding
        );
        let json = serde_json::to_string(&encoding).unwrap();
        assert_eq!(json, format!("\"{encoding}\""));
    }
    // Another spelling of a number is the same encoding, with the same name in fingerprints.
    for (spelled, name) in [
        ("u16/1000", "u16-mm"),
        ("u16/1e3", "u16-mm"),
        ("u16/0256.0", "u16/256"),
        ("u8/25.50", "u8/25.5"),
        ("float/1", "float"),
        ("u16/6553.5", "u16/6553.5"),
        ("sunrgbd", "sunrgbd"),
    ] {
        assert_eq!(spelled.parse::<DepthEncoding>().unwrap().to_string(), name);
    }
    for wrong in [
        "mm",
        "u16/0",
        "u16/0.0",
        "u16/+5",
        "u16/-5",
        "u16/",
        "u16/1e999",
        "u16/inf",
        "u16/nan",
        "u16/6553,5",
        "u16/1e-999",
        "u8",
        "u16",
        "float/0",
        "f32",
        "SUNRGBD",
    ] {
        let error = wrong.parse::<DepthEncoding>().unwrap_err().to_string();
        says(&error, &[wrong, "u8/25.5", "u16-mm", "u16/N"]);
    }

    // Divided in f64: for whole numbers, and for 25.5, the same as an exact division in f32.
    for units in [1u16, 3, 7, 255, 256, 1000, 4000, 5000, 8000, 10_000, 65_535] {
        let encoding: DepthEncoding = format!("u16/{units}").parse().unwrap();
        for stored in 0..=u16::MAX {
            assert_eq!(
                encoding.metres(stored),
                f32::from(stored) / f32::from(units)
            );
        }
    }
    for stored in 0..=255 {
        let expected = f32::from(stored) / 25.5;
        assert_eq!(DepthEncoding::U8_OVER_25_5.metres(stored), expected);
    }

    let folder = Folder::new(1);
    depth_u8(51)
        .save(folder.path("train/00000_depth.png"))
        .unwrap();
    let sample = folder
        .open_as(DepthEncoding::U8_OVER_25_5)
        .unwrap()
        .load(0)
        .unwrap();
    assert_eq!(sample.depth.metres, vec![2.0; 26 * 35]);
}

#[test]
fn a_missing_or_empty_list_is_an_error() {
    let folder = Folder::new(0);
    let error = folder.open().unwrap_err();
    assert!(matches!(error, DatasetError::EmptyList { .. }));
    says(
        &error.to_string(),
        &["list.csv", "empty", "rgb,depth[,focal]"],
    );
    folder.write("list.csv", "\n\n");
    assert!(matches!(
        folder.open().unwrap_err(),
        DatasetError::EmptyList { .. }
    ));
    fs::remove_file(folder.path("list.csv")).unwrap();
    let error = folder.open().unwrap_err();
    assert!(matches!(error, DatasetError::MissingList { .. }));
    says(&error.to_string(), &["list.csv", "does not exist"]);
}

#[test]
fn a_malformed_line_is_named_by_its_number() {
    let folder = Folder::new(1);
    let good = "train/00000.png,train/00000_depth.png";
    for (line, parts) in [
        ("train/00000.png", &["1 field", "`train/00000.png`"][..]),
        ("a,b,1,2", &["4 fields"]),
        ("train/00000.png,", &["empty path"]),
        ("a.png,b.png,wide", &["focal length `wide`"]),
        ("a.png,b.png,-3", &["focal length `-3`"]),
        ("a.png,b.png,inf", &["focal length `inf`"]),
    ] {
        folder.write("list.csv", format!("{good}\n{line}\n{good}\n"));
        let error = folder.open().unwrap_err();
        assert!(
            matches!(&error, DatasetError::WrongLines { lines, .. } if lines == "line 2"),
            "{error:?}"
        );
        says(
            &error.to_string(),
            &["list.csv, line 2", "expected `rgb,depth[,focal]`"],
        );
        says(&error.to_string(), parts);
    }
    folder.write("list.csv", "../a.png,b.png\n");
    says(
        &folder.open().unwrap_err().to_string(),
        &["line 1: `../a.png` leads out of the data folder"],
    );
    folder.write("list.csv", format!("# rgb, depth\n\n{good}\n#\nshort\n"));
    says(
        &folder.open().unwrap_err().to_string(),
        &["line 5: 1 field"],
    );
    folder.write("list.csv", format!("{good}\n\n{good},500\n"));
    says(
        &folder.open().unwrap_err().to_string(),
        &[
            "line 1: no focal length, which other lines give",
            "on all lines or on none",
        ],
    );
    folder.write("list.csv", [good.as_bytes(), b"\n\xff,\xfe\n"].concat());
    says(
        &folder.open().unwrap_err().to_string(),
        &["line 2", "not UTF-8"],
    );
}

#[test]
fn all_missing_files_are_found_at_open() {
    let folder = Folder::new(8);
    for number in 1..8 {
        fs::remove_file(folder.path(&format!("train/{number:05}.png"))).unwrap();
        fs::remove_file(folder.path(&format!("train/{number:05}_depth.png"))).unwrap();
    }
    let error = folder.open().unwrap_err();
    let DatasetError::MissingFiles { first, count, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!((first.len(), *count), (10, 14));
    assert_eq!(
        first[..3],
        [
            "train/00001.png",
            "train/00001_depth.png",
            "train/00002.png"
        ]
    );
    says(
        &error.to_string(),
        &["14 of the listed files", "train/00005_depth.png, ..."],
    );
}

#[test]
fn a_truncated_jpeg_is_an_error_at_any_length() {
    let folder = Folder::new(1);
    folder.write("list.csv", "a.jpg,train/00000_depth.png");
    picture(3).save(folder.path("a.jpg")).unwrap();
    let whole = fs::read(folder.path("a.jpg")).unwrap();
    assert!(folder.open().unwrap().load(0).is_ok());
    for length in [whole.len() - 1, whole.len() / 2, 20] {
        folder.write("a.jpg", &whole[..length]);
        says(&folder.load_error(MM), &["a.jpg", "cut short"]);
    }
}

#[test]
fn a_truncated_png_is_an_error_at_any_length() {
    for name in ["train/00000.png", "train/00000_depth.png"] {
        let folder = Folder::new(1);
        let whole = fs::read(folder.path(name)).unwrap();
        for length in [whole.len() - 30, whole.len() / 2, 50, 20] {
            folder.write(name, &whole[..length]);
            says(&folder.load_error(MM), &[name, "cut short"]);
        }
    }
}

#[test]
fn a_damaged_png_is_an_error() {
    let folder = Folder::new(1);
    let mut bytes = fs::read(folder.path("train/00000_depth.png")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xFF;
    folder.write("train/00000_depth.png", bytes);
    says(
        &folder.load_error(MM),
        &["train/00000_depth.png", "damaged"],
    );
}

#[test]
fn a_file_that_is_not_an_image_is_an_error() {
    for name in ["train/00000.png", "train/00000_depth.png"] {
        for content in ["<html>404 Not Found</html>", ""] {
            let folder = Folder::new(1);
            folder.write(name, content);
            says(&folder.load_error(MM), &[name, "not a", "PNG image"]);
        }
    }
}

#[test]
fn colours_that_are_not_8_bit_rgb_are_refused() {
    let (height, width) = SIZE;
    for (image, found) in [
        (
            DynamicImage::ImageLuma8(GrayImage::new(width, height)),
            "8-bit, 1 channel (grey)",
        ),
        (
            DynamicImage::new_rgb16(width, height),
            "16-bit, 3 channels (RGB)",
        ),
        (
            DynamicImage::new_rgba8(width, height),
            "8-bit, 4 channels (RGBA)",
        ),
    ] {
        let folder = Folder::new(1);
        image.save(folder.path("train/00000.png")).unwrap();
        says(
            &folder.load_error(MM),
            &["train/00000.png", "expected an 8-bit RGB image", found],
        );
    }
    let folder = Folder::new(1);
    folder.write("list.csv", "grey.jpg,train/00000_depth.png");
    GrayImage::new(width, height)
        .save(folder.path("grey.jpg"))
        .unwrap();
    says(&folder.load_error(MM), &["grey.jpg", "1 channel"]);
}

#[test]
fn depth_of_another_type_than_the_encoding_is_refused() {
    let name = "train/00000_depth.png";
    let folder = Folder::new(1);
    let message = folder.load_error(DepthEncoding::U8_OVER_25_5);
    says(
        &message,
        &[
            name,
            "u8/25.5",
            "needs an 8-bit grey PNG",
            "found 16-bit grey",
            "choose the encoding",
        ],
    );
    depth_u8(9).save(folder.path(name)).unwrap();
    for encoding in [MM, DepthEncoding::U16_OVER_256] {
        says(
            &folder.load_error(encoding),
            &[name, &encoding.to_string(), "found 8-bit grey"],
        );
    }
    RgbImage::from_pixel(SIZE.1, SIZE.0, Rgb([1, 2, 3]))
        .save(folder.path(name))
        .unwrap();
    says(
        &folder.load_error(DepthEncoding::U8_OVER_25_5),
        &["found 8-bit RGB"],
    );
    // A 4-bit PNG, which the decoder would silently widen to 8 bits.
    let mut bytes = fs::read(folder.path(name)).unwrap();
    (bytes[24], bytes[25]) = (4, 0);
    folder.write(name, bytes);
    says(
        &folder.load_error(DepthEncoding::U8_OVER_25_5),
        &["found 4-bit grey"],
    );
    folder.write("list.csv", "train/00000.png,depth.jpg");
    depth_u8(9).save(folder.path("depth.jpg")).unwrap();
    says(
        &folder.load_error(DepthEncoding::U8_OVER_25_5),
        &["depth.jpg", "found a JPEG"],
    );
}

#[test]
fn depth_of_another_size_is_refused() {
    let folder = Folder::new(1);
    Grey16::new(SIZE.0, SIZE.1)
        .save(folder.path("train/00000_depth.png"))
        .unwrap();
    says(
        &folder.load_error(MM),
        &[
            "00000_depth.png: depth is 35x26",
            "00000.png is 26x35",
            "same size",
        ],
    );
}

#[test]
fn the_mean_depth_weights_all_valid_pixels_equally() {
    let folder = Folder::new(2);
    // 900 of 910 pixels are invalid in the first, none in the second.
    let first = Grey16::from_fn(SIZE.1, SIZE.0, |x, y| {
        image::Luma([match (y, x) {
            (0, 0..10) => 4000,
            (1, _) => 10_001,
            _ => 0,
        }])
    });
    first.save(folder.path("train/00000_depth.png")).unwrap();
    Grey16::from_pixel(SIZE.1, SIZE.0, image::Luma([10_000]))
        .save(folder.path("train/00001_depth.png"))
        .unwrap();
    let mean = mean_depth(&folder.open().unwrap()).unwrap();
    assert!(
        (mean - (10.0 * 4.0 + 910.0 * 10.0) / 920.0).abs() < 1e-9,
        "{mean}"
    );
}

#[test]
fn a_map_without_valid_depth_loads_but_has_no_mean() {
    let folder = Folder::new(1);
    Grey16::new(SIZE.1, SIZE.0)
        .save(folder.path("train/00000_depth.png"))
        .unwrap();
    let list = folder.open().unwrap();
    assert!(list.load(0).unwrap().depth.metres.iter().all(|&d| d == 0.0));
    let error = mean_depth(&list).unwrap_err();
    assert!(matches!(
        error,
        DatasetError::NoValidDepth { images: 1, .. }
    ));
    says(
        &error.to_string(),
        &["list.csv", "no valid depth", "encoding"],
    );
}

#[test]
fn the_fingerprint_depends_on_the_content() {
    let (here, there) = (Folder::new(3), Folder::new(3));
    let original = here.open().unwrap().fingerprint().unwrap();
    assert_eq!(original.len(), 64);
    assert_eq!(
        original,
        there.open().unwrap().fingerprint().unwrap(),
        "the folder does not matter"
    );
    let as_kitti = here.open_as(DepthEncoding::U16_OVER_256).unwrap();
    assert_ne!(
        original,
        as_kitti.fingerprint().unwrap(),
        "the encoding does"
    );

    there.write("train/not-listed.png", "x");
    assert_eq!(original, there.open().unwrap().fingerprint().unwrap());
    fs::copy(
        there.path("train/00000_depth.png"),
        there.path("train/00002_depth.png"),
    )
    .unwrap();
    assert_ne!(
        original,
        there.open().unwrap().fingerprint().unwrap(),
        "any file does"
    );
    let list = fs::read_to_string(here.path("list.csv")).unwrap();
    let (first, rest) = list.split_once('\n').unwrap();
    here.write("list.csv", format!("{rest}{first}\n"));
    assert_ne!(
        original,
        here.open().unwrap().fingerprint().unwrap(),
        "the order does"
    );
}

#[test]
fn a_cached_fingerprint_is_equal_and_skips_unchanged_files() {
    let folder = Folder::new(3);
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    let set_time = |name: &str| {
        let file = File::options().write(true).open(folder.path(name)).unwrap();
        file.set_modified(hour_ago).unwrap();
    };
    for number in 0..3 {
        set_time(&format!("train/{number:05}.png"));
        set_time(&format!("train/{number:05}_depth.png"));
    }
    set_time("list.csv");
    let list = folder.open().unwrap();
    let original = list.fingerprint().unwrap();
    let cached = || {
        let cache = HashCache::open(&folder.path("hashes.json"));
        let fingerprint = list.fingerprint_cached(&cache).unwrap();
        cache.save().unwrap();
        fingerprint
    };
    assert_eq!(cached(), original, "an empty cache");
    assert_eq!(cached(), original, "a filled cache");

    // Other content with the same length and time: not read, so not detected.
    let name = "train/00001.png";
    let mut bytes = fs::read(folder.path(name)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    folder.write(name, &bytes);
    set_time(name);
    assert_eq!(cached(), original);
    folder.write(name, &bytes);
    assert_ne!(cached(), original, "a new time");
    assert_eq!(cached(), list.fingerprint().unwrap());

    fs::remove_file(folder.path(name)).unwrap();
    let cache = HashCache::open(&folder.path("hashes.json"));
    let error = list.fingerprint_cached(&cache).unwrap_err();
    says(&error.to_string(), &[name, "cannot be read"]);
}

#[test]
fn kinds_are_parsed_and_mistyped_kinds_get_a_suggestion() {
    for kind in DataKind::ALL {
        assert_eq!(kind.name().parse(), Ok(kind));
    }
    for (name, similar) in [
        ("nyuv2", Some("nyu")),
        ("kiti", Some("kitti")),
        ("street", Some("streets")),
        ("Rooms", Some("rooms")),
        ("xyz", None),
    ] {
        let error = name.parse::<DataKind>().unwrap_err();
        assert_eq!(error.similar.map(DataKind::name), similar, "{name}");
        let error = format!("{name}:some/where")
            .parse::<DataSpec>()
            .unwrap_err();
        let suggestion = similar.map(|similar| format!("did you mean `{similar}:some/where`?"));
        let expected = suggestion.as_deref().unwrap_or("a dataset.toml");
        assert!(error.to_string().ends_with(expected), "{error}");
    }
}

#[test]
fn scenes_follow_the_maximum_depth() {
    for scene in [Scene::Indoor, Scene::Street] {
        assert_eq!(Scene::for_max_depth(scene.max_depth().into()), scene);
    }
    assert_eq!(Scene::for_max_depth(0.5), Scene::Indoor);
    assert_eq!(Scene::for_max_depth(20.0), Scene::Street);
}

#[test]
fn data_sets_are_named_by_kind_and_folder() {
    let spec: DataSpec = "rooms:some/where:else".parse().unwrap();
    assert_eq!(
        (spec.kind, spec.name().unwrap().as_str()),
        (Some(DataKind::Rooms), "rooms")
    );
    assert_eq!(spec.to_string(), "rooms:some/where:else");
    for wrong in ["kitchens:x", "nyu:", ""] {
        let error = wrong.parse::<DataSpec>().unwrap_err().to_string();
        says(
            &error,
            &[
                &format!("`{wrong}`"),
                "nyu:DIR",
                "rooms:DIR",
                "kitti:DIR",
                "streets:DIR",
            ],
        );
    }
}

#[test]
fn a_data_set_opens_its_own_lists_and_encodings() {
    let folder = Folder::new(1);
    let spec = DataSpec {
        kind: Some(DataKind::Nyu),
        root: folder.root().to_owned(),
    };
    let message = spec.open(Split::Train, None).unwrap_err().to_string();
    says(&message, &["nyuv2_train.csv", "nyuv2_labeled_train.csv"]);

    let line = "train/00000.png,train/00000_depth.png\n";
    folder.write("nyuv2_labeled_train.csv", line);
    let list = spec.open(Split::Train, None).unwrap();
    assert_eq!(list.encoding(), DepthEncoding::U8_OVER_25_5);
    assert!(list.list().ends_with("nyuv2_labeled_train.csv"));
    folder.write("nyuv2_train.csv", line);
    let list = spec.open(Split::Train, Some(MM)).unwrap();
    assert_eq!(list.encoding(), MM);
    assert!(list.list().ends_with("nyuv2_train.csv"));
    folder.write("nyuv2_test.csv", line);
    assert_eq!(spec.open(Split::Test, None).unwrap().encoding(), MM);

    let rooms = DataSpec {
        kind: Some(DataKind::Rooms),
        root: folder.root().to_owned(),
    };
    folder.write("rooms_train.csv", line);
    assert_eq!(rooms.open(Split::Train, None).unwrap().encoding(), MM);
    says(
        &rooms.open(Split::Test, None).unwrap_err().to_string(),
        &["rooms_test.csv"],
    );
    let nowhere = DataSpec {
        kind: Some(DataKind::Rooms),
        root: folder.path("nowhere"),
    };
    says(
        &nowhere.open(Split::Test, None).unwrap_err().to_string(),
        &["nowhere", "no such folder", "`mde render rooms --out DIR`"],
    );
    // A file in place of a folder, and a kind whose lists are not there.
    let file = DataSpec {
        kind: None,
        root: folder.path("rooms_train.csv"),
    };
    says(
        &file.open(Split::Test, None).unwrap_err().to_string(),
        &["rooms_train.csv: this is a file", "give the folder"],
    );
    let streets = DataSpec {
        kind: Some(DataKind::Streets),
        root: folder.root().to_owned(),
    };
    let message = streets.open(Split::Test, None).unwrap_err().to_string();
    says(&message, &["streets_test.txt", "holds the lists of"]);
}
