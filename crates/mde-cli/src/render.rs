//! `mde render`: procedural scenes as a data set.

use std::path::{Path, PathBuf};

use mde_scenes::{
    RenderConfig, RenderEvent, RenderSummary, SceneError, write_rooms, write_streets,
};
use serde_json::json;

use crate::output::{Output, shown};
use crate::progress::bar;

/// The scenes there are.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Scene {
    /// Indoor rooms in NYU Depth V2's layout.
    Rooms(RoomsArgs),
    /// Streets in KITTI's layout, with sparse depth as from a laser scanner.
    Streets(StreetsArgs),
}

/// Indoor rooms.
#[derive(Debug, clap::Args)]
pub(crate) struct RoomsArgs {
    /// The folder to write; files that are there already are kept.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Seed of all rooms.
    #[arg(long, default_value_t = RenderConfig::rooms().seed)]
    seed: u64,
    /// Training images.
    #[arg(long, default_value_t = RenderConfig::rooms().train)]
    train: usize,
    /// Test images.
    #[arg(long, default_value_t = RenderConfig::rooms().test)]
    test: usize,
    /// Width of the images.
    #[arg(long, default_value_t = RenderConfig::rooms().width)]
    width: u32,
    /// Height of the images.
    #[arg(long, default_value_t = RenderConfig::rooms().height)]
    height: u32,
}

/// Streets.
#[derive(Debug, clap::Args)]
pub(crate) struct StreetsArgs {
    /// The folder to write; files that are there already are kept.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Seed of all streets.
    #[arg(long, default_value_t = RenderConfig::streets().seed)]
    seed: u64,
    /// Training images.
    #[arg(long, default_value_t = RenderConfig::streets().train)]
    train: usize,
    /// Test images.
    #[arg(long, default_value_t = RenderConfig::streets().test)]
    test: usize,
    /// Width of the images; the focal length is KITTI's, scaled with it.
    #[arg(long, default_value_t = RenderConfig::streets().width)]
    width: u32,
    /// Height of the images.
    #[arg(long, default_value_t = RenderConfig::streets().height)]
    height: u32,
}

/// `write_rooms` or `write_streets`.
type Writer =
    fn(&Path, &RenderConfig, &(dyn Fn(RenderEvent) + Sync)) -> Result<RenderSummary, SceneError>;

/// Renders.
pub(crate) fn run(scene: Scene) -> anyhow::Result<Output> {
    let (kind, writer, out, config): (&str, Writer, PathBuf, RenderConfig) = match scene {
        Scene::Rooms(args) => {
            let config = RenderConfig {
                seed: args.seed,
                train: args.train,
                test: args.test,
                width: args.width,
                height: args.height,
            };
            ("rooms", write_rooms, args.out, config)
        }
        Scene::Streets(args) => {
            let config = RenderConfig {
                seed: args.seed,
                train: args.train,
                test: args.test,
                width: args.width,
                height: args.height,
            };
            ("streets", write_streets, args.out, config)
        }
    };
    let progress = bar((config.train + config.test) as u64, "rendering");
    let summary = writer(&out, &config, &|event| {
        if let RenderEvent::Written { done, .. } = event {
            progress.set_position(done as u64);
        }
    })?;
    progress.finish_and_clear();
    let words = format!(
        "{0}: {1} {kind} rendered, {2} were there (use as --data {kind}:{0})",
        out.display(),
        summary.rendered,
        summary.kept,
    );
    let document = json!({
        "rendered": summary.rendered, "kept": summary.kept,
        "train_list": shown(&summary.train_list), "test_list": shown(&summary.test_list),
    });
    Output::new(words, document)
}
