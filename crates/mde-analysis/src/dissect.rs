//! Dissection: how much each hidden unit answers to each range of depth.

use candle_core::{Device, Tensor};
use mde_datasets::{DatasetError, ExampleBatch};
use mde_metrics::{DepthBins, ImageSize};
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
        let (_, units, height, width) = activation.dims4()?;
        let feature_size = ImageSize { height, width };
        let (height, width) = self.batch.depth_size;
        let gt_size = ImageSize { height, width };
        let features = activation.flatten_all()?.to_vec1::<f32>()?;
        let bins = &self.layers[index].bins;
        let images: Result<Vec<_>, _> = features
            .par_chunks(units * feature_size.pixels())
            .zip(self.batch.depths.par_chunks(gt_size.pixels()))
            .zip(&self.batch.ids)
            .map(|((features, gt), id)| {
                ImageTally::new(bins, units, features, feature_size, gt, gt_size).map_err(
                    |source| AnalysisError::Image {
                        id: format!("{id}, layer {}", layer.name),
                        source,
                    },
                )
            })
            .collect();
        for (id, image) in self.batch.ids.iter().zip(images?) {
            self.tallies[index].push(id.clone(), image);
        }
        Ok(())
    }
}
