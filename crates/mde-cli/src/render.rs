//! `mde render`: procedural scenes as a data set.

use std::path::PathBuf;

use mde_scenes::{RenderEvent, RoomsConfig, write_rooms};
use serde_json::json;

use crate::output::{Output, shown};
use crate::progress::bar;

/// The scenes there are.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Scene {
    /// Indoor rooms in NYU Depth V2's layout.
    Rooms(RoomsArgs),
}

/// Indoor rooms.
#[derive(Debug, clap::Args)]
pub(crate) struct RoomsArgs {
    /// The folder to write; files that are there already are kept.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Seed of all rooms.
    #[arg(long, default_value_t = RoomsConfig::default().seed)]
    seed: u64,
    /// Training images.
    #[arg(long, default_value_t = RoomsConfig::default().train)]
    train: usize,
    /// Test images.
    #[arg(long, default_value_t = RoomsConfig::default().test)]
    test: usize,
    /// Width of the images.
    #[arg(long, default_value_t = RoomsConfig::default().width)]
    width: u32,
    /// Height of the images.
    #[arg(long, default_value_t = RoomsConfig::default().height)]
    height: u32,
}

/// Renders.
pub(crate) fn run(scene: Scene) -> anyhow::Result<Output> {
    let Scene::Rooms(RoomsArgs {
        out,
        seed,
        train,
        test,
        width,
        height,
    }) = scene;
    let config = RoomsConfig {
        seed,
        train,
        test,
        width,
        height,
    };
    let progress = bar((train + test) as u64, "rendering");
    let summary = write_rooms(&out, &config, &|event| {
        if let RenderEvent::Room { done, .. } = event {
            progress.set_position(done as u64);
        }
    })?;
    progress.finish_and_clear();
    let words = format!(
        "{}: {} rooms rendered, {} were there (use as --data rooms:{})",
        out.display(),
        summary.rendered,
        summary.kept,
        out.display()
    );
    let document = json!({
        "rendered": summary.rendered, "kept": summary.kept,
        "train_list": shown(&summary.train_list), "test_list": shown(&summary.test_list),
    });
    Output::new(words, document)
}
