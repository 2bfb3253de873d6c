//! The trained network that a command is about.

use std::path::PathBuf;

use candle_core::Device;
use mde_datasets::{RgbdList, Split};
use mde_metrics::results::Provenance;
use mde_models::{DepthNet, Parameters, Preset};
use mde_train::{RunConfig, RunFolder};

use crate::data::DataArgs;
use crate::stage::hash_file;

/// The run whose network is meant.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// The run folder that `mde train --out` made.
    #[arg(long, value_name = "DIR")]
    pub(crate) run: PathBuf,
}

/// A trained network and where it comes from.
pub(crate) struct Subject {
    pub(crate) network: Box<dyn DepthNet>,
    pub(crate) preset: Preset,
    pub(crate) config: RunConfig,
    checkpoint: String,
}

impl RunArgs {
    /// Loads the newest checkpoint.
    pub(crate) fn load(&self, device: &Device) -> anyhow::Result<Subject> {
        let folder = RunFolder::new(&self.run);
        let config = folder.config()?;
        let newest = folder.checkpoint()?;
        let parameters = Parameters::new(config.seed, device);
        let network = mde_models::build(&config.model, &parameters)?;
        newest.load(&parameters)?;
        let checkpoint = hash_file(&newest.weights())?;
        Ok(Subject {
            network,
            preset: Preset::named(&config.model)?,
            config,
            checkpoint,
        })
    }
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
            model: self.config.model.clone(),
            checkpoint: self.checkpoint.clone(),
            data: data.data.name().to_owned(),
            split: split.name().to_owned(),
            data_hash: list.fingerprint()?,
            seed: Some(self.config.seed),
        })
    }
}
