//! `--dump`: the scored maps as .npy files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use mde_analysis::PredictedImage;
use mde_arrays::to_npy;
use mde_files::path_below;

use crate::stage;

/// The folder with `pred/` and `gt/`.
pub(super) struct Dump {
    folder: PathBuf,
}

impl Dump {
    /// Accepts an empty or new folder only, so that maps of two dumps are never mixed. All ids must
    /// name files inside it.
    pub(super) fn new(folder: &Path, ids: &[String]) -> anyhow::Result<Self> {
        let is_empty = match fs::read_dir(folder) {
            Ok(mut entries) => entries.next().is_none(),
            Err(_) => !folder.exists(),
        };
        ensure!(
            is_empty,
            "{}: --dump takes a new or an empty folder",
            folder.display()
        );
        let dump = Self {
            folder: folder.to_owned(),
        };
        // Before anything is computed or written.
        for id in ids {
            dump.path("pred", id)?;
        }
        Ok(dump)
    }

    /// The file of a map; ids may come from archives and must not lead out of the folder.
    fn path(&self, kind: &str, id: &str) -> anyhow::Result<PathBuf> {
        let path = path_below(&self.folder.join(kind), &format!("{id}.npy"));
        path.map_err(|error| {
            let reason = error.reason;
            anyhow!("cannot dump the maps: the id of an image, {id:?}, is not usable as a path: {reason}")
        })
    }

    pub(super) fn write(&self, image: &PredictedImage<'_>) -> anyhow::Result<()> {
        let maps = image.whole().map_err(|source| image.error(source))?;
        let size = (maps.size.height, maps.size.width);
        for (kind, map) in [("pred", maps.pred.as_ref()), ("gt", maps.gt)] {
            let path = self.path(kind, image.id)?;
            stage::write(&path, &to_npy(map, size)).context("cannot dump the maps")?;
        }
        Ok(())
    }
}
