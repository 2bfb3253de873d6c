//! The loader: the same batches for any number of threads, exact resuming, clean stops.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::Folder;
use candle_core::{DType, Device};
use mde_datasets::{
    ChaCha8Rng, DatasetError, DepthMap, Example, ExampleBatch, Loader, LoaderConfig, MffEval,
    MffGeometry, MffTrain, Sample, Transform,
};

const SMALL: MffGeometry = MffGeometry {
    shorter_side: 13,
    crop: (11, 15),
    target: (5, 7),
};
const CONFIG: LoaderConfig = LoaderConfig {
    batch_size: 3,
    seed: 9,
    workers: 2,
    prefetch: 2,
    shuffle: true,
    drop_last: false,
};

fn loader(folder: &Folder, config: LoaderConfig) -> Loader {
    let list = Arc::new(folder.open().unwrap());
    Loader::new(list, Arc::new(MffTrain { geometry: SMALL }), config).unwrap()
}

fn batches(loader: &Loader, epoch: u64, first: usize) -> Vec<ExampleBatch> {
    loader
        .epoch(epoch, first)
        .collect::<Result<_, _>>()
        .unwrap()
}

fn ids(batches: &[ExampleBatch]) -> Vec<String> {
    batches.iter().flat_map(|batch| batch.ids.clone()).collect()
}

#[test]
fn an_epoch_does_not_depend_on_the_workers_or_the_first_batch() {
    let folder = Folder::new(11);
    let whole = batches(
        &loader(
            &folder,
            LoaderConfig {
                workers: 1,
                ..CONFIG
            },
        ),
        4,
        0,
    );
    assert_eq!(whole.len(), 4);
    for workers in [1, 3] {
        for prefetch in [0, 1, 100] {
            let loader = loader(
                &folder,
                LoaderConfig {
                    workers,
                    prefetch,
                    ..CONFIG
                },
            );
            assert_eq!(
                whole,
                batches(&loader, 4, 0),
                "{workers} workers, prefetch {prefetch}"
            );
            assert_eq!(whole[2..], batches(&loader, 4, 2), "resumed at batch 2");
        }
    }
}

#[test]
fn every_epoch_shows_every_sample_once_in_its_own_order() {
    let folder = Folder::new(11);
    let loader = loader(&folder, CONFIG);
    let (first, second) = (batches(&loader, 0, 0), batches(&loader, 1, 0));
    assert_eq!(
        first.iter().map(ExampleBatch::len).collect::<Vec<_>>(),
        [3, 3, 3, 2]
    );
    assert_ne!(ids(&first), ids(&second));
    for epoch in [first, second] {
        let mut ids = ids(&epoch);
        ids.sort_unstable();
        assert_eq!(
            ids,
            (0..11).map(|i| format!("train/{i:05}")).collect::<Vec<_>>()
        );
    }
}

#[test]
fn augmentation_changes_from_epoch_to_epoch_and_with_the_seed() {
    let folder = Folder::new(3);
    let still = LoaderConfig {
        shuffle: false,
        ..CONFIG
    };
    let first = batches(&loader(&folder, still), 0, 0);
    assert_eq!(ids(&first), ["train/00000", "train/00001", "train/00002"]);
    assert_ne!(
        first[0].images,
        batches(&loader(&folder, still), 1, 0)[0].images
    );
    let reseeded = loader(&folder, LoaderConfig { seed: 10, ..still });
    assert_ne!(first[0].images, batches(&reseeded, 0, 0)[0].images);
}

#[test]
fn a_sample_s_augmentation_does_not_depend_on_its_batch() {
    let folder = Folder::new(4);
    let by_one = batches(
        &loader(
            &folder,
            LoaderConfig {
                batch_size: 1,
                ..CONFIG
            },
        ),
        0,
        0,
    );
    let by_three = batches(&loader(&folder, CONFIG), 0, 0);
    let joined: Vec<f32> = by_one
        .iter()
        .flat_map(|batch| batch.images.clone())
        .collect();
    let same: Vec<f32> = by_three
        .iter()
        .flat_map(|batch| batch.images.clone())
        .collect();
    assert_eq!(joined, same);
}

/// Saved runs resume in the middle of an epoch, so a dependency that shuffles differently must be
/// detected. If this changes on purpose, note it in the changelog.
#[test]
fn the_order_of_a_seed_is_pinned() {
    let folder = Folder::new(8);
    let order = ids(&batches(&loader(&folder, CONFIG), 0, 0));
    let numbers: Vec<&str> = order.iter().map(|id| &id[id.len() - 1..]).collect();
    assert_eq!(numbers.concat(), "36250147");
}

