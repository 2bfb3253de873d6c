//! Rooms through the public interface: frames, their statistics, and the written folder.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use mde_scenes::{
    KINECT_MAX_DEPTH, RenderConfig, SceneError, render_room, room_sheet, write_rooms,
};

fn small() -> RenderConfig {
    RenderConfig {
        seed: 11,
        train: 4,
        test: 2,
        width: 49,
        height: 37,
    }
}

fn write(dir: &Path, config: &RenderConfig) -> Result<mde_scenes::RenderSummary, SceneError> {
    write_rooms(dir, config, &|_| ())
}

/// All files below a folder with their contents.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for part in ["", "train", "test"] {
        for entry in fs::read_dir(dir.join(part)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && !path.ends_with(".lock") {
                let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

#[test]
fn frames_depend_on_all_arguments_and_nothing_else() {
    let frame = render_room(3, 5, 65, 47);
    assert_eq!(frame, render_room(3, 5, 65, 47));
    assert_ne!(frame.rgb, render_room(4, 5, 65, 47).rgb);
    assert_ne!(frame.rgb, render_room(3, 6, 65, 47).rgb);
}

#[test]
fn size_changes_the_sampling_but_not_the_room() {
    let (small, large) = (render_room(3, 9, 64, 48), render_room(3, 9, 192, 144));
    let mean = |depths: &[f32]| depths.iter().sum::<f32>() / depths.len() as f32;
    assert!((mean(&small.exact) / mean(&large.exact) - 1.0).abs() < 0.02);
}

#[test]
fn a_frame_without_pixels_is_empty() {
    for (width, height) in [(0, 0), (0, 9), (9, 0)] {
        assert!(render_room(1, 1, width, height).exact.is_empty());
    }
}

#[test]
fn depths_are_spread_and_part_of_them_is_invalid() {
    let (mut means, mut holes) = (Vec::new(), Vec::new());
    for index in 0..80 {
        let frame = render_room(2, index, 80, 60);
        let pixels = frame.depth.as_raw();
        let valid: Vec<f64> = pixels
            .iter()
            .filter(|&&mm| mm > 0)
            .map(|&mm| f64::from(mm) / 1000.0)
            .collect();
        let hole = 1.0 - valid.len() as f64 / pixels.len() as f64;
        assert!(hole < 0.8, "fraction {hole} of room {index} is invalid");
        assert!(
            frame.exact.iter().all(|z| z.is_finite() && *z > 0.3),
            "room {index} has a leak"
        );
        assert!(valid.iter().all(|&z| z <= f64::from(KINECT_MAX_DEPTH)));
        means.push(valid.iter().sum::<f64>() / valid.len() as f64);
        holes.push(hole);
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let least = means.iter().copied().fold(f64::INFINITY, f64::min);
    let most = means.iter().copied().fold(0.0, f64::max);
    assert!(
        (2.0..3.6).contains(&mean(&means)),
        "mean depth {}",
        mean(&means)
    );
    assert!(
        least < 1.7 && most > 4.0,
        "mean depths from {least} to {most}"
    );
    assert!(
        (0.03..0.3).contains(&mean(&holes)),
        "fraction of invalid depth {}",
        mean(&holes)
    );
}

#[test]
fn measured_depth_equals_exact_depth_up_to_sensor_noise() {
    let frame = render_room(6, 2, 160, 120);
    for (&mm, &z) in frame.depth.as_raw().iter().zip(&frame.exact) {
        let allowed = 5.0 * (0.0012 + 0.0019 * (z - 0.4).powi(2)) + 0.003 * z * z + 0.002;
        assert!(
            mm == 0 || (f32::from(mm) / 1000.0 - z).abs() < allowed,
            "{mm} mm for {z} m"
        );
    }
}

#[test]
fn photographs_have_sound_exposure_and_contrast() {
    for index in 0..40 {
        let rgb = render_room(9, index, 80, 60).rgb;
        let values: Vec<f64> = rgb.as_raw().iter().map(|&v| f64::from(v)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let deviation =
            (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
        assert!(
            (50.0..215.0).contains(&mean) && deviation > 12.0,
            "room {index}: {mean} +- {deviation}"
        );
    }
}

#[test]
fn the_layout_is_readable() {
    let folder = tempfile::tempdir().unwrap();
    let events = Mutex::new(Vec::new());
    let summary = write_rooms(folder.path(), &small(), &|event| {
        events.lock().unwrap().push(event)
    })
    .unwrap();
    assert_eq!((summary.rendered, summary.kept), (6, 0));
    let mut done = Vec::new();
    for event in events.into_inner().unwrap() {
        assert_eq!((event.total, event.kept), (6, false));
        done.push(event.done);
    }
    done.sort_unstable();
    assert_eq!(done, [1, 2, 3, 4, 5, 6]);
    let list = fs::read_to_string(summary.train_list).unwrap();
    assert_eq!(list.lines().count(), 4);
    assert_eq!(
        list.lines().next(),
        Some("train/room_00000.jpg,train/room_00000.png")
    );
    assert_eq!(
        fs::read_to_string(summary.test_list)
            .unwrap()
            .lines()
            .count(),
        2
    );
    for line in list.lines() {
        let (rgb, depth) = line.split_once(',').unwrap();
        let rgb = image::open(folder.path().join(rgb)).unwrap();
        let depth = image::open(folder.path().join(depth)).unwrap();
        assert_eq!(rgb.color(), image::ColorType::Rgb8);
        assert_eq!(depth.color(), image::ColorType::L16);
        assert_eq!((rgb.width(), rgb.height()), (49, 37));
        assert_eq!((depth.width(), depth.height()), (49, 37));
    }
    let png = image::open(folder.path().join("train/room_00002.png"))
        .unwrap()
        .to_luma16();
    assert_eq!(png, render_room(11, 2, 49, 37).depth);
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    let write_with = |threads: usize| {
        let folder = tempfile::tempdir().unwrap();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| write(folder.path(), &small())).unwrap();
        contents(folder.path())
    };
    assert_eq!(write_with(1), write_with(5));
}

#[test]
fn an_interrupted_run_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    // Killed before anything had its final name.
    fs::write(dir.join(".rooms.json.a1b2c3.incomplete"), "{").unwrap();
    write(dir, &small()).unwrap();
    let whole = contents(dir);
    assert_eq!(
        whole.len(),
        3 + 2 * 6,
        "and no leftovers: {:?}",
        whole.keys()
    );
    for gone in [
        "train/room_00001.jpg",
        "train/room_00003.png",
        "test/room_00000.jpg",
        "test/room_00000.png",
    ] {
        fs::remove_file(dir.join(gone)).unwrap();
    }
    fs::remove_file(dir.join("rooms_train.csv")).unwrap();
    let leftover = "train/.room_00001.jpg.a1b2c3.incomplete";
    fs::write(dir.join(leftover), "half").unwrap();
    let summary = write(dir, &small()).unwrap();
    assert_eq!((summary.rendered, summary.kept), (3, 3));
    assert_eq!(contents(dir), whole);
    let again = write(dir, &small()).unwrap();
    assert_eq!((again.rendered, again.kept), (0, 6));
}

#[test]
fn test_rooms_do_not_depend_on_the_number_of_training_rooms() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(one.path(), &small()).unwrap();
    write(
        two.path(),
        &RenderConfig {
            train: 1,
            ..small()
        },
    )
    .unwrap();
    let name = "test/room_00001.jpg";
    assert_eq!(contents(one.path())[name], contents(two.path())[name]);
    assert_ne!(
        contents(one.path())[name],
        contents(one.path())["train/room_00001.jpg"]
    );
}

#[test]
fn counts_and_sides_of_zero_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("new");
    let bad = [
        (
            "train",
            RenderConfig {
                train: 0,
                ..small()
            },
        ),
        ("test", RenderConfig { test: 0, ..small() }),
        (
            "width",
            RenderConfig {
                width: 0,
                ..small()
            },
        ),
        (
            "height",
            RenderConfig {
                height: 0,
                ..small()
            },
        ),
        (
            "height",
            RenderConfig {
                height: 100_000,
                ..small()
            },
        ),
    ];
    for (name, config) in bad {
        let error = write(&dir, &config).unwrap_err();
        assert!(
            matches!(error, SceneError::Config { field, .. } if field == name),
            "{error}"
        );
        assert!(!dir.exists());
    }
}

#[test]
fn a_folder_of_another_configuration_is_refused_and_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &small()).unwrap();
    let before = contents(folder.path());
    let error = write(
        folder.path(),
        &RenderConfig {
            seed: 12,
            width: 64,
            ..small()
        },
    )
    .unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("rendered with seed 11, width 49, not seed 12, width 64"),
        "{message}"
    );
    assert_eq!(contents(folder.path()), before);
}

