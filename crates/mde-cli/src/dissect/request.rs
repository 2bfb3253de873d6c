//! What is dissected, and how.

use std::fmt;
use std::str::FromStr;

use mde_analysis::{DissectData, DissectLayer};
use mde_datasets::{DatasetError, ExampleBatch};
use mde_metrics::{DepthBins, Discretisation};
use mde_models::DepthNet;
use mde_results::Provenance;
use mde_train::Assignment;

use crate::stage::Results;

const BATCH_SIZE: usize = 8;
const BINS: usize = 64;
const PERMUTATIONS: usize = 100;
const TOP_IMAGES: usize = 4;

/// How to dissect.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Layers, named as by `mde models` [default: the network's].
    #[arg(long, value_name = "LAYER", value_delimiter = ',')]
    pub(super) layers: Option<Vec<String>>,
    /// Maximum number of depth bins; a layer with fewer units has one bin per unit [default: that
    /// of the run's assignment, or 64]. With --features, the exact number [default: min(units,
    /// 64)].
    #[arg(long, value_name = "K")]
    pub(super) bins: Option<usize>,
    /// Where the first and the last depth bin end, in metres; widths grow with depth in between
    /// [default: 0.75,10 indoors and 3,80 for streets, or those of the run's assignment].
    #[arg(long, value_name = "NEAR,FAR")]
    pub(super) range: Option<BinRange>,
    /// Number of permutations of the depth maps among the images, for the chance level of
    /// selectivity; 0 for none. They need a second pass over the data, and about 20 bytes of memory
    /// per image and pixel of a layer's maps.
    #[arg(long, value_name = "N", default_value_t = PERMUTATIONS, allow_negative_numbers = true)]
    pub(super) permutations: usize,
    /// Number of images to keep per unit, those it responds to most; 0 for none. Not with
    /// --features.
    #[arg(long, value_name = "N", default_value_t = TOP_IMAGES)]
    pub(super) top_images: usize,
    /// Batch size; does not change the result.
    #[arg(long, value_name = "N", alias = "batch", default_value_t = BATCH_SIZE)]
    pub(super) batch_size: usize,
}

impl Options {
    /// The defaults, for these layers and bins.
    pub(super) fn new(layers: Vec<String>, bins: usize) -> Self {
        Self {
            layers: Some(layers),
            bins: Some(bins),
            range: None,
            permutations: PERMUTATIONS,
            top_images: TOP_IMAGES,
            batch_size: BATCH_SIZE,
        }
    }

    /// The maximum number of bins.
    pub(super) fn max_bins(&self) -> usize {
        self.bins.unwrap_or(BINS)
    }
}

/// The end of the first and of the last depth bin, metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BinRange {
    near: f64,
    pub(super) far: f64,
}

impl FromStr for BinRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sides = text.split_once(',');
        let sides = sides.and_then(|(near, far)| {
            Some((near.trim().parse().ok()?, far.trim().parse::<f64>().ok()?))
        });
        match sides {
            Some((near, far)) if 0.0 < near && near < far && far.is_finite() => {
                Ok(Self { near, far })
            }
            _ => Err("expected NEAR,FAR in metres, 0 < NEAR < FAR, such as 0.75,10".to_owned()),
        }
    }
}

impl fmt::Display for BinRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{},{}", self.near, self.far)
    }
}

impl From<BinRange> for Discretisation {
    fn from(BinRange { near, far }: BinRange) -> Self {
        Self::Sid {
            alpha: near,
            beta: far,
        }
    }
}

/// Layers of a network, and its input images.
pub(super) struct DissectedNetwork {
    pub(super) network: Box<dyn DepthNet>,
    pub(super) layers: Vec<DissectLayer>,
    pub(super) images: usize,
    pub(super) data: DissectData<BatchSource, BatchSource>,
    /// Number of images to keep per unit.
    pub(super) top_images: usize,
    /// Other bin grids.
    pub(super) grids: Vec<DepthBins>,
    /// The depth ranges that the network's units were assigned in training.
    pub(super) assignments: Vec<Assignment>,
    pub(super) provenance: Provenance,
    /// How images are prepared.
    pub(super) preprocessing: serde_json::Value,
    pub(super) results: Results,
    /// How the names in a file of weights matched the network's; null for stored activations.
    pub(super) load_report: serde_json::Value,
}

/// Returns the images, in the same order at every call.
pub(super) type BatchSource = Box<dyn Fn() -> Batches>;

/// The images.
type Batches = Box<dyn Iterator<Item = Result<ExampleBatch, DatasetError>>>;
