//! Networks and inputs for the tests.

use candle_core::{DType, Device, Tensor};
use mde_models::{DepthInput, DepthNet, LayerInfo, Mode, NoProbe, Parameters, Probe, build};

pub(crate) struct Built {
    pub(crate) network: Box<dyn DepthNet>,
    pub(crate) parameters: Parameters,
}

pub(crate) fn built(model: &str, seed: u64) -> Built {
    let parameters = Parameters::new(seed, &Device::Cpu);
    Built {
        network: build(model, &parameters).unwrap(),
        parameters,
    }
}

pub(crate) fn tiny() -> Built {
    built("mff-tiny", 1)
}

impl Built {
    pub(crate) fn run(&self, image: &Tensor, mode: Mode) -> Tensor {
        self.network
            .forward(&input(image.clone()), mode, &mut NoProbe)
            .unwrap()
    }
}

/// The image with one focal length per image, which some networks need.
pub(crate) fn input(image: Tensor) -> DepthInput {
    let images = image.dim(0).unwrap();
    let focal = Tensor::full(721.5377f32, images, &Device::Cpu).unwrap();
    DepthInput::new(image).with_focal(focal)
}

/// Records the layers and shapes that it visits.
#[derive(Default)]
pub(crate) struct Seen(pub(crate) Vec<(LayerInfo, Vec<usize>)>);

impl Probe for Seen {
    fn visit(&mut self, layer: &LayerInfo, activation: Tensor) -> candle_core::Result<Tensor> {
        self.0.push((layer.clone(), activation.dims().to_vec()));
        Ok(activation)
    }
}

/// Normalised images of this shape: deterministic waves.
pub(crate) fn images(batch: usize, height: usize, width: usize) -> Tensor {
    let values: Vec<f32> = (0..batch * 3 * height * width)
        .map(|index| 2.0 * (index as f32 * 0.37).sin() * (index as f32 * 0.011).cos())
        .collect();
    Tensor::from_vec(values, (batch, 3, height, width), &Device::Cpu).unwrap()
}

/// All values as bits, for exact comparison.
pub(crate) fn bits(tensor: &Tensor) -> Vec<u32> {
    values(tensor).into_iter().map(f32::to_bits).collect()
}

pub(crate) fn values(tensor: &Tensor) -> Vec<f32> {
    tensor
        .to_dtype(DType::F32)
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1()
        .unwrap()
}
