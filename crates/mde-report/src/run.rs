//! Reads the folder of a run, or of weights that were measured: what was trained, measured, dissected, ablated and corrected.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mde_metrics::results::{
    Ablation, Correction, Dissection, Evaluation, FORMAT, LayerAblation, LayerCorrection,
    LayerDissection, Provenance,
};
use serde::de::DeserializeOwned;

use crate::ReportError;
use crate::check;
use crate::config::{RunConfig, TrainStep};
use crate::examples::{
    CorrectedExample, Example, TopImages, read_corrected, read_examples, read_top_images,
};
use crate::read::Source;

/// The format of `config.json`, which `mde train` writes; the results have a number of their own, [`FORMAT`].
const CONFIG_FORMAT: u32 = 1;

/// What a report is made from.
#[derive(Debug, Clone)]
pub struct RunFolder {
    /// The folder.
    pub path: PathBuf,
    /// What was asked for; `None` for weights that were not trained here.
    pub config: Option<RunConfig>,
    /// `config.json` as it lies on disk.
    pub config_json: Option<serde_json::Value>,
    /// `evaluate.json`.
    pub evaluation: Evaluation,
    /// `dissect.json`.
    pub dissection: Dissection,
    /// `ablate.json`, if the stage was run.
    pub ablation: Option<Ablation>,
    /// `correct.json`, if the stage was run.
    pub correction: Option<Correction>,
    /// Stages that were computed from another `dissect.json` than the one in the folder.
    pub outdated: Vec<&'static str>,
    /// `metrics.jsonl`; empty when the weights were not trained here and the file is absent.
    pub training: Vec<TrainStep>,
    /// `examples.safetensors`.
    pub examples: Vec<Example>,
    /// By layer, the images that its units answer to most, where they were kept.
    pub top_images: BTreeMap<String, TopImages>,
    /// By layer, depth maps before and after correction.
    pub corrected_maps: BTreeMap<String, Vec<CorrectedExample>>,
}

/// The commands that write a folder's files.
struct Commands {
    train: String,
    /// How the other commands name the folder and the data.
    subject: String,
    /// Whether another program has stored what is measured.
    stored: bool,
}

impl Commands {
    /// What `measured` does not say is left to the reader in capitals.
    fn of(path: &Path, trained: bool, measured: Option<&Provenance>) -> Self {
        let shown = path.display();
        let model = measured.map_or("NAME", |measured| measured.model.as_str());
        let data = match measured.map(|measured| measured.data.as_str()) {
            None => "KIND:DIR".to_owned(),
            Some(kind @ ("nyu" | "rooms" | "kitti" | "streets")) => format!("{kind}:DIR"),
            // A folder with a description, which is named by itself.
            Some(_) => "DIR".to_owned(),
        };
        let stored = measured.is_some_and(Provenance::is_stored);
        Self {
            stored,
            train: format!("mde train --out {shown}"),
            subject: if trained {
                format!("--run {shown} --data {data}")
            } else if stored {
                format!("--name {model} --out {shown}")
            } else {
                format!("--model {model} --weights FILE --out {shown} --data {data}")
            },
        }
    }

    fn stage(&self, stage: &str) -> String {
        let files = match stage {
            "evaluate" if self.stored => "--pred PATH --gt PATH --protocol NAME ",
            "dissect" if self.stored => "--features FILE --dataset nyuv2|kitti ",
            _ => "",
        };
        format!("mde {stage} {files}{}", self.subject)
    }
}

