//! The trained network that a command works on: a run's, or one from a file of weights.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use candle_core::Device;
use mde_datasets::{Preprocessing, RgbdList, Split};
use mde_fetch::{WeightSource, read_export};
use mde_models::{DepthNet, LoadReport, Parameters, Preset};
use mde_results::{Provenance, RunFolder};
use mde_train::{Recipe, RunConfig, load_checkpoint};
use serde_json::json;

use crate::data::DataArgs;
use crate::hashes::{fingerprint, hash_file};
use crate::output::{shell_word, shown};
use crate::progress::remark;
use crate::stage::Results;
use crate::weights::{Weights, weights_of};

/// Which network.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("network").required(true).args(["run", "weights"])))]
pub(crate) struct NetworkArgs {
    /// Run folder, as written by `mde train --out`; results go there.
    #[arg(long, value_name = "DIR", conflicts_with = "model")]
    run: Option<PathBuf>,
    /// Network of --weights; `mde models` lists them. An exported network names its own.
    #[arg(long, requires = "weights")]
    model: Option<String>,
    /// Trained weights in place of a run: a folder from `mde export`, a file (safetensors or
    /// PyTorch's .pth), a name from `mde fetch weights --list`, `hf:ORG/REPO[@REVISION]/FILE`, or
    /// `hf:ORG/REPO[@REVISION]` for an exported network.
    #[arg(long, value_name = "WEIGHTS")]
    weights: Option<WeightSource>,
}

/// The network to measure, and where its results go.
#[derive(Debug, clap::Args)]
pub(crate) struct SubjectArgs {
    #[command(flatten)]
    network: NetworkArgs,
    /// Output folder for results about --weights; without it, results are only printed.
    #[arg(long, value_name = "DIR", conflicts_with = "run")]
    out: Option<PathBuf>,
}

/// A trained network and its origin.
pub(crate) struct Subject {
    pub(crate) network: Box<dyn DepthNet>,
    pub(crate) preset: Preset,
    pub(crate) recipe: Recipe,
    /// How images are prepared; for a run, as in its training.
    pub(crate) preprocessing: Preprocessing,
    /// All values.
    pub(crate) parameters: Parameters,
    /// How it was trained, for a run and an exported run.
    pub(crate) config: Option<RunConfig>,
    /// Number of training steps taken, likewise.
    pub(crate) step: Option<u64>,
    /// The name of the file of weights.
    pub(crate) origin: String,
    /// Where results go.
    pub(crate) results: Results,
    /// How the names in the file of weights matched the network's.
    pub(crate) load_report: LoadReport,
    weights: String,
}

impl SubjectArgs {
    /// A run's network.
    pub(crate) fn from_run(run: PathBuf) -> Self {
        Self {
            network: NetworkArgs::from_run(run),
            out: None,
        }
    }

    /// Loads the network: a run's newest checkpoint, or the weights given.
    pub(crate) fn load(&self, device: &Device) -> anyhow::Result<Subject> {
        if let Some(out) = &self.out {
            ensure!(
                read_export(out).is_err(),
                "{}: this is an exported network; choose another --out",
                out.display()
            );
            ensure!(
                !RunFolder::new(out).has_config(),
                "{}: this is the folder of a run; choose another --out, or measure the run with --run",
                out.display()
            );
            ensure!(
                !out.exists() || out.is_dir(),
                "{}: this is a file, but --out takes a folder",
                out.display()
            );
        }
        let mut subject = self.network.load(device)?;
        let folder = self.network.run.clone().or_else(|| self.out.clone());
        subject.results = Results::into_folder(subject.preset.name, folder)?;
        Ok(subject)
    }

    /// The options that name the network, as on the command line.
    pub(crate) fn options(&self) -> String {
        let NetworkArgs {
            run,
            model,
            weights,
        } = &self.network;
        let options = [
            ("--run", run.as_ref().map(|path| shown(path))),
            ("--model", model.clone()),
            ("--weights", weights.as_ref().map(ToString::to_string)),
            ("--out", self.out.as_ref().map(|path| shown(path))),
        ];
        let given = options
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name} {}", shell_word(&value?))));
        given.collect::<Vec<_>>().join(" ")
    }
}

impl NetworkArgs {
    /// A run's network.
    pub(crate) fn from_run(run: PathBuf) -> Self {
        Self {
            run: Some(run),
            model: None,
            weights: None,
        }
    }

