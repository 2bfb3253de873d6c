//! `--dump`: the maps that are scored, for another program.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use mde_analysis::PredictedImage;
use mde_arrays::Map;

use crate::stage;

/// The folder with `pred/` and `gt/`.
pub(super) struct Dump {
    folder: PathBuf,
}

impl Dump {
    /// An empty or new folder: maps of an earlier dump would be mixed with these.
    pub(super) fn new(folder: &Path) -> anyhow::Result<Self> {
        let is_empty = match fs::read_dir(folder) {
            Ok(mut entries) => entries.next().is_none(),
            Err(_) => !folder.exists(),
        };
        ensure!(
            is_empty,
            "{}: --dump takes a new or an empty folder",
            folder.display()
        );
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    pub(super) fn write(&self, image: &PredictedImage<'_>) -> anyhow::Result<()> {
        for (kind, values) in [("pred", image.pred), ("gt", image.gt)] {
            let map = Map {
                height: image.size.height,
                width: image.size.width,
                values: values.to_vec(),
            };
            let path = self.folder.join(kind).join(format!("{}.npy", image.id));
            stage::write(&path, &map.to_npy()).context("cannot dump the maps")?;
        }
        Ok(())
    }
}
