//! The output folder of a conversion: one writer at a time, and only complete files under final
//! names.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use mde_files::{
    FolderLock, TextError, path_below, read_text, remove_leftovers, write_atomic,
    write_atomic_unsynced,
};

use crate::error::{ConvertError, Result, io, text};
use crate::summary::{ConvertEvent, Observer};

/// The last bytes of a PNG file: an empty chunk with its checksum.
const PNG_END: [u8; 12] = [0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82];
/// The last bytes of a JPEG file.
const JPEG_END: [u8; 2] = [0xff, 0xd9];

/// An output folder, locked until dropped. File names are relative to it, with `/`.
pub(crate) struct Folder {
    root: PathBuf,
    _lock: FolderLock,
    /// Subfolders without leftovers of killed conversions.
    clean: Mutex<HashSet<PathBuf>>,
}

impl Folder {
    /// Creates the folder if necessary and locks it.
    pub(crate) fn open(root: &Path, observer: Observer) -> Result<Self> {
        let lock = FolderLock::try_acquire(root).map_err(ConvertError::from_lock)?;
        if let Some(warning) = lock.warning() {
            observer(ConvertEvent::Warning {
                message: warning.to_owned(),
            });
        }
        Ok(Self {
            root: root.to_owned(),
            _lock: lock,
            clean: Mutex::default(),
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Whether a complete image exists.
    ///
    /// Checks only the end of the file, which a crash of the machine can leave empty or zero.
    pub(crate) fn has_image(&self, name: &str) -> bool {
        let end: &[u8] = if name.ends_with(".png") {
            &PNG_END
        } else {
            &JPEG_END
        };
        ends_with(&self.path(name), end).unwrap_or(false)
    }

    /// Whether a file of this size exists.
    pub(crate) fn has_size(&self, name: &str, bytes: u64) -> bool {
        fs::metadata(self.path(name)).is_ok_and(|found| found.is_file() && found.len() == bytes)
    }

    /// Writes an image, one of thousands: without waiting for the disk.
    pub(crate) fn write_image(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write_with(write_atomic_unsynced, name, bytes)
    }

    /// Writes a list or description and waits for the disk.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write_with(write_atomic, name, bytes)
    }

    fn write_with(
        &self,
        write: fn(&Path, &[u8]) -> io::Result<()>,
        name: &str,
        bytes: &[u8],
    ) -> Result<()> {
        let path = path_below(&self.root, name).map_err(ConvertError::OutsideFolder)?;
        if let Some(parent) = path.parent() {
            // The guard keeps other threads from writing to the folder during the cleaning.
            let mut clean = self.clean.lock().unwrap_or_else(PoisonError::into_inner);
            if !clean.contains(parent) {
                fs::create_dir_all(parent).map_err(io("create", parent))?;
                remove_leftovers(parent).map_err(io("clean", parent))?;
                clean.insert(parent.to_owned());
            }
        }
        write(&path, bytes).map_err(io("write", &path))
    }

    /// The text of a file, or `None` if it does not exist.
    pub(crate) fn read_text(&self, name: &str) -> Result<Option<String>> {
        let path = self.path(name);
        match read_text(&path) {
            Ok(text) => Ok(Some(text)),
            Err(TextError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(text(error)),
        }
    }
}

fn ends_with(path: &Path, end: &[u8]) -> io::Result<bool> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-(end.len() as i64)))?;
    let mut found = vec![0; end.len()];
    file.read_exact(&mut found)?;
    Ok(found == end)
}
