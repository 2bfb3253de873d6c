//! Renders a few rooms, then loads them as training batches.
//!
//! `cargo run --example load_batches`

#![allow(clippy::print_stdout)]

use std::sync::Arc;

use candle_core::Device;
use mde_datasets::{DataSpec, Loader, LoaderConfig, MffGeometry, Preprocessing, Split, mean_depth};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Stands in for data on disk, such as NYU Depth V2 as `nyu:DIR`.
    let folder = tempfile::tempdir()?;
    let rooms = mde_scenes::RenderConfig {
        seed: 0,
        train: 4,
        test: 1,
        width: 160,
        height: 120,
    };
    mde_scenes::write_rooms(folder.path(), &rooms, &|_| ())?;

    let data: DataSpec = format!("rooms:{}", folder.path().display()).parse()?;
    let list = data.open(Split::Train, None)?; // checks that every listed file exists
    println!(
        "{} pairs, mean depth {:.2} m",
        list.len(),
        mean_depth(&list)?
    );

    let transform = Preprocessing::Mff(MffGeometry::quarter()).training();
    let config = LoaderConfig {
        batch_size: 2,
        seed: 1,
        workers: 2,
        prefetch: 2,
        shuffle: true,
        drop_last: true,
    };
    let loader = Loader::new(Arc::new(list), transform, config)?;
    for batch in loader.epoch(0, 0) {
        let batch = batch?;
        let images = batch.image_tensor(&Device::Cpu)?; // [2, 3, 57, 76], normalised
        let depths = batch.depth_tensor(&Device::Cpu)?; // [2, 1, 29, 38], metres, 0 = not measured
        println!("{:?}: {images:?} {depths:?}", batch.ids);
    }
    Ok(())
}
