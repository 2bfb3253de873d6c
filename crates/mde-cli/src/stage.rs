//! Where the results of a command go: a locked folder, or nowhere.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use mde_files::{FolderLock, LockError, write_atomic};
use mde_results::RunFolder;
use serde::de::DeserializeOwned;

use crate::output::shown;
use crate::progress::remark;

/// Where the results about a network go.
#[derive(Debug)]
pub(crate) struct Results {
    /// `None` for results that are only printed.
    folder: Option<RunFolder>,
    /// The folder's lock, held until the command ends, or why there is none.
    lock: Option<Result<FolderLock, LockError>>,
    /// What the results are about, for the user.
    pub(crate) subject: String,
}

impl Results {
    /// Results that are only printed.
    pub(crate) fn printed(subject: &str) -> Self {
        Self {
            folder: None,
            lock: None,
            subject: subject.to_owned(),
        }
    }

    /// Results that go into a folder, if one is given. The folder's results are locked. A folder
    /// that cannot be written can still be read: see [`Results::writable`].
    ///
    /// # Errors
    /// If another process writes results there.
    pub(crate) fn into_folder(subject: &str, folder: Option<PathBuf>) -> anyhow::Result<Self> {
        let mut results = Self::printed(subject);
        if let Some(path) = folder {
            let folder = RunFolder::new(path);
            results.lock = Some(match folder.lock_results() {
                Err(error) if is_read_only(&error) => Err(error),
                lock => Ok(locked(&folder, lock)?),
            });
            results.folder = Some(folder);
        }
        Ok(results)
    }

    /// The folder; `None` if nothing is kept.
    pub(crate) fn folder(&self) -> Option<&RunFolder> {
        self.folder.as_ref()
    }

    /// Checks before a long computation that its results can be kept.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub(crate) fn writable(&self) -> anyhow::Result<()> {
        match (&self.folder, &self.lock) {
            (Some(folder), Some(Err(error))) => bail!(
                "cannot write results into {}: {error}; change its permissions, or work on a copy \
                 of the folder",
                folder.path().display()
            ),
            _ => Ok(()),
        }
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

/// Whether a folder could not be locked because it cannot be written.
fn is_read_only(error: &LockError) -> bool {
    let LockError::Io { source, .. } = error else {
        return false;
    };
    [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem].contains(&source.kind())
}

/// Locks a folder. The error has advice; a file system without locks gives a warning.
pub(crate) fn locked(
    folder: &RunFolder,
    lock: Result<FolderLock, LockError>,
) -> anyhow::Result<FolderLock> {
    let path = folder.path();
    ensure!(
        !path.is_file(),
        "{}: this is a file; choose a folder",
        path.display()
    );
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