#[test]
fn foreign_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("train")).unwrap();
    let error = write(folder.path(), &small()).unwrap_err();
    assert!(matches!(error, SceneError::ForeignFolder { .. }), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    fs::write(folder.path().join("rooms.json"), "[1, 2]").unwrap();
    let error = write(folder.path(), &small()).unwrap_err();
    assert!(matches!(error, SceneError::Manifest { .. }), "{error}");
}

#[test]
fn a_folder_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &small()).unwrap();
    let lock = mde_files::FolderLock::try_acquire(folder.path()).unwrap();
    let error = write(folder.path(), &small()).unwrap_err();
    assert!(matches!(error, SceneError::Lock(_)), "{error}");
    drop(lock);
    assert_eq!(write(folder.path(), &small()).unwrap().kept, 6);
}

#[test]
fn a_folder_that_cannot_be_created_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = write(&file.join("rooms"), &small()).unwrap_err();
    assert!(
        matches!(
            error,
            SceneError::Io {
                action: "create",
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("file/rooms"), "{error}");
}

#[test]
fn a_failed_write_leaves_no_list_and_no_partial_file() {
    let folder = tempfile::tempdir().unwrap();
    // A folder in the place of one image simulates a disk failure in the middle.
    write(folder.path(), &small()).unwrap();
    for gone in ["train/room_00002.png", "rooms_train.csv", "rooms_test.csv"] {
        fs::remove_file(folder.path().join(gone)).unwrap();
    }
    let obstacle = folder.path().join("train/room_00002.png");
    fs::create_dir(&obstacle).unwrap();
    let error = write(folder.path(), &small()).unwrap_err();
    assert!(
        matches!(
            error,
            SceneError::Io {
                action: "write",
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("room_00002.png"), "{error}");
    let left = contents(folder.path());
    assert!(!left.contains_key("rooms_train.csv"));
    assert!(
        left.keys().all(|name| !name.ends_with(".incomplete")),
        "{:?}",
        left.keys()
    );
}

#[test]
fn the_sheet_has_room_for_all_pairs() {
    let sheet = room_sheet(1, 5, 2, 24, 18);
    assert_eq!(sheet.dimensions(), (2 * (2 * 24 + 8) + 4, 3 * 22 + 4));
    assert_eq!(room_sheet(1, 0, 0, 24, 18).height(), 4);
}
