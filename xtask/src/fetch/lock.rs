//! One process at a time in a folder.

use std::fs::{self, File, OpenOptions};
use std::path::Path;

use anyhow::Context;
use fs4::{FileExt, TryLockError};

/// A folder that this process alone works in, until it is dropped or the process ends, however it ends.
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Makes the folder if need be, and waits for its turn; `wait` is called if there is somebody to wait for.
    pub(crate) fn acquire(folder: &Path, wait: impl FnOnce()) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let path = folder.join(".lock");
        let failed = || format!("cannot lock {}", path.display());
        // The file stays: to remove it would open a gap in which two processes hold two different files.
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(failed)?;
        match FileExt::try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                wait();
                FileExt::lock(&file).with_context(failed)?;
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
        }
        Ok(Self { _file: file })
    }
}
