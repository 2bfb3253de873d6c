//! The labelled frames: splits, chunks, names, lists, resuming, bad input.

use std::fs;
use std::path::Path;

use mde_convert::{ConvertError, ConvertEvent, FrameSplit, RgbFormat, Split, convert_labelled};
use mde_test_kit::matlab_splits;

use crate::common::*;

const TEST: FrameSplit = FrameSplit::All(Split::Test);

/// Converts and expects an error whose text contains `path` and `words`.
fn refused(mat: &Path, split: FrameSplit, path: &Path, words: &str) -> ConvertError {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().join("data");
    let error = convert_labelled(&labelled_options(mat.to_owned(), split, &folder), &silent);
    let error = error.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&path.display().to_string()), "{text}");
    assert!(text.contains(words), "{text}");
    assert!(!folder.exists(), "nothing may be written: {text}");
    error
}

#[test]
fn frames_written_by_h5py_lie_upright_in_the_paper_s_layout() {
    let dir = tempfile::tempdir().unwrap();
    let (mat, out) = (dir.path().join("frames.mat"), dir.path().join("data"));
    fs::write(&mat, fixture("labelled.mat")).unwrap();
    fs::write(dir.path().join("splits.mat"), fixture("splits.mat")).unwrap();
    let heard = Heard::default();
    let options = labelled_options(mat, FrameSplit::Beside, &out);
    let converted = convert_labelled(&options, &|event| heard.hear(event)).unwrap();
    assert_eq!((converted.written, converted.kept), (3, 0));
    let names = names(&out);
    assert_eq!(
        names,
        [
            "dataset.toml",
            "nyuv2_labeled_train.csv",
            "nyuv2_labeled_train_raw.csv",
            "nyuv2_test.csv",
            "nyuv2_test_raw.csv",
            "test/home_office/raw_depth_00001.png",
            "test/home_office/rgb_00001.png",
            "test/home_office/sync_depth_00001.png",
            "train/kitchen/raw_depth_00000.png",
            "train/kitchen/raw_depth_00002.png",
            "train/kitchen/rgb_00000.png",
            "train/kitchen/rgb_00002.png",
            "train/kitchen/sync_depth_00000.png",
            "train/kitchen/sync_depth_00002.png",
        ]
    );
    for (list, frames, of) in [
        (
            "nyuv2_test.csv",
            &[1][..],
            metres as fn(usize, usize, usize) -> f32,
        ),
        ("nyuv2_test_raw.csv", &[1], raw_metres),
        ("nyuv2_labeled_train.csv", &[0, 2], metres),
        ("nyuv2_labeled_train_raw.csv", &[0, 2], raw_metres),
    ] {
        let text = fs::read_to_string(out.join(list)).unwrap();
        assert!(text.ends_with(".png\n"));
        assert_eq!(text.lines().count(), frames.len());
        for (line, &frame) in text.lines().zip(frames) {
            let (rgb, depth) = line.split_once(',').unwrap();
            assert_frame(&out.join(rgb), &out.join(depth), frame, of);
        }
    }
    let mut done: Vec<_> = heard.0.into_inner().unwrap();
    let last = done.pop();
    let expected = |done| ConvertEvent::Frame {
        done,
        total: Some(3),
        kept: false,
    };
    assert!(done.contains(&expected(1)) || done.contains(&expected(2)));
    assert!(last.is_some());
}

/// Chunks of any size and other number types give the same files.
#[test]
fn every_storage_gives_the_same_files() {
    let mut first = None;
    for chunk in [Some(1), Some(2), Some(3), Some(5), None] {
        let dir = tempfile::tempdir().unwrap();
        let source = Labelled {
            frames: 5,
            chunk,
            ..Labelled::default()
        };
        let out = dir.path().join("data");
        convert_labelled(
            &labelled_options(source.write(dir.path()), TEST, &out),
            &silent,
        )
        .unwrap();
        let found = contents(&out);
        assert_eq!(found.len(), 3 * 5 + 3);
        assert_same(&found, first.get_or_insert_with(|| found.clone()));
    }
}

