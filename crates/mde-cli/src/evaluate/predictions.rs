//! Predictions with their ground truth, image by image, from any source.

use mde_analysis::PredictedImage;
use mde_datasets::{DatasetError, RgbdList, mean_depth};
use mde_metrics::{EvalProtocol, Quantity};
use mde_results::Provenance;

use crate::progress::remark;
use crate::stage::Results;

/// A visitor of images.
pub(super) type Visit<'a> = dyn FnMut(PredictedImage<'_>) -> anyhow::Result<()> + 'a;

/// How the numbers in files of another program are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored {
    /// Metres that a stored 1 stands for, for disparities too: depth = scale / stored.
    pub(super) pred_scale: f64,
    /// The same of the ground truth; `None` for a data set, which has an encoding.
    pub(super) gt_scale: Option<f64>,
}

/// Predictions of images, with ground truth.
pub(super) trait Predictions {
    /// The ids of the images, in order.
    fn ids(&self) -> Vec<String>;

    /// Visits every image in order.
    fn each(&self, visit: &mut Visit<'_>) -> anyhow::Result<()>;

    /// Visits one image, by its index among the ids.
    fn one(&self, index: usize, visit: &mut Visit<'_>) -> anyhow::Result<()>;

    /// What the predicted values are: depth or disparity.
    fn quantity(&self) -> Quantity {
        Quantity::Depth
    }

    /// How stored numbers are read; `None` for a network.
    fn stored(&self) -> Option<Stored> {
        None
    }

    /// Number of images that the user left out.
    fn left_out(&self) -> usize {
        0
    }

    /// The requested protocol, or the network's.
    fn protocol(&self) -> anyhow::Result<EvalProtocol>;

    /// Says what the table of all protocols assumes.
    fn remark_on_all_protocols(&self) {}

    /// Says which depth the protocol asks for that the data leave out.
    fn remark_on_range(&self, _protocol: &EvalProtocol) {}

    /// The provenance of results.
    fn provenance(&self) -> anyhow::Result<Provenance>;

    /// Further settings that decide the maps.
    fn preparation(&self) -> anyhow::Result<serde_json::Value>;

    /// The mean depth of the training set, in metres, if known.
    fn training_mean(&self) -> Option<f64> {
        None
    }

    /// The mean depth of the ground truth, in metres; `None` without valid depth. Needs a pass over
    /// the ground truth.
    fn test_mean(&self, protocol: &EvalProtocol) -> anyhow::Result<Option<f64>>;

    /// Where the results go.
    fn results(&self) -> &Results;

    /// How the names in a file of weights matched the network's; null without such a file.
    fn load_report(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}

/// The mean depth of a list up to the end of the scene or of the protocol; `None` without valid
/// depth.
pub(super) fn mean_of_list(
    list: &RgbdList,
    protocol: &EvalProtocol,
) -> anyhow::Result<Option<f64>> {
    let limit = list.max_depth().max(protocol.max_depth);
    match mean_depth(&list.clone().with_depth_limit(limit)) {
        Ok(mean) => Ok(Some(mean)),
        Err(DatasetError::NoValidDepth { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Says that a protocol with an end beyond the scene's depth reaches further than the description.
pub(super) fn remark_on_range(list: &RgbdList, protocol: &EvalProtocol) {
    let end = protocol.max_depth;
    if let Some((_, far)) = list.range()
        && far < end
        && list.max_depth() < end
    {
        remark(&format!(
            "the protocol reaches to {end} m, but `range` in dataset.toml ends at {far} m: depth beyond is not scored"
        ));
    }
}
