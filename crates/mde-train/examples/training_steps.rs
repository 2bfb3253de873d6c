//! Trains a small network for a few steps on random images of a slanted floor.
//!
//! `cargo run --release --example training_steps`

#![allow(clippy::print_stdout)]

use candle_core::{Device, Tensor};
use mde_metrics::Discretisation;
use mde_models::{DepthInput, Parameters};
use mde_results::AssignmentConfig;
use mde_train::{AdamConfig, DepthLoss, StepAt, Trainer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::Cpu;
    let assignment = AssignmentConfig {
        alpha: 0.1,
        layers: vec!["D".into(), "MFF".into()],
        discretisation: Discretisation::NYU,
        max_bins: 16,
    };
    let mut trainer = Trainer::new(
        "mff-tiny",
        Parameters::new(0, &device),
        AdamConfig::default(),
        DepthLoss::Mff,
        Some(&assignment),
    )?;
    // [B, 3, H, W]; a real batch is normalised as the preset asks.
    let images = Tensor::rand(-2f32, 2., (2, 3, 114, 152), &device)?;
    // [B, 1, h, w] in metres; 0 would mean that there is no ground truth.
    let rows = Tensor::arange(0f32, 57., &device)?.reshape((1, 1, 57, 1))?;
    let floor = rows.affine(-3.0 / 57.0, 4.0)?;
    let depths = floor.broadcast_as((2, 1, 57, 76))?.contiguous()?;
    let ids = ["floor/1".to_owned(), "floor/2".to_owned()];
    for step in 1..=3 {
        let at = StepAt {
            step,
            epoch: 1,
            learning_rate: 1e-3,
        };
        let record = trainer.step(&DepthInput::new(images.clone()), &depths, &ids, at)?;
        println!(
            "step {step}: loss {:.4}, depth loss {:.4}, selectivity {:?}",
            record.loss, record.base, record.selectivity
        );
    }
    Ok(())
}
