//! Depth maps permuted among the images, for the chance level.

use mde_datasets::ExampleBatch;
use mde_metrics::statistics::{keyed_seed, permutation};
use mde_metrics::{BinWeights, ImageSize, ResponseTally};
use rayon::prelude::*;

use crate::AnalysisError;
use crate::layer_maps::{BatchWeights, DissectLayer, LayerMaps};

/// The pooling weights of every image's ground truth, and permutations of the images.
pub(crate) struct ShuffledDepths {
    layers: Vec<ShuffledLayer>,
    /// The images' weights, for every size of maps and bins.
    weights: Vec<Vec<BinWeights>>,
    images: usize,
    /// `[permutations][images]`: the image whose depth map is used for an image.
    orders: Vec<Vec<usize>>,
}

struct ShuffledLayer {
    size: ImageSize,
    /// Index into [`ShuffledDepths::weights`].
    weights: usize,
}

impl ShuffledDepths {
    /// No image yet. `sizes` are the sizes of the layers' maps.
    pub(crate) fn new(layers: &[DissectLayer], sizes: &[ImageSize]) -> Self {
        let shuffled = layers
            .iter()
            .zip(sizes)
            .map(|(_, &size)| ShuffledLayer { size, weights: 0 });
        Self {
            layers: shuffled.collect(),
            weights: Vec::new(),
            images: 0,
            orders: Vec::new(),
        }
    }

    /// Number of images.
    pub(crate) fn images(&self) -> usize {
        self.images
    }

    /// Adds the depth maps of a batch.
    pub(crate) fn push(
        &mut self,
        batch: &ExampleBatch,
        layers: &[DissectLayer],
        check_aspect_ratio: bool,
    ) -> Result<(), AnalysisError> {
        let mut weights = BatchWeights::new(batch, check_aspect_ratio);
        for (shuffled, layer) in self.layers.iter_mut().zip(layers) {
            shuffled.weights = weights.index(&layer.name, &layer.bins, shuffled.size)?;
        }
        let mut added = weights.into_all();
        added
            .iter_mut()
            .flatten()
            .for_each(BinWeights::shrink_to_fit);
        self.weights.resize_with(added.len(), Vec::new);
        for (all, added) in self.weights.iter_mut().zip(added) {
            all.extend(added);
        }
        self.images += batch.len();
        Ok(())
    }

    /// Draws the permutations of the images.
    pub(crate) fn permute(&mut self, permutations: usize, seed: u64) {
        self.orders = (0..permutations)
            .map(|index| permutation(self.images, keyed_seed(seed, index)))
            .collect();
    }

    /// Adds the maps of a batch to the tallies of layer `layer`, one tally per permutation. `first`
    /// is the index of the batch's first image among all.
    pub(crate) fn tally(
        &self,
        layer: usize,
        first: usize,
        maps: &LayerMaps<'_>,
        tallies: &mut [ResponseTally],
    ) -> Result<(), AnalysisError> {
        let other_images = || AnalysisError::OtherImages {
            images: self.images,
        };
        let layer = self.layers.get(layer).ok_or_else(other_images)?;
        if maps.size != layer.size {
            return Err(AnalysisError::OtherMaps {
                id: maps.batch.ids.first().cloned().unwrap_or_default(),
                layer: maps.layer.to_owned(),
                expected: layer.size,
                found: maps.size,
            });
        }
        let weights = self.weights.get(layer.weights).ok_or_else(other_images)?;
        let permutations = tallies.par_iter_mut().zip(&self.orders);
        permutations.try_for_each(|(tally, order)| {
            for (image, features) in maps.images().enumerate() {
                let &given = order.get(first + image).ok_or_else(other_images)?;
                tally
                    .update_pooled(features, &weights[given])
                    .map_err(|source| maps.error(image, source))?;
            }
            Ok(())
        })
    }
}
