//! Dissection: how much each hidden unit answers to each range of depth.

use candle_core::{DType, Device, Storage, Tensor};
use mde_datasets::{DatasetError, ExampleBatch};
use mde_metrics::{BinWeights, DepthBins, ImageSize};
use mde_models::{DepthNet, LayerInfo, Mode, Probe};
use rayon::prelude::*;

use crate::tallies::{ImageTally, LayerTallies};
use crate::{AnalysisError, depth_input};

/// A layer to dissect, and its bins.
#[derive(Debug, Clone)]
pub struct DissectLayer {
    /// The layer's name.
    pub name: String,
    /// The depth bins.
    pub bins: DepthBins,
}

/// Runs the network over the batches and tallies the responses of the layers' units by ground-truth depth.
///
/// Each activation is pooled as the forward pass hands it over and then dropped; ground truth keeps its own
/// resolution, features are never upsampled (see [`mde_metrics::BinWeights`]).
///
/// # Errors
/// If a layer does not exist or is named twice, a sample cannot be loaded, a response is not finite, or no image has a
/// depth in the bins.
pub fn dissect(
    network: &dyn DepthNet,
    batches: impl Iterator<Item = Result<ExampleBatch, DatasetError>>,
    device: &Device,
    layers: &[DissectLayer],
    observer: &mut dyn FnMut(usize),
) -> Result<Vec<LayerTallies>, AnalysisError> {
    let mut tallies = Vec::with_capacity(layers.len());
    for (index, layer) in layers.iter().enumerate() {
        if layers[..index].iter().any(|known| known.name == layer.name) {
            return Err(AnalysisError::LayerTwice {
                name: layer.name.clone(),
            });
        }
        tallies.push(LayerTallies::new(
            network.layer(&layer.name)?.units,
            layer.bins.clone(),
        ));
    }
    for batch in batches {
        let batch = batch?;
        let input = depth_input(&batch, device)?;
        let mut probe = TallyProbe {
            batch: &batch,
            layers,
            tallies: &mut tallies,
            weights: Vec::new(),
            failure: None,
        };
        let passed = network.forward(&input, Mode::Eval, &mut probe);
        if let Some(failure) = probe.failure {
            return Err(failure);
        }
        passed?;
        observer(batch.len());
    }
    for (layer, tallies) in layers.iter().zip(&tallies) {
        if !tallies.has_binned_depth() {
            return Err(AnalysisError::NothingToDissect {
                images: tallies.images(),
                layer: layer.name.clone(),
            });
        }
    }
    Ok(tallies)
}

/// Tallies the layers of a list as they come by.
struct TallyProbe<'a> {
    batch: &'a ExampleBatch,
    layers: &'a [DissectLayer],
    tallies: &'a mut [LayerTallies],
    /// The images' weights for each size and bins that came by: layers of one size share them.
    weights: Vec<Vec<BinWeights>>,
    /// What ended the forward pass, with its type kept.
    failure: Option<AnalysisError>,
}

impl Probe for TallyProbe<'_> {
    fn visit(&mut self, layer: &LayerInfo, activation: Tensor) -> candle_core::Result<Tensor> {
        let wanted = self
            .layers
            .iter()
            .position(|wanted| wanted.name == layer.name);
        if let Some(index) = wanted
            && let Err(failure) = self.tally(index, layer, &activation)
        {
            let message = failure.to_string();
            self.failure = Some(failure);
            candle_core::bail!("{message}");
        }
        Ok(activation)
    }
}

impl TallyProbe<'_> {
    fn tally(
        &mut self,
        index: usize,
        layer: &LayerInfo,
        activation: &Tensor,
    ) -> Result<(), AnalysisError> {
        let (images, units, height, width) = activation.dims4()?;
        let feature_size = ImageSize { height, width };
        let image_error = |image: usize, source| AnalysisError::Image {
            id: format!("{}, layer {}", self.batch.ids[image], layer.name),
            source,
        };
        let bins = &self.layers[index].bins;
        let known = self.weights.iter().position(|weights| {
            (weights.first()).is_some_and(|first| {
                first.feature_size() == feature_size && first.bins().edges() == bins.edges()
            })
        });
        let known = match known {
            Some(known) => known,
            None => {
                let (height, width) = self.batch.depth_size;
                let gt_size = ImageSize { height, width };
                let weights: Result<Vec<_>, _> = self
                    .batch
                    .depths
                    .par_chunks(gt_size.pixels())
                    .enumerate()
                    .map(|(image, gt)| {
                        BinWeights::new(bins, gt, gt_size, feature_size)
                            .map_err(|source| image_error(image, source))
                    })
                    .collect();
                self.weights.push(weights?);
                self.weights.len() - 1
            }
        };
        let weights = &self.weights[known];

        // On a CPU no copy, where the layer's values lie in order.
        let activation = activation
            .to_device(&Device::Cpu)?
            .to_dtype(DType::F32)?
            .contiguous()?;
        let (storage, layout) = activation.storage_and_layout();
        let (Storage::Cpu(values), Some((start, end))) = (&*storage, layout.contiguous_offsets())
        else {
            return Err(candle_core::Error::RequiresContiguous { op: "dissect" }.into());
        };
        let features = &values.as_slice::<f32>()?[start..end];
        let tallied: Result<Vec<_>, _> = (0..images)
            .into_par_iter()
            .zip(features.par_chunks(units * feature_size.pixels()))
            .zip(weights)
            .map(|((image, features), weights)| {
                ImageTally::new(weights, units, features)
                    .map_err(|source| image_error(image, source))
            })
            .collect();
        for (id, image) in self.batch.ids.iter().zip(tallied?) {
            self.tallies[index].push(id.clone(), image);
        }
        Ok(())
    }
}
