//! Errors of writing rooms and streets.

use std::path::{Path, PathBuf};

use mde_files::LockError;

/// Why rooms or streets could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SceneError {
    /// A count or a side of the configuration is 0 or too large.
    #[error("{field} is {found}, expected {expected}")]
    Config {
        /// The configuration's field.
        field: &'static str,
        /// Its value.
        found: usize,
        /// The allowed values.
        expected: String,
    },
    /// The folder was rendered with another configuration.
    #[error(
        "{} was rendered with {found}, not {expected}; \
         use the same settings, choose another folder, or delete this one",
        path.display()
    )]
    OtherConfig {
        /// The folder's `rooms.json` or `streets.json`.
        path: PathBuf,
        /// The settings that differ, as found.
        found: String,
        /// The settings that differ, as requested.
        expected: String,
    },
    /// The folder holds data, but no `rooms.json` or `streets.json`.
    #[error(
        "{} exists, but the folder has no {manifest}: it holds other data; \
         choose another one",
        path.display()
    )]
    ForeignFolder {
        /// The file or folder in the way.
        path: PathBuf,
        /// The file that would say how the folder was rendered.
        manifest: String,
    },
    /// `rooms.json` or `streets.json` cannot be parsed.
    #[error(
        "{} does not say how the folder was rendered ({message}); \
         choose another folder, or delete this one",
        path.display()
    )]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// Another process renders into the folder, or its lock's file cannot be created.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A file or folder could not be read or written.
    #[error(
        "cannot {action} {}: {source}; check its permissions and the free disk space",
        path.display()
    )]
    Io {
        /// "create", "read", "clean" or "write".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// An image could not be encoded.
    #[error("cannot encode {}: {source}", path.display())]
    Encode {
        /// The file it was meant for.
        path: PathBuf,
        /// The encoder's reason.
        source: image::ImageError,
    },
}

/// Turns an I/O error into [`SceneError::Io`].
pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> SceneError {
    let path = path.to_owned();
    move |source| SceneError::Io {
        action,
        path,
        source,
    }
}
