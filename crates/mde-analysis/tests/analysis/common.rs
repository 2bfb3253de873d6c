//! Networks that compute what the test says, and batches made by hand.

use candle_core::{Device, Result, Tensor};
use mde_datasets::{DatasetError, DepthMap, Example, ExampleBatch};
use mde_metrics::results::Provenance;
use mde_models::{DepthInput, DepthNet, LayerInfo, Mode, Probe};

/// What a [`Fake`] makes of one channel 0 of an image, [h, w]: an activation [units, h', w'].
pub(crate) type Respond = Box<dyn Fn(&[f32], (usize, usize)) -> Map + Send + Sync>;

pub(crate) struct Map {
    pub(crate) size: (usize, usize),
    pub(crate) values: Vec<f32>,
}

/// Predicts channel 0 of the image as it is; its layers respond as the test says.
pub(crate) struct Fake {
    layers: Vec<LayerInfo>,
    respond: Vec<Respond>,
}

impl Fake {
    pub(crate) fn new() -> Self {
        Self {
            layers: Vec::new(),
            respond: Vec::new(),
        }
    }

    pub(crate) fn layer(
        mut self,
        name: &str,
        units: usize,
        respond: impl Fn(&[f32], (usize, usize)) -> Map + Send + Sync + 'static,
    ) -> Self {
        self.layers.push(LayerInfo {
            name: name.to_owned(),
            units,
            stride: 1,
        });
        self.respond.push(Box::new(respond));
        self
    }
}

impl DepthNet for Fake {
    fn layers(&self) -> &[LayerInfo] {
        &self.layers
    }

    fn forward(&self, input: &DepthInput, mode: Mode, probe: &mut dyn Probe) -> Result<Tensor> {
        assert_eq!(mode, Mode::Eval);
        let depth = input.image.narrow(1, 0, 1)?;
        let (_, _, height, width) = depth.dims4()?;
        let images = depth.flatten_from(1)?.to_vec2::<f32>()?;
        for (layer, respond) in self.layers.iter().zip(&self.respond) {
            let maps: Result<Vec<Tensor>> = images
                .iter()
                .map(|image| {
                    let Map { size, values } = respond(image, (height, width));
                    Tensor::from_vec(values, (1, layer.units, size.0, size.1), &Device::Cpu)
                })
                .collect();
            probe.visit(layer, Tensor::cat(&maps?, 0)?)?;
        }
        Ok(depth)
    }
}

/// One image: what the network sees in channel 0, and its ground truth.
pub(crate) struct Image {
    pub(crate) id: String,
    pub(crate) seen: Vec<f32>,
    pub(crate) size: (usize, usize),
    pub(crate) gt: Vec<f32>,
    pub(crate) gt_size: (usize, usize),
}

/// Batches of so many images, each with a picture.
pub(crate) fn batches(
    images: &[Image],
    batch: usize,
) -> impl Iterator<Item = std::result::Result<ExampleBatch, DatasetError>> + use<> {
    let batches: Vec<_> = images
        .chunks(batch)
        .map(|images| ExampleBatch::collate(images.iter().map(example).collect()))
        .collect();
    batches.into_iter()
}

fn example(image: &Image) -> Example {
    let mut planes = image.seen.clone();
    planes.resize(3 * image.seen.len(), 0.0);
    let (height, width) = image.gt_size;
    Example {
        id: image.id.clone(),
        image: planes,
        image_size: image.size,
        depth: DepthMap {
            height,
            width,
            metres: image.gt.clone(),
        },
        focal: None,
        rgb: Some(picture(&image.id, image.gt.len())),
    }
}

/// A picture that tells its image.
pub(crate) fn picture(id: &str, pixels: usize) -> Vec<u8> {
    vec![id.bytes().last().unwrap(); 3 * pixels]
}

/// Values in [low, high) that depend on the seed and the index only (SplitMix64).
pub(crate) fn random(count: usize, low: f32, high: f32, seed: u64) -> Vec<f32> {
    (0..count as u64)
        .map(|index| {
            let mut z = (seed << 32)
                .wrapping_add(index + 1)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            low + (high - low) * ((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32
        })
        .collect()
}

pub(crate) fn provenance() -> Provenance {
    Provenance {
        version: "0.1.0".into(),
        model: "fake".into(),
        checkpoint: "00".into(),
        data: "hand".into(),
        split: "test".into(),
        data_hash: "ff".into(),
        seed: None,
    }
}
