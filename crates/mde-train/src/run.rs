//! A whole training run in its folder: begin or resume, step, record, checkpoint.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use candle_core::Device;
use mde_analysis::depth_input;
use mde_datasets::{Loader, LoaderConfig};
use mde_models::{LoadReport, Parameters};

use crate::files::{write_aside, write_json};
use crate::{Checkpoint, RunConfig, StepAt, StepRecord, TrainError, Trainer};

/// The folder of a run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The folder at `path`, which need not exist yet.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration it was trained with.
    ///
    /// # Errors
    /// If there is none, or it is broken.
    pub fn config(&self) -> Result<RunConfig, TrainError> {
        let path = self.config_path();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(TrainError::NoRun {
                    folder: self.path.clone(),
                    config: path,
                });
            }
            Err(source) => return Err(TrainError::File { path, source }),
        };
        serde_json::from_slice(&bytes).map_err(|source| TrainError::Json { path, source })
    }

    /// Whether a run was begun here: whether it has a configuration, of whatever content.
    pub fn is_begun(&self) -> bool {
        self.config_path().exists()
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    /// If there is none.
    pub fn checkpoint(&self) -> Result<Checkpoint, TrainError> {
        Checkpoint::newest(&self.path)?.ok_or_else(|| TrainError::NoCheckpoint {
            folder: self.path.clone(),
        })
    }

    /// Whether the folder is this run's already; an error if it is another's. Writes nothing.
    fn is_claimed(&self, config: &RunConfig) -> Result<bool, TrainError> {
        let path = self.config_path();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(TrainError::File { path, source }),
        };
        let there: serde_json::Value =
            serde_json::from_slice(&bytes).map_err(|source| TrainError::Json { path, source })?;
        match config.difference(&there) {
            None => Ok(true),
            Some((setting, found, asked)) => Err(TrainError::OtherRun {
                folder: self.path.clone(),
                setting,
                found,
                asked,
            }),
        }
    }

    /// Makes the folder this run's.
    fn claim(&self, config: &RunConfig) -> Result<(), TrainError> {
        let failed = |path: PathBuf| move |source| TrainError::File { path, source };
        fs::create_dir_all(&self.path).map_err(failed(self.path.clone()))?;
        let path = self.config_path();
        write_json(&path, config).map_err(failed(path))
    }

    fn config_path(&self) -> PathBuf {
        self.path.join("config.json")
    }

    fn records_path(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// Keeps the records up to `step`: later ones will be measured again.
    fn truncate_records(&self, step: u64) -> Result<(), TrainError> {
        let path = self.records_path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound && step == 0 => String::new(),
            Err(source) => return Err(TrainError::File { path, source }),
        };
        let kept: String = text
            .lines()
            .take_while(|line| {
                serde_json::from_str::<StepRecord>(line).is_ok_and(|record| record.step <= step)
            })
            .map(|line| format!("{line}\n"))
            .collect();
        write_aside(&path, kept.as_bytes()).map_err(|source| TrainError::File { path, source })
    }
}

/// What does not change the numbers of a run.
#[derive(Debug, Clone, Copy)]
pub struct TrainOptions {
    /// Steps between checkpoints; a kill loses at most so many.
    pub checkpoint_every: u64,
}

