//! `--data` and what goes with it.

use std::sync::Arc;

use mde_datasets::{
    DataSpec, DepthEncoding, Loader, LoaderConfig, MffEval, MffGeometry, RgbdList, Split,
};
use mde_models::Preset;

/// The data set of a command.
#[derive(Debug, clap::Args)]
pub(crate) struct DataArgs {
    /// The data set: nyu:DIR (NYU Depth V2 in the paper's layout), rooms:DIR (rendered by `mde render rooms`),
    /// kitti:DIR (KITTI with the paper's lists) or streets:DIR (rendered by `mde render streets`).
    #[arg(long, value_name = "KIND:DIR")]
    pub(crate) data: DataSpec,
    /// How depth is stored, if not as the data set's definition says: u8/25.5, u16-mm or u16/256.
    #[arg(long, value_name = "ENCODING")]
    pub(crate) depth_encoding: Option<DepthEncoding>,
    /// Threads that load and transform images; does not change the result.
    #[arg(long, default_value_t = default_workers())]
    pub(crate) workers: usize,
}

fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().min(8))
}

impl DataArgs {
    /// Opens one split; every file of its list must be there.
    pub(crate) fn open(&self, split: Split) -> anyhow::Result<Arc<RgbdList>> {
        Ok(Arc::new(self.data.open(split, self.depth_encoding)?))
    }

    /// The images of a list in its order, as the network sees them in evaluation, ground truth in MFF's full crop.
    pub(crate) fn eval_loader(
        &self,
        list: Arc<RgbdList>,
        preset: Preset,
        batch: usize,
    ) -> anyhow::Result<Loader> {
        let transform = MffEval {
            input: geometry(preset),
            gt: MffGeometry::full(),
        };
        let config = LoaderConfig {
            batch,
            seed: 0,
            workers: self.workers,
            prefetch: 2,
            shuffle: false,
            drop_last: false,
        };
        Ok(Loader::new(list, Arc::new(transform), config)?)
    }
}

/// The transform's sizes for a network: MFF's, or the fraction of them that has the network's input.
pub(crate) fn geometry(preset: Preset) -> MffGeometry {
    let fractions = [MffGeometry::half(), MffGeometry::quarter()];
    fractions
        .into_iter()
        .find(|geometry| geometry.crop == preset.input)
        .unwrap_or(MffGeometry::full())
}
