//! Shared by the commands that measure depth errors: test images, protocol and provenance.

use std::sync::Arc;

use mde_datasets::{Loader, MffGeometry, Preprocessing, RgbdList, Split};
use mde_metrics::{EvalProtocol, MetricsError};
use mde_results::Provenance;

use crate::arguments::positive;
use crate::data::DataArgs;
use crate::progress::remark;
use crate::subject::Subject;

const BATCH_SIZE: usize = 8;

/// Data and protocol of a measurement.
#[derive(Debug, clap::Args)]
pub(crate) struct MeasureArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) protocol: ProtocolArgs,
    /// Batch size; does not change the result.
    #[arg(long, value_name = "N", alias = "batch", default_value_t = BATCH_SIZE)]
    batch_size: usize,
}

/// The choice of a protocol.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ProtocolArgs {
    /// Evaluation protocol: which pixels are scored, and how [default: the network's].
    #[arg(long = "protocol", value_name = "NAME", id = "protocol")]
    pub(crate) name: Option<String>,
    /// Minimum depth: ground truth at or below it is not scored, predictions are clamped to it
    /// [default: the protocol's].
    #[arg(long, value_name = "METRES", value_parser = positive::<f32>, allow_negative_numbers = true)]
    min_depth: Option<f32>,
    /// Maximum depth: ground truth at or beyond it is not scored, predictions are clamped to it
    /// [default: the protocol's].
    #[arg(long, value_name = "METRES", value_parser = positive::<f32>, allow_negative_numbers = true)]
    max_depth: Option<f32>,
}

impl ProtocolArgs {
    /// A protocol with the requested range of depth.
    pub(crate) fn limit(&self, protocol: EvalProtocol) -> Result<EvalProtocol, MetricsError> {
        protocol.with_depth_range(self.min_depth, self.max_depth)
    }
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
            protocol: ProtocolArgs::default(),
            batch_size: BATCH_SIZE,
        }
    }

    /// Opens the test images for a network.
    pub(crate) fn open(&self, subject: &Subject) -> anyhow::Result<Measured> {
        let list = self.data.open(Split::Test, &subject.preset)?;
        let list = Arc::new(Arc::unwrap_or_clone(list).with_depth_limit(f32::INFINITY));
        let preprocessing = subject.preprocessing.for_frames(list.frame_size()?);
        let name = self.protocol.name.as_deref();
        let protocol = EvalProtocol::preset(name.unwrap_or(preprocessing.protocol()))?;
        let protocol = self.protocol.limit(protocol)?;
        if name.is_some_and(|name| name != preprocessing.protocol()) {
            remark_on_crop(preprocessing, &protocol.name);
        }
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

/// Says that protocols of whole frames score a part of them only, where preprocessing resizes and
/// crops: such a part cannot be put back into the frame.
pub(crate) fn remark_on_crop(preprocessing: Preprocessing, protocol: &str) {
    if let Preprocessing::Mff(_) = preprocessing {
        let MffGeometry {
            shorter_side,
            crop: (height, width),
            ..
        } = MffGeometry::full();
        remark(&format!(
            "warning: the network sees the central {height}x{width} of each frame after its shorter side is resized to \
             {shorter_side}; {protocol} is applied to that part, not to the frame"
        ));
    }
}
