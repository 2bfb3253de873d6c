//! All documents of a run folder, read once and checked against each other.

use std::path::PathBuf;

use mde_files::{hash_file, path_below, shell_word};
use mde_metrics::{Estimator, EvalProtocol};
use serde::de::DeserializeOwned;

use crate::ResultsError;
use crate::check;
use crate::commands::Commands;
use crate::documents::{
    Ablation, Correction, Dissection, Evaluation, LayerAblation, LayerCorrection, LayerDissection,
};
use crate::folder::{RunFolder, names};
use crate::maps::{
    CorrectedExample, Example, TopImages, decode_corrected, decode_examples, decode_top_images,
};
use crate::source::Source;
use crate::tallies::LayerTallies;
use crate::training::{CONFIG_FORMAT, StepRecord, TrainingSummary};

/// The documents of a run folder. Images, maps and tallies are read by the methods at every call.
#[derive(Debug, Clone)]
pub struct RunResults {
    /// The folder.
    pub folder: RunFolder,
    /// `config.json`; `None` for weights that were not trained here.
    pub config: Option<TrainingSummary>,
    /// `config.json` as it is on disk.
    pub config_json: Option<serde_json::Value>,
    /// `evaluate.json`.
    pub evaluation: Evaluation,
    /// `dissect.json`, if the stage was run.
    pub dissection: Option<Dissection>,
    /// `ablate.json`, if the stage was run.
    pub ablation: Option<Ablation>,
    /// `correct.json`, if the stage was run.
    pub correction: Option<Correction>,
    /// Stages that were computed from another `dissect.json` than the one in the folder.
    pub outdated: Vec<&'static str>,
    /// `metrics.jsonl`; empty if the weights were not trained here.
    pub training: Vec<StepRecord>,
}

impl RunResults {
    /// Reads the folder at `path` and checks that its documents belong together. `config.json` may
    /// be absent if the network was not trained here; `dissect.json`, `ablate.json` and
    /// `correct.json` if these stages were not run.
    ///
    /// # Errors
    /// If the folder or `evaluate.json` is missing, a file is damaged or of another format,
    /// `evaluate.json` is of another network than `config.json`, or stages describe different
    /// weights.
    pub fn read(path: impl Into<PathBuf>) -> Result<Self, ResultsError> {
        let folder = RunFolder::new(path);
        if !folder.path().is_dir() {
            return Err(ResultsError::NoFolder {
                path: folder.path().to_owned(),
            });
        }
        let trained = folder.has_training();
        let commands = Commands::new(&folder, trained, None);
        let (config, config_json) = if trained {
            let source = Source::new(folder.file(names::CONFIG), &*commands.train);
            let json = source.json(&source.bytes()?, CONFIG_FORMAT)?;
            (Some(source.parse(json.clone())?), Some(json))
        } else {
            (None, None)
        };
        let training = folder.records()?;

        let evaluate = match folder.file(names::EVALUATION).exists() {
            true => commands.stage("evaluate"),
            // A dissection says what the folder is about.
            false => {
                let found = folder.document::<Dissection>(names::DISSECTION, "mde dissect");
                let found = found.ok().map(|(dissection, _)| dissection.provenance);
                Commands::new(&folder, trained, found.as_ref()).stage("evaluate")
            }
        };
        let (evaluation, _): (Evaluation, _) = folder.document(names::EVALUATION, &evaluate)?;
        let commands = Commands::new(&folder, trained, Some(&evaluation.provenance));
        let mut run = Self {
            folder,
            config,
            config_json,
            evaluation,
            dissection: None,
            ablation: None,
            correction: None,
            outdated: Vec::new(),
            training,
        };
        let mut current = None;
        if let Some((dissection, hash)) = run.optional(names::DISSECTION, "dissect", &commands)? {
            run.accept(names::DISSECTION, "dissect", check::dissection(&dissection))?;
            run.dissection = Some(dissection);
            current = Some(hash);
        }
        let ablation: Option<(Ablation, _)> = run.optional(names::ABLATION, "ablate", &commands)?;
        if let Some((ablation, _)) = ablation {
            let checked = check::ablation(&ablation, run.required_dissection()?);
            run.accept(names::ABLATION, "ablate", checked)?;
            run.note_if_outdated("ablate", &ablation.dissection, current.as_ref());
            run.ablation = Some(ablation);
        }
        let correction: Option<(Correction, _)> =
            run.optional(names::CORRECTION, "correct", &commands)?;
        if let Some((correction, _)) = correction {
            let checked = check::correction(&correction, run.required_dissection()?);
            run.accept(names::CORRECTION, "correct", checked)?;
            run.note_if_outdated("correct", &correction.dissection, current.as_ref());
            run.correction = Some(correction);
        }
        run.check_stages()?;
        Ok(run)
    }

    /// Layers whose units were assigned depth ranges; empty for a plain network.
    pub fn assigned_layers(&self) -> &[String] {
        self.config
            .as_ref()
            .and_then(|config| config.assignment.as_ref())
            .map_or(&[], |assignment| &assignment.layers)
    }