#[test]
fn incomplete_batches_can_be_dropped() {
    let folder = Folder::new(8);
    let dropping = loader(
        &folder,
        LoaderConfig {
            drop_last: true,
            ..CONFIG
        },
    );
    let keeping = loader(&folder, CONFIG);
    assert_eq!(
        (dropping.batches_per_epoch(), keeping.batches_per_epoch()),
        (2, 3)
    );
    assert_eq!(batches(&dropping, 0, 0)[..], batches(&keeping, 0, 0)[..2]);
    assert!(batches(&dropping, 0, 2).is_empty());
    assert!(batches(&keeping, 0, 99).is_empty());
    assert_eq!(keeping.epoch(0, 1).size_hint(), (1, Some(2)));
}

#[test]
fn options_out_of_range_are_named() {
    let folder = Folder::new(2);
    let list = Arc::new(folder.open().unwrap());
    for (config, parts) in [
        (
            LoaderConfig {
                batch_size: 0,
                ..CONFIG
            },
            ["batch-size is 0", "at least 1"],
        ),
        (
            LoaderConfig {
                workers: 0,
                ..CONFIG
            },
            ["workers is 0", "at least 1"],
        ),
        (
            LoaderConfig {
                batch_size: 3,
                drop_last: true,
                ..CONFIG
            },
            ["batch-size is 3", "list.csv (2 pairs)"],
        ),
    ] {
        let transform = Arc::new(MffTrain { geometry: SMALL });
        let Err(error) = Loader::new(Arc::clone(&list), transform, config) else {
            panic!("{config:?}")
        };
        let message = error.to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    }
    assert_eq!(
        batches(&loader(&folder, CONFIG), 0, 0)[0].len(),
        2,
        "a batch may exceed the list"
    );
}

#[test]
fn an_error_names_the_file_and_ends_the_epoch() {
    let folder = Folder::new(9);
    for number in [4, 5] {
        folder.write(&format!("train/{number:05}.png"), "no image");
    }
    let loader = loader(
        &folder,
        LoaderConfig {
            shuffle: false,
            workers: 3,
            ..CONFIG
        },
    );
    let mut epoch = loader.epoch(0, 0);
    assert_eq!(epoch.next().unwrap().unwrap().ids[0], "train/00000");
    let message = epoch.next().unwrap().unwrap_err().to_string();
    assert!(
        message.contains("00004.png"),
        "the first of the two: {message}"
    );
    assert!(epoch.next().is_none() && epoch.next().is_none());
}

#[test]
fn a_file_that_vanishes_after_opening_is_an_error() {
    let folder = Folder::new(1);
    let loader = loader(&folder, CONFIG);
    fs::remove_file(folder.path("train/00000_depth.png")).unwrap();
    let error = loader.epoch(0, 0).next().unwrap().unwrap_err();
    assert!(
        matches!(&error, DatasetError::Read { path, .. } if path.ends_with("train/00000_depth.png"))
    );
}

/// Counts its calls; panics or changes size at the given sample.
#[derive(Default)]
struct Counting {
    calls: AtomicUsize,
    panic_on: Option<&'static str>,
    grow_on: Option<&'static str>,
}

impl Transform for Counting {
    fn check_size(&self, _: &str, _: (usize, usize)) -> Result<(), DatasetError> {
        Ok(())
    }

    fn apply(&self, sample: Sample, _: &mut ChaCha8Rng) -> Result<Example, DatasetError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        assert!(self.panic_on != Some(&sample.id), "no such luck");
        let width = if self.grow_on == Some(&sample.id) {
            2
        } else {
            1
        };
        Ok(Example {
            id: sample.id,
            image: vec![0.0; 3 * width],
            image_size: (1, width),
            depth: sample.depth,
            frame: None,
            focal: None,
            rgb: None,
        })
    }

    fn input_size(&self) -> (usize, usize) {
        (1, 1)
    }

    fn target_size(&self) -> (usize, usize) {
        (26, 35)
    }
}

#[test]
fn dropping_an_epoch_stops_its_workers_and_prefetch_is_bounded() {
    let folder = Folder::new(40);
    let transform = Arc::new(Counting::default());
    let list = Arc::new(folder.open().unwrap());
    let shared: Arc<dyn Transform> = transform.clone();
    let config = LoaderConfig {
        batch_size: 2,
        prefetch: 3,
        ..CONFIG
    };
    let loader = Loader::new(list, shared, config).unwrap();
    let mut epoch = loader.epoch(0, 0);
    epoch.next().unwrap().unwrap();
    drop(epoch);
    assert_eq!(
        Arc::strong_count(&transform),
        2,
        "no worker holds the transform any more"
    );
    let calls = transform.calls.load(Ordering::SeqCst);
    assert!(
        (2..=2 * (1 + 3)).contains(&calls),
        "{calls} samples for 1 batch and 3 ahead"
    );
}

