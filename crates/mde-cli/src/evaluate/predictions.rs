//! What is evaluated: predictions beside ground truth, image by image, whoever made them.

use mde_analysis::PredictedImage;
use mde_metrics::results::Provenance;
use mde_metrics::{EvalProtocol, Quantity};

use crate::stage::Results;

/// What is done with each image.
pub(super) type Visit<'a> = dyn FnMut(PredictedImage<'_>) -> anyhow::Result<()> + 'a;

/// Predictions of some images and their ground truth.
pub(super) trait Predictions {
    /// The images, in their order.
    fn ids(&self) -> Vec<String>;

    /// Shows every image.
    fn each(&self, visit: &mut Visit<'_>) -> anyhow::Result<()>;

    /// Shows one, by its place among the ids.
    fn one(&self, index: usize, visit: &mut Visit<'_>) -> anyhow::Result<()>;

    /// What the predictions' numbers are.
    fn quantity(&self) -> Quantity {
        Quantity::Depth
    }

    /// The protocol asked for, or the one that fits.
    fn protocol(&self) -> anyhow::Result<EvalProtocol>;

    /// Where they come from.
    fn provenance(&self) -> anyhow::Result<Provenance>;

    /// What decides the maps beside that.
    fn preparation(&self) -> anyhow::Result<serde_json::Value>;

    /// The training set's mean depth, to set beside the network's, metres.
    fn constant(&self) -> Option<f64> {
        None
    }

    /// Where the results go.
    fn results(&self) -> &Results;

    /// How a file of weights and the network met, where there are any.
    fn weights_document(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}