    /// The dissected layers; none without a dissection.
    pub fn layers(&self) -> &[LayerDissection] {
        self.dissection
            .as_ref()
            .map_or(&[], |dissection| &dissection.layers)
    }

    /// The dissection of the layer with this name.
    pub fn layer(&self, name: &str) -> Option<&LayerDissection> {
        self.layers().iter().find(|layer| layer.layer == name)
    }

    /// The ablation of the layer with this name.
    pub fn ablated(&self, name: &str) -> Option<&LayerAblation> {
        let mut layers = self.ablation.as_ref()?.layers.iter();
        layers.find(|layer| layer.layer == name)
    }

    /// The correction of the layer with this name.
    pub fn corrected(&self, name: &str) -> Option<&LayerCorrection> {
        let mut layers = self.correction.as_ref()?.layers.iter();
        layers.find(|layer| layer.layer == name)
    }

    /// The command that runs a stage on this folder. DIR and FILE stand for what the folder does
    /// not record.
    pub fn command(&self, stage: &str) -> String {
        self.commands().stage(stage)
    }

    fn commands(&self) -> Commands {
        let measured = &self.evaluation.provenance;
        Commands::new(&self.folder, self.config.is_some(), Some(measured))
            .with_protocol(&self.evaluation.protocol)
    }

