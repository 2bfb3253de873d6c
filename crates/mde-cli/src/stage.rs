//! Where the results of a command go: a locked folder, or nowhere.

use std::path::{Path, PathBuf};

use anyhow::Context;
use mde_files::{FolderLock, LockError, write_atomic};
use mde_results::RunFolder;
use serde::de::DeserializeOwned;

use crate::output::shown;
use crate::progress::remark;

/// Where the results about a network go.
#[derive(Debug)]
pub(crate) struct Results {
    /// The folder and its lock, held until the command ends; `None` for results that are only
    /// printed.
    folder: Option<(RunFolder, FolderLock)>,
    /// What the results are about, for the user.
    pub(crate) subject: String,
}

impl Results {
    /// Results that are only printed.
    pub(crate) fn printed(subject: &str) -> Self {
        Self {
            folder: None,
            subject: subject.to_owned(),
        }
    }

    /// Results that go into a folder, if one is given. The folder's results are locked.
    ///
    /// # Errors
    /// If another process writes results there.
    pub(crate) fn into_folder(subject: &str, folder: Option<PathBuf>) -> anyhow::Result<Self> {
        let mut results = Self::printed(subject);
        if let Some(path) = folder {
            let folder = RunFolder::new(path);
            let lock = locked(&folder, folder.lock_results())?;
            results.folder = Some((folder, lock));
        }
        Ok(results)
    }

    /// The folder; `None` if nothing is kept.
    pub(crate) fn folder(&self) -> Option<&RunFolder> {
        self.folder.as_ref().map(|(folder, _)| folder)
    }

    /// A file of the folder, for the user; the subject if nothing is kept.
    pub(crate) fn place(&self, file: &str) -> String {
        match self.folder() {
            Some(folder) => shown(&folder.file(file)),
            None => self.subject.clone(),
        }
    }

    /// A file of the folder, for a document; `None` if nothing is kept.
    pub(crate) fn kept(&self, file: &str) -> Option<String> {
        Some(shown(&self.folder()?.file(file)))
    }

    /// Reads a result of an earlier call, which is up to date.
    pub(crate) fn read<T: DeserializeOwned>(&self, file: &str) -> anyhow::Result<T> {
        let folder = self.folder().context("these results are not kept")?;
        let (document, _) = folder.document(file, "the same command")?;
        Ok(document)
    }
}

/// The lock of a folder, with advice where it cannot be had, and a warning where there are no
/// locks.
pub(crate) fn locked(
    folder: &RunFolder,
    lock: Result<FolderLock, LockError>,
) -> anyhow::Result<FolderLock> {
    let lock = lock.map_err(|error| match error {
        held @ LockError::Held { .. } => held.into(),
        error => anyhow::Error::from(error).context(format!(
            "cannot use the folder {}; check the path and its permissions",
            folder.path().display()
        )),
    })?;
    if let Some(warning) = lock.warning() {
        remark(warning);
    }
    Ok(lock)
}

/// Writes a file whole or not at all, into a folder that is created if needed.
pub(crate) fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    write_atomic(path, content).with_context(|| format!("cannot write {}", path.display()))
}
