//! Networks with responses defined by the test, and batches made by hand.

use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{Device, Result, Tensor};
use mde_analysis::{DissectData, DissectLayer, DissectOptions, dissect};
use mde_datasets::{DatasetError, DepthMap, Example, ExampleBatch};
use mde_metrics::DepthBins;
use mde_metrics::statistics::Bootstrap;
use mde_models::{DepthInput, DepthNet, LayerInfo, Mode, Probe};
use mde_results::{LayerDissection, Provenance};
use safetensors::{Dtype, SafeTensors};

/// Maps channel 0 of an image, [h, w], to an activation [units, h', w'].
pub(crate) type Respond = Box<dyn Fn(&[f32], (usize, usize)) -> Map + Send + Sync>;

pub(crate) struct Map {
    pub(crate) size: (usize, usize),
    pub(crate) values: Vec<f32>,
}

/// Predicts channel 0 of the image unchanged. The test defines the responses of its layers.
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

/// One image: its channel 0, `seen`, and its ground truth.
pub(crate) struct Image {
    pub(crate) id: String,
    pub(crate) seen: Vec<f32>,
    pub(crate) size: (usize, usize),
    pub(crate) gt: Vec<f32>,
    pub(crate) gt_size: (usize, usize),
}

/// Batches of `batch` images, each with a picture.
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

/// The images for a dissection, in batches of `batch`.
pub(crate) fn data(
    images: &[Image],
    batch: usize,
) -> DissectData<impl Fn() -> TestBatches, impl Fn() -> TestBatches> {
    DissectData {
        images: move || -> TestBatches { Box::new(batches(images, batch)) },
        depths: move || -> TestBatches { Box::new(batches(images, batch)) },
    }
}

pub(crate) type TestBatches =
    Box<dyn Iterator<Item = std::result::Result<ExampleBatch, DatasetError>>>;

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
        frame: None,
        focal: None,
        rgb: Some(picture(&image.id, image.gt.len())),
    }
}

/// A picture that identifies its image.
pub(crate) fn picture(id: &str, pixels: usize) -> Vec<u8> {
    vec![id.bytes().last().unwrap(); 3 * pixels]
}

/// Values in [low, high) that depend only on the seed and the index (SplitMix64).
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

/// One layer, `L`, with responses defined by the test. The depth is the sum of its units.
pub(crate) struct Adds {
    layers: [LayerInfo; 1],
    respond: Respond,
    /// How often the part before the layer has run.
    pub(crate) runs: AtomicUsize,
}

impl Adds {
    pub(crate) fn new(
        units: usize,
        respond: impl Fn(&[f32], (usize, usize)) -> Map + Send + Sync + 'static,
    ) -> Self {
        Self {
            layers: [LayerInfo {
                name: "L".to_owned(),
                units,
                stride: 1,
            }],
            respond: Box::new(respond),
            runs: AtomicUsize::new(0),
        }
    }
}

impl DepthNet for Adds {
    fn layers(&self) -> &[LayerInfo] {
        &self.layers
    }

    fn forward(&self, input: &DepthInput, _mode: Mode, probe: &mut dyn Probe) -> Result<Tensor> {
        let layer = &self.layers[0];
        let activation = match probe.recall("L") {
            Some(kept) => kept[0].clone(),
            None => {
                self.runs.fetch_add(1, Ordering::Relaxed);
                let (_, _, height, width) = input.image.dims4()?;
                let images = input.image.narrow(1, 0, 1)?.flatten_from(1)?;
                let maps: Result<Vec<Tensor>> = images
                    .to_vec2::<f32>()?
                    .iter()
                    .map(|image| {
                        let Map { size, values } = (self.respond)(image, (height, width));
                        Tensor::from_vec(values, (1, layer.units, size.0, size.1), &Device::Cpu)
                    })
                    .collect();
                let activation = Tensor::cat(&maps?, 0)?;
                probe.keep("L", std::slice::from_ref(&activation));
                activation
            }
        };
        probe.visit(layer, activation)?.sum_keepdim(1)
    }
}

