//! FastDepth's distribution as shards and as a folder.

use std::fs;
use std::path::Path;

use mde_convert::{ConvertError, Converted, FastDepthOptions, RgbFormat, Split, convert_fastdepth};

use crate::common::*;

fn convert(source: &Path, out: &Path, split: Option<Split>) -> Result<Converted, ConvertError> {
    let options = FastDepthOptions {
        source: source.to_owned(),
        split,
        rgb: RgbFormat::Png,
        out: out.to_owned(),
    };
    convert_fastdepth(&options, &silent)
}

const SHARDS: [(&str, &[(&str, usize)]); 3] = [
    // With and without the split's folder, with tar's folder entries and a file that is not a
    // frame.
    (
        "train-000000.tar",
        &[
            ("train/basement_0001a/00001.h5", 0),
            ("train/basement_0001a/00006.h5", 1),
        ],
    ),
    (
        "train-000001.tar",
        &[("./cafe_0001b/00003.h5", 2), ("./README", 0)],
    ),
    ("val-000000.tar", &[("val/official/00001.h5", 3)]),
];

fn write_shards(dir: &Path) {
    for (shard, members) in SHARDS {
        let members: Vec<_> = members
            .iter()
            .map(|(name, frame)| (*name, frame_h5(*frame)))
            .collect();
        fs::write(dir.join(shard), tar_of(&members)).unwrap();
    }
}

#[test]
fn the_order_of_shards_does_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    write_shards(dir.path());
    let mut first = None;
    // A repeated shard changes nothing.
    for order in [&[0, 1, 2][..], &[2, 1, 0], &[1, 0, 1, 2, 0]] {
        let out = dir.path().join(format!("{order:?}"));
        for &shard in order {
            convert(&dir.path().join(SHARDS[shard].0), &out, None).unwrap();
        }
        let found = contents(&out);
        assert_same(&found, first.get_or_insert_with(|| found.clone()));
        assert_eq!(
            fs::read_to_string(out.join("fastdepth_train.csv")).unwrap(),
            "fastdepth/train/basement_0001a/rgb_00001.png,fastdepth/train/basement_0001a/sync_depth_00001.png\n\
             fastdepth/train/basement_0001a/rgb_00006.png,fastdepth/train/basement_0001a/sync_depth_00006.png\n\
             fastdepth/train/cafe_0001b/rgb_00003.png,fastdepth/train/cafe_0001b/sync_depth_00003.png\n"
        );
        for (scene, number, frame) in [
            ("train/basement_0001a", "00001", 0),
            ("train/basement_0001a", "00006", 1),
            ("train/cafe_0001b", "00003", 2),
            ("val/official", "00001", 3),
        ] {
            let scene = out.join("fastdepth").join(scene);
            let rgb = scene.join(format!("rgb_{number}.png"));
            let depth = scene.join(format!("sync_depth_{number}.png"));
            assert_frame(&rgb, &depth, frame, raw_metres);
        }
    }
}

#[test]
fn an_interrupted_shard_is_continued() {
    let dir = tempfile::tempdir().unwrap();
    write_shards(dir.path());
    let (shard, out) = (dir.path().join("train-000000.tar"), dir.path().join("data"));
    let converted = convert(&shard, &out, None).unwrap();
    assert_eq!(
        (converted.written, converted.kept, converted.ignored),
        (2, 0, 0)
    );
    let whole = contents(&out);
    fs::remove_file(out.join("fastdepth/train/basement_0001a/sync_depth_00006.png")).unwrap();
    fs::remove_file(out.join("fastdepth_train.csv")).unwrap();
    let converted = convert(&shard, &out, None).unwrap();
    assert_eq!((converted.written, converted.kept), (1, 1));
    assert_same(&contents(&out), &whole);
}

#[test]
fn a_folder_and_its_shards_give_the_same_files() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("nyudepthv2");
    for (name, frame) in [
        ("train/basement_0001a/00001.h5", 0),
        ("val/official/00001.h5", 3),
    ] {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, frame_h5(frame)).unwrap();
    }
    let (all, part) = (dir.path().join("all"), dir.path().join("part"));
    assert_eq!(convert(&root, &all, None).unwrap().written, 2);
    convert(&root.join("train"), &part, None).unwrap();
    convert(&root.join("val"), &part, None).unwrap();
    assert_same(&contents(&all), &contents(&part));
}

#[test]
fn a_frame_written_by_h5py_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let (shard, out) = (dir.path().join("some.tar"), dir.path().join("data"));
    fs::write(
        &shard,
        tar_of(&[("cafe_0001/00001.h5", fixture("frame.h5"))]),
    )
    .unwrap();
    let error = convert(&shard, &out, None).unwrap_err();
    assert!(
        matches!(error, ConvertError::UnknownSplit { .. }),
        "{error}"
    );
    convert(&shard, &out, Some(Split::Train)).unwrap();
    let scene = out.join("fastdepth/train/cafe_0001");
    assert_frame(
        &scene.join("rgb_00001.png"),
        &scene.join("sync_depth_00001.png"),
        0,
        metres,
    );
}

#[test]
fn bad_shards_are_refused_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let (shard, out) = (dir.path().join("train-000000.tar"), dir.path().join("data"));
    let good = tar_of(&[
        ("train/cafe_0001/00001.h5", frame_h5(0)),
        ("train/cafe_0001/00002.h5", frame_h5(1)),
    ]);
    let mut halved = frame_h5(0);
    halved.truncate(halved.len() / 2);
    for (bytes, words) in [
        (vec![], "does not end like a tar archive"),
        (
            good[..good.len() / 2].to_vec(),
            "does not end like a tar archive",
        ),
        (
            tar_of(&[("train/cafe_0001/notes.txt", vec![1])]),
            "contains none of the expected files",
        ),
        (
            tar_of(&[("train/cafe_0001/00001.h5", halved)]),
            "train/cafe_0001/00001.h5: not an intact HDF5 file",
        ),
        (
            tar_of(&[("train/cafe_0001/00001.h5", Labelled::default().bytes())]),
            "`rgb` is missing",
        ),
    ] {
        fs::write(&shard, bytes).unwrap();
        let text = convert(&shard, &out, None).unwrap_err().to_string();
        assert!(
            text.contains("train-000000.tar") && text.contains(words),
            "{text}"
        );
        assert!(!out.join("fastdepth_train.csv").exists());
    }
    // Names that would leave the folder are ignored.
    let outside = tar_of(&[
        ("train/cafe/00001.h5", frame_h5(0)),
        ("train/x/..%2f1.h5", frame_h5(0)),
    ]);
    fs::write(&shard, outside).unwrap();
    assert_eq!(convert(&shard, &out, None).unwrap().ignored, 1);
}
