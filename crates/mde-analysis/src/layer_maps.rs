//! The maps of a layer for a batch, and the weights that pool them by depth.

use mde_datasets::ExampleBatch;
use mde_metrics::{BinWeights, DepthBins, ImageSize, MetricsError};
use mde_results::DepthHash;
use rayon::prelude::*;

use crate::AnalysisError;

/// A layer to dissect, and its bins.
#[derive(Debug, Clone)]
pub struct DissectLayer {
    /// The layer's name.
    pub name: String,
    /// The depth bins.
    pub bins: DepthBins,
}

/// One layer's maps of a batch.
pub(crate) struct LayerMaps<'a> {
    pub(crate) batch: &'a ExampleBatch,
    pub(crate) layer: &'a str,
    pub(crate) size: ImageSize,
    /// `[images, units, size]`.
    pub(crate) features: &'a [f32],
}

impl<'a> LayerMaps<'a> {
    /// The maps of each image, `[units, size]`.
    pub(crate) fn images(&self) -> std::slice::ChunksExact<'a, f32> {
        let images = self.batch.len().max(1);
        self.features
            .chunks_exact((self.features.len() / images).max(1))
    }

    pub(crate) fn error(&self, image: usize, source: MetricsError) -> AnalysisError {
        image_error(self.batch, image, self.layer, source)
    }
}

fn image_error(
    batch: &ExampleBatch,
    image: usize,
    layer: &str,
    source: MetricsError,
) -> AnalysisError {
    AnalysisError::Image {
        id: format!("{}, layer {layer}", batch.ids[image]),
        source,
    }
}

/// The pooling weights of a batch's depth maps, for each size of feature maps and each set of bins.
/// Layers with the same size and bins share them.
pub(crate) struct BatchWeights<'a> {
    pub(crate) batch: &'a ExampleBatch,
    /// See [`DissectOptions::check_aspect_ratio`](crate::DissectOptions::check_aspect_ratio).
    check_aspect_ratio: bool,
    computed: Vec<Vec<BinWeights>>,
    ground_truth: Vec<DepthHash>,
}

impl<'a> BatchWeights<'a> {
    pub(crate) fn new(batch: &'a ExampleBatch, check_aspect_ratio: bool) -> Self {
        Self {
            batch,
            check_aspect_ratio,
            computed: Vec::new(),
            ground_truth: Vec::new(),
        }
    }

    /// The hashes of the images' ground truth. They are computed at the first request.
    pub(crate) fn ground_truth(&mut self) -> Vec<DepthHash> {
        if self.ground_truth.is_empty() {
            let (height, width) = self.batch.depth_size;
            let size = ImageSize { height, width };
            let maps = self.batch.depths.par_chunks(size.pixels().max(1));
            self.ground_truth = maps.map(|depths| DepthHash::new(depths, size)).collect();
        }
        self.ground_truth.clone()
    }

    /// The index of the images' weights for maps of this size. They are computed at the first
    /// request.
    pub(crate) fn index(
        &mut self,
        layer: &str,
        bins: &DepthBins,
        size: ImageSize,
    ) -> Result<usize, AnalysisError> {
        let known = self.computed.iter().position(|weights| {
            (weights.first()).is_some_and(|first| {
                first.feature_size() == size && first.bins().edges() == bins.edges()
            })
        });
        if let Some(known) = known {
            return Ok(known);
        }
        let (height, width) = self.batch.depth_size;
        let gt_size = ImageSize { height, width };
        let compute = match self.check_aspect_ratio {
            true => BinWeights::new,
            false => BinWeights::for_stretched_features,
        };
        let weights: Result<Vec<_>, _> = self
            .batch
            .depths
            .par_chunks(gt_size.pixels().max(1))
            .enumerate()
            .map(|(image, gt)| {
                compute(bins, gt, gt_size, size)
                    .map_err(|source| image_error(self.batch, image, layer, source))
            })
            .collect();
        self.computed.push(weights?);
        Ok(self.computed.len() - 1)
    }

    /// The images' weights for maps of this size.
    pub(crate) fn get(
        &mut self,
        layer: &str,
        bins: &DepthBins,
        size: ImageSize,
    ) -> Result<&[BinWeights], AnalysisError> {
        let index = self.index(layer, bins, size)?;
        Ok(&self.computed[index])
    }

    /// All weights, in the order of their indices.
    pub(crate) fn into_all(self) -> Vec<Vec<BinWeights>> {
        self.computed
    }
}
