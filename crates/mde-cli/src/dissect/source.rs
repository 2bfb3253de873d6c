//! What is dissected: a network, or activations that another program has stored.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use candle_core::Device;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use mde_analysis::{DissectData, DissectLayer};
use mde_datasets::Split;
use mde_results::AssignmentConfig;
use mde_train::{Assignment, Recipe, layer_assignments};

use super::features::{self, FeatureArgs, Stored};
use super::request::{DissectedNetwork, Options};
use crate::data::DataArgs;
use crate::subject::{self, SubjectArgs};

/// The source of activations.
#[derive(Debug)]
pub(super) enum Source {
    Network {
        subject: SubjectArgs,
        data: Box<DataArgs>,
    },
    Features {
        features: FeatureArgs,
        out: Option<PathBuf>,
    },
}

impl Source {
    pub(super) fn from_run(run: PathBuf, data: DataArgs) -> Self {
        Self::Network {
            subject: SubjectArgs::from_run(run),
            data: Box::new(data),
        }
    }

    /// Opens what is dissected, and where stored activations come from; `None` for a network.
    pub(super) fn open(
        self,
        options: &Options,
        device: &Device,
    ) -> anyhow::Result<(DissectedNetwork, Option<Stored>)> {
        match self {
            Self::Network { subject, data } => {
                Ok((open_network(&subject, &data, options, device)?, None))
            }
            Self::Features { features, out } => {
                ensure!(
                    options.layers.is_none(),
                    "--layers chooses layers of a network; with --features, name the layer with --layer NAME"
                );
                let (network, stored) = features::open(&features, options, out)?;
                Ok((network, Some(stored)))
            }
        }
    }
}

fn open_network(
    subject: &SubjectArgs,
    data: &DataArgs,
    options: &Options,
    device: &Device,
) -> anyhow::Result<DissectedNetwork> {
    let subject = subject.load(device)?;
    if let Some(folder) = subject.results.folder() {
        features::check_no_features(folder)?;
    }
    let trained = subject.config.as_ref();
    let trained = trained.and_then(|config| config.assignment.as_ref());
    let (discretisation, max_bins) = match trained {
        Some(assignment) => (assignment.discretisation, assignment.max_bins),
        None => (subject.recipe.discretisation, options.max_bins()),
    };
    let discretisation = options.range.map_or(discretisation, Into::into);
    let max_bins = options.bins.unwrap_or(max_bins);
    let names = options.layers.clone();
    let names = names.unwrap_or_else(|| default_layers(&subject.recipe, trained));
    let mut layers = Vec::with_capacity(names.len());
    for name in names {
        let units = subject.network.layer(&name)?.units;
        let bins = discretisation.bins(units.min(max_bins))?;
        layers.push(DissectLayer { name, bins });
    }
    let mut list = data.open(Split::Test, &subject.preset)?;
    // Bins of the user's own may reach further than the scene.
    if let Some(range) = options.range {
        let far = list.max_depth().max(range.far as f32);
        list = Arc::new(Arc::unwrap_or_clone(list).with_depth_limit(far));
    }
    let preprocessing = subject.preprocessing.for_frames(list.frame_size()?);
    let loader = data.loader(list.clone(), preprocessing.dissection(), options.batch_size)?;
    let depths = loader.depth_only();
    Ok(DissectedNetwork {
        layers,
        images: list.len(),
        data: DissectData {
            depths: Box::new(move || Box::new(depths.epoch(1, 0))),
            images: Box::new(move || Box::new(loader.epoch(1, 0))),
        },
        top_images: options.top_images,
        grids: discretisation.sweep()?,
        assignments: assignments(&subject)?,
        provenance: subject.provenance(data, &list, Split::Test)?,
        preprocessing: serde_json::to_value(preprocessing).context("cannot serialise")?,
        load_report: subject.load_report(),
        results: subject.results,
        network: subject.network,
    })
}

/// The recipe's layers, and those that were assigned in training.
fn default_layers(recipe: &Recipe, trained: Option<&AssignmentConfig>) -> Vec<String> {
    let mut names: Vec<String> = recipe.layers.iter().map(ToString::to_string).collect();
    for layer in trained.iter().flat_map(|assignment| &assignment.layers) {
        if !names.contains(layer) {
            names.push(layer.clone());
        }
    }
    names
}

/// The depth ranges that the network's units were assigned in training.
fn assignments(subject: &subject::Subject) -> anyhow::Result<Vec<Assignment>> {
    let trained = subject.config.as_ref();
    match trained.and_then(|config| config.assignment.as_ref()) {
        Some(config) => Ok(layer_assignments(config, subject.network.as_ref())?),
        None => Ok(Vec::new()),
    }
}

/// Written by hand: --data is required for a network, but not with `--features`.
impl Args for Source {
    fn augment_args(command: Command) -> Command {
        let command = DataArgs::augment_args(SubjectArgs::augment_args(command));
        FeatureArgs::augment_args(command).mut_arg("data", |data| {
            data.required(false).required_unless_present("features")
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Source {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        if !matches.contains_id("features") {
            return Ok(Self::Network {
                subject: SubjectArgs::from_arg_matches(matches)?,
                data: Box::new(DataArgs::from_arg_matches(matches)?),
            });
        }
        let features = FeatureArgs::from_arg_matches(matches)?;
        features.check_dataset(matches)?;
        Ok(Self::Features {
            features,
            out: matches.get_one("out").cloned(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
