//! Reads a finished run folder: configuration, training log, evaluation, dissection and example pictures.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use mde_metrics::results::{Dissection, Evaluation, FORMAT, LayerDissection};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::ReportError;
use crate::examples::{Example, read_examples};

/// The format of `config.json`, which `mde train` writes; the results have a number of their own, [`FORMAT`].
const CONFIG_FORMAT: u32 = 1;

/// The part of `config.json` that the report uses; other fields are kept in [`RunFolder::config_json`].
#[derive(Debug, Clone, Deserialize)]
pub struct RunConfig {
    /// Version of the toolkit that trained the model.
    pub version: String,
    /// Name of the network, e.g. "mff-tiny".
    pub model: String,
    /// Seed of every random draw of the training.
    pub seed: u64,
    /// Images a step.
    pub batch: usize,
    /// Optimiser steps asked for.
    pub steps: u64,
    /// Learning rate at the start.
    pub learning_rate: f64,
    /// The assignment of depth ranges to units; `None` for a plain model.
    pub assignment: Option<AssignmentConfig>,
    /// The training data.
    pub data: DataConfig,
    /// The weights that training began with; `None` began at random.
    #[serde(default)]
    pub init: Option<InitialWeights>,
    /// The command line that trained the model, if it was recorded.
    #[serde(default)]
    pub command: Option<String>,
}

/// The weights that training began with.
#[derive(Debug, Clone, Deserialize)]
pub struct InitialWeights {
    /// The file, as it was given.
    pub file: PathBuf,
    /// blake3 of its content.
    pub hash: String,
    /// "network", or "encoder" where the rest began at random.
    pub part: String,
}

/// How depth ranges were assigned to units in training.
#[derive(Debug, Clone, Deserialize)]
pub struct AssignmentConfig {
    /// Weight of the selectivity term of the loss.
    pub alpha: f64,
    /// Layers whose units own a depth range.
    pub layers: Vec<String>,
}

/// The training data as `config.json` records it.
#[derive(Debug, Clone, Deserialize)]
pub struct DataConfig {
    /// Name of the data set, e.g. "rooms".
    pub name: String,
    /// Hash over the list and all its files.
    pub fingerprint: String,
    /// Training images.
    pub images: u64,
    /// Mean of the valid training depths, metres.
    pub mean_depth: f64,
}

/// One line of `metrics.jsonl`.
#[derive(Debug, Clone, Deserialize)]
pub struct TrainStep {
    /// Optimiser step.
    pub step: u64,
    /// Loss that was minimised.
    pub loss: f64,
    /// The depth loss alone.
    pub base: f64,
    /// Assigned selectivity of the batch per layer; empty for a plain model.
    #[serde(default)]
    pub selectivity: BTreeMap<String, f64>,
}

/// A finished run: everything that a report is made from.
#[derive(Debug, Clone)]
pub struct RunFolder {
    /// The folder.
    pub path: PathBuf,
    /// What was asked for.
    pub config: RunConfig,
    /// `config.json` as it lies on disk.
    pub config_json: serde_json::Value,
    /// `evaluate.json`.
    pub evaluation: Evaluation,
    /// `dissect.json`.
    pub dissection: Dissection,
    /// `metrics.jsonl`; empty when the weights were not trained here and the file is absent.
    pub training: Vec<TrainStep>,
    /// `examples.safetensors`.
    pub examples: Vec<Example>,
}

