//! What the commands that measure depth errors share: the test images, the protocol, and where their numbers come from.

use std::sync::Arc;

use mde_datasets::{Loader, Preprocessing, RgbdList, Split};
use mde_metrics::EvalProtocol;
use mde_metrics::results::Provenance;

use crate::data::DataArgs;
use crate::subject::Subject;

const BATCH: usize = 8;

/// On what to measure, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct MeasureArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Which pixels count, see docs/protocols.md [default: the network's].
    #[arg(long)]
    protocol: Option<String>,
    /// Images at a time; does not change the result.
    #[arg(long, default_value_t = BATCH)]
    batch: usize,
}

/// The test images as a network sees them.
pub(crate) struct Measured {
    pub(crate) list: Arc<RgbdList>,
    pub(crate) preprocessing: Preprocessing,
    pub(crate) protocol: EvalProtocol,
    pub(crate) loader: Loader,
    pub(crate) provenance: Provenance,
}

impl MeasureArgs {
    /// The data with the other options as they are by default.
    pub(crate) fn of(data: DataArgs) -> Self {
        Self {
            data,
            protocol: None,
            batch: BATCH,
        }
    }

    /// Opens the test images for a network.
    pub(crate) fn open(&self, subject: &Subject) -> anyhow::Result<Measured> {
        let list = self.data.open(Split::Test, &subject.preset)?;
        let preprocessing = subject.preprocessing.for_frames(list.frame_size()?);
        let name = self.protocol.as_deref();
        let protocol = EvalProtocol::preset(name.unwrap_or(preprocessing.protocol()))?;
        let transform = preprocessing.evaluation();
        Ok(Measured {
            loader: self.data.loader(list.clone(), transform, self.batch)?,
            provenance: subject.provenance(&self.data, &list, Split::Test)?,
            list,
            preprocessing,
            protocol,
        })
    }
}
