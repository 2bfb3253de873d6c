//! The folder that a conversion fills: one writer at a time, and no half-written file under a final name.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::error::{ConvertError, Result, io};

/// Held while a conversion runs. It stays in the folder: to delete it would let two others each hold one.
const LOCK: &str = ".mde-convert.lock";

/// How PNG files end: a chunk of length 0 with its checksum.
const PNG_END: [u8; 12] = [0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82];
/// How JPEG files end.
const JPEG_END: [u8; 2] = [0xff, 0xd9];

/// A data folder, locked against other conversions until dropped. Paths are relative to it, with `/`.
pub(crate) struct Folder {
    root: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder if need be and locks it.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        fs::create_dir_all(root).map_err(io("create", root))?;
        let path = root.join(LOCK);
        let lock = File::create(&path).map_err(io("create", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(ConvertError::Busy {
                    path: root.to_owned(),
                });
            }
            // Some network drives have no locks; one user at a time does without.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(io("lock", &path)(error)),
        }
        Ok(Self {
            root: root.to_owned(),
            _lock: lock,
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Whether an image is there from its first byte to its last.
    ///
    /// Files get their names only when they are whole, so a look at the end is enough: it finds what a
    /// crash of the whole machine may leave, an empty file or one that ends in zeros.
    pub(crate) fn has_image(&self, name: &str) -> bool {
        let end: &[u8] = if name.ends_with(".png") {
            &PNG_END
        } else {
            &JPEG_END
        };
        ends_with(&self.path(name), end).unwrap_or(false)
    }

    /// Whether a file of this many bytes is there.
    pub(crate) fn has_bytes(&self, name: &str, bytes: u64) -> bool {
        fs::metadata(self.path(name)).is_ok_and(|found| found.is_file() && found.len() == bytes)
    }

    /// Writes a file aside and gives it its name when that went well.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(io("create", parent))?;
        }
        let mut aside = path.clone().into_os_string();
        aside.push(".incomplete");
        let aside = PathBuf::from(aside);
        let written = fs::write(&aside, bytes).and_then(|()| fs::rename(&aside, &path));
        if written.is_err() {
            // Frees what a full disk still took; the first error is the one to tell.
            let _ = fs::remove_file(&aside);
        }
        written.map_err(io("write", &path))
    }

    /// The text of a file of this folder, if it is there.
    pub(crate) fn read_text(&self, name: &str) -> Result<Option<String>> {
        let path = self.path(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io("read", &path)(error)),
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