impl RunFolder {
    /// Reads the run folder at `path` and checks that its parts belong together.
    ///
    /// # Errors
    /// The folder or the file of a stage is missing, a file is damaged or of another format, `evaluate.json` is of another
    /// network than `config.json`, or `evaluate.json` and `dissect.json` describe different weights.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        if !path.is_dir() {
            return Err(ReportError::RunMissing {
                path: path.to_owned(),
            });
        }
        let shown = path.display();
        let train = format!("mde train --out {shown}");
        let evaluate = format!("mde evaluate --run {shown}");
        let dissect = format!("mde dissect --run {shown}");

        let config_path = path.join("config.json");
        let config_json = read_json(&config_path, &train, CONFIG_FORMAT)?;
        let config = from_json(&config_path, &train, config_json.clone())?;
        let training = read_training(&path.join("metrics.jsonl"), &train)?;

        let evaluation_path = path.join("evaluate.json");
        let evaluation: Evaluation = from_json(
            &evaluation_path,
            &evaluate,
            read_json(&evaluation_path, &evaluate, FORMAT)?,
        )?;
        let examples = read_examples(&path.join("examples.safetensors"), &evaluate)?;

        let dissection_path = path.join("dissect.json");
        let dissection: Dissection = from_json(
            &dissection_path,
            &dissect,
            read_json(&dissection_path, &dissect, FORMAT)?,
        )?;
        for layer in &dissection.layers {
            check_layer(layer)
                .map_err(|problem| ReportError::malformed(&dissection_path, &dissect, problem))?;
        }

        let run = Self {
            path: path.to_owned(),
            config,
            config_json,
            evaluation,
            dissection,
            training,
            examples,
        };
        run.check_stages()?;
        Ok(run)
    }

    /// Layers whose units own a depth range; empty for a plain model.
    #[must_use]
    pub fn assigned_layers(&self) -> &[String] {
        self.config
            .assignment
            .as_ref()
            .map_or(&[], |assignment| &assignment.layers)
    }

    /// The dissection of the layer with this name.
    #[must_use]
    pub fn layer(&self, name: &str) -> Option<&LayerDissection> {
        self.dissection
            .layers
            .iter()
            .find(|layer| layer.layer == name)
    }

    /// `evaluate.json` must be of the network in `config.json`, and `dissect.json` of the same weights: one stage may have
    /// been run before the network was trained again, and the other after.
    fn check_stages(&self) -> Result<(), ReportError> {
        let measured = &self.evaluation.provenance.model;
        if *measured != self.config.model {
            return Err(ReportError::OtherModel {
                path: self.path.clone(),
                measured: measured.clone(),
                trained: self.config.model.clone(),
            });
        }
        let evaluated = &self.evaluation.provenance.checkpoint;
        let dissected = &self.dissection.provenance.checkpoint;
        if evaluated == dissected {
            return Ok(());
        }
        Err(ReportError::StageMismatch {
            path: self.path.clone(),
            evaluated: evaluated.clone(),
            dissected: dissected.clone(),
        })
    }
}

/// Charts and tables index by unit and bin: a file whose lengths disagree is refused here, once.
fn check_layer(layer: &LayerDissection) -> Result<(), String> {
    let name = &layer.layer;
    let (units, bins) = (layer.units, layer.bins.len());
    let lengths = [
        ("mean_response", units, layer.mean_response.len()),
        ("pixels", bins, layer.pixels.len()),
        ("reference.units", units, layer.reference.units.len()),
        ("valid_bins.units", units, layer.valid_bins.units.len()),
    ];
    let assigned = [
        ("reference.assigned", &layer.reference),
        ("valid_bins.assigned", &layer.valid_bins),
    ]
    .into_iter()
    .filter_map(|(field, part)| {
        part.assigned
            .as_ref()
            .map(|scores| (field, units, scores.len()))
    });
    for (field, expected, found) in lengths.into_iter().chain(assigned) {
        if expected != found {
            return Err(format!(
                "layer {name}: {field} has {found} entries where {expected} are expected"
            ));
        }
    }
    if let Some(unit) = layer.mean_response.iter().position(|row| row.len() != bins) {
        let found = layer.mean_response[unit].len();
        return Err(format!(
            "layer {name}: mean_response of unit {unit} has {found} bins where {bins} are expected"
        ));
    }
    let preferred = layer
        .reference
        .units
        .iter()
        .chain(&layer.valid_bins.units)
        .filter_map(|unit| unit.preferred_bin);
    match preferred.max() {
        Some(bin) if bin >= bins => {
            Err(format!("layer {name}: preferred bin {bin} of {bins} bins"))
        }
        _ => Ok(()),
    }
}

pub(crate) fn read_bytes(path: &Path, command: &str) -> Result<Vec<u8>, ReportError> {
    std::fs::read(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => ReportError::StageMissing {
            path: path.to_owned(),
            command: command.to_owned(),
        },
        _ => ReportError::Read {
            path: path.to_owned(),
            source,
        },
    })
}

fn read_json(path: &Path, command: &str, expected: u32) -> Result<serde_json::Value, ReportError> {
    let bytes = read_bytes(path, command)?;
    let json: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| {
        ReportError::malformed(path, command, format!("not valid JSON ({error})"))
    })?;
    // The number is looked at before the rest, since another format may lack the fields that this one expects.
    match json.get("format") {
        Some(format) if *format == expected => Ok(json),
        found => Err(ReportError::Format {
            path: path.to_owned(),
            found: found.map_or("none".to_owned(), ToString::to_string),
            expected,
            command: command.to_owned(),
        }),
    }
}

fn from_json<T: DeserializeOwned>(
    path: &Path,
    command: &str,
    json: serde_json::Value,
) -> Result<T, ReportError> {
    serde_json::from_value(json).map_err(|error| {
        ReportError::malformed(
            path,
            command,
            format!("not what this stage writes ({error})"),
        )
    })
}

fn read_training(path: &Path, command: &str) -> Result<Vec<TrainStep>, ReportError> {
    let bytes = match read_bytes(path, command) {
        Ok(bytes) => bytes,
        Err(ReportError::StageMissing { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    bytes
        .split(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(index, line)| {
            serde_json::from_slice(line).map_err(|error| {
                ReportError::malformed(
                    path,
                    command,
                    format!("line {} is not a training step ({error})", index + 1),
                )
            })
        })
        .collect()
}
