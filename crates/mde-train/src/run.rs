//! A whole training run in its folder: begin or resume, step, record, checkpoint.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use candle_core::Device;
use mde_datasets::Loader;
use mde_models::Parameters;

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
        let bytes = fs::read(&path).map_err(|source| TrainError::File {
            path: path.clone(),
            source,
        })?;
        serde_json::from_slice(&bytes).map_err(|source| TrainError::Json { path, source })
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

    /// Makes the folder this run's, or checks that it is.
    fn claim(&self, config: &RunConfig) -> Result<(), TrainError> {
        let path = self.config_path();
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| TrainError::File { path, source }
        };
        fs::create_dir_all(&self.path).map_err(failed(&self.path))?;
        if !path.exists() {
            return write_json(&path, config).map_err(failed(&path));
        }
        let bytes = fs::read(&path).map_err(failed(&path))?;
        let there: serde_json::Value =
            serde_json::from_slice(&bytes).map_err(|source| TrainError::Json { path, source })?;
        match config.difference(&there) {
            None => Ok(()),
            Some((setting, found, asked)) => Err(TrainError::OtherRun {
                folder: self.path.clone(),
                setting,
                found,
                asked,
            }),
        }
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
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && step == 0 => {
                String::new()
            }
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

/// Trains from the newest checkpoint of the folder, or from the beginning, to the last step.
///
/// `observer` sees every step. Interrupted at any moment and called again with the same configuration, the run
/// ends in the same weights and records as an undisturbed one.
///
/// # Errors
/// If the folder holds another run or cannot be written, a sample cannot be loaded, or the loss is not finite.
pub fn train(
    config: &RunConfig,
    loader: &Loader,
    folder: &RunFolder,
    device: &Device,
    options: TrainOptions,
    observer: &mut dyn FnMut(&StepRecord),
) -> Result<(), TrainError> {
    let wrong = |setting, value: String| {
        Err(TrainError::Setting {
            setting,
            value,
            reason: "it must be positive".to_owned(),
        })
    };
    if config.steps == 0 || options.checkpoint_every == 0 {
        return wrong(
            "steps",
            format!(
                "{} (checkpoint every {})",
                config.steps, options.checkpoint_every
            ),
        );
    }
    if !(config.learning_rate.is_finite() && config.learning_rate > 0.0) {
        return wrong("learning rate", config.learning_rate.to_string());
    }
    let parameters = Parameters::new(config.seed, device);
    let mut trainer = Trainer::new(
        &config.model,
        parameters,
        config.adam,
        config.assignment.as_ref(),
    )?;
    folder.claim(config)?;

    let mut done = 0;
    if let Some(checkpoint) = Checkpoint::newest(folder.path())? {
        let (parameters, adam) = trainer.optimiser();
        checkpoint.restore(parameters, adam)?;
        done = checkpoint.step;
        tracing::info!(step = done, "going on from the checkpoint");
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
            let (images, depths) = batch.to_tensors(device)?;
            let rate = config
                .schedule
                .rate(config.learning_rate, epoch, done, config.steps);
            let at = StepAt {
                step: done + 1,
                epoch,
                learning_rate: rate,
            };
            let (record, _) = trainer.step(&images, &depths, &batch.ids, at)?;
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
            observer(&record);
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