/// A layer of three units on maps of 10x20. Their responses are ½, ½ and 0 where 1 m is seen, 0, 2
/// and 0 where 2 m are seen, and ½, ½ and 1 elsewhere.
pub(crate) fn three_units() -> Adds {
    Adds::new(3, |seen, size| {
        let responses = |unit: usize| {
            seen.iter().map(move |&depth| match depth {
                1.0 => [0.5, 0.5, 0.0][unit],
                2.0 => [0.0, 2.0, 0.0][unit],
                _ => [0.5, 0.5, 1.0][unit],
            })
        };
        Map {
            size,
            values: (0..3).flat_map(responses).collect(),
        }
    })
}

/// 10x20 pixels with one value in the left half and another in the right half, in the image and in
/// the ground truth.
pub(crate) fn halves(id: &str, seen: [f32; 2], gt: [f32; 2]) -> Image {
    let map = |values: [f32; 2]| (0..200).map(|at| values[at % 20 / 10]).collect();
    Image {
        id: id.into(),
        seen: map(seen),
        size: (10, 20),
        gt: map(gt),
        gt_size: (10, 20),
    }
}

/// The dissection of a network's layers over images.
pub(crate) fn dissected(
    network: &dyn DepthNet,
    images: &[Image],
    layers: &[(&str, DepthBins)],
) -> Vec<(LayerDissection, Vec<f64>)> {
    let wanted: Vec<_> = layers
        .iter()
        .map(|(name, bins)| DissectLayer {
            name: (*name).to_owned(),
            bins: bins.clone(),
        })
        .collect();
    let dissected = dissect(
        network,
        &data(images, 1),
        &Device::Cpu,
        &wanted,
        &DissectOptions::default(),
        &mut |_| {},
    );
    let few = Bootstrap {
        resamples: 20,
        ..Bootstrap::default()
    };
    let layers = dissected.unwrap().into_iter().map(|layer| {
        let mean = layer.tallies.total().unwrap().overall_mean().unwrap();
        (layer.summarise(None, &few, String::new()).unwrap(), mean)
    });
    layers.collect()
}

/// Five random images with missing depth, for mff-tiny.
pub(crate) fn rooms() -> Vec<Image> {
    (0..5u64)
        .map(|index| {
            let mut gt = random(23 * 31, 0.5, 9.0, index);
            gt.iter_mut().step_by(5).for_each(|depth| *depth = 0.0);
            Image {
                id: format!("room/{index}"),
                seen: random(33 * 51, -2.0, 2.0, 20 + index),
                size: (33, 51),
                gt,
                gt_size: (23, 31),
            }
        })
        .collect()
}

/// A row-major matrix of a safetensors file.
pub(crate) fn matrix(bytes: &[u8], name: &str) -> (Vec<usize>, Vec<f64>) {
    let tensors = SafeTensors::deserialize(bytes).unwrap();
    let view = tensors.tensor(name).unwrap();
    assert_eq!(view.dtype(), Dtype::F64);
    let eights = view.data().as_chunks::<8>().0.iter();
    (
        view.shape().to_vec(),
        eights.map(|bytes| f64::from_le_bytes(*bytes)).collect(),
    )
}

/// The sets of units that the rows of `units` hold.
pub(crate) fn sets(bytes: &[u8]) -> Vec<Vec<usize>> {
    let tensors = SafeTensors::deserialize(bytes).unwrap();
    let view = tensors.tensor("units").unwrap();
    let &[rows, units] = view.shape() else {
        panic!()
    };
    assert_eq!(view.data().len(), rows * units);
    let rows = view.data().chunks(units);
    rows.map(|row| (0..units).filter(|&unit| row[unit] == 1).collect())
        .collect()
}

/// An entry of a safetensors file's metadata, which is JSON.
pub(crate) fn metadata(bytes: &[u8], entry: &str) -> serde_json::Value {
    let (_, header) = SafeTensors::read_metadata(bytes).unwrap();
    serde_json::from_str(&header.metadata().as_ref().unwrap()[entry]).unwrap()
}

#[track_caller]
pub(crate) fn assert_near(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() < 1e-6,
        "found {found}, expected {expected}"
    );
}