#[test]
fn a_panic_in_a_transform_is_an_error_not_a_hang() {
    let folder = Folder::new(9);
    let transform = Counting {
        panic_on: Some("train/00001"),
        ..Counting::default()
    };
    let config = LoaderConfig {
        shuffle: false,
        ..CONFIG
    };
    let loader = Loader::new(
        Arc::new(folder.open().unwrap()),
        Arc::new(transform),
        config,
    )
    .unwrap();
    let message = loader.epoch(0, 0).next().unwrap().unwrap_err().to_string();
    assert!(
        message.contains("train/00001") && message.contains("no such luck"),
        "{message}"
    );
}

#[test]
fn examples_of_different_sizes_are_refused() {
    let folder = Folder::new(3);
    let transform = Counting {
        grow_on: Some("train/00002"),
        ..Counting::default()
    };
    let config = LoaderConfig {
        shuffle: false,
        ..CONFIG
    };
    let loader = Loader::new(
        Arc::new(folder.open().unwrap()),
        Arc::new(transform),
        config,
    )
    .unwrap();
    let message = loader.epoch(0, 0).next().unwrap().unwrap_err().to_string();
    assert!(message.contains("train/00002: image is 1x2"), "{message}");
}

#[test]
fn tensors_hold_the_batch_in_its_order() {
    let folder = Folder::new(3);
    let transform = MffEval {
        input: SMALL,
        gt: MffGeometry {
            crop: (9, 13),
            ..SMALL
        },
    };
    let list = Arc::new(folder.open().unwrap());
    let loader = Loader::new(list, Arc::new(transform), CONFIG).unwrap();
    let batch = loader.epoch(0, 0).next().unwrap().unwrap();
    assert_eq!((batch.rgb.len(), batch.rgb[0].len()), (3, 9 * 13 * 3));
    let images = batch.image_tensor(&Device::Cpu).unwrap();
    let depths = batch.depth_tensor(&Device::Cpu).unwrap();
    assert_eq!(
        (images.dims(), depths.dims()),
        (&[3, 3, 11, 15][..], &[3, 1, 9, 13][..])
    );
    assert_eq!((images.dtype(), depths.dtype()), (DType::F32, DType::F32));
    assert_eq!(
        images.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
        batch.images
    );
    assert_eq!(
        depths.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
        batch.depths
    );
    assert!(batch.depths.contains(&0.0) && batch.depths.iter().any(|&d| d > 1.0));
}

#[test]
fn focal_lengths_reach_the_batch_if_the_list_gives_them() {
    let folder = Folder::new(2);
    let transform = MffEval {
        input: SMALL,
        gt: SMALL,
    };
    let first = |folder: &Folder| {
        let config = LoaderConfig {
            batch_size: 2,
            shuffle: false,
            ..CONFIG
        };
        let list = Arc::new(folder.open().unwrap());
        let loader = Loader::new(list, Arc::new(transform), config).unwrap();
        loader.epoch(0, 0).next().unwrap().unwrap()
    };
    let batch = first(&folder);
    assert_eq!(batch.focals, None);
    assert!(batch.focal_tensor(&Device::Cpu).unwrap().is_none());
    folder.write(
        "list.csv",
        "train/00000.png,train/00000_depth.png,718.5\ntrain/00001.png,train/00001_depth.png,707\n",
    );
    let batch = first(&folder);
    assert_eq!(batch.focals, Some(vec![718.5, 707.0]));
    let tensor = batch.focal_tensor(&Device::Cpu).unwrap().unwrap();
    assert_eq!(tensor.dims(), [2]);
    assert_eq!(tensor.to_vec1::<f32>().unwrap(), [718.5, 707.0]);
}

#[test]
fn a_batch_of_which_only_some_have_focal_lengths_is_an_error() {
    let example = |id: &str, focal| Example {
        id: id.to_owned(),
        image: vec![0.0; 3],
        image_size: (1, 1),
        depth: DepthMap {
            height: 1,
            width: 1,
            metres: vec![1.0],
        },
        frame: None,
        focal,
        rgb: None,
    };
    let mixed = vec![example("a", None), example("b", Some(700.0))];
    let error = ExampleBatch::collate(mixed).unwrap_err();
    assert!(matches!(error, DatasetError::MixedFocals { .. }));
    let message = error.to_string();
    assert!(message.contains("b: has a focal length"), "{message}");
}
