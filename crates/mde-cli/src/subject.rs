//! The trained network that a command is about: a run's, or one from a file of weights.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use candle_core::Device;
use mde_datasets::{Preprocessing, RgbdList, Split};
use mde_metrics::results::Provenance;
use mde_models::{DepthNet, KeyReport, Parameters, Preset};
use mde_train::{Recipe, RunConfig, RunFolder, hash_file};
use serde_json::json;

use crate::data::DataArgs;
use crate::stage::Results;

/// The network that is meant.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("network").required(true).args(["run", "weights"])))]
pub(crate) struct NetworkArgs {
    /// The run folder that `mde train --out` made; the results of an analysis go there.
    #[arg(long, value_name = "DIR", conflicts_with = "model")]
    run: Option<PathBuf>,
    /// The network of --weights; `mde models` lists them.
    #[arg(long, requires = "weights")]
    model: Option<String>,
    /// Trained weights in place of a run: safetensors, or PyTorch's .pth.
    #[arg(long, value_name = "FILE", requires = "model")]
    weights: Option<PathBuf>,
}

/// The network that is measured, and where the results go.
#[derive(Debug, clap::Args)]
pub(crate) struct SubjectArgs {
    #[command(flatten)]
    network: NetworkArgs,
    /// Where the results go where there is no run; without it they are printed only.
    #[arg(long, value_name = "DIR", conflicts_with = "run")]
    out: Option<PathBuf>,
}

/// A trained network and where it comes from.
pub(crate) struct Subject {
    pub(crate) network: Box<dyn DepthNet>,
    pub(crate) preset: Preset,
    pub(crate) recipe: Recipe,
    /// What is done to images; a run's own.
    pub(crate) preprocessing: Preprocessing,
    /// How it was trained, if it was here.
    pub(crate) config: Option<RunConfig>,
    /// Where results go.
    pub(crate) results: Results,
    /// How the file of weights and the network met.
    pub(crate) keys: KeyReport,
    weights: String,
}

impl SubjectArgs {
    /// A run's network.
    pub(crate) fn of_run(run: PathBuf) -> Self {
        Self {
            network: NetworkArgs {
                run: Some(run),
                model: None,
                weights: None,
            },
            out: None,
        }
    }

    /// Loads the network: a run's newest checkpoint, or the weights given.
    pub(crate) fn load(&self, device: &Device) -> anyhow::Result<Subject> {
        if let Some(out) = &self.out {
            ensure!(
                !RunFolder::new(out).is_begun(),
                "{}: this is the folder of a run, whose results are its own; give --out another, or measure the run with --run",
                out.display()
            );
            ensure!(
                !out.exists() || out.is_dir(),
                "{}: this is a file; --out takes a folder",
                out.display()
            );
        }
        let mut subject = self.network.load(device)?;
        subject.results.folder = self.network.run.clone().or_else(|| self.out.clone());
        Ok(subject)
    }

    /// The options that name the network, as they are typed.
    pub(crate) fn in_words(&self) -> String {
        let NetworkArgs {
            run,
            model,
            weights,
        } = &self.network;
        let options = [
            ("--run", run.as_ref().map(|path| path.display().to_string())),
            ("--model", model.clone()),
            (
                "--weights",
                weights.as_ref().map(|path| path.display().to_string()),
            ),
            (
                "--out",
                self.out.as_ref().map(|path| path.display().to_string()),
            ),
        ];
        let given = options
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name} {}", value?)));
        given.collect::<Vec<_>>().join(" ")
    }
}

impl NetworkArgs {
    /// Loads the network, as something whose results are not kept.
    pub(crate) fn load(&self, device: &Device) -> anyhow::Result<Subject> {
        match (&self.run, &self.model, &self.weights) {
            (Some(run), ..) => Self::load_run(run, device),
            (None, Some(model), Some(weights)) => Self::load_weights(model, weights, device),
            // What clap's rules leave.
            _ => anyhow::bail!("name a network: --run DIR, or --model NAME --weights FILE"),
        }
    }

    fn load_run(run: &Path, device: &Device) -> anyhow::Result<Subject> {
        let folder = RunFolder::new(run);
        let config = folder.config()?;
        let newest = folder.checkpoint()?;
        let preset = Preset::named(&config.model)?;
        let parameters = Parameters::new(config.seed, device);
        let network = preset.build(&parameters)?;
        let results = Results::unkept(preset.name);
        Ok(Subject {
            keys: newest.load(&parameters)?,
            weights: hash(&newest.weights())?,
            network,
            recipe: Recipe::of(&preset),
            preset,
            preprocessing: config.preprocessing,
            config: Some(config),
            results,
        })
    }

    fn load_weights(model: &str, file: &Path, device: &Device) -> anyhow::Result<Subject> {
        let preset = Preset::named(model)?;
        // Every value is replaced: the seed does not matter.
        let parameters = Parameters::new(0, device);
        let network = preset.build(&parameters)?;
        let keys = parameters.load(file)?;
        eprintln!("{}: {keys}", file.display());
        let recipe = Recipe::of(&preset);
        let results = Results::unkept(preset.name);
        Ok(Subject {
            keys,
            weights: hash(file)?,
            network,
            preprocessing: recipe.preprocessing,
            recipe,
            preset,
            config: None,
            results,
        })
    }
}

fn hash(file: &Path) -> anyhow::Result<String> {
    hash_file(file).with_context(|| format!("cannot read {}", file.display()))
}

impl Subject {
    /// Where results about this network on this data come from.
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
            data_hash: list.fingerprint()?,
            seed: self.config.as_ref().map(|config| config.seed),
        })
    }

    /// True if a result is about these weights.
    pub(crate) fn is_about(&self, provenance: &Provenance) -> bool {
        provenance.checkpoint == self.weights
    }

    /// The key report for a document.
    pub(crate) fn keys_document(&self) -> serde_json::Value {
        keys_document(&self.keys)
    }
}

/// A key report for a document.
pub(crate) fn keys_document(keys: &KeyReport) -> serde_json::Value {
    json!({
        "matched": keys.matched, "missing": keys.missing, "unexpected": keys.unexpected,
        "shape_mismatch": keys.shape_mismatch, "dropped": keys.dropped, "converted": keys.converted,
    })
}
