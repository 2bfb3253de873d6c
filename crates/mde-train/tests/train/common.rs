//! A small generated data set, and runs on it.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use candle_core::{Device, Tensor};
use image::{ImageBuffer, Luma, Rgb, RgbImage};
use mde_datasets::{
    DepthEncoding, Loader, LoaderConfig, MffGeometry, MffTrain, Preprocessing, RgbdList,
};
use mde_metrics::Discretisation;
use mde_results::{AssignmentConfig, RunFolder, StepRecord, TrainingData};
use mde_train::{
    AdamConfig, DepthLoss, RunConfig, Schedule, TrainError, TrainEvent, TrainOptions, train,
};
use tempfile::TempDir;

const PAIRS: u32 = 6;
const BATCH: usize = 2;
/// Batches in an epoch of [`Data`].
pub(crate) const EPOCH: u64 = 3;
/// More than one epoch.
pub(crate) const STEPS: u64 = 4;

/// An eighth of the paper's sizes, rounded up, so that tests are fast.
const GEOMETRY: MffGeometry = MffGeometry {
    shorter_side: 30,
    crop: (29, 38),
    target: (15, 19),
};

/// A folder with six pairs of 160x120 with missing depth, in which runs can be trained.
pub(crate) struct Data {
    dir: TempDir,
}

impl Data {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut lines = String::new();
        for number in 0..PAIRS {
            let (rgb, depth) = (format!("{number}.png"), format!("{number}_depth.png"));
            picture(number).save(dir.path().join(&rgb)).unwrap();
            depth_mm(number).save(dir.path().join(&depth)).unwrap();
            lines += &format!("{rgb},{depth}\n");
        }
        fs::write(dir.path().join("list.csv"), lines).unwrap();
        Self { dir }
    }

    pub(crate) fn folder(&self, name: &str) -> RunFolder {
        RunFolder::new(self.dir.path().join(name))
    }

    pub(crate) fn loader(&self, seed: u64, batch: usize) -> Loader {
        self.loader_of(GEOMETRY, seed, batch)
    }

    /// With training images of this geometry.
    pub(crate) fn loader_of(&self, geometry: MffGeometry, seed: u64, batch: usize) -> Loader {
        let root = self.dir.path();
        let list = RgbdList::open(root, &root.join("list.csv"), DepthEncoding::U16_MM);
        let transform = MffTrain { geometry };
        let config = LoaderConfig {
            batch_size: batch,
            seed,
            workers: 2,
            prefetch: 1,
            shuffle: true,
            drop_last: true,
        };
        Loader::new(Arc::new(list.unwrap()), Arc::new(transform), config).unwrap()
    }

    /// Trains in a folder to the end.
    pub(crate) fn train(&self, name: &str, config: &RunConfig) -> Result<(), TrainError> {
        self.train_watched(name, config, &mut |_| {})
    }

    pub(crate) fn train_watched(
        &self,
        name: &str,
        config: &RunConfig,
        watch: &mut dyn FnMut(&StepRecord),
    ) -> Result<(), TrainError> {
        self.train_with(name, config, false, watch)
    }

    /// Trains with this value of [`TrainOptions::accept_changed_data`].
    pub(crate) fn train_with(
        &self,
        name: &str,
        config: &RunConfig,
        accept_changed_data: bool,
        watch: &mut dyn FnMut(&StepRecord),
    ) -> Result<(), TrainError> {
        let options = TrainOptions {
            checkpoint_every: 2,
            accept_changed_data,
        };
        let (loader, folder) = (
            self.loader(config.seed, config.batch_size),
            self.folder(name),
        );
        let lock = folder.lock_training().unwrap();
        let mut observer = |event: TrainEvent<'_>| {
            if let TrainEvent::Step(record) = event {
                watch(record);
            }
        };
        train(
            config,
            &loader,
            &folder,
            &lock,
            &Device::Cpu,
            options,
            &mut observer,
        )
    }

    /// Trains until `step` is recorded and stops before the next checkpoint, as a kill would.
    pub(crate) fn train_killed_after(&self, step: u64, name: &str, config: &RunConfig) {
        let killed = catch_unwind(AssertUnwindSafe(|| {
            self.train_watched(name, config, &mut |record| {
                if record.step == step {
                    // Unlike `panic!`, prints nothing.
                    resume_unwind(Box::new("killed"));
                }
            })
        }));
        assert!(killed.is_err(), "the run ended before step {step}");
    }
}

