//! Shared by the commands that measure depth errors: test images, protocol and provenance.

use std::sync::Arc;

use mde_datasets::{Loader, Preprocessing, RgbdList, Split};
use mde_metrics::EvalProtocol;
use mde_results::Provenance;

use crate::data::DataArgs;
use crate::subject::Subject;

const BATCH_SIZE: usize = 8;

/// Data and protocol of a measurement.
#[derive(Debug, clap::Args)]
pub(crate) struct MeasureArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Evaluation protocol: which pixels are scored, and how [default: the network's].
    #[arg(long, value_name = "NAME")]
    protocol: Option<String>,
    /// Batch size; does not change the result.
    #[arg(long, value_name = "N", alias = "batch", default_value_t = BATCH_SIZE)]
    batch_size: usize,
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
    /// The data with the defaults of the other options.
    pub(crate) fn new(data: DataArgs) -> Self {
        Self {
            data,
            protocol: None,
            batch_size: BATCH_SIZE,
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
            loader: self.data.loader(list.clone(), transform, self.batch_size)?,
            provenance: subject.provenance(&self.data, &list, Split::Test)?,
            list,
            preprocessing,
            protocol,
        })
    }
}
