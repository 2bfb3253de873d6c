//! Matches predictions to ground truth by name and compares them in metres.
//!
//! `cargo run --example match_predictions`

#![allow(clippy::print_stdout)]

use std::fs;

use mde_arrays::{MapSet, pair, to_npy};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Two folders of maps. Real ones could hold .exr, .pfm, 16-bit .png, .npz or .safetensors.
    let folder = tempfile::tempdir()?;
    let (pred, gt) = (folder.path().join("pred"), folder.path().join("gt"));
    fs::create_dir_all(&pred)?;
    fs::create_dir_all(gt.join("kitchen"))?;
    fs::write(pred.join("00045.npy"), to_npy(&[1.1; 6], (2, 3)))?; // metres
    fs::write(gt.join("kitchen/00045.npy"), to_npy(&[1000.0; 6], (2, 3)))?; // millimetres

    let predictions = MapSet::open(&pred, None)?;
    let ground_truths = MapSet::open(&gt, None)?;
    for (p, g) in pair(predictions.ordered_ids(), ground_truths.ordered_ids(), None)?.pairs {
        let id = &ground_truths.ids()[g];
        let prediction = predictions.load(&predictions.ids()[p])?;
        let ground_truth = ground_truths.load(id)?;
        let errors = prediction.values.iter().zip(&ground_truth.values);
        let sum: f32 = errors.map(|(p, g)| (p - g / 1000.0).abs()).sum();
        let mean = sum / prediction.values.len() as f32;
        println!("{id}: {mean:.3} m mean absolute error");
    }
    Ok(())
}
