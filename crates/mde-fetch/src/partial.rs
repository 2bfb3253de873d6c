//! A partial file: `FILE.incomplete` until it is complete and verified, then `FILE`.
//!
//! The name is predictable, so that a later command can resume the download. A symbolic link of
//! this name is therefore refused, not followed.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use mde_files::{FolderLock, open_no_follow, remove_leftovers, write_atomic_unsynced};
use sha2::{Digest, Sha256};

use crate::error::{self, FetchError, Result};

/// Expected size and hash of a file, as far as known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expected {
    /// Bytes.
    pub(crate) size: Option<u64>,
    /// Hexadecimal in lower case.
    pub(crate) sha256: Option<String>,
}

/// A file that is being fetched.
pub(crate) struct Partial {
    target: PathBuf,
    /// The bytes received so far.
    incomplete: PathBuf,
    /// The server's tag of the version, so that parts of two versions are never joined.
    version: PathBuf,
}

impl Partial {
    /// The partial file of `target`.
    pub(crate) fn new(target: &Path) -> Self {
        let beside = |ending: &str| {
            let mut name = target.file_name().map(OsString::from).unwrap_or_default();
            name.push(ending);
            target.with_file_name(name)
        };
        Self {
            target: target.to_owned(),
            incomplete: beside(".incomplete"),
            version: beside(".version.incomplete"),
        }
    }

    /// Path of the partial file.
    pub(crate) fn path(&self) -> &Path {
        &self.incomplete
    }

    /// Number of bytes received.
    pub(crate) fn len(&self) -> Result<u64> {
        match fs::symlink_metadata(&self.incomplete) {
            Ok(metadata) if metadata.is_symlink() => Err(FetchError::Link {
                path: self.incomplete.clone(),
            }),
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// The version of the received bytes, if the server has tagged it.
    pub(crate) fn version(&self) -> Option<String> {
        let version = fs::read_to_string(&self.version).ok()?;
        (!version.is_empty()).then_some(version)
    }

    /// Opens the partial file for writing at byte `from`, and records the version.
    pub(crate) fn open(&self, from: u64, version: Option<&str>) -> Result<File> {
        // A link has its own error.
        self.len()?;
        let open = || {
            let mut options = OpenOptions::new();
            options.create(true).truncate(false).write(true);
            let mut file = open_no_follow(&self.incomplete, &options)?;
            if file.metadata()?.len() != from {
                file.set_len(from)?;
            }
            write_atomic_unsynced(&self.version, version.unwrap_or_default().as_bytes())?;
            file.seek(SeekFrom::Start(from))?;
            Ok(file)
        };
        open().map_err(|error| self.failed(error))
    }

    /// Opens an empty partial file, for a file that is never resumed.
    pub(crate) fn create(&self) -> Result<File> {
        self.len()?;
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true);
        open_no_follow(&self.incomplete, &options).map_err(|error| self.failed(error))
    }

    /// Removes the received bytes.
    pub(crate) fn discard(&self) -> Result<()> {
        for path in [&self.incomplete, &self.version] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(self.failed(error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Verifies the file, gives it its final name and returns its SHA-256. A file that fails the
    /// check is removed.
    pub(crate) fn finish(&self, expected: &Expected) -> Result<String> {
        // A link has its own error.
        self.len()?;
        let checked = check(&self.incomplete, expected);
        if checked.is_ok() {
            fs::rename(&self.incomplete, &self.target).map_err(|error| self.failed(error))?;
        }
        self.discard()?;
        checked
    }

    /// The error for a failed write.
    pub(crate) fn failed(&self, error: io::Error) -> FetchError {
        use ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => FetchError::DiskFull {
                path: self.incomplete.clone(),
                reason: error.to_string(),
            },
            _ => error::io("write", &self.incomplete)(error),
        }
    }
}

/// Locks a folder, which is created if needed, and removes leftovers of killed processes other
/// than partial files.
pub(crate) fn lock_folder(folder: &Path, on_wait: impl FnOnce()) -> Result<FolderLock> {
    let lock = FolderLock::acquire_waiting(folder, |_| on_wait())?;
    remove_leftovers(folder).map_err(error::io("clean", folder))?;
    Ok(lock)
}

/// Compares a file with the expected size and hash, and returns its SHA-256.
pub(crate) fn check(path: &Path, expected: &Expected) -> Result<String> {
    let failed = || error::io("read", path);
    let mut file = File::open(path).map_err(failed())?;
    let size = file.metadata().map_err(failed())?.len();
    if let Some(expected) = expected.size
        && expected != size
    {
        return Err(FetchError::Size {
            found: size,
            expected,
        });
    }
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(failed())? {
            0 => break,
            count => digest.update(&buffer[..count]),
        }
    }
    let found: String = digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    match &expected.sha256 {
        Some(expected) if *expected != found => Err(FetchError::Hash {
            found,
            expected: expected.clone(),
        }),
        _ => Ok(found),
    }
}

/// Copies a file to the target, with the same checks as a download; returns its SHA-256.
pub(crate) fn copy(from: &Path, target: &Path, expected: &Expected) -> Result<String> {
    let partial = Partial::new(target);
    let mut source = File::open(from).map_err(error::io("read", from))?;
    // A wrong file is detected before it replaces bytes that were downloaded.
    check(from, expected)?;
    let mut file = partial.open(0, None)?;
    io::copy(&mut source, &mut file)
        .and_then(|_| file.sync_all())
        .map_err(|error| partial.failed(error))?;
    partial.finish(expected)
}
