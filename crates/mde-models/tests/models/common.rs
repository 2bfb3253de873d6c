//! Networks and inputs for the tests.

use candle_core::{DType, Device, Tensor};
use mde_models::{DepthInput, DepthNet, Mode, NoProbe, Parameters, build};

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
        let input = DepthInput::new(image.clone());
        self.network.forward(&input, mode, &mut NoProbe).unwrap()
    }
}

/// Normalised pictures of this shape: waves, the same every time.
pub(crate) fn images(batch: usize, height: usize, width: usize) -> Tensor {
    let values: Vec<f32> = (0..batch * 3 * height * width)
        .map(|index| 2.0 * (index as f32 * 0.37).sin() * (index as f32 * 0.011).cos())
        .collect();
    Tensor::from_vec(values, (batch, 3, height, width), &Device::Cpu).unwrap()
}

/// All values as bits, so that comparing them forgives nothing.
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
