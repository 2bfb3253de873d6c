//! Removes one hidden unit of a network and measures how the predicted depth changes.
#![allow(clippy::print_stdout)]

use candle_core::{Device, Result, Tensor};
use mde_models::{DepthInput, LayerInfo, Mode, NoProbe, Parameters, Preset, Probe};

/// Sets the activation of one unit to zero.
struct RemoveUnit {
    layer: &'static str,
    unit: usize,
}

impl Probe for RemoveUnit {
    fn visit(&mut self, layer: &LayerInfo, activation: Tensor) -> Result<Tensor> {
        if layer.name != self.layer {
            return Ok(activation); // [B, units, h, w]
        }
        let mut keep = vec![1f32; layer.units];
        keep[self.unit] = 0.0;
        activation.broadcast_mul(&Tensor::from_vec(keep, (1, (), 1, 1), activation.device())?)
    }
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let device = Device::Cpu;
    let preset = Preset::named("mff-tiny")?;
    let parameters = Parameters::new(0, &device); // random weights from seed 0
    let network = preset.build(&parameters)?;
    // To use trained weights: parameters.load("mff_tiny.safetensors".as_ref())?;

    // An RGB image of values in [0, 1]: 8-bit values / 255.
    let (height, width) = preset.input;
    let image = Tensor::rand(0f32, 1.0, (1, 3, height, width), &device)?;
    let input = DepthInput::new(preset.normalise(&image)?);

    let depth = network.forward(&input, Mode::Eval, &mut NoProbe)?; // [B, 1, h, w], metres
    println!("depth map: {:?}", depth.dims());
    for unit in 0..4 {
        let mut probe = RemoveUnit { layer: "D", unit };
        let without = network.forward(&input, Mode::Eval, &mut probe)?;
        let change = (without - &depth)?.abs()?.mean_all()?.to_scalar::<f32>()?;
        println!("without unit {unit} of D: mean absolute change {change:.4} m");
    }
    Ok(())
}
