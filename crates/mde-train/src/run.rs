//! A whole training run in its folder: begin or resume, step, record, checkpoint.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};

use candle_core::Device;
use mde_datasets::{Loader, LoaderConfig};
use mde_files::{FolderLock, write_atomic};
use mde_models::{DepthInput, LoadReport, Parameters};
use mde_results::{
    EarlierData, InitialPart, InitialWeights, RunFolder, StepRecord, names, to_json,
};

use crate::error::file_error;
use crate::{RunConfig, StepAt, TrainError, Trainer, checkpoint};

/// Options that do not change the numbers of a run.
#[derive(Debug, Clone, Copy)]
pub struct TrainOptions {
    /// Steps between checkpoints: the steps lost at most if the process is killed.
    pub checkpoint_every: u64,
    /// Continue a run although the files of its training data have changed since it began, such as
    /// after a damaged image was replaced. `config.json` records the change.
    pub accept_changed_data: bool,
}

/// Events of a training run.
#[derive(Debug)]
pub enum TrainEvent<'a> {
    /// The initial weights were loaded. Not sent for a run that resumes from a checkpoint.
    Initialised(&'a LoadReport),
    /// A step was taken.
    Step(&'a StepRecord),
}

/// Trains from the newest checkpoint of the folder, or from the beginning, to the last step.
///
/// Interrupted at any moment and called again with the same configuration, the run ends in the same
/// weights and records as an undisturbed one. `_lock` is the folder's,
/// [`RunFolder::lock_training`]: two processes in one folder would destroy each other's files.
///
/// # Errors
/// If a setting cannot be used or the loader does not follow it, the folder holds another run or
/// cannot be written, a sample cannot be loaded, the initial weights do not fit, or the loss is not
/// finite. Nothing is written before the initial weights were loaded and a first step was computed.
pub fn train(
    config: &RunConfig,
    loader: &Loader,
    folder: &RunFolder,
    _lock: &FolderLock,
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
    let begun = begun_config(config, folder, options)?;
    let mut done = 0;
    if let Some(newest) = folder.checkpoints()?.pop() {
        let (parameters, adam) = trainer.optimiser();
        checkpoint::restore(&newest, parameters, adam)?;
        done = newest.step;
        tracing::info!(step = done, "resuming from the checkpoint");
    } else if let Some(init) = &config.init {
        let report = load_initial(init, trainer.parameters())?;
        observer(TrainEvent::Initialised(&report));
    }
    let mut records = None;
    match begun {
        // Written after the first step: a run that cannot be trained leaves no folder.
        None => {}
        Some(begun) if begun.data.fingerprint != config.data.fingerprint => {
            let mut config = config.clone();
            config.data.earlier = begun.data.earlier;
            config.data.earlier.push(EarlierData {
                fingerprint: begun.data.fingerprint,
                steps: done,
            });
            write_config(&config, folder)?;
            records = Some(open_records(folder, done)?);
        }
        Some(_) => records = Some(open_records(folder, done)?),
    }
    let path = folder.file(names::RECORDS);
    let mut saved = done;
    let per_epoch = loader.batches_per_epoch() as u64;
    while done < config.steps {
        let epoch = done / per_epoch + 1;
        for batch in loader.epoch(epoch, (done % per_epoch) as usize) {
            let batch = batch?;
            let input = DepthInput {
                image: batch.image_tensor(device)?,
                focal: batch.focal_tensor(device)?,
            };
            let depths = batch.depth_tensor(device)?;
            let rate = config
                .schedule
                .rate(config.learning_rate, epoch, done, config.steps);
            let at = StepAt {
                step: done + 1,
                epoch,
                learning_rate: rate,
            };
            let record = trainer.step(&input, &depths, &batch.ids, at)?;
            let records = match &mut records {
                Some(records) => records,
                None => {
                    write_config(config, folder)?;
                    records.insert(open_records(folder, done)?)
                }
            };
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
            records.write_all(&line).map_err(file_error(&path))?;
            observer(TrainEvent::Step(&record));
            if done % options.checkpoint_every == 0 || done == config.steps {
                // Records first: a checkpoint must never be ahead of them.
                records.sync_all().map_err(file_error(&path))?;
                let (parameters, adam) = trainer.optimiser();
                checkpoint::write(folder, done, parameters, adam)?;
                saved = done;
            }
            if done == config.steps {
                break;
            }
        }
    }
    Ok(())
}

/// The configuration that the folder's run was begun with; `None` for a new folder. Writes nothing.
///
/// # Errors
/// If the folder holds another run.
fn begun_config(
    config: &RunConfig,
    folder: &RunFolder,
    options: TrainOptions,
) -> Result<Option<RunConfig>, TrainError> {
    if !folder.has_config() {
        return Ok(None);
    }
    let begun = RunConfig::read(folder)?;
    let other_data = begun.data.fingerprint != config.data.fingerprint
        && begun.data.name == config.data.name
        && begun.data.images == config.data.images;
    let mut expected = begun.clone();
    if other_data {
        // Compared last: a change of files alone has a remedy of its own.
        expected.data = config.data.clone();
    }
    if let Some((setting, found, asked)) = config.difference(&expected)? {
        return Err(TrainError::OtherRun {
            folder: folder.path().to_owned(),
            setting,
            found,
            asked,
        });
    }
    if other_data && !options.accept_changed_data {
        return Err(TrainError::DataChanged {
            folder: folder.path().to_owned(),
            found: begun.data.fingerprint,
            asked: config.data.fingerprint.clone(),
        });
    }
    Ok(Some(begun))
}

fn write_config(config: &RunConfig, folder: &RunFolder) -> Result<(), TrainError> {
    let path = folder.file(names::CONFIG);
    write_atomic(&path, &to_json(config)?).map_err(file_error(&path))
}

/// Reads initial weights into a network's parameters. If they do not fit, nothing is changed.
fn load_initial(init: &InitialWeights, parameters: &Parameters) -> Result<LoadReport, TrainError> {
    let now = InitialWeights::new(&init.file, init.part).map_err(file_error(&init.file))?;
    if now.hash != init.hash {
        return Err(TrainError::InitialWeightsChanged {
            path: init.file.clone(),
        });
    }
    Ok(match init.part {
        InitialPart::Network => parameters.load(&init.file)?,
        InitialPart::Encoder => parameters.load_backbone(&init.file)?,
    })
}

/// Opens the records to append to them, after those of steps after `done` were removed.
fn open_records(folder: &RunFolder, done: u64) -> Result<File, TrainError> {
    truncate_records(folder, done)?;
    let path = folder.file(names::RECORDS);
    let opened = OpenOptions::new().append(true).open(&path);
    opened.map_err(file_error(&path))
}

/// Keeps the records up to `step`. Later ones are measured again.
fn truncate_records(folder: &RunFolder, step: u64) -> Result<(), TrainError> {
    let path = folder.file(names::RECORDS);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && step == 0 => String::new(),
        Err(source) => return Err(TrainError::File { path, source }),
    };
    let mut kept = String::new();
    let mut count = 0;
    for line in text.lines() {
        let record = serde_json::from_str::<StepRecord>(line);
        if !record.is_ok_and(|record| record.step == count + 1) || count == step {
            break;
        }
        count += 1;
        kept += line;
        kept.push('\n');
    }
    if count < step {
        return Err(TrainError::MissingRecords {
            path,
            found: count,
            checkpoint: step,
        });
    }
    write_atomic(&path, kept.as_bytes()).map_err(file_error(&path))
}

fn check(config: &RunConfig, loader: &Loader, options: TrainOptions) -> Result<(), TrainError> {
    for (setting, value) in [
        ("steps", config.steps),
        ("checkpoint-every", options.checkpoint_every),
    ] {
        if value == 0 {
            return Err(TrainError::setting(setting, value, "it must be at least 1"));
        }
    }
    let rate = config.learning_rate;
    if !(rate.is_finite() && rate > 0.0) {
        let reason = "it must be a positive, finite number";
        return Err(TrainError::setting("learning-rate", rate, reason));
    }
    // Otherwise the folder would record an order and an augmentation that the batches do not have.
    let loads = loader.config();
    let expected = LoaderConfig {
        batch_size: config.batch_size,
        seed: config.seed,
        shuffle: true,
        drop_last: true,
        ..loads
    };
    if loads != expected {
        let reason = format!("the run's configuration needs {expected:?}");
        return Err(TrainError::setting("loader", format!("{loads:?}"), reason));
    }
    Ok(())
}
