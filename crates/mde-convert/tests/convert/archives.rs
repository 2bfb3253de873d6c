//! Zip archives of BTS and MFF.

use std::fs;
use std::path::{Path, PathBuf};

use mde_convert::{ArchiveOptions, ConvertError, extract_bts, extract_mff};

use crate::common::*;

fn bts() -> Vec<u8> {
    zip_of(&[
        ("sync/cafe_0001a/rgb_00000.jpg", vec![1; 900]),
        ("sync/cafe_0001a/sync_depth_00000.png", vec![2; 800]),
        ("sync/attic_0002/rgb_00010.jpg", vec![3; 700]),
        ("sync/attic_0002/sync_depth_00010.png", vec![4; 600]),
        ("sync/attic_0002/rgb_00011.jpg", vec![5; 500]),
        ("sync/attic_0002/INDEX.txt", vec![6; 40]),
        ("__MACOSX/sync/attic_0002/._rgb_00010.jpg", vec![7; 30]),
        ("sync/../rgb_00001.jpg", vec![8; 20]),
        ("sync/../sync_depth_00001.png", vec![8; 20]),
    ])
}

fn options(dir: &Path, bytes: Vec<u8>, list: Option<&str>) -> ArchiveOptions {
    let archive = dir.join("sync.zip");
    fs::write(&archive, bytes).unwrap();
    let list = list.map(|text| {
        let path: PathBuf = dir.join("list.csv");
        fs::write(&path, text).unwrap();
        path
    });
    ArchiveOptions {
        archive,
        list,
        out: dir.join("data"),
    }
}

#[test]
fn all_complete_pairs_are_extracted_and_listed() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), bts(), None);
    let heard = Heard::default();
    let converted = extract_bts(&options, &|event| heard.hear(event)).unwrap();
    assert_eq!(
        (converted.written, converted.kept, converted.ignored),
        (4, 0, 5)
    );
    assert_eq!(heard.0.into_inner().unwrap().len(), 4);
    let found = contents(&options.out);
    let image = |name: &str, byte, length| (name.to_owned(), vec![byte; length]);
    assert_same(
        &found[1..5],
        &[
            image("bts_train/attic_0002/rgb_00010.jpg", 3, 700),
            image("bts_train/attic_0002/sync_depth_00010.png", 4, 600),
            image("bts_train/cafe_0001a/rgb_00000.jpg", 1, 900),
            image("bts_train/cafe_0001a/sync_depth_00000.png", 2, 800),
        ],
    );
    assert_eq!(
        fs::read_to_string(options.out.join("bts_nyuv2_train.csv")).unwrap(),
        "bts_train/attic_0002/rgb_00010.jpg,bts_train/attic_0002/sync_depth_00010.png,518.8579\n\
         bts_train/cafe_0001a/rgb_00000.jpg,bts_train/cafe_0001a/sync_depth_00000.png,518.8579\n"
    );

    // A second call keeps files of the right size and writes the others.
    fs::write(
        options.out.join("bts_train/attic_0002/rgb_00010.jpg"),
        b"cut",
    )
    .unwrap();
    let converted = extract_bts(&options, &silent).unwrap();
    assert_eq!((converted.written, converted.kept), (1, 3));
    assert_same(&contents(&options.out), &found);
}

#[test]
fn a_list_selects_and_orders_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let list =
        "bts_train/cafe_0001a/rgb_00000.jpg,bts_train/cafe_0001a/sync_depth_00000.png,518.8579";
    let options = options(dir.path(), bts(), Some(list));
    assert_eq!(extract_bts(&options, &silent).unwrap().written, 2);
    assert!(!options.out.join("bts_train/attic_0002").exists());
    let written = fs::read_to_string(options.out.join("bts_nyuv2_train.csv")).unwrap();
    assert_eq!(written, list, "byte for byte");
}

#[test]
fn missing_members_are_counted_and_nothing_is_extracted() {
    let dir = tempfile::tempdir().unwrap();
    let list = "bts_train/cafe_0001a/rgb_00000.jpg,bts_train/cafe_0001a/sync_depth_00000.png,518.8579\n\
                bts_train/attic_0002/rgb_00011.jpg,bts_train/attic_0002/sync_depth_00011.png,518.8579\n";
    let options = options(dir.path(), bts(), Some(list));
    let error = extract_bts(&options, &silent).unwrap_err();
    let ConvertError::MissingMembers {
        missing,
        listed,
        first,
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!((*missing, *listed), (1, 4));
    assert_eq!(first, &["bts_train/attic_0002/sync_depth_00011.png"]);
    assert!(
        error.to_string().contains("lacks 1 of the 4 files"),
        "{error}"
    );
    assert!(!options.out.exists());
    for (list, words) in [
        ("only one field\n", "line 1: found 1 fields"),
        ("\na,../b\n", "line 2: `../b` is not a relative path"),
        ("", "lines `rgb,depth`"),
    ] {
        fs::write(dir.path().join("list.csv"), list).unwrap();
        let text = extract_bts(&options, &silent).unwrap_err().to_string();
        assert!(text.contains("list.csv") && text.contains(words), "{text}");
    }
}

#[test]
fn mff_s_training_images_get_the_paper_s_names() {
    let dir = tempfile::tempdir().unwrap();
    let archive = zip_of(&[
        ("data/nyu2_train/living_room_0038_out/37.jpg", vec![1; 10]),
        ("data/nyu2_train/living_room_0038_out/37.png", vec![2; 10]),
        ("data/nyu2_test/00000_colors.png", vec![3; 10]),
        ("data/nyu2_test/00000_depth.png", vec![4; 10]),
        ("data/nyu2_train.csv", vec![5; 10]),
    ]);
    let options = options(dir.path(), archive, None);
    assert_eq!(extract_mff(&options, &silent).unwrap().ignored, 3);
    assert_eq!(
        contents(&options.out)[1],
        (
            "nyuv2_train.csv".to_owned(),
            b"train/living_room_0038_out/37.jpg,train/living_room_0038_out/37.png\n".to_vec()
        )
    );
    let manifest = fs::read_to_string(options.out.join("dataset.toml")).unwrap();
    assert!(
        manifest.contains("list = \"nyuv2_train.csv\"\nencoding = \"u8/25.5\""),
        "{manifest}"
    );

    let text = extract_bts(&options, &silent).unwrap_err().to_string();
    assert!(
        text.contains("contains none of the expected files: sync/SCENE"),
        "{text}"
    );
}
