//! Dissection: how much each hidden unit answers to each range of depth.

use candle_core::{DType, Device, Storage, Tensor};
use mde_datasets::{DatasetError, ExampleBatch};
use mde_metrics::{BinWeights, DepthBins, ImageSize, MetricsError};
use mde_models::{DepthNet, LayerInfo, Mode, Probe};
use rayon::prelude::*;

use crate::dissected::DissectedLayer;
use crate::shuffled::ShuffledDepths;
use crate::{AnalysisError, depth_input};

/// A layer to dissect, and its bins.
#[derive(Debug, Clone)]
pub struct DissectLayer {
    /// The layer's name.
    pub name: String,
    /// The depth bins.
    pub bins: DepthBins,
}

/// What a dissection finds out beside the tallies; by default nothing.
#[derive(Debug, Clone, Default)]
pub struct DissectOptions {
    /// Permutations of the depth maps among the images, for [`PermutationNull`](mde_metrics::results::PermutationNull).
    /// With any, the images are read twice, and what the depth maps weigh is kept in memory: for each image and each size of
    /// maps (with bins of its own) about 20 bytes a pixel, so 1 GB for 650 images and two sizes of 200x200; and for each permutation and
    /// layer the sums, 8 bytes for each unit and bin.
    pub permutations: usize,
    /// Seed of the permutations.
    pub seed: u64,
    /// Other grids under which every layer is scored, such as [`Discretisation::sweep`](mde_metrics::Discretisation::sweep).
    pub grids: Vec<DepthBins>,
    /// Images to keep for every unit, of those that it responds to most.
    pub top_images: usize,
}

/// Runs the network over the batches and tallies the responses of the layers' units by ground-truth depth.
///
/// Each activation is pooled as the forward pass hands it over and then dropped; ground truth keeps its own
/// resolution, features are never upsampled (see [`BinWeights`]). `batches` gives all images, in the same order
/// at every call; it is called once, and with permutations twice. `observer` is told of the images of every pass.
///
/// # Errors
/// If a layer does not exist or is named twice, a sample cannot be loaded, a response is not finite, no image has a
/// depth in the bins, or, with permutations, the maps of a layer differ in size from image to image or the second pass has
/// another number of images.
pub fn dissect<I>(
    network: &dyn DepthNet,
    batches: impl Fn() -> I,
    device: &Device,
    layers: &[DissectLayer],
    options: &DissectOptions,
    observer: &mut dyn FnMut(usize),
) -> Result<Vec<DissectedLayer>, AnalysisError>
where
    I: Iterator<Item = Result<ExampleBatch, DatasetError>>,
{
    let mut dissected = Vec::with_capacity(layers.len());
    for (index, layer) in layers.iter().enumerate() {
        if layers[..index].iter().any(|known| known.name == layer.name) {
            return Err(AnalysisError::LayerTwice {
                name: layer.name.clone(),
            });
        }
        let info = network.layer(&layer.name)?;
        dissected.push(DissectedLayer::new(info, &layer.bins, options)?);
    }
    let shuffled = match options.permutations {
        0 => None,
        _ => Some(ShuffledDepths::read(
            network,
            batches(),
            device,
            layers,
            options,
            observer,
        )?),
    };
    for batch in batches() {
        let batch = batch?;
        let input = depth_input(&batch, device)?;
        let mut probe = TallyProbe {
            weights: BatchWeights::new(&batch),
            layers,
            shuffled: shuffled.as_ref(),
            dissected: &mut dissected,
            failure: None,
        };
        let passed = network.forward(&input, Mode::Eval, &mut probe);
        if let Some(failure) = probe.failure {
            return Err(failure);
        }
        passed?;
        observer(batch.len());
    }
    for (layer, dissected) in layers.iter().zip(&dissected) {
        if let Some(first) = &shuffled
            && first.images != dissected.tallies.images()
        {
            return Err(AnalysisError::OtherImages {
                images: first.images,
            });
        }
        if !dissected.tallies.has_binned_depth() {
            return Err(AnalysisError::NothingToDissect {
                images: dissected.tallies.images(),
                layer: layer.name.clone(),
            });
        }
    }
    Ok(dissected)
}

/// One layer's maps of a batch.
pub(crate) struct LayerMaps<'a> {
    pub(crate) batch: &'a ExampleBatch,
    pub(crate) layer: &'a str,
    pub(crate) size: ImageSize,
    /// `[images, units, size]`.
    features: &'a [f32],
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

/// The weights of a batch's depth maps for each size and bins: layers that have both share them.
pub(crate) struct BatchWeights<'a> {
    batch: &'a ExampleBatch,
    made: Vec<Vec<BinWeights>>,
}

impl<'a> BatchWeights<'a> {
    pub(crate) fn new(batch: &'a ExampleBatch) -> Self {
        Self {
            batch,
            made: Vec::new(),
        }
    }

    /// Where the images' weights are for maps of this size, which are made if they are not there yet.
    pub(crate) fn index(
        &mut self,
        layer: &str,
        bins: &DepthBins,
        size: ImageSize,
    ) -> Result<usize, AnalysisError> {
        let known = self.made.iter().position(|weights| {
            (weights.first()).is_some_and(|first| {
                first.feature_size() == size && first.bins().edges() == bins.edges()
            })
        });
        if let Some(known) = known {
            return Ok(known);
        }
        let (height, width) = self.batch.depth_size;
        let gt_size = ImageSize { height, width };
        let weights: Result<Vec<_>, _> = self
            .batch
            .depths
            .par_chunks(gt_size.pixels().max(1))
            .enumerate()
            .map(|(image, gt)| {
                BinWeights::new(bins, gt, gt_size, size)
                    .map_err(|source| image_error(self.batch, image, layer, source))
            })
            .collect();
        self.made.push(weights?);
        Ok(self.made.len() - 1)
    }

    /// The images' weights for maps of this size.
    pub(crate) fn of(
        &mut self,
        layer: &str,
        bins: &DepthBins,
        size: ImageSize,
    ) -> Result<&[BinWeights], AnalysisError> {
        let index = self.index(layer, bins, size)?;
        Ok(&self.made[index])
    }

    /// The weights in the order in which they were asked for.
    pub(crate) fn into_made(self) -> Vec<Vec<BinWeights>> {
        self.made
    }
}

/// Tallies the layers of a list as they come by.
struct TallyProbe<'a> {
    weights: BatchWeights<'a>,
    layers: &'a [DissectLayer],
    shuffled: Option<&'a ShuffledDepths>,
    dissected: &'a mut [DissectedLayer],
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
            && let Err(failure) = self.tally(index, &activation)
        {
            let message = failure.to_string();
            self.failure = Some(failure);
            candle_core::bail!("{message}");
        }
        Ok(activation)
    }
}

impl TallyProbe<'_> {
    fn tally(&mut self, index: usize, activation: &Tensor) -> Result<(), AnalysisError> {
        let (_, _, height, width) = activation.dims4()?;
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
        let maps = LayerMaps {
            batch: self.weights.batch,
            layer: &self.layers[index].name,
            size: ImageSize { height, width },
            features: &values.as_slice::<f32>()?[start..end],
        };
        let dissected = &mut self.dissected[index];
        let first = dissected.tallies.images();
        dissected.tally(&maps, &mut self.weights)?;
        if let Some(shuffled) = self.shuffled {
            shuffled.tally(index, first, &maps, &mut dissected.permuted)?;
        }
        Ok(())
    }
}
