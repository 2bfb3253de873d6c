//! KITTI: lists, paths of the files, and three real pairs, if available.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use image::{ImageBuffer, Luma, Rgb, RgbImage};
use mde_datasets::{
    BtsGeometry, DataKind, DataSpec, DatasetError, DepthEncoding, Loader, LoaderConfig, MeterInput,
    Preprocessing, RgbdList, Split, mean_depth,
};
use tempfile::TempDir;

use crate::common::real_data;

const ENCODING: DepthEncoding = DepthEncoding::U16_OVER_256;
const DRIVE: &str = "2011_09_26/2011_09_26_drive_0002_sync";

/// A data folder in the paper's layout; each pair is a number and its (height, width).
fn folder(pairs: &[(u32, (u32, u32))]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for &(number, (height, width)) in pairs {
        let (rgb, depth) = (dir.path().join(rgb(number)), dir.path().join(depth(number)));
        for path in [&rgb, &depth] {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
        }
        RgbImage::from_pixel(width, height, Rgb([9, 99, 199]))
            .save(rgb)
            .unwrap();
        ImageBuffer::<Luma<u16>, Vec<u16>>::from_pixel(width, height, Luma([12 * 256 + 64]))
            .save(depth)
            .unwrap();
    }
    dir
}

fn rgb(number: u32) -> String {
    format!("{DRIVE}/image_02/data/{number:010}.png")
}

fn depth(number: u32) -> String {
    format!("{DRIVE}/proj_depth/groundtruth/image_02/{number:010}.png")
}

fn open(root: &Path, text: impl AsRef<[u8]>) -> Result<RgbdList, DatasetError> {
    let list = root.join("list.txt");
    fs::write(&list, text).unwrap();
    RgbdList::open_kitti(root, &list, ENCODING)
}

fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{message}` does not say `{part}`");
    }
}

#[test]
fn pairs_load_with_focal_lengths_and_lines_without_depth_are_counted() {
    let dir = folder(&[(69, (7, 11)), (54, (7, 11))]);
    let text = format!(
        "\u{feff}{} {} 721.5377\r\n\n  {}\tNone  718.856\n{}  {} 707.0912  \n{} None 1",
        rgb(69),
        depth(69),
        rgb(1),
        rgb(54),
        depth(54),
        rgb(2),
    );
    let list = open(dir.path(), text).unwrap();
    assert_eq!(
        (list.len(), list.without_depth(), list.max_depth()),
        (2, 2, 80.0)
    );
    assert_eq!(list.id(0), format!("{DRIVE}/image_02/data/0000000069"));
    let sample = list.load(1).unwrap();
    assert_eq!(sample.focal, Some(707.0912));
    assert_eq!(sample.depth.metres, vec![12.25; 77]);
    assert_eq!(
        mean_depth(&list).unwrap(),
        12.25,
        "beyond 10 m, but within KITTI's range"
    );
    let meter = Preprocessing::Meter(MeterInput::kitti()).training();
    list.check(meter.as_ref()).unwrap();
}

#[test]
fn a_malformed_line_is_named_with_what_was_expected() {
    let dir = folder(&[(69, (7, 11))]);
    let good = format!("{} {} 721.5377", rgb(69), depth(69));
    for (line, parts) in [
        ("a.png b.png", &["2 fields", "focal length is missing"][..]),
        ("a.png", &["1 field (`a.png`)"]),
        ("a.png,b.png,721.5", &["1 field (`a.png,b.png,721.5`)"]),
        ("a.png b.png 721.5 c.png d.png", &["5 fields"]),
        ("a.png b.png focal", &["focal length `focal`"]),
        ("a.png None -1", &["focal length `-1`"]),
        ("a.png b.png 0", &["focal length `0`"]),
        ("a.png b.png NaN", &["focal length `NaN`"]),
    ] {
        let error = open(dir.path(), format!("{good}\n\n{line}\n{good}\n")).unwrap_err();
        assert!(
            matches!(&error, DatasetError::WrongLines { lines, .. } if lines == "line 3"),
            "{error:?}"
        );
        let expected = "expected `rgb depth focal`, separated by blanks";
        says(&error.to_string(), &["list.txt, line 3", expected]);
        says(&error.to_string(), parts);
    }
    let outside = format!("{good}\na.png ../b.png 700\n");
    let error = open(dir.path(), outside).unwrap_err().to_string();
    says(&error, &["line 2: `../b.png` leads out of the data folder"]);
    let error = open(dir.path(), [good.as_bytes(), b"\n\xff \xfe 1\n"].concat()).unwrap_err();
    says(&error.to_string(), &["line 2", "not UTF-8"]);
}

#[test]
fn a_list_without_any_depth_is_an_error() {
    let dir = folder(&[]);
    let error = open(dir.path(), "a.png None 700\nb.png None 700\n").unwrap_err();
    assert!(matches!(
        error,
        DatasetError::NoDepthListed { images: 2, .. }
    ));
    says(
        &error.to_string(),
        &["list.txt", "all 2 images", "ground truth"],
    );
    let error = open(dir.path(), "\n \n").unwrap_err();
    assert!(matches!(error, DatasetError::EmptyList { .. }));
    says(&error.to_string(), &["empty", "`rgb depth focal`"]);
}

#[test]
fn missing_files_are_named_with_the_searched_folders() {
    let dir = folder(&[(69, (7, 11))]);
    let line = |n| format!("{} {} 721.5377\n", rgb(n), depth(n));
    let error = open(dir.path(), [line(69), line(70)].concat()).unwrap_err();
    assert!(matches!(error, DatasetError::MissingFiles { count: 2, .. }));
    says(
        &error.to_string(),
        &[
            "2 of the listed files",
            &rgb(70),
            &depth(70),
            "raw_data",
            "data_depth_annotated/val",
        ],
    );
}

#[test]
fn bts_s_lists_and_the_downloads_folders_are_read_as_well() {
    let dir = folder(&[(69, (7, 11))]);
    let root = dir.path();
    let line = format!("{} {} 721.5377\n", rgb(69), depth(69));
    let fingerprint = open(root, &line).unwrap().fingerprint().unwrap();
    fs::create_dir(root.join("raw_data")).unwrap();
    let undated = depth(69)["2011_09_26/".len()..].to_owned();
    let annotated = root.join("data_depth_annotated/val").join(&undated);
    fs::create_dir_all(annotated.parent().unwrap()).unwrap();
    fs::rename(root.join(depth(69)), annotated).unwrap();
    fs::rename(root.join("2011_09_26"), root.join("raw_data/2011_09_26")).unwrap();
    let moved = open(root, &line).unwrap();
    assert_eq!(moved.load(0).unwrap().depth.size(), (7, 11));
    assert_eq!(
        moved.fingerprint().unwrap(),
        fingerprint,
        "the folder of the files does not matter"
    );
    let of_bts = open(root, format!("{} {undated} 721.5377\n", rgb(69))).unwrap();
    assert_eq!(of_bts.id(0), moved.id(0));
    let meter = Preprocessing::Meter(MeterInput::kitti()).training();
    of_bts.check(meter.as_ref()).unwrap();
    // The files are smaller than the benchmark crop.
    let bts = Preprocessing::Bts(BtsGeometry::kitti()).training();
    let error = of_bts.check(bts.as_ref()).unwrap_err();
    assert!(
        matches!(&error, DatasetError::CropDoesNotFit { id, .. } if id == of_bts.id(0)),
        "{error}"
    );
}

#[test]
fn both_kinds_open_their_own_lists() {
    let dir = folder(&[(69, (7, 11))]);
    let line = format!("{} {} 721.5377\n", rgb(69), depth(69));
    for (name, train, test) in [
        (
            "kitti",
            "eigen_train_files_with_gt.txt",
            "eigen_test_files_with_gt_652.txt",
        ),
        ("streets", "streets_train.txt", "streets_test.txt"),
    ] {
        let spec: DataSpec = format!("{name}:{}", dir.path().display()).parse().unwrap();
        let error = spec.open(Split::Train, None).unwrap_err();
        says(&error.to_string(), &[train, "`rgb depth focal`"]);
        for (split, file) in [(Split::Train, train), (Split::Test, test)] {
            fs::write(dir.path().join(file), &line).unwrap();
            let list = spec.open(split, None).unwrap();
            assert_eq!((list.encoding(), list.max_depth()), (ENCODING, 80.0));
            assert_eq!(list.load(0).unwrap().focal, Some(721.5377));
        }
    }
}

#[test]
fn drives_of_different_sizes_share_a_batch_after_the_crop() {
    let sizes = [
        (375, 1242),
        (370, 1224),
        (370, 1226),
        (374, 1238),
        (376, 1241),
    ];
    let pairs: Vec<_> = (0..).zip(sizes).collect();
    let dir = folder(&pairs);
    let text: String = (0..5)
        .map(|n| format!("{} {} 718.856\n", rgb(n), depth(n)))
        .collect();
    let list = Arc::new(open(dir.path(), text).unwrap());
    for (preprocessing, train, eval, gt) in [
        (
            Preprocessing::Bts(BtsGeometry::kitti()),
            (352, 704),
            (352, 1216),
            (352, 1216),
        ),
        (
            Preprocessing::Bts(BtsGeometry::kitti_quarter()),
            (88, 176),
            (88, 304),
            (352, 1216),
        ),
        (
            Preprocessing::Meter(MeterInput::kitti()),
            (192, 636),
            (192, 636),
            (192, 636),
        ),
    ] {
        let config = LoaderConfig {
            batch_size: 5,
            seed: 3,
            workers: 2,
            prefetch: 1,
            shuffle: true,
            drop_last: true,
        };
        let first = |transform| {
            let loader = Loader::new(Arc::clone(&list), transform, config).unwrap();
            loader.epoch(0, 0).next().unwrap().unwrap()
        };
        let batch = first(preprocessing.training());
        assert_eq!((batch.len(), batch.image_size), (5, train));
        assert_eq!(batch.focals, Some(vec![718.856; 5]));
        let batch = first(preprocessing.evaluation());
        assert_eq!((batch.image_size, batch.depth_size), (eval, gt));
        assert!(batch.depths.iter().all(|&d| d == 12.25));
        assert_eq!(batch.rgb.len(), 5);
    }
}

/// The three real pairs, by a list written here.
fn real() -> Option<(TempDir, RgbdList)> {
    let root = real_data("kitti-sample")?;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("list.txt");
    let line = |n| format!("rgb/{n:010}.png depth/{n:010}.png 721.5377\n");
    fs::write(&file, [5, 50, 100].map(line).concat()).unwrap();
    let list = RgbdList::open_kitti(&root, &file, ENCODING).unwrap();
    Some((dir, list))
}

fn share_measured(metres: &[f32]) -> f64 {
    metres.iter().filter(|&&d| d > 0.0).count() as f64 / metres.len() as f64
}

#[test]
fn the_real_pairs_are_sparse_and_reach_far() {
    let Some((_dir, list)) = real() else { return };
    for index in 0..3 {
        let sample = list.load(index).unwrap();
        assert_eq!(
            (sample.depth.size(), sample.focal),
            ((375, 1242), Some(721.5377))
        );
        let metres = &sample.depth.metres;
        assert!(
            (0.1..0.25).contains(&share_measured(metres)),
            "{}",
            share_measured(metres)
        );
        let far = metres.iter().copied().fold(0.0, f32::max);
        assert!((40.0..90.0).contains(&far), "{far}");
        assert!(metres.iter().all(|&d| d == 0.0 || d > 2.0));
        // Nothing is measured in the sky.
        assert_eq!(share_measured(&metres[..100 * 1242]), 0.0);
    }
    let mean = mean_depth(&list).unwrap();
    assert!((10.0..30.0).contains(&mean), "{mean}");
}

#[test]
fn real_pairs_at_a_quarter_keep_most_of_the_ground_measured() {
    let Some((_dir, list)) = real() else { return };
    let list = Arc::new(list);
    let config = LoaderConfig {
        batch_size: 3,
        seed: 0,
        workers: 2,
        prefetch: 1,
        shuffle: false,
        drop_last: false,
    };
    let recipe = Preprocessing::Bts(BtsGeometry::kitti_quarter());
    let eval = Loader::new(Arc::clone(&list), recipe.evaluation(), config).unwrap();
    let eval = eval.epoch(0, 0).next().unwrap().unwrap();
    assert_eq!((eval.image_size, eval.depth_size), ((88, 304), (352, 1216)));
    assert_eq!(eval.focals, Some(vec![721.5377; 3]));
    let measured: BTreeSet<u32> = eval.depths.iter().map(|d| d.to_bits()).collect();
    let full = share_measured(&eval.depths);

    let train = Loader::new(list, recipe.training(), config).unwrap();
    for epoch in 0..4 {
        let batch = train.epoch(epoch, 0).next().unwrap().unwrap();
        assert_eq!((batch.image_size, batch.depth_size), ((88, 176), (88, 176)));
        assert!(batch.depths.iter().all(|d| measured.contains(&d.to_bits())));
        let share = share_measured(&batch.depths);
        assert!(
            share > 2.0 * full,
            "{share} of the target, {full} of the file"
        );
    }
}

#[test]
fn the_papers_test_list_has_652_pairs() {
    let Some(splits) = real_data("splits") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let name = "eigen_test_files_with_gt_652.txt";
    fs::copy(splits.join(name), dir.path().join(name)).unwrap();
    let spec = DataSpec {
        kind: Some(DataKind::Kitti),
        root: dir.path().to_owned(),
    };
    // Every line is parsed; only the files are missing.
    let error = spec.open(Split::Test, None).unwrap_err();
    assert!(
        matches!(error, DatasetError::MissingFiles { count: 1304, .. }),
        "{error:?}"
    );
}
