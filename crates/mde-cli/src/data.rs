//! `--data` and what goes with it.

use std::sync::Arc;

use mde_datasets::{DataSpec, DepthEncoding, Loader, LoaderConfig, RgbdList, Split, Transform};
use mde_models::Preset;

/// The data set of a command.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DataArgs {
    /// The data set: nyu:DIR (NYU Depth V2 in the paper's layout), rooms:DIR (rendered by `mde render rooms`),
    /// kitti:DIR (KITTI with the paper's lists), streets:DIR (rendered by `mde render streets`), or any DIR with a
    /// dataset.toml that describes it (docs/own-data.md).
    #[arg(long, value_name = "[KIND:]DIR")]
    pub(crate) data: DataSpec,
    /// How depth is stored, if not as the data set's definition says: u8/25.5, u16-mm, or u16/N with N units a metre.
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
    /// Opens one split for a network; every file of its list must be there.
    ///
    /// A network for rooms answers in another range than one for streets, and prepares images in another way: on the
    /// other's data its numbers would mean nothing.
    pub(crate) fn open(&self, split: Split, preset: &Preset) -> anyhow::Result<Arc<RgbdList>> {
        let list = self.data.open(split, self.depth_encoding)?;
        let reach = f64::from(list.max_depth());
        if reach != preset.data.max_depth() {
            let all = Preset::all();
            let fitting = all.iter().filter(|other| other.data.max_depth() == reach);
            let names: Vec<_> = fitting.map(|other| other.name).collect();
            anyhow::bail!(
                "{}: depth to {reach} m, and {} is made for {} m; the networks for this data: {}",
                self.data,
                preset.name,
                preset.data.max_depth(),
                names.join(", ")
            );
        }
        Ok(Arc::new(list))
    }

    /// The images of a list in its order, once.
    pub(crate) fn loader(
        &self,
        list: Arc<RgbdList>,
        transform: Arc<dyn Transform>,
        batch: usize,
    ) -> anyhow::Result<Loader> {
        let config = LoaderConfig {
            batch,
            seed: 0,
            workers: self.workers,
            prefetch: 2,
            shuffle: false,
            drop_last: false,
        };
        Ok(Loader::new(list, transform, config)?)
    }
}
