//! `dataset.toml`, locks, links, folders that are not writable.

use std::fs;
use std::sync::Mutex;

use mde_convert::{
    ArchiveOptions, ConvertError, FastDepthOptions, FrameSplit, RgbFormat, Split,
    convert_fastdepth, convert_labelled, extract_mff,
};
use mde_test_kit::matlab_splits;

use crate::common::*;

#[test]
fn the_manifest_names_the_training_set_converted_last_and_keeps_the_test_set() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("data");
    let manifest = || fs::read_to_string(out.join("dataset.toml")).unwrap();
    let mat = Labelled::default().write(dir.path());
    fs::write(dir.path().join("splits.mat"), matlab_splits(&[1, 2], &[3])).unwrap();
    convert_labelled(&labelled_options(mat, FrameSplit::Beside, &out), &silent).unwrap();
    let official = "\
# What `mde --data DIR` reads; written by mde convert.
name = \"nyu\"
scene = \"indoor\"            # indoor: to 10 m

[train]
list = \"nyuv2_labeled_train.csv\"
encoding = \"u16-mm\"

[test]
list = \"nyuv2_test.csv\"
encoding = \"u16-mm\"
";
    assert_eq!(manifest(), official);

    // The user's entries stay.
    fs::write(
        out.join("dataset.toml"),
        official.replace("[test]", "[test] # mine\nkey = 1"),
    )
    .unwrap();
    let archive = dir.path().join("data.zip");
    let pair = ["data/nyu2_train/a_out/1.jpg", "data/nyu2_train/a_out/1.png"];
    fs::write(&archive, zip_of(&pair.map(|name| (name, vec![1])))).unwrap();
    extract_mff(
        &ArchiveOptions {
            archive,
            list: None,
            out: out.clone(),
        },
        &silent,
    )
    .unwrap();
    let expected = official
        .replace("[test]", "[test] # mine\nkey = 1")
        .replacen(
            "nyuv2_labeled_train.csv\"\nencoding = \"u16-mm\"",
            "nyuv2_train.csv\"\nencoding = \"u8/25.5\"",
            1,
        );
    assert_eq!(manifest(), expected);

    let source = dir.path().join("val-000000.tar");
    fs::write(&source, tar_of(&[("val/official/00001.h5", frame_h5(0))])).unwrap();
    let options = FastDepthOptions {
        source,
        split: None,
        rgb: RgbFormat::Png,
        out: out.clone(),
    };
    convert_fastdepth(&options, &silent).unwrap();
    assert_eq!(
        manifest(),
        expected,
        "a validation set does not replace the test set"
    );

    for text in ["[train\n", "train = 3\n"] {
        fs::write(out.join("dataset.toml"), text).unwrap();
        let source = dir.path().join("train-000000.tar");
        fs::write(&source, tar_of(&[("train/a/00001.h5", frame_h5(0))])).unwrap();
        let options = FastDepthOptions {
            source,
            split: None,
            rgb: RgbFormat::Png,
            out: out.clone(),
        };
        let error = convert_fastdepth(&options, &silent).unwrap_err();
        assert!(matches!(error, ConvertError::Manifest { .. }), "{error}");
        assert_eq!(manifest(), text);
    }
}

#[test]
fn a_second_conversion_into_the_folder_is_refused_while_the_first_runs() {
    let dir = tempfile::tempdir().unwrap();
    let mat = Labelled::default().write(dir.path());
    let options = labelled_options(mat, FrameSplit::All(Split::Test), &dir.path().join("data"));
    let refused = Mutex::new(None);
    convert_labelled(&options, &|_| {
        *refused.lock().unwrap() = convert_labelled(&options, &silent).err();
    })
    .unwrap();
    let refused = refused.into_inner().unwrap();
    let Some(ConvertError::Busy(held)) = refused else {
        panic!("{refused:?}");
    };
    let holder = format!("process {}", std::process::id());
    assert!(held.to_string().contains(&holder), "{held}");
    convert_labelled(&options, &silent).unwrap();
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mat = Labelled::default().write(dir.path());
    let split = FrameSplit::All(Split::Test);
    let file = dir.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = convert_labelled(
        &labelled_options(mat.clone(), split.clone(), &file),
        &silent,
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("cannot lock") && error.contains("file/.lock"),
        "{error}"
    );

    // A file in place of a scene's folder.
    let out = dir.path().join("data");
    fs::create_dir_all(out.join("test")).unwrap();
    fs::write(out.join("test/kitchen"), b"").unwrap();
    let error = convert_labelled(&labelled_options(mat, split, &out), &silent).unwrap_err();
    assert!(error.to_string().contains("test/kitchen"), "{error}");
    assert!(!out.join("nyuv2_test.csv").exists());
}

#[cfg(unix)]
#[test]
fn planted_links_are_not_followed() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let mat = Labelled::default().write(dir.path());
    let (out, elsewhere) = (dir.path().join("data"), dir.path().join("elsewhere"));
    fs::create_dir_all(&out).unwrap();
    fs::create_dir_all(&elsewhere).unwrap();
    let options = labelled_options(mat, FrameSplit::All(Split::Test), &out);
    let victim = elsewhere.join("victim");
    fs::write(&victim, b"mine").unwrap();

    symlink(&victim, out.join(".lock")).unwrap();
    assert!(convert_labelled(&options, &silent).is_err());
    fs::remove_file(out.join(".lock")).unwrap();

    symlink(&elsewhere, out.join("test")).unwrap();
    let error = convert_labelled(&options, &silent).unwrap_err();
    assert!(matches!(error, ConvertError::OutsideFolder(_)), "{error}");
    assert!(error.to_string().contains("symbolic link"), "{error}");
    assert_eq!(names(&elsewhere), ["victim"]);
    assert_eq!(fs::read(&victim).unwrap(), b"mine");
}