    /// The run folder, if the network is a run's.
    pub(crate) fn run(&self) -> Option<&Path> {
        self.run.as_deref()
    }

    /// Loads the network; its results are not kept.
    pub(crate) fn load(&self, device: &Device) -> anyhow::Result<Subject> {
        match (&self.run, &self.weights) {
            (Some(run), _) => Self::load_run(run, device),
            (None, Some(source)) => {
                let named = self.model.as_deref();
                let weights = weights_of(source, named)?;
                let model = weights.model(named)?;
                Self::load_weights(&model, weights, device)
            }
            // clap's rules exclude it.
            _ => anyhow::bail!("name a network: --run DIR, or --model NAME --weights FILE"),
        }
    }

    fn load_run(run: &Path, device: &Device) -> anyhow::Result<Subject> {
        ensure!(
            read_export(run).is_err(),
            "{}: this is an exported network, not a run folder; give --weights {} in place of --run",
            run.display(),
            shell_word(&shown(run))
        );
        let folder = RunFolder::new(run);
        let config = RunConfig::read(&folder)?;
        let newest = folder.newest_checkpoint()?;
        if newest.step < config.steps {
            remark(&format!(
                "{}: training is not finished: this is the checkpoint of step {} of {}",
                run.display(),
                newest.step,
                config.steps
            ));
        }
        let preset = Preset::named(&config.model)?;
        let parameters = Parameters::zeros(device);
        let network = preset.build(&parameters)?;
        let results = Results::printed(preset.name);
        Ok(Subject {
            load_report: load_checkpoint(&newest, &parameters)?,
            weights: hash_file(&newest.weights())?,
            origin: file_name(&newest.weights()),
            network,
            parameters,
            recipe: Recipe::for_preset(&preset),
            preset,
            preprocessing: config.preprocessing,
            step: Some(newest.step),
            config: Some(config),
            results,
        })
    }

    fn load_weights(model: &str, weights: Weights, device: &Device) -> anyhow::Result<Subject> {
        let Weights { file, exported } = weights;
        let preset = Preset::named(model)?;
        // The file replaces every value.
        let parameters = Parameters::zeros(device);
        let network = preset.build(&parameters)?;
        let load_report = parameters.load(&file)?;
        remark(&format!("{}: {load_report}", file.display()));
        let recipe = Recipe::for_preset(&preset);
        let results = Results::printed(preset.name);
        Ok(Subject {
            load_report,
            weights: hash_file(&file)?,
            origin: file_name(&file),
            network,
            parameters,
            preprocessing: (exported.as_ref())
                .map_or(recipe.preprocessing, |exported| exported.preprocessing),
            recipe,
            preset,
            step: exported.as_ref().and_then(|exported| exported.step),
            config: exported.and_then(|exported| exported.training),
            results,
        })
    }
}

impl Subject {
    /// The provenance of results about this network on this data.
    pub(crate) fn provenance(
        &self,
        data: &DataArgs,
        list: &RgbdList,
        split: Split,
    ) -> anyhow::Result<Provenance> {
        Ok(Provenance {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            model: self.preset.name.to_owned(),
            checkpoint: self.weights.clone(),
            data: data.data.name()?,
            split: split.name().to_owned(),
            data_hash: fingerprint(list)?,
            seed: self.config.as_ref().map(|config| config.seed),
        })
    }

    /// blake3 of the file of weights.
    pub(crate) fn weights(&self) -> &str {
        &self.weights
    }

    /// Whether a result is about these weights.
    pub(crate) fn is_about(&self, provenance: &Provenance) -> bool {
        provenance.checkpoint == self.weights
    }

    /// The load report as JSON.
    pub(crate) fn load_report(&self) -> serde_json::Value {
        load_report_json(&self.load_report)
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// A load report as JSON.
pub(crate) fn load_report_json(report: &LoadReport) -> serde_json::Value {
    json!({
        "matched": report.matched, "missing": report.missing, "unexpected": report.unexpected,
        "mismatched": report.mismatched.iter().map(|shapes| {
            json!({ "name": shapes.name, "expected": shapes.expected, "found": shapes.found })
        }).collect::<Vec<_>>(),
        "ignored": report.ignored, "converted": report.converted, "place": report.place,
        "prefix": report.prefix, "wrappers": report.wrappers,
        "alternatives": report.alternatives, "skipped": report.skipped,
    })
}
