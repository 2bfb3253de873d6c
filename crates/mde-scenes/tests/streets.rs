//! Streets through the public interface: frames, their statistics, and the written folder.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mde_scenes::{
    Frame, KITTI_FOCAL, LIDAR_MAX_DEPTH, LIDAR_STEPS_PER_METRE, RenderConfig, RenderSummary,
    SceneError, render_street, street_sheet, write_rooms, write_streets,
};

fn small() -> RenderConfig {
    RenderConfig {
        seed: 11,
        train: 3,
        test: 2,
        width: 83,
        height: 25,
    }
}

fn write(dir: &Path, config: &RenderConfig) -> Result<RenderSummary, SceneError> {
    write_streets(dir, config, &|_| ())
}

/// All files below a folder with their contents.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with(".lock") {
                let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn measured(frame: &Frame) -> f64 {
    let pixels = frame.depth.as_raw();
    pixels.iter().filter(|&&stored| stored > 0).count() as f64 / pixels.len() as f64
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn frames_depend_on_all_arguments_and_nothing_else() {
    let frame = render_street(3, 5, 97, 31);
    assert_eq!(frame, render_street(3, 5, 97, 31));
    assert_ne!(frame.rgb, render_street(4, 5, 97, 31).rgb);
    assert_ne!(frame.rgb, render_street(3, 6, 97, 31).rgb);
}

#[test]
fn a_frame_without_pixels_is_empty() {
    for (width, height) in [(0, 0), (0, 9), (9, 0)] {
        assert!(render_street(1, 1, width, height).exact.is_empty());
    }
}

#[test]
fn size_changes_the_sampling_but_not_the_street() {
    let near = |frame: Frame| {
        let depths = frame.exact.iter().filter(|z| **z < 80.0);
        mean(&depths.map(|&z| f64::from(z)).collect::<Vec<_>>())
    };
    let (small, large) = (render_street(3, 9, 207, 63), render_street(3, 9, 621, 188));
    assert!((near(small) / near(large) - 1.0).abs() < 0.03);
}

#[test]
fn the_road_before_the_car_is_an_exact_plane_below_the_camera() {
    let (width, height) = (311, 94);
    let focal = KITTI_FOCAL * width as f32 / 1242.0;
    for index in 0..30 {
        let exact = render_street(8, index, width, height).exact;
        // Over a plane, 1 / z is affine in the pixel's coordinates.
        let inverse = |x: u32, y: u32| 1.0 / f64::from(exact[(y * width + x) as usize]);
        let (x, y) = (150, height - 4);
        let right = (inverse(x + 20, y) - inverse(x, y)) / 20.0;
        let down = (inverse(x, y + 3) - inverse(x, y)) / 3.0;
        for (dx, dy) in [(7, 1), (20, 3), (13, 2), (1, 3)] {
            let expected = inverse(x, y) + right * f64::from(dx) + down * f64::from(dy);
            let found = inverse(x + dx, y + dy);
            assert!(
                (found / expected - 1.0).abs() < 1e-4,
                "street {index}: {found}, {expected}"
            );
        }
        // Its slope downwards is 1 / (height * focal length), for small angles.
        let above = 1.0 / (down * f64::from(focal));
        assert!(
            (1.58..1.72).contains(&above),
            "street {index}: {above} m over the road"
        );
    }
}

#[test]
fn measured_depth_equals_exact_depth_up_to_noise_within_range() {
    for index in 0..6 {
        let frame = render_street(6, index, 414, 125);
        let mut off = Vec::new();
        for (&stored, &z) in frame.depth.as_raw().iter().zip(&frame.exact) {
            if stored > 0 {
                let metres = f32::from(stored) / LIDAR_STEPS_PER_METRE;
                assert!(metres <= LIDAR_MAX_DEPTH);
                assert!((metres - z).abs() < 0.06, "{metres} m for {z} m");
                off.push(f64::from(metres - z));
            }
        }
        assert!(mean(&off).abs() < 0.002, "no bias: {}", mean(&off));
    }
}

#[test]
fn depth_is_as_sparse_as_kittis_at_every_size() {
    // KITTI's three real pairs of this project's tests: 0.18 to 0.21 of all pixels.
    let (mut shares, mut halves, mut medians) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..16 {
        let frame = render_street(2, index, 414, 125);
        let share = measured(&frame);
        assert!((0.05..0.3).contains(&share), "street {index}: {share}");
        let above = &frame.depth.as_raw()[..414 * 125 / 4];
        let above = above.iter().filter(|&&stored| stored > 0).count();
        assert!(
            above < 414 * 125 / 200,
            "street {index}: {above} high above the scanner"
        );
        let rows = |from: usize, to: usize| {
            let part = &frame.depth.as_raw()[from * 414..to * 414];
            part.iter().filter(|&&stored| stored > 0).count() as f64 / part.len() as f64
        };
        assert!(
            rows(70, 105) > 0.2 && rows(70, 105) < 0.6,
            "{}",
            rows(70, 105)
        );
        shares.push(share);
        halves.push(measured(&render_street(2, index, 207, 63)));
        let mut depths: Vec<u16> = frame
            .depth
            .as_raw()
            .iter()
            .copied()
            .filter(|&d| d > 0)
            .collect();
        depths.sort_unstable();
        medians.push(f64::from(depths[depths.len() / 2]) / 256.0);
    }
    assert!((0.1..0.25).contains(&mean(&shares)), "{}", mean(&shares));
    assert!(
        (mean(&halves) / mean(&shares) - 1.0).abs() < 0.3,
        "{} {}",
        mean(&halves),
        mean(&shares)
    );
    assert!((8.0..18.0).contains(&mean(&medians)), "{}", mean(&medians));
}

#[test]
fn views_are_open_and_no_object_encloses_the_camera() {
    let (mut skies, mut far) = (Vec::new(), 0);
    for index in 0..60 {
        let exact = render_street(5, index, 124, 37).exact;
        let nearest = exact.iter().copied().fold(f32::INFINITY, f32::min);
        assert!(nearest > 1.0, "street {index}: something at {nearest} m");
        let sky = exact.iter().filter(|z| z.is_infinite()).count() as f64 / exact.len() as f64;
        skies.push(sky);
        let ahead = exact[(12..20)
            .map(|y| y * 124 + 60)
            .max_by(|a, b| exact[*a].total_cmp(&exact[*b]))
            .unwrap()];
        far += usize::from(ahead > 40.0);
    }
    assert!(
        (0.05..0.3).contains(&mean(&skies)),
        "{} of the images are sky",
        mean(&skies)
    );
    assert!(far >= 30, "only {far} of 60 streets have a view of 40 m");
}

#[test]
fn photographs_have_sound_exposure_and_contrast() {
    let mut means = Vec::new();
    for index in 0..40 {
        let rgb = render_street(9, index, 124, 37).rgb;
        let values: Vec<f64> = rgb.as_raw().iter().map(|&v| f64::from(v)).collect();
        let middle = mean(&values);
        let deviation =
            (values.iter().map(|v| (v - middle).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
        assert!(
            (60.0..215.0).contains(&middle) && deviation > 15.0,
            "street {index}: {middle} +- {deviation}"
        );
        means.push(middle);
    }
}

#[test]
fn the_layout_is_kittis() {
    let folder = tempfile::tempdir().unwrap();
    let summary = write_streets(folder.path(), &small(), &|event| {
        assert_eq!((event.total, event.kept), (5, false));
    })
    .unwrap();
    assert_eq!((summary.rendered, summary.kept), (5, 0));
    assert!(summary.train_list.ends_with("streets_train.txt"));
    let list = fs::read_to_string(&summary.train_list).unwrap();
    let focal = KITTI_FOCAL * (83.0 / 1242.0);
    assert_eq!(
        list.lines().next().unwrap(),
        format!(
            "train/image_02/data/0000000000.png train/proj_depth/groundtruth/image_02/0000000000.png {focal}"
        )
    );
    assert_eq!(list.lines().count(), 3);
    assert_eq!(
        fs::read_to_string(summary.test_list)
            .unwrap()
            .lines()
            .count(),
        2
    );
    for (number, line) in list.lines().enumerate() {
        let fields: Vec<&str> = line.split(' ').collect();
        let rgb = image::open(folder.path().join(fields[0])).unwrap();
        let depth = image::open(folder.path().join(fields[1])).unwrap();
        let frame = render_street(11, number as u64, 83, 25);
        assert_eq!(rgb.color(), image::ColorType::Rgb8);
        assert_eq!(depth.color(), image::ColorType::L16);
        assert_eq!((rgb.to_rgb8(), depth.to_luma16()), (frame.rgb, frame.depth));
    }
}

#[test]
fn at_kittis_size_the_list_gives_kittis_focal_length() {
    let folder = tempfile::tempdir().unwrap();
    let config = RenderConfig {
        train: 1,
        test: 1,
        height: 2,
        ..RenderConfig::streets()
    };
    let summary = write(folder.path(), &config).unwrap();
    let line = fs::read_to_string(summary.test_list).unwrap();
    assert!(line.ends_with(" 721.5377\n"), "{line}");
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads_nor_on_an_interruption() {
    let write_with = |threads: usize| {
        let folder = tempfile::tempdir().unwrap();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| write(folder.path(), &small())).unwrap();
        folder
    };
    let one = write_with(1);
    let whole = contents(one.path());
    assert_eq!(
        whole.len(),
        3 + 2 * 5,
        "and no leftovers: {:?}",
        whole.keys()
    );
    let four = write_with(4);
    assert_eq!(whole, contents(four.path()));
    for gone in [
        "train/image_02/data/0000000001.png",
        "test/proj_depth/groundtruth/image_02/0000000000.png",
        "streets_train.txt",
    ] {
        fs::remove_file(four.path().join(gone)).unwrap();
    }
    let summary = write(four.path(), &small()).unwrap();
    assert_eq!((summary.rendered, summary.kept), (2, 3));
    assert_eq!(whole, contents(four.path()));
}

#[test]
fn a_folder_of_rooms_or_of_other_streets_is_refused_and_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &small()).unwrap();
    let before = contents(folder.path());
    let other = RenderConfig {
        seed: 12,
        ..small()
    };
    let message = write(folder.path(), &other).unwrap_err().to_string();
    assert!(
        message.contains("streets.json was rendered with seed 11, not seed 12"),
        "{message}"
    );
    let error = write_rooms(folder.path(), &small(), &|_| ()).unwrap_err();
    assert!(matches!(error, SceneError::ForeignFolder { .. }));
    assert!(error.to_string().contains("no rooms.json"), "{error}");
    assert_eq!(contents(folder.path()), before);
}

#[test]
fn counts_of_zero_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("new");
    let config = RenderConfig { test: 0, ..small() };
    let error = write(&dir, &config).unwrap_err();
    assert!(
        matches!(error, SceneError::Config { field: "test", .. }),
        "{error}"
    );
    assert!(!dir.exists());
}

#[test]
fn the_sheet_has_room_for_all_pairs() {
    let sheet = street_sheet(1, 3, 2, 40, 12);
    assert_eq!(sheet.dimensions(), (2 * (2 * 40 + 8) + 4, 2 * 16 + 4));
}