impl RunFolder {
    /// Reads the folder at `path` and checks that its parts belong together. `config.json` may be absent where nothing else of
    /// a training is there, `ablate.json` and `correct.json` where these stages were not run.
    ///
    /// # Errors
    /// The folder or the file of a stage is missing, a file is damaged or of another format, `evaluate.json` is of another
    /// network than `config.json`, or stages describe different weights.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        if !path.is_dir() {
            return Err(ReportError::RunMissing {
                path: path.to_owned(),
            });
        }
        let [config_path, log_path] = ["config.json", "metrics.jsonl"].map(|file| path.join(file));
        let trained = config_path.exists() || log_path.exists() || path.join("checkpoint").exists();
        let commands = Commands::of(path, trained, None);

        let (config, config_json) = if trained {
            let source = Source {
                path: &config_path,
                command: &commands.train,
            };
            let json = source.json(&source.bytes()?, CONFIG_FORMAT)?;
            (Some(source.parsed(json.clone())?), Some(json))
        } else {
            (None, None)
        };
        let training = read_training(Source {
            path: &log_path,
            command: &commands.train,
        })?;

        let evaluation: Evaluation = required(path, "evaluate.json", &commands.stage("evaluate"))?;
        let commands = Commands::of(path, trained, Some(&evaluation.provenance));
        let examples = read_examples(Source {
            path: &path.join("examples.safetensors"),
            command: &commands.stage("evaluate"),
        })?;

        let dissect = commands.stage("dissect");
        let dissection: Dissection = required(path, "dissect.json", &dissect)?;
        accept(
            path,
            "dissect.json",
            &dissect,
            check::dissection(&dissection),
        )?;
        let mut top_images = BTreeMap::new();
        for layer in &dissection.layers {
            if let Some(file) = &layer.top_images {
                let source = Source {
                    path: &path.join(file),
                    command: &dissect,
                };
                let images = read_top_images(source, layer.units)?;
                top_images.insert(layer.layer.clone(), images);
            }
        }

        let ablate = commands.stage("ablate");
        let ablation: Option<Ablation> = optional(path, "ablate.json", &ablate)?;
        if let Some(ablation) = &ablation {
            let checked = check::ablation(ablation, &dissection);
            accept(path, "ablate.json", &ablate, checked)?;
        }
        let correct = commands.stage("correct");
        let correction: Option<Correction> = optional(path, "correct.json", &correct)?;
        let mut corrected_maps = BTreeMap::new();
        if let Some(correction) = &correction {
            let checked = check::correction(correction, &dissection);
            accept(path, "correct.json", &correct, checked)?;
            for layer in &correction.layers {
                let source = Source {
                    path: &path.join(&layer.maps),
                    command: &correct,
                };
                corrected_maps.insert(layer.layer.clone(), read_corrected(source, layer.units)?);
            }
        }

        let mut run = Self {
            path: path.to_owned(),
            config,
            config_json,
            evaluation,
            dissection,
            ablation,
            correction,
            outdated: Vec::new(),
            training,
            examples,
            top_images,
            corrected_maps,
        };
        run.check_stages(&commands)?;
        run.outdated = run.outdated_stages()?;
        Ok(run)
    }

    /// Layers whose units own a depth range; empty for a plain model.
    #[must_use]
    pub fn assigned_layers(&self) -> &[String] {
        self.config
            .as_ref()
            .and_then(|config| config.assignment.as_ref())
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

    /// The ablation of the layer with this name.
    #[must_use]
    pub fn ablated(&self, name: &str) -> Option<&LayerAblation> {
        let mut layers = self.ablation.as_ref()?.layers.iter();
        layers.find(|layer| layer.layer == name)
    }

    /// The correction of the layer with this name.
    #[must_use]
    pub fn corrected(&self, name: &str) -> Option<&LayerCorrection> {
        let mut layers = self.correction.as_ref()?.layers.iter();
        layers.find(|layer| layer.layer == name)
    }

    /// The command that runs a stage on this folder; DIR and FILE stand for what the folder does not know.
    #[must_use]
    pub fn command(&self, stage: &str) -> String {
        let measured = &self.evaluation.provenance;
        Commands::of(&self.path, self.config.is_some(), Some(measured)).stage(stage)
    }

    /// `evaluate.json` must be of the network in `config.json`, and all stages of the same weights: one may have been run before
    /// the network was trained again, and another after.
    fn check_stages(&self, commands: &Commands) -> Result<(), ReportError> {
        let evaluated = &self.evaluation.provenance;
        if let Some(config) = &self.config
            && evaluated.model != config.model
        {
            return Err(ReportError::OtherModel {
                path: self.path.clone(),
                measured: evaluated.model.clone(),
                trained: config.model.clone(),
            });
        }
        let ablation = self.ablation.as_ref().map(|ablation| &ablation.provenance);
        let correction = self
            .correction
            .as_ref()
            .map(|correction| &correction.provenance);
        let stages: [(&'static str, &str, Option<&Provenance>); 3] = [
            ("dissect.json", "dissect", Some(&self.dissection.provenance)),
            ("ablate.json", "ablate", ablation),
            ("correct.json", "correct", correction),
        ];
        for (file, stage, provenance) in stages {
            if let Some(found) = provenance
                && !found.is_of_one_network(evaluated)
            {
                return Err(ReportError::StageMismatch {
                    path: self.path.clone(),
                    file,
                    evaluated: evaluated.checkpoint.clone(),
                    found: found.checkpoint.clone(),
                    commands: format!(
                        "`{}` and `{}`",
                        commands.stage("evaluate"),
                        commands.stage(stage)
                    ),
                });
            }
        }
        Ok(())
    }

    fn outdated_stages(&self) -> Result<Vec<&'static str>, ReportError> {
        let path = self.path.join("dissect.json");
        let command = self.command("dissect");
        let source = Source {
            path: &path,
            command: &command,
        };
        let current = blake3::hash(&source.bytes()?).to_string();
        let ablation = self.ablation.as_ref().map(|ablation| &ablation.dissection);
        let correction = self
            .correction
            .as_ref()
            .map(|correction| &correction.dissection);
        let stages = [("ablate", ablation), ("correct", correction)];
        Ok(stages
            .into_iter()
            .filter(|(_, from)| from.is_some_and(|from| *from != current))
            .map(|(stage, _)| stage)
            .collect())
    }
}

fn required<T: DeserializeOwned>(
    folder: &Path,
    file: &str,
    command: &str,
) -> Result<T, ReportError> {
    let source = Source {
        path: &folder.join(file),
        command,
    };
    source.parsed(source.json(&source.bytes()?, FORMAT)?)
}

fn optional<T: DeserializeOwned>(
    folder: &Path,
    file: &str,
    command: &str,
) -> Result<Option<T>, ReportError> {
    let source = Source {
        path: &folder.join(file),
        command,
    };
    source
        .bytes_if_there()?
        .map(|bytes| source.parsed(source.json(&bytes, FORMAT)?))
        .transpose()
}

fn accept(
    folder: &Path,
    file: &str,
    command: &str,
    checked: Result<(), String>,
) -> Result<(), ReportError> {
    let source = Source {
        path: &folder.join(file),
        command,
    };
    checked.map_err(|problem| source.malformed(problem))
}

fn read_training(source: Source<'_>) -> Result<Vec<TrainStep>, ReportError> {
    let bytes = source.bytes_if_there()?.unwrap_or_default();
    bytes
        .split(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(index, line)| {
            serde_json::from_slice(line).map_err(|error| {
                source.malformed(format!(
                    "line {} is not a training step ({error})",
                    index + 1
                ))
            })
        })
        .collect()
}
