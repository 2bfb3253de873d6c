//! The folder of weights, downloads, data sets and runs.

use std::path::{Path, PathBuf};

use crate::error::{FetchError, Result};
use crate::manifest::Manifest;

/// The folder of weights, downloads, data sets and runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    folder: PathBuf,
    checkout: Option<PathBuf>,
}

impl Home {
    /// The folder that the environment names with `MDE_HOME`; else `data` in a checkout of the
    /// workspace, if the current folder is inside one; else `mde` in the platform's cache folder.
    ///
    /// # Errors
    /// [`FetchError::Usage`] if the platform names no cache folder.
    pub fn find() -> Result<Self> {
        let checkout = checkout();
        let named = std::env::var_os("MDE_HOME").filter(|folder| !folder.is_empty());
        let folder = named
            .map(PathBuf::from)
            .or_else(|| checkout.as_ref().map(|checkout| checkout.join("data")))
            .or_else(|| dirs::cache_dir().map(|cache| cache.join("mde")))
            .ok_or_else(|| {
                let what = "this system names no cache folder: set MDE_HOME to a folder for \
                            weights and data sets";
                FetchError::Usage(what.to_owned())
            })?;
        Ok(Self { folder, checkout })
    }

    /// This folder, outside any checkout.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            checkout: None,
        }
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The checkout of the workspace that contains the current folder.
    pub fn checkout(&self) -> Option<&Path> {
        self.checkout.as_deref()
    }

    /// The folder of weights.
    pub fn weights(&self) -> PathBuf {
        self.folder.join("weights")
    }

    /// The folder of partial and temporary downloads of data sets.
    pub fn downloads(&self) -> PathBuf {
        self.folder.join("downloads")
    }

    /// The folder of a data set: `nyu` or `kitti`.
    pub fn data(&self, kind: &str) -> PathBuf {
        self.folder.join(kind)
    }

    /// The folder of runs.
    pub fn runs(&self) -> PathBuf {
        self.folder.join("runs")
    }

    /// The manifest: the file that is given, else `manifest.toml` in this folder if there is one,
    /// else the built-in manifest.
    ///
    /// # Errors
    /// If the file cannot be read or is not a valid manifest.
    pub fn manifest(&self, given: Option<&Path>) -> Result<Manifest> {
        let own = self.folder.join("manifest.toml");
        match given {
            Some(file) => Manifest::read(file),
            None if own.is_file() => Manifest::read(&own),
            None => Manifest::built_in(),
        }
    }
}

/// The folder of weights, downloads, data sets and runs, as [`Home::find`] finds it.
///
/// # Errors
/// As [`Home::find`].
pub fn home() -> Result<PathBuf> {
    Home::find().map(|home| home.folder)
}

/// The workspace's folder, if the current folder is inside a checkout.
fn checkout() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let is_checkout = |folder: &&Path| {
        let files = ["Cargo.toml", "crates/mde-fetch/manifest.toml"];
        files.iter().all(|file| folder.join(file).is_file())
    };
    here.ancestors().find(is_checkout).map(Path::to_owned)
}