#[test]
fn lists_of_jpegs_name_them_and_pixels_stay_close() {
    let dir = tempfile::tempdir().unwrap();
    let source = Labelled {
        raw: false,
        scenes: ("scenes", &["kitchen_0004"]),
        ..Labelled::default()
    };
    let out = dir.path().join("data");
    let mut options = labelled_options(
        source.write(dir.path()),
        FrameSplit::All(Split::Train),
        &out,
    );
    options.rgb = RgbFormat::Jpeg { quality: 100 };
    convert_labelled(&options, &silent).unwrap();
    let list = fs::read_to_string(out.join("nyuv2_labeled_train.csv")).unwrap();
    assert_eq!(
        list.lines().next(),
        Some("train/kitchen/rgb_00000.jpg,train/kitchen/sync_depth_00000.png")
    );
    assert!(!out.join("nyuv2_labeled_train_raw.csv").exists());
    let image = image::open(out.join("train/kitchen/rgb_00001.jpg"))
        .unwrap()
        .into_rgb8();
    for (x, y, pixel) in image.enumerate_pixels() {
        for (channel, &found) in pixel.0.iter().enumerate() {
            let expected = colour(1, channel, x as usize, y as usize);
            assert!(found.abs_diff(expected) < 40, "{found} for {expected}");
        }
    }
    options.rgb = RgbFormat::Jpeg { quality: 94 };
    let error = convert_labelled(&options, &silent).unwrap_err();
    assert!(matches!(error, ConvertError::JpegQuality(94)));
}

#[test]
fn depths_beyond_16_bits_become_invalid_and_are_counted() {
    let depth = |_, x, y| match (x, y) {
        (0, 0) => f32::NAN,
        (1, 0) => -1.0,
        (2, 0) => 65.536,
        (3, 0) => f32::INFINITY,
        (4, 0) => 0.0,
        (5, 0) => 65.535,
        _ => 2.0,
    };
    let dir = tempfile::tempdir().unwrap();
    let source = Labelled {
        frames: 1,
        raw: false,
        depth,
        ..Labelled::default()
    };
    let out = dir.path().join("data");
    let options = labelled_options(source.write(dir.path()), TEST, &out);
    assert_eq!(convert_labelled(&options, &silent).unwrap().unstorable, 4);
    let map = image::open(out.join("test/kitchen/sync_depth_00000.png")).unwrap();
    let row = map.as_luma16().unwrap().iter().take(7).copied();
    assert_eq!(row.collect::<Vec<_>>(), [0, 0, 0, 0, 0, 65535, 2000]);
}

#[test]
fn a_second_call_after_a_kill_keeps_complete_frames_and_writes_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let source = Labelled {
        frames: 7,
        chunk: Some(3),
        ..Labelled::default()
    };
    let out = dir.path().join("data");
    let options = labelled_options(source.write(dir.path()), TEST, &out);
    convert_labelled(&options, &silent).unwrap();
    let whole = contents(&out);

    let kept = out.join("test/kitchen/rgb_00006.png");
    let before = fs::metadata(&kept).unwrap().modified().unwrap();
    for name in [
        "nyuv2_test.csv",
        "dataset.toml",
        "test/kitchen/sync_depth_00002.png",
    ] {
        fs::remove_file(out.join(name)).unwrap();
    }
    // A leftover of a killed process; an empty and a truncated file after a crash of the machine.
    let leftover = "test/kitchen/.sync_depth_00002.png.x7Qb2A.incomplete";
    fs::write(out.join(leftover), b"half").unwrap();
    fs::write(out.join("test/home_office/rgb_00001.png"), b"").unwrap();
    let cut = out.join("test/home_office/raw_depth_00005.png");
    fs::write(&cut, &fs::read(&cut).unwrap()[..60]).unwrap();
    let converted = convert_labelled(&options, &silent).unwrap();
    assert_eq!((converted.written, converted.kept), (3, 4));
    assert_same(&contents(&out), &whole);
    assert_eq!(fs::metadata(&kept).unwrap().modified().unwrap(), before);
}

