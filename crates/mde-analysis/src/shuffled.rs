//! Depth maps given to other images, for the null of chance.

use candle_core::{Device, Tensor};
use mde_datasets::{DatasetError, ExampleBatch};
use mde_metrics::statistics::{keyed_seed, permutation};
use mde_metrics::{BinWeights, ImageSize, ResponseTally};
use mde_models::{DepthNet, LayerInfo, Mode, Probe};
use rayon::prelude::*;

use crate::dissect::{BatchWeights, DissectLayer, DissectOptions, LayerMaps};
use crate::{AnalysisError, depth_input};

/// Every image's ground truth as the layers' bins see it, and permutations of the images.
pub(crate) struct ShuffledDepths {
    layers: Vec<ShuffledLayer>,
    /// For every size of maps and bins the images' weights.
    weights: Vec<Vec<BinWeights>>,
    pub(crate) images: usize,
    /// `[permutations][images]`: whose depth map an image is given.
    orders: Vec<Vec<usize>>,
}

struct ShuffledLayer {
    size: ImageSize,
    /// Which of the weights are for it.
    weights: usize,
}

impl ShuffledDepths {
    /// Reads the depth maps of all images. The network is run on the first batch alone, to learn the sizes of its layers'
    /// maps.
    pub(crate) fn read(
        network: &dyn DepthNet,
        batches: impl Iterator<Item = Result<ExampleBatch, DatasetError>>,
        device: &Device,
        layers: &[DissectLayer],
        options: &DissectOptions,
        observer: &mut dyn FnMut(usize),
    ) -> Result<Self, AnalysisError> {
        let mut sizes = None;
        let mut shuffled = Self {
            layers: Vec::new(),
            weights: Vec::new(),
            images: 0,
            orders: Vec::new(),
        };
        for batch in batches {
            let batch = batch?;
            let sizes = match &mut sizes {
                Some(known) => known,
                unknown => unknown.insert(map_sizes(network, &batch, device, layers)?),
            };
            let mut of_batch = BatchWeights::new(&batch);
            shuffled.layers.clear();
            for (layer, &size) in layers.iter().zip(sizes.iter()) {
                let weights = of_batch.index(&layer.name, &layer.bins, size)?;
                shuffled.layers.push(ShuffledLayer { size, weights });
            }
            let mut made = of_batch.into_made();
            let weights = made.iter_mut().flatten();
            weights.for_each(BinWeights::shrink_to_fit);
            shuffled.weights.resize_with(made.len(), Vec::new);
            for (all, made) in shuffled.weights.iter_mut().zip(made) {
                all.extend(made);
            }
            shuffled.images += batch.len();
            observer(batch.len());
        }
        shuffled.orders = (0..options.permutations)
            .map(|index| permutation(shuffled.images, keyed_seed(options.seed, index)))
            .collect();
        Ok(shuffled)
    }

    /// Adds the maps of a batch to the tallies of layer `layer`, one tally for each permutation. `first` is the place of the
    /// batch's first image among all.
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
        let weights = &self.weights[layer.weights];
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

/// The sizes of the layers' maps.
fn map_sizes(
    network: &dyn DepthNet,
    batch: &ExampleBatch,
    device: &Device,
    layers: &[DissectLayer],
) -> Result<Vec<ImageSize>, AnalysisError> {
    struct Sizes<'a>(&'a [DissectLayer], Vec<ImageSize>);
    impl Probe for Sizes<'_> {
        fn visit(&mut self, layer: &LayerInfo, activation: Tensor) -> candle_core::Result<Tensor> {
            let wanted = self.0.iter().position(|wanted| wanted.name == layer.name);
            if let Some(index) = wanted {
                let (_, _, height, width) = activation.dims4()?;
                self.1[index] = ImageSize { height, width };
            }
            Ok(activation)
        }
    }
    let mut sizes = Sizes(layers, vec![ImageSize::new(0, 0); layers.len()]);
    network.forward(&depth_input(batch, device)?, Mode::Eval, &mut sizes)?;
    Ok(sizes.1)
}
