//! Trains a one-layer network for a few steps with depth-range assignment.
#![allow(clippy::print_stdout)]

use candle_core::{Device, Tensor, Var};
use mde_losses::{DepthPooling, assigned_selectivity_with, mff_loss};
use mde_metrics::{DepthBins, ImageSize, UnitAssignment};
use mde_ops::{ConvConfig, conv2d, relu, resize_bilinear};

const UNITS: usize = 16;
/// Weight of the assignment; the paper uses 0.1.
const ALPHA: f64 = 1.0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::Cpu;
    // Network inputs are normalised; depth is in metres, 0 where it is invalid.
    let coarse = Tensor::randn(0f32, 1.0, (4, 3, 8, 10), &device)?;
    let images = resize_bilinear(&coarse, 64, 80)?;
    let depth = relu(&((images.mean_keepdim(1)? * 5.0)? + 3.0)?)?;

    let bins = DepthBins::nyu(8)?;
    let assignment = UnitAssignment::new(UNITS, bins.len())?; // two units per bin
    let hidden = Var::randn(0f32, 0.3, (UNITS, 3, 3, 3), &device)?;
    let head = Var::randn(0f32, 0.3, (1, UNITS, 1, 1), &device)?;
    let strided = ConvConfig {
        stride: 2,
        padding: 1.into(),
        ..ConvConfig::default()
    };
    for step in 0..=100 {
        let features = relu(&conv2d(&images, &hidden, strided)?)?; // [4, 16, 32, 40]
        let pred = conv2d(&features, &head, ConvConfig::default())?;
        let pred = resize_bilinear(&pred, 64, 80)?;

        // Once per step for all layers of this size.
        let size = ImageSize {
            height: 32,
            width: 40,
        };
        let pooling = DepthPooling::new(&depth, &bins, size)?;
        let selectivity = assigned_selectivity_with(&pooling, &features, &assignment)?;
        let loss = (mff_loss(&pred, &depth)? - (&selectivity * ALPHA)?)?;
        if step % 20 == 0 {
            let (loss, selectivity) = (loss.to_scalar::<f32>()?, selectivity.to_scalar::<f32>()?);
            println!("step {step}: loss {loss:.4}, assigned selectivity {selectivity:.4}");
        }
        let gradients = loss.backward()?;
        for parameter in [&hidden, &head] {
            if let Some(gradient) = gradients.get(parameter) {
                parameter.set(&(parameter.as_tensor() - (gradient * 0.1)?)?)?;
            }
        }
    }
    Ok(())
}
