//! `config.json` of an exported network: what a program must know to use the weights.

use std::path::Path;

use anyhow::{Context, ensure};
use mde_datasets::Preprocessing;
use mde_fetch::{EXPORT_FORMAT, EXPORT_VERSION};
use mde_models::{DepthNet, Preset};
use mde_results::CONFIG_FORMAT;
use mde_train::{RunConfig, layer_assignments};
use serde::{Deserialize, Serialize};

/// An exported network. Depths are metres.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ExportedNetwork {
    /// [`EXPORT_FORMAT`].
    format: String,
    /// [`EXPORT_VERSION`].
    format_version: u64,
    /// Version of the program that exported it.
    version: String,
    /// Name of the model preset.
    pub(crate) model: String,
    /// The network's input.
    pub(crate) input: Input,
    /// The network's output.
    pub(crate) output: Output,
    /// How the commands prepare images.
    pub(crate) preprocessing: Preprocessing,
    /// The file of weights.
    pub(crate) weights: Weights,
    /// The layers, for readers; `mde` derives their depth ranges from `training`.
    pub(crate) layers: Vec<Layer>,
    /// Number of training steps taken; `None` if the network was not trained by this program.
    pub(crate) step: Option<u64>,
    /// How it was trained; `None` likewise.
    pub(crate) training: Option<RunConfig>,
}

/// An image as the network takes it: RGB values in [0, 1], minus `mean`, divided by `std`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Input {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: String,
    pub(crate) mean: [f32; 3],
    pub(crate) std: [f32; 3],
}

/// What the network predicts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Output {
    pub(crate) quantity: String,
    pub(crate) unit: String,
    /// The largest depth that the network is made for.
    pub(crate) max_depth: f64,
}

/// The file of weights.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Weights {
    /// One of [`EXPORT_WEIGHTS`](mde_fetch::EXPORT_WEIGHTS).
    pub(crate) file: String,
    /// Its BLAKE3.
    pub(crate) blake3: String,
    /// BLAKE3 of the file that was exported, which the results of a run name.
    pub(crate) exported_from: String,
    /// Number of trainable values.
    pub(crate) parameters: usize,
}

/// A layer whose units can be measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Layer {
    pub(crate) name: String,
    pub(crate) units: usize,
    /// Input pixels per feature pixel.
    pub(crate) stride: usize,
    /// The depth range of each unit, exclusive and inclusive, if training assigned ranges here.
    pub(crate) assigned_ranges: Option<Vec<[f64; 2]>>,
}

impl ExportedNetwork {
    /// Describes a network.
    ///
    /// # Errors
    /// If the training's assignment does not fit the network.
    pub(super) fn new(
        preset: &Preset,
        network: &dyn DepthNet,
        preprocessing: Preprocessing,
        weights: Weights,
        training: Option<RunConfig>,
        step: Option<u64>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            format: EXPORT_FORMAT.to_owned(),
            format_version: EXPORT_VERSION,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            model: preset.name.to_owned(),
            input: Input::of(preset),
            output: Output::of(preset),
            preprocessing,
            weights,
            layers: layers(network, training.as_ref())?,
            step,
            training: training.map(without_paths),
        })
    }

    /// Reads `config.json` of an exported folder, already recognised as one.
    ///
    /// # Errors
    /// If a field is missing or contradicts another, or the network.
    pub(crate) fn parse(config: serde_json::Value, path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let found: Self = serde_json::from_value(config).with_context(|| {
            format!("{shown}: the file is damaged or was edited; copy or download it again")
        })?;
        let preset = Preset::named(&found.model).with_context(|| format!("{shown}"))?;
        let expected = (Input::of(&preset), Output::of(&preset));
        ensure!(
            (&found.input, &found.output) == (&expected.0, &expected.1),
            "{shown}: input and output are not those of {}, as `mde models {}` shows them; the \
             file was edited or is of another version: copy or download it again",
            preset.name,
            preset.name
        );
        if let Some(training) = &found.training {
            ensure!(
                training.model == found.model,
                "{shown}: model is {}, but training.model is {}; copy or download the file again",
                found.model,
                training.model
            );
            ensure!(
                training.format == CONFIG_FORMAT,
                "{shown}: training has format {}, but this version reads {CONFIG_FORMAT}; install \
                 mde {}, which wrote it",
                training.format,
                found.version
            );
        }
        Ok(found)
    }
}

impl Input {
    fn of(preset: &Preset) -> Self {
        Self {
            height: preset.input.0,
            width: preset.input.1,
            channels: "RGB".to_owned(),
            mean: preset.mean,
            std: preset.std,
        }
    }
}

impl Output {
    fn of(preset: &Preset) -> Self {
        Self {
            quantity: "depth".to_owned(),
            unit: "metre".to_owned(),
            max_depth: preset.max_depth,
        }
    }
}

fn layers(network: &dyn DepthNet, training: Option<&RunConfig>) -> anyhow::Result<Vec<Layer>> {
    let assignments = match training.and_then(|config| config.assignment.as_ref()) {
        Some(config) => layer_assignments(config, network)?,
        None => Vec::new(),
    };
    let layers = network.layers().iter().map(|info| {
        let assigned = assignments.iter().find(|found| found.layer == info.name);
        Layer {
            name: info.name.clone(),
            units: info.units,
            stride: info.stride,
            assigned_ranges: assigned.map(|assigned| {
                let range = |unit| assigned.bins.range(assigned.units.bin_of(unit)).into();
                (0..info.units).map(range).collect()
            }),
        }
    });
    Ok(layers.collect())
}

/// Without the folders of the machine that trained the network.
fn without_paths(mut training: RunConfig) -> RunConfig {
    if let Some(init) = &mut training.init
        && let Some(name) = init.file.file_name()
    {
        init.file = name.into();
    }
    training
}