    /// The commands that dissect these layers: one for all layers of a network, one for each layer
    /// that another program stored.
    pub fn dissect_commands<'a>(
        &self,
        layers: impl IntoIterator<Item = &'a LayerDissection>,
    ) -> Vec<String> {
        let commands = layers.into_iter().map(|layer| match &layer.features {
            Some(stored) => format!(
                "mde dissect {} --out {}",
                stored.options,
                shell_word(&self.folder.path().display().to_string())
            ),
            None => self.command("dissect"),
        });
        let mut commands: Vec<String> = commands.collect();
        commands.dedup();
        commands
    }

    /// The dissection.
    ///
    /// # Errors
    /// [`ResultsError::Missing`] with the command that writes it.
    pub fn required_dissection(&self) -> Result<&Dissection, ResultsError> {
        self.dissection
            .as_ref()
            .ok_or_else(|| ResultsError::Missing {
                path: self.folder.file(names::DISSECTION),
                command: self.command("dissect"),
            })
    }

    /// A few images with ground truth and prediction.
    ///
    /// # Errors
    /// If the file is missing or damaged.
    pub fn examples(&self) -> Result<Vec<Example>, ResultsError> {
        self.decode(names::EXAMPLES, "evaluate", decode_examples)
    }

    /// The images that a layer's units respond to most; `None` if the dissection kept none.
    ///
    /// # Errors
    /// If the file is missing or damaged.
    pub fn top_images(&self, layer: &LayerDissection) -> Result<Option<TopImages>, ResultsError> {
        let Some(file) = &layer.top_images else {
            return Ok(None);
        };
        let decode = |bytes: &[u8]| decode_top_images(bytes, layer.units);
        Ok(Some(self.decode(file, "dissect", decode)?))
    }

    /// A few depth maps before and after correcting a layer.
    ///
    /// # Errors
    /// If the file is missing or damaged.
    pub fn corrected_maps(
        &self,
        layer: &LayerCorrection,
    ) -> Result<Vec<CorrectedExample>, ResultsError> {
        let decode = |bytes: &[u8]| decode_corrected(bytes, layer.units);
        self.decode(&layer.maps, "correct", decode)
    }

    /// The tallies of a layer, which must be those that the dissection was computed from.
    pub(crate) fn checked_tallies(
        &self,
        layer: &LayerDissection,
    ) -> Result<LayerTallies, ResultsError> {
        let command = self.command("dissect");
        let (tallies, _) = self.folder.tallies(layer, &command)?;
        let source = Source::new(self.folder.file(&layer.tally), command);
        let total = tallies
            .total()
            .map_err(|_| source.malformed("a sum of responses is not finite"))?;
        let mean = total.selectivity(Estimator::valid_bins()).mean;
        let same = match (mean, layer.valid_bins.mean) {
            // JSON keeps every digit, but another version may sum in another order.
            (Some(found), Some(recorded)) => (found - recorded).abs() < 1e-9,
            (found, recorded) => found == recorded,
        };
        if total.units() != layer.units
            || total.bins().edges() != layer.bins.edges()
            || total.counts()[..layer.bins.len()] != layer.pixels
            || !same
        {
            return Err(source.malformed("not the tallies that dissect.json was computed from"));
        }
        Ok(tallies)
    }

    /// Checks that evaluation and dissection are of the same data: a comparison has one provenance
    /// per run.
    pub(crate) fn check_same_data(&self) -> Result<(), ResultsError> {
        let evaluated = &self.evaluation.provenance;
        let dissected = &self.required_dissection()?.provenance;
        // Predictions and activations stored by another program are different files.
        if evaluated.is_stored() && evaluated.is_same_network(dissected) {
            return Ok(());
        }
        let pairs = [
            (evaluated.data_and_split(), dissected.data_and_split()),
            (evaluated.data_hash.clone(), dissected.data_hash.clone()),
        ];
        match pairs.into_iter().find(|(one, other)| one != other) {
            None => Ok(()),
            Some((evaluated, found)) => {
                Err(self.stage_mismatch(names::DISSECTION, "dissect", "data", evaluated, found))
            }
        }
    }

    /// Checks that the stages belong together: the evaluation is of the network in `config.json`
    /// and of its newest checkpoint, all stages are of the same weights, and ablation and
    /// correction are of the evaluation's data and protocol.
    fn check_stages(&self) -> Result<(), ResultsError> {
        let evaluated = &self.evaluation.provenance;
        if let Some(config) = &self.config
            && evaluated.model != config.model
        {
            return Err(ResultsError::OtherModel {
                path: self.folder.path().to_owned(),
                measured: evaluated.model.clone(),
                trained: config.model.clone(),
            });
        }
        let stages = [
            (
                names::DISSECTION,
                "dissect",
                self.dissection.as_ref().map(|d| &d.provenance),
            ),
            (
                names::ABLATION,
                "ablate",
                self.ablation.as_ref().map(|a| &a.provenance),
            ),
            (
                names::CORRECTION,
                "correct",
                self.correction.as_ref().map(|c| &c.provenance),
            ),
        ];
        for (file, stage, provenance) in stages {
            let Some(found) = provenance else {
                continue;
            };
            if !found.is_same_network(evaluated) {
                let (evaluated, found) = (evaluated.checkpoint.clone(), found.checkpoint.clone());
                return Err(self.stage_mismatch(file, stage, "weights", evaluated, found));
            }
            // The page sets errors of ablation and correction beside those of the evaluation.
            if file != names::DISSECTION && found.data_hash != evaluated.data_hash {
                let (evaluated, found) = (evaluated.data_hash.clone(), found.data_hash.clone());
                return Err(self.stage_mismatch(file, stage, "data", evaluated, found));
            }
        }
        let ablation = self.ablation.as_ref().map(|ablation| &ablation.protocol);
        let correction = self.correction.as_ref().map(|correct| &correct.protocol);
        let protocols = [
            (names::ABLATION, "ablate", ablation),
            (names::CORRECTION, "correct", correction),
        ];
        for (file, stage, protocol) in protocols {
            if let Some(found) = protocol
                && *found != self.evaluation.protocol
            {
                let describe = |protocol: &EvalProtocol| {
                    format!("{} with alignment {}", protocol.name, protocol.alignment)
                };
                let (evaluated, found) = (describe(&self.evaluation.protocol), describe(found));
                return Err(self.stage_mismatch(file, stage, "protocols", evaluated, found));
            }
        }
        self.check_checkpoint()
    }

    /// Checks that the evaluation is of the newest checkpoint, where there is one.
    fn check_checkpoint(&self) -> Result<(), ResultsError> {
        let evaluated = &self.evaluation.provenance;
        let Some(newest) = self.folder.checkpoints()?.pop() else {
            return Ok(());
        };
        let path = newest.weights();
        if evaluated.is_stored() || !path.exists() {
            return Ok(());
        }
        let current = hash_file(&path).map_err(|source| ResultsError::Read { path, source })?;
        if current == evaluated.checkpoint {
            return Ok(());
        }
        Err(ResultsError::EarlierCheckpoint {
            path: self.folder.path().to_owned(),
            file: names::EVALUATION,
            step: newest.step,
            command: self.command("evaluate"),
        })
    }

    fn stage_mismatch(
        &self,
        file: &'static str,
        stage: &str,
        what: &'static str,
        evaluated: String,
        found: String,
    ) -> ResultsError {
        let commands = match stage {
            "ablate" | "correct" => self.commands().for_analyses(),
            _ => self.commands(),
        };
        ResultsError::StageMismatch {
            path: self.folder.path().to_owned(),
            file,
            what,
            values: Box::new([evaluated, found]),
            commands: format!(
                "`{}` and `{}`",
                commands.stage("evaluate"),
                commands.stage(stage)
            ),
        }
    }

    fn optional<T: DeserializeOwned>(
        &self,
        file: &str,
        stage: &str,
        commands: &Commands,
    ) -> Result<Option<(T, String)>, ResultsError> {
        self.folder.document_if_exists(file, &commands.stage(stage))
    }

    fn accept(
        &self,
        file: &str,
        stage: &str,
        checked: Result<(), String>,
    ) -> Result<(), ResultsError> {
        let source = Source::new(self.folder.file(file), self.command(stage));
        checked.map_err(|problem| source.malformed(problem))
    }

    fn note_if_outdated(&mut self, stage: &'static str, from: &str, current: Option<&String>) {
        if current.is_none_or(|current| current != from) {
            self.outdated.push(stage);
        }
    }

    fn decode<T>(
        &self,
        file: &str,
        stage: &str,
        decode: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<T, ResultsError> {
        let path = path_below(self.folder.path(), file)?;
        let source = Source::new(path, self.command(stage));
        decode(&source.bytes()?).map_err(|problem| source.malformed(problem))
    }
}