#[test]
fn both_forms_of_scipy_s_files_and_ours_give_the_split() {
    let dir = tempfile::tempdir().unwrap();
    let mat = Labelled::default().write(dir.path());
    let ours = matlab_splits(&[3, 1], &[2]);
    for (index, file) in [fixture("splits.mat"), fixture("splits_plain.mat"), ours]
        .iter()
        .enumerate()
    {
        let (split, out) = (dir.path().join("s.mat"), dir.path().join(index.to_string()));
        fs::write(&split, file).unwrap();
        let options = labelled_options(mat.clone(), FrameSplit::File(split), &out);
        convert_labelled(&options, &silent).unwrap();
        let list = fs::read_to_string(out.join("nyuv2_labeled_train.csv")).unwrap();
        assert!(list.starts_with("train/kitchen/rgb_00000.png,"), "{list}");
        assert!(out.join("test/home_office/rgb_00001.png").exists());
    }
}

#[test]
fn mismatched_splits_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mat = Labelled::default().write(dir.path());
    let beside = dir.path().join("splits.mat");
    let error = refused(
        &mat,
        FrameSplit::Beside,
        &beside,
        "indoor_seg_sup/splits.mat",
    );
    assert!(matches!(error, ConvertError::MissingSplits { .. }));
    for (train, test, words) in [
        (&[1, 2][..], &[2, 3][..], "frame 2 occurs twice"),
        (&[1, 1], &[2, 3], "frame 1 occurs twice"),
        (&[1], &[3], "frame 2 is in neither list"),
        (&[1, 2, 3], &[4], "testNdxs contains frame 4"),
        (&[0, 1, 2], &[3], "trainNdxs contains frame 0"),
    ] {
        fs::write(&beside, matlab_splits(train, test)).unwrap();
        refused(&mat, FrameSplit::Beside, &beside, words);
    }
    for (file, words) in [
        (vec![], "shorter than its header"),
        (vec![0; 4096], "not a MATLAB 5 header"),
        (matlab_splits(&[], &[])[..128].to_vec(), "has no trainNdxs"),
        (vec![b'x'; 2 << 20], "bytes is too large"),
        (Labelled::default().bytes(), "not a MATLAB 5 header"),
    ] {
        fs::write(&beside, file).unwrap();
        refused(&mat, FrameSplit::Beside, &beside, words);
    }
}

#[test]
fn files_of_other_contents_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mat = dir.path().join("labelled.mat");
    let error = refused(&mat, TEST, &mat, "cannot read");
    assert!(error.to_string().contains("check the path"));
    for (bytes, words) in [
        (vec![], "not an intact HDF5 file"),
        (b"<html>Moved</html>".to_vec(), "not an intact HDF5 file"),
        (frame_h5(0), "`images` is missing"),
    ] {
        fs::write(&mat, bytes).unwrap();
        refused(&mat, TEST, &mat, words);
    }
    for scene in ["../../etc", "a/b", "", "kitchen\\x", "C:", "küche"] {
        let names: &'static [&'static str] = Box::leak(Box::new([scene]));
        let source = Labelled {
            scenes: ("sceneTypes", names),
            ..Labelled::default()
        };
        let words = if scene.is_empty() {
            "`sceneTypes` refers to"
        } else {
            "frame 0 belongs to the scene"
        };
        refused(&source.write(dir.path()), TEST, &mat, words);
    }
    let source = Labelled {
        scenes: ("places", &["kitchen"]),
        ..Labelled::default()
    };
    refused(
        &source.write(dir.path()),
        TEST,
        &mat,
        "`sceneTypes` is missing, and so is `scenes`",
    );
}

/// A truncated copy of any length.
#[test]
fn every_truncation_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mat = dir.path().join("labelled.mat");
    let whole = fixture("labelled.mat");
    for length in (0..whole.len()).step_by(97) {
        fs::write(&mat, &whole[..length]).unwrap();
        refused(&mat, TEST, &mat, "");
    }
}
