//! `mde render`: procedural scenes as a data set.

use std::path::{Path, PathBuf};

use mde_datasets::DataKind;
use mde_scenes::{
    RenderConfig, RenderEvent, RenderSummary, SceneError, write_rooms, write_streets,
};
use serde_json::json;

use crate::output::{Output, count, shell_word, shown};
use crate::progress::Progress;

/// The kinds of scenes.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum SceneArgs {
    /// Indoor rooms in NYU Depth V2's layout.
    Rooms(RenderArgs),
    /// Streets in KITTI's layout, with depth of a simulated lidar.
    Streets(RenderArgs),
}

/// What to render.
#[derive(Debug, clap::Args)]
pub(crate) struct RenderArgs {
    /// Output folder; existing files are kept, so that an interrupted rendering continues.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Seed of all scenes.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Number of training images [default: 800 rooms, 400 streets].
    #[arg(long, value_name = "N")]
    train: Option<usize>,
    /// Number of test images [default: 200 rooms, 100 streets].
    #[arg(long, value_name = "N")]
    test: Option<usize>,
    /// Image width in pixels [default: 320 for rooms, 1242 for streets]. The focal length scales
    /// with it.
    #[arg(long, value_name = "PX")]
    width: Option<u32>,
    /// Image height in pixels [default: 240 for rooms, 375 for streets].
    #[arg(long, value_name = "PX")]
    height: Option<u32>,
}

impl RenderArgs {
    fn config(&self, default: RenderConfig) -> RenderConfig {
        RenderConfig {
            seed: self.seed,
            train: self.train.unwrap_or(default.train),
            test: self.test.unwrap_or(default.test),
            width: self.width.unwrap_or(default.width),
            height: self.height.unwrap_or(default.height),
        }
    }
}

/// `write_rooms` or `write_streets`.
type Writer =
    fn(&Path, &RenderConfig, &(dyn Fn(RenderEvent) + Sync)) -> Result<RenderSummary, SceneError>;

/// Renders.
pub(crate) fn run(scene: SceneArgs) -> anyhow::Result<Output> {
    let (kind, writer, args, default): (_, Writer, _, _) = match scene {
        SceneArgs::Rooms(args) => (DataKind::Rooms, write_rooms, args, RenderConfig::rooms()),
        SceneArgs::Streets(args) => (
            DataKind::Streets,
            write_streets,
            args,
            RenderConfig::streets(),
        ),
    };
    let (kind, config) = (kind.name(), args.config(default));
    let progress = Progress::new("rendering", "images", config.train + config.test);
    let summary = writer(&args.out, &config, &|_: RenderEvent| progress.add(1))?;
    drop(progress);
    let noun = kind.trim_end_matches('s');
    let words = format!(
        "{}: {} rendered, {} already there (use as --data {})",
        args.out.display(),
        count(summary.rendered, noun),
        summary.kept,
        shell_word(&format!("{kind}:{}", args.out.display())),
    );
    let document = json!({
        "rendered": summary.rendered, "kept": summary.kept,
        "train_list": shown(&summary.train_list), "test_list": shown(&summary.test_list),
    });
    Output::new(words, document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_the_defaults() {
        let (rooms, streets) = (RenderConfig::rooms(), RenderConfig::streets());
        assert_eq!((rooms.seed, streets.seed), (0, 0));
        assert_eq!((rooms.train, streets.train), (800, 400));
        assert_eq!((rooms.test, streets.test), (200, 100));
        assert_eq!((rooms.width, streets.width), (320, 1242));
        assert_eq!((rooms.height, streets.height), (240, 375));
    }
}
