//! `--data` and its options.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use mde_datasets::{DataSpec, DepthEncoding, Loader, LoaderConfig, RgbdList, Split, Transform};
use mde_models::Preset;

use crate::output::count;
use crate::progress::remark;

/// The data set.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DataArgs {
    /// Data set: nyu:DIR (NYU Depth V2 in the paper's layout), kitti:DIR (KITTI with the paper's
    /// lists), rooms:DIR or streets:DIR (from `mde render`), or any DIR with a dataset.toml.
    #[arg(long, value_name = "[KIND:]DIR")]
    pub(crate) data: DataSpec,
    /// Depth encoding: u8/N, u16/N or float/N with N units per metre, u16-mm, float, or sunrgbd
    /// [default: the data set's].
    #[arg(long, value_name = "ENCODING")]
    pub(crate) depth_encoding: Option<DepthEncoding>,
    /// Number of threads that load and transform images; does not change the result.
    #[arg(long, value_name = "N", default_value_t = default_workers())]
    pub(crate) workers: usize,
}

fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().min(8))
}

impl DataArgs {
    /// Opens one split for a network; every file in its list must exist.
    ///
    /// Networks for rooms and for streets differ in depth range and image preparation. On the
    /// other's data, their numbers would be meaningless.
    pub(crate) fn open(&self, split: Split, preset: &Preset) -> anyhow::Result<Arc<RgbdList>> {
        let list = self.data.open(split, self.depth_encoding)?;
        self.remark_on(split, &list);
        let reach = f64::from(list.max_depth());
        if reach != preset.max_depth {
            let all = Preset::all();
            let fitting = all.iter().filter(|other| other.max_depth == reach);
            let names: Vec<_> = fitting.map(|other| other.name).collect();
            anyhow::bail!(
                "{}: depth reaches {reach} m, but {} predicts up to {} m; networks for this data: {}",
                self.data,
                preset.name,
                preset.max_depth,
                names.join(", ")
            );
        }
        Ok(Arc::new(list))
    }

    /// Says how many pairs a split has, what belongs to no pair, and how the list was read. Once
    /// per process: a sweep opens the same data for each of its runs.
    fn remark_on(&self, split: Split, list: &RgbdList) {
        static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
        let pairs = count(list.len(), "pair");
        let mut words = format!("{pairs} in {} ({split} split)", self.data);
        for remark in list.remarks() {
            words = format!("{words}; {remark}");
        }
        let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
        if said.insert(words.clone()) {
            remark(&words);
        }
    }

    /// Loads the images of a list once, in its order.
    pub(crate) fn loader(
        &self,
        list: Arc<RgbdList>,
        transform: Arc<dyn Transform>,
        batch_size: usize,
    ) -> anyhow::Result<Loader> {
        let config = LoaderConfig {
            batch_size,
            seed: 0,
            workers: self.workers,
            prefetch: 2,
            shuffle: false,
            drop_last: false,
        };
        Ok(Loader::new(list, transform, config)?)
    }
}
