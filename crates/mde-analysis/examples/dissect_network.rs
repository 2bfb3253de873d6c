//! Dissects a small untrained network on generated images of slanted floors.
//!
//! `cargo run --release --example dissect_network`

#![allow(clippy::print_stdout)]

use candle_core::Device;
use mde_analysis::{DissectData, DissectLayer, DissectOptions, dissect};
use mde_datasets::{DepthMap, Example, ExampleBatch};
use mde_metrics::{DepthBins, Estimator};

const INPUT: (usize, usize) = (114, 152);
const DEPTH: (usize, usize) = (57, 76);

/// A floor that rises from 1 m at the bottom to `far` metres at the top, brighter where it is near.
fn floor(index: usize) -> Example {
    let far = 4.0 + index as f32;
    let depth_at = |row: usize, rows: usize| far + (1.0 - far) * row as f32 / rows as f32;
    let map = |(height, width): (usize, usize), value: &dyn Fn(f32) -> f32| -> Vec<f32> {
        (0..height * width)
            .map(|pixel| value(depth_at(pixel / width, height)))
            .collect()
    };
    Example {
        id: format!("floor/{index}"),
        image: map(INPUT, &|depth| 1.0 / depth).repeat(3),
        image_size: INPUT,
        depth: DepthMap {
            height: DEPTH.0,
            width: DEPTH.1,
            metres: map(DEPTH, &|depth| depth),
        },
        frame: None,
        focal: None,
        rgb: None,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let parameters = mde_models::Parameters::new(0, &Device::Cpu);
    let network = mde_models::build("mff-tiny", &parameters)?;
    let layers = [DissectLayer {
        name: "D".to_owned(),
        bins: DepthBins::nyu(8)?,
    }];
    let batches = || (0..4).map(|index| ExampleBatch::collate(vec![floor(index)]));
    let data = DissectData {
        images: batches,
        depths: batches,
    };
    let options = DissectOptions {
        permutations: 20,
        ..DissectOptions::default()
    };
    let dissected = dissect(
        network.as_ref(),
        &data,
        &Device::Cpu,
        &layers,
        &options,
        &mut |_| {},
    )?;
    let selectivity = dissected[0]
        .tallies
        .total()?
        .selectivity(Estimator::valid_bins());
    println!("mean selectivity {:?}", selectivity.mean);
    for (unit, score) in selectivity.units.iter().enumerate().take(5) {
        println!(
            "unit {unit}: {:?} at bin {:?}",
            score.selectivity, score.preferred_bin
        );
    }
    Ok(())
}
