//! `--dump`: the scored maps as .npy files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use mde_analysis::PredictedImage;
use mde_arrays::to_npy;

use crate::stage;

/// The folder with `pred/` and `gt/`.
pub(super) struct Dump {
    folder: PathBuf,
}

impl Dump {
    /// Accepts an empty or new folder only, so that maps of two dumps are never mixed.
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
        let size = (image.size.height, image.size.width);
        for (kind, map) in [("pred", image.pred), ("gt", image.gt)] {
            let path = self.folder.join(kind).join(format!("{}.npy", image.id));
            stage::write(&path, &to_npy(map, size)).context("cannot dump the maps")?;
        }
        Ok(())
    }
}