/// What a training run tells while it runs.
#[derive(Debug)]
#[non_exhaustive]
pub enum TrainEvent<'a> {
    /// The initial weights were read, and met the network so. Not told of a run that goes on from a checkpoint.
    Initialised(&'a LoadReport),
    /// A step was taken.
    Step(&'a StepRecord),
}

/// Trains from the newest checkpoint of the folder, or from the beginning, to the last step.
///
/// Interrupted at any moment and called again with the same configuration, the run
/// ends in the same weights and records as an undisturbed one.
///
/// # Errors
/// If a setting cannot be used or the loader does not follow it, the folder holds another run or cannot be written, a
/// sample cannot be loaded, the initial weights do not fit, or the loss is not finite. Nothing is written before the
/// initial weights and a first batch could be loaded.
pub fn train(
    config: &RunConfig,
    loader: &Loader,
    folder: &RunFolder,
    device: &Device,
    options: TrainOptions,
    observer: &mut dyn FnMut(TrainEvent<'_>),
) -> Result<(), TrainError> {
    check(config, loader, options)?;
    let parameters = Parameters::new(config.seed, device);
    let mut trainer = Trainer::new(
        &config.model,
        parameters,
        config.adam,
        config.loss,
        config.assignment.as_ref(),
    )?;
    let claimed = folder.is_claimed(config)?;
    let mut done = 0;
    if let Some(checkpoint) = Checkpoint::newest(folder.path())? {
        let (parameters, adam) = trainer.optimiser();
        checkpoint.restore(parameters, adam)?;
        done = checkpoint.step;
        tracing::info!(step = done, "going on from the checkpoint");
    } else if let Some(init) = &config.init {
        let report = init.fill(trainer.parameters())?;
        observer(TrainEvent::Initialised(&report));
    }
    if !claimed {
        loader.epoch(1, 0).next().transpose()?;
        folder.claim(config)?;
    }
    folder.truncate_records(done)?;
    let path = folder.records_path();
    let failed = |source| TrainError::File {
        path: path.clone(),
        source,
    };
    let mut records = OpenOptions::new()
        .append(true)
        .open(&path)
        .map_err(failed)?;

    let mut saved = done;
    let per_epoch = loader.batches_per_epoch() as u64;
    while done < config.steps {
        let epoch = done / per_epoch + 1;
        for batch in loader.epoch(epoch, (done % per_epoch) as usize) {
            let batch = batch?;
            let input = depth_input(&batch, device)?;
            let depths = batch.depth_tensor(device)?;
            let rate = config
                .schedule
                .rate(config.learning_rate, epoch, done, config.steps);
            let at = StepAt {
                step: done + 1,
                epoch,
                learning_rate: rate,
            };
            let (record, _) = trainer.step(&input, &depths, &batch.ids, at)?;
            if !record.loss.is_finite() {
                return Err(TrainError::NonFiniteLoss {
                    loss: record.loss,
                    step: record.step,
                    images: batch.ids,
                    checkpoint: saved,
                    learning_rate: rate,
                });
            }
            done += 1;
            let mut line = serde_json::to_vec(&record).map_err(|source| TrainError::Json {
                path: path.clone(),
                source,
            })?;
            line.push(b'\n');
            records.write_all(&line).map_err(failed)?;
            observer(TrainEvent::Step(&record));
            if done % options.checkpoint_every == 0 || done == config.steps {
                // Records first: a checkpoint never knows more than they do.
                records.sync_all().map_err(failed)?;
                let (parameters, adam) = trainer.optimiser();
                Checkpoint::write(folder.path(), done, parameters, adam)?;
                saved = done;
            }
            if done == config.steps {
                break;
            }
        }
    }
    Ok(())
}

fn check(config: &RunConfig, loader: &Loader, options: TrainOptions) -> Result<(), TrainError> {
    let wrong = |setting, value: String, reason: String| {
        Err(TrainError::Setting {
            setting,
            value,
            reason,
        })
    };
    for (setting, value) in [
        ("steps", config.steps),
        ("checkpoint-every", options.checkpoint_every),
    ] {
        if value == 0 {
            return wrong(setting, value.to_string(), "it must be at least 1".into());
        }
    }
    let rate = config.learning_rate;
    if !(rate.is_finite() && rate > 0.0) {
        let reason = "it must be a positive, finite number";
        return wrong("learning-rate", rate.to_string(), reason.into());
    }
    // The folder would promise an order and an augmentation that the batches do not have.
    let loads = loader.config();
    let expected = LoaderConfig {
        batch: config.batch,
        seed: config.seed,
        shuffle: true,
        drop_last: true,
        ..loads
    };
    if loads != expected {
        let reason = format!("the run's configuration needs {expected:?}");
        return wrong("loader", format!("{loads:?}"), reason);
    }
    Ok(())
}
