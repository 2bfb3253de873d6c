//! Dissection: how strongly each hidden unit responds to each range of depth.

use candle_core::{DType, Device, Storage, Tensor};
use mde_datasets::ExampleBatch;
use mde_metrics::ImageSize;
use mde_models::{DepthNet, LayerInfo, Mode, Probe};

use crate::AnalysisError;
use crate::dissected::{DissectOptions, DissectedLayer};
use crate::error::{BoxError, data_error};
use crate::layer_maps::{BatchWeights, DissectLayer, LayerMaps};
use crate::predictions::network_input;
use crate::shuffled::ShuffledDepths;

/// The images of a dissection. Both functions return all of them, in the same order at every call.
pub struct DissectData<F, G> {
    /// Called once; with permutations twice, once for the first batch only.
    pub images: F,
    /// The same images with depth only: [`ExampleBatch::images`] may be empty. Called once, and
    /// only with permutations.
    pub depths: G,
}

/// Runs the network over the images and tallies the responses of the layers' units by ground-truth
/// depth.
///
/// Each activation is pooled during the forward pass and then dropped. Ground truth keeps its
/// resolution. Features are never upsampled; see [`BinWeights`](mde_metrics::BinWeights).
/// `observer` receives the number of images after each batch of every pass.
///
/// # Errors
/// If a layer does not exist or is named twice, a sample cannot be loaded, a response is not
/// finite, or no image has depth in the bins. With permutations, if the maps of a layer differ in
/// size between images, or the passes differ in their number of images.
pub fn dissect<I, J, E>(
    network: &dyn DepthNet,
    data: &DissectData<impl Fn() -> I, impl Fn() -> J>,
    device: &Device,
    layers: &[DissectLayer],
    options: &DissectOptions,
    observer: &mut dyn FnMut(usize),
) -> Result<Vec<DissectedLayer>, AnalysisError>
where
    I: Iterator<Item = Result<ExampleBatch, E>>,
    J: Iterator<Item = Result<ExampleBatch, E>>,
    E: Into<BoxError>,
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
    let mut shuffled = None;
    if options.permutations > 0
        && let Some(first) = (data.images)().next()
    {
        let first = first.map_err(data_error)?;
        let sizes = map_sizes(network, &first, device, layers)?;
        let mut depths = ShuffledDepths::new(layers, &sizes);
        for batch in (data.depths)() {
            let batch = batch.map_err(data_error)?;
            depths.push(&batch, layers, options.check_aspect_ratio)?;
            observer(batch.len());
        }
        depths.permute(options.permutations, options.seed);
        shuffled = Some(depths);
    }
    for batch in (data.images)() {
        let batch = batch.map_err(data_error)?;
        let input = network_input(&batch, device)?;
        let mut probe = TallyProbe {
            weights: BatchWeights::new(&batch, options.check_aspect_ratio),
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
            && first.images() != dissected.tallies.images()
        {
            return Err(AnalysisError::OtherImages {
                images: first.images(),
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

/// Tallies the layers of a list during the forward pass.
struct TallyProbe<'a> {
    weights: BatchWeights<'a>,
    layers: &'a [DissectLayer],
    shuffled: Option<&'a ShuffledDepths>,
    dissected: &'a mut [DissectedLayer],
    /// The error that ended the forward pass. Probes can only return errors of candle.
    failure: Option<AnalysisError>,
}

impl Probe for TallyProbe<'_> {
    fn visit(&mut self, layer: &LayerInfo, activation: Tensor) -> candle_core::Result<Tensor> {
        if let Some(index) = position(self.layers, layer)
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
        // Copies nothing if the values are contiguous f32 on the CPU.
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
            size: map_size(&activation)?,
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

/// The sizes of the layers' maps for a batch.
fn map_sizes(
    network: &dyn DepthNet,
    batch: &ExampleBatch,
    device: &Device,
    layers: &[DissectLayer],
) -> Result<Vec<ImageSize>, AnalysisError> {
    struct Sizes<'a>(&'a [DissectLayer], Vec<ImageSize>);
    impl Probe for Sizes<'_> {
        fn visit(&mut self, layer: &LayerInfo, activation: Tensor) -> candle_core::Result<Tensor> {
            if let Some(index) = position(self.0, layer) {
                self.1[index] = map_size(&activation)?;
            }
            Ok(activation)
        }
    }
    let mut sizes = Sizes(layers, vec![ImageSize::new(0, 0); layers.len()]);
    network.forward(&network_input(batch, device)?, Mode::Eval, &mut sizes)?;
    Ok(sizes.1)
}

fn position(layers: &[DissectLayer], visited: &LayerInfo) -> Option<usize> {
    layers.iter().position(|wanted| wanted.name == visited.name)
}

fn map_size(activation: &Tensor) -> candle_core::Result<ImageSize> {
    let (_, _, height, width) = activation.dims4()?;
    Ok(ImageSize { height, width })
}
