//! One process at a time in a folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::open_no_follow;

/// The lock's file. It stays when the lock is released, except in a folder that stayed empty.
const FILE: &str = ".lock";

/// A folder that this process works in alone, until the value is dropped or the process ends,
/// however it ends.
///
/// If the lock created the folder and nothing was written into it, dropping the lock removes the
/// folder again.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
    warning: Option<String>,
    /// The outermost folder that the lock created, and the folder itself.
    created: Option<(PathBuf, PathBuf)>,
}

/// Why a folder could not be locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process works in the folder.
    #[error(
        "{} is in use by {}; wait until it has finished, or choose another folder",
        folder.display(),
        holder.map_or("another process".to_owned(), |id| format!("process {id}"))
    )]
    Held {
        /// The folder.
        folder: PathBuf,
        /// The other process's id, if it could be read.
        holder: Option<u32>,
    },
    /// The lock's file cannot be created or opened.
    #[error("cannot lock {}: {source}", path.display())]
    Io {
        /// The lock's file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
}

impl FolderLock {
    /// Locks the folder, which is created if it does not exist.
    ///
    /// On a file system without locks this succeeds with a [`FolderLock::warning`].
    ///
    /// # Errors
    /// [`LockError::Held`] if another process holds the lock, [`LockError::Io`] for anything else.
    pub fn try_acquire(folder: &Path) -> Result<Self, LockError> {
        let created = first_missing(folder);
        let (path, mut file) = open(folder)?;
        match file.try_lock() {
            Ok(()) if is_replaced(&path, &file) => Self::try_acquire(folder),
            Ok(()) => Self::held(folder, path, file, created),
            Err(TryLockError::WouldBlock) => Err(LockError::Held {
                folder: folder.to_owned(),
                holder: holder(&mut file),
            }),
            Err(TryLockError::Error(error)) => Self::failed(folder, path, file, error),
        }
    }

    /// Like [`FolderLock::try_acquire`], but waits for another process to finish. `on_wait` is
    /// called once before waiting, with that process's id if it is known.
    ///
    /// # Errors
    /// [`LockError::Io`].
    pub fn acquire_waiting(
        folder: &Path,
        on_wait: impl FnOnce(Option<u32>),
    ) -> Result<Self, LockError> {
        let mut on_wait = Some(on_wait);
        loop {
            let created = first_missing(folder);
            let (path, mut file) = open(folder)?;
            let locked = match file.try_lock() {
                Err(TryLockError::WouldBlock) => {
                    if let Some(on_wait) = on_wait.take() {
                        on_wait(holder(&mut file));
                    }
                    file.lock()
                }
                Err(TryLockError::Error(error)) => Err(error),
                Ok(()) => Ok(()),
            };
            match locked {
                Ok(()) if is_replaced(&path, &file) => {}
                Ok(()) => return Self::held(folder, path, file, created),
                Err(error) => return Self::failed(folder, path, file, error),
            }
        }
    }

    /// Set where the file system has no locks: nothing keeps a second process out.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    fn held(
        folder: &Path,
        path: PathBuf,
        mut file: File,
        created: Option<PathBuf>,
    ) -> Result<Self, LockError> {
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()));
        match written {
            Ok(()) => Ok(Self {
                _file: file,
                warning: None,
                created: created.map(|first| (first, folder.to_owned())),
            }),
            Err(source) => Err(LockError::Io { path, source }),
        }
    }

    fn failed(
        folder: &Path,
        path: PathBuf,
        file: File,
        source: io::Error,
    ) -> Result<Self, LockError> {
        if has_no_locks(&source) {
            return Ok(Self {
                _file: file,
                warning: Some(format!(
                    "{}: this file system has no locks ({source}); do not start a second process \
                     in this folder",
                    folder.display()
                )),
                created: None,
            });
        }
        Err(LockError::Io { path, source })
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        let Some((first, folder)) = &self.created else {
            return;
        };
        let entries = fs::read_dir(folder).map_or(0, Iterator::count);
        if entries != 1 || fs::remove_file(folder.join(FILE)).is_err() {
            return;
        }
        // Upwards until a folder that holds something else, or that existed before.
        for empty in folder
            .ancestors()
            .take_while(|path| path.starts_with(first))
        {
            if fs::remove_dir(empty).is_err() {
                return;
            }
        }
    }
}

/// The outermost folder on the way to `folder` that does not exist; `None` if `folder` exists.
fn first_missing(folder: &Path) -> Option<PathBuf> {
    let missing = folder
        .ancestors()
        .take_while(|path| *path != Path::new("") && !path.exists());
    missing.last().map(Path::to_owned)
}

/// True if the lock's file was removed after it was opened. Another process would then lock another
/// file.
fn is_replaced(path: &Path, file: &File) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let inode = |metadata: io::Result<fs::Metadata>| metadata.ok().map(|data| data.ino());
        inode(file.metadata()) != inode(fs::symlink_metadata(path))
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        !path.exists()
    }
}

/// Creates the folder and opens the lock's file without truncating it or following a link.
fn open(folder: &Path) -> Result<(PathBuf, File), LockError> {
    let path = folder.join(FILE);
    let opened = fs::create_dir_all(folder).and_then(|()| {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        open_no_follow(&path, &options)
    });
    match opened {
        Ok(file) => Ok((path, file)),
        Err(source) => Err(LockError::Io { path, source }),
    }
}

/// The process that the lock's file names.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(20).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// ENOLCK, ENOTSUP and ENOSYS: what NFS, some network drives and old kernels report.
fn has_no_locks(error: &io::Error) -> bool {
    #[cfg(unix)]
    if let Some(code) = error.raw_os_error() {
        return [libc::ENOLCK, libc::ENOTSUP, libc::EOPNOTSUPP, libc::ENOSYS].contains(&code);
    }
    error.kind() == ErrorKind::Unsupported
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_file_system_without_locks_is_worth_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        for code in [libc::ENOLCK, libc::ENOTSUP, libc::ENOSYS] {
            let (path, file) = open(folder.path()).unwrap();
            let error = io::Error::from_raw_os_error(code);
            let lock = FolderLock::failed(folder.path(), path, file, error).unwrap();
            assert!(lock.warning().unwrap().contains("no locks"));
        }
        let (path, file) = open(folder.path()).unwrap();
        let error = io::Error::from_raw_os_error(libc::EIO);
        let refused = FolderLock::failed(folder.path(), path, file, error);
        assert!(matches!(refused, Err(LockError::Io { .. })));
    }
}