fn picture(number: u32) -> RgbImage {
    RgbImage::from_fn(160, 120, |x, y| {
        Rgb([
            (x + 20 * number) as u8,
            (2 * y + x * number) as u8,
            (x * y / 50) as u8,
        ])
    })
}

/// A slope from 1 to 4 m. One pixel in eleven is missing.
fn depth_mm(number: u32) -> ImageBuffer<Luma<u16>, Vec<u16>> {
    ImageBuffer::from_fn(160, 120, |x, y| {
        let hole = (x + 3 * y + number).is_multiple_of(11);
        Luma([if hole {
            0
        } else {
            (1000 + 12 * x + 9 * y + 20 * number) as u16
        }])
    })
}

/// A plain run.
pub(crate) fn plain() -> RunConfig {
    RunConfig {
        format: 1,
        version: "0.1.0".to_owned(),
        model: "mff-tiny".to_owned(),
        seed: 7,
        data: TrainingData {
            name: "generated".to_owned(),
            fingerprint: "00".to_owned(),
            images: PAIRS as usize,
            mean_depth: 2.5,
            earlier: Vec::new(),
        },
        preprocessing: Preprocessing::Mff(GEOMETRY),
        init: None,
        batch_size: BATCH,
        steps: STEPS,
        learning_rate: 1e-3,
        schedule: Schedule::Step {
            epochs: 2,
            factor: 0.5,
        },
        loss: DepthLoss::Mff,
        adam: AdamConfig::default(),
        assignment: None,
    }
}

/// The same run with D and MFF assigned.
pub(crate) fn assigned(alpha: f64) -> RunConfig {
    RunConfig {
        assignment: Some(AssignmentConfig {
            alpha,
            layers: vec!["D".to_owned(), "MFF".to_owned()],
            discretisation: Discretisation::NYU,
            max_bins: 8,
        }),
        ..plain()
    }
}

pub(crate) fn records(folder: &RunFolder) -> Vec<StepRecord> {
    fs::read_to_string(folder.path().join("metrics.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The bits of all tensors of a safetensors file.
pub(crate) fn tensors(path: &Path) -> BTreeMap<String, Vec<u32>> {
    let tensors = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
    tensors
        .iter()
        .map(|(name, tensor)| (name.clone(), bits(tensor)))
        .collect()
}

pub(crate) fn bits(tensor: &Tensor) -> Vec<u32> {
    let values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
    values.into_iter().map(f32::to_bits).collect()
}

/// What a finished run leaves: weights, moments and the records' bytes.
#[derive(PartialEq)]
pub(crate) struct End {
    pub(crate) weights: BTreeMap<String, Vec<u32>>,
    moments: BTreeMap<String, Vec<u32>>,
    records: String,
}

pub(crate) fn end(folder: &RunFolder) -> End {
    let checkpoint = folder.newest_checkpoint().unwrap();
    End {
        weights: tensors(&checkpoint.weights()),
        moments: tensors(&checkpoint.folder.join("optimiser.safetensors")),
        records: fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap(),
    }
}

/// The configuration of [`undisturbed`].
pub(crate) fn usual() -> RunConfig {
    assigned(0.1)
}

/// What an undisturbed run leaves. It is trained once for all tests.
pub(crate) fn undisturbed() -> &'static End {
    static END: OnceLock<End> = OnceLock::new();
    END.get_or_init(|| {
        let data = Data::new();
        data.train("run", &usual()).unwrap();
        end(&data.folder("run"))
    })
}

/// The names in a run's `checkpoint` folder.
pub(crate) fn checkpoints(folder: &RunFolder) -> Vec<String> {
    let entries = fs::read_dir(folder.path().join("checkpoint")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub(crate) fn newest(folder: &RunFolder) -> Option<u64> {
    let newest = folder.checkpoints().unwrap().pop();
    newest.map(|checkpoint| checkpoint.step)
}

pub(crate) fn path(folder: &RunFolder, name: &str) -> PathBuf {
    folder.path().join(name)
}
