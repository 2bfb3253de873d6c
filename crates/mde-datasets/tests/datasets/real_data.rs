//! Real NYU Depth V2 frames, if available (in `MDE_DATA`, by default `../shared`).

use std::sync::Arc;

use crate::common::real_data;
use mde_datasets::{
    DataKind, DataSpec, DepthEncoding, Loader, LoaderConfig, MffEval, MffGeometry, MffTrain,
    RgbdList, Split, mean_depth,
};

fn nyu() -> Option<DataSpec> {
    Some(DataSpec {
        kind: Some(DataKind::Nyu),
        root: real_data("nyu-labeled")?,
    })
}

/// Smallest and largest measured depth.
fn range(metres: &[f32]) -> (f32, f32) {
    let measured = metres.iter().copied().filter(|&d| d > 0.0);
    measured.fold((f32::INFINITY, 0.0), |(low, high), d| {
        (low.min(d), high.max(d))
    })
}

#[test]
fn the_official_test_pairs_open_and_load() {
    let Some(spec) = nyu() else { return };
    let list = spec.open(Split::Test, None).unwrap();
    assert_eq!(list.len(), 654);
    assert_eq!(list.id(0), "test/kitchen/rgb_00000");
    for index in [0, 100, 653] {
        let sample = list.load(index).unwrap();
        assert_eq!(sample.rgb.dimensions(), (640, 480));
        assert_eq!(sample.depth.size(), (480, 640));
        let (low, high) = range(&sample.depth.metres);
        assert!(
            low >= 0.5 && high <= 10.0 && high > 1.5,
            "{}: {low} to {high} m",
            sample.id
        );
    }
}

#[test]
fn the_labelled_training_pairs_are_8_bit() {
    let Some(spec) = nyu() else { return };
    let list = spec.open(Split::Train, None).unwrap();
    assert_eq!(
        (list.len(), list.encoding()),
        (795, DepthEncoding::U8_OVER_25_5)
    );
    let sample = list.load(7).unwrap();
    assert_eq!(sample.depth.size(), (240, 320));
    let (low, high) = range(&sample.depth.metres);
    assert!(low >= 0.5 && high <= 10.0, "{low} to {high} m");
    let steps = sample.depth.metres.iter().map(|d| d * 25.5);
    assert!(
        steps
            .into_iter()
            .all(|step| (step - step.round()).abs() < 1e-4)
    );

    let as_mm = spec
        .open(Split::Train, Some(DepthEncoding::U16_MM))
        .unwrap();
    let message = as_mm.load(7).unwrap_err().to_string();
    assert!(message.contains("found 8-bit grey"), "{message}");
    let mean = mean_depth(&list).unwrap();
    assert!(
        (2.0..4.0).contains(&mean),
        "rooms are {mean} m deep on average"
    );
}

#[test]
fn invalid_depth_of_raw_frames_stays_invalid() {
    let Some(root) = real_data("nyu-raw-sample") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("raw.csv");
    let line = |n| format!("rgb_{n:05}.jpg,sync_depth_{n:05}.png\n");
    std::fs::write(&file, [0, 50, 100].map(line).concat()).unwrap();
    let list = Arc::new(RgbdList::open(&root, &file, DepthEncoding::U16_MM).unwrap());
    let share =
        |metres: &[f32]| metres.iter().filter(|&&d| d == 0.0).count() as f64 / metres.len() as f64;
    for index in 0..3 {
        let holes = share(&list.load(index).unwrap().depth.metres);
        assert!((0.005..0.6).contains(&holes), "{holes}");
    }
    let transform = MffEval {
        input: MffGeometry::half(),
        gt: MffGeometry::full(),
    };
    let config = LoaderConfig {
        batch_size: 3,
        seed: 0,
        workers: 2,
        prefetch: 1,
        shuffle: false,
        drop_last: false,
    };
    let loader = Loader::new(list, Arc::new(transform), config).unwrap();
    let batch = loader.epoch(0, 0).next().unwrap().unwrap();
    assert_eq!((batch.len(), batch.depth_size), (3, (228, 304)));
    assert!(
        batch
            .depths
            .chunks(228 * 304)
            .all(|depth| (0.001..0.6).contains(&share(depth)))
    );
}

#[test]
fn a_training_epoch_runs_on_real_frames() {
    let Some(spec) = nyu() else { return };
    let list = Arc::new(spec.open(Split::Train, None).unwrap());
    let transform = Arc::new(MffTrain {
        geometry: MffGeometry::full(),
    });
    let config = LoaderConfig {
        batch_size: 8,
        seed: 1,
        workers: 2,
        prefetch: 1,
        shuffle: true,
        drop_last: true,
    };
    let loader = Loader::new(list, transform, config).unwrap();
    assert_eq!(loader.batches_per_epoch(), 99);
    for batch in loader.epoch(0, 0).take(3) {
        let batch = batch.unwrap();
        assert_eq!(
            (batch.image_size, batch.depth_size),
            ((228, 304), (114, 152))
        );
        let mean =
            batch.images.iter().map(|&v| f64::from(v)).sum::<f64>() / batch.images.len() as f64;
        assert!(
            mean.abs() < 1.5,
            "normalised images have a mean near 0, found {mean}"
        );
        let (low, high) = range(&batch.depths);
        assert!(low >= 0.5 && high <= 10.0, "{low} to {high} m");
    }
}
