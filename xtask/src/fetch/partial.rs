//! A file on its way: `FILE.incomplete` until it is whole and checked, then `FILE`.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::download::{DownloadError, Expected};

/// The parts of a file that is being fetched.
pub(crate) struct Partial {
    target: PathBuf,
    /// What has come so far.
    incomplete: PathBuf,
    /// The server's name for the version that it comes from, so that parts of two versions are never joined.
    version: PathBuf,
}

impl Partial {
    pub(crate) fn of(target: &Path) -> Self {
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

    /// Where the parts are.
    pub(crate) fn path(&self) -> &Path {
        &self.incomplete
    }

    /// Bytes that have come.
    pub(crate) fn len(&self) -> Result<u64, DownloadError> {
        match fs::metadata(&self.incomplete) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// The version that the parts are of, where the server has named it.
    pub(crate) fn version(&self) -> Option<String> {
        let version = fs::read_to_string(&self.version).ok()?;
        (!version.is_empty()).then_some(version)
    }

    /// Opens for writing from this byte on, and notes which version comes.
    pub(crate) fn open(&self, from: u64, version: Option<&str>) -> Result<File, DownloadError> {
        let open = || {
            let mut file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&self.incomplete)?;
            if file.metadata()?.len() != from {
                file.set_len(from)?;
            }
            fs::write(&self.version, version.unwrap_or_default())?;
            file.seek(SeekFrom::Start(from))?;
            Ok(file)
        };
        open().map_err(|error| self.failed(error))
    }

    /// Forgets what has come.
    pub(crate) fn discard(&self) -> Result<(), DownloadError> {
        for path in [&self.incomplete, &self.version] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(self.failed(error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Checks what has come and gives it its name. What fails the check is discarded.
    pub(crate) fn finish(&self, expected: &Expected) -> Result<String, DownloadError> {
        match check(&self.incomplete, expected) {
            Ok(sha256) => {
                fs::rename(&self.incomplete, &self.target).map_err(|error| self.failed(error))?;
                self.discard()?;
                Ok(sha256)
            }
            Err(error) => {
                self.discard()?;
                Err(error)
            }
        }
    }

    /// What a failed write means.
    pub(crate) fn failed(&self, error: io::Error) -> DownloadError {
        use ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => DownloadError::NoRoom {
                path: self.incomplete.clone(),
                reason: error.to_string(),
            },
            _ => DownloadError::File {
                path: self.incomplete.clone(),
                source: error,
            },
        }
    }
}

/// Compares a file with what is known of it, and gives its SHA-256.
pub(crate) fn check(path: &Path, expected: &Expected) -> Result<String, DownloadError> {
    let failed = |source| DownloadError::File {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    if let Some(expected) = expected.size
        && expected != size
    {
        return Err(DownloadError::Size {
            found: size,
            expected,
        });
    }
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(failed)? {
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
        Some(expected) if *expected != found => Err(DownloadError::Hash {
            found,
            expected: expected.clone(),
        }),
        _ => Ok(found),
    }
}

/// Copies a file to the target, by way of the same checks as a download.
pub(crate) fn copy(
    from: &Path,
    target: &Path,
    expected: &Expected,
) -> Result<String, DownloadError> {
    let partial = Partial::of(target);
    let mut source = File::open(from).map_err(|source| DownloadError::File {
        path: from.to_owned(),
        source,
    })?;
    // A wrong file is noticed before it takes the place of parts that have come.
    check(from, expected)?;
    let mut file = partial.open(0, None)?;
    io::copy(&mut source, &mut file)
        .and_then(|_| file.sync_all())
        .map_err(|error| partial.failed(error))?;
    partial.finish(expected)
}
