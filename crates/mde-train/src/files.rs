//! Files that are either whole or absent: written aside, flushed, renamed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Writes a file so that a kill or a full disk at any moment leaves either the old content or the new.
///
/// # Errors
/// As the file system; nothing is left aside then. What is there and is no file, such as `/dev/full`, is not replaced.
pub fn write_aside(path: &Path, content: &[u8]) -> io::Result<()> {
    if path.exists() && !path.is_file() {
        let kind = io::ErrorKind::AlreadyExists;
        return Err(io::Error::new(
            kind,
            "it is there and is no file; name another",
        ));
    }
    let aside = aside(path);
    let written = File::create(&aside).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    let result = written.and_then(|()| fs::rename(&aside, path));
    if result.is_err() {
        // The first error is the one to tell; a leftover is overwritten by the next attempt.
        let _ = fs::remove_file(&aside);
    }
    result
}

/// [`write_aside`] of indented JSON with a final line break.
///
/// # Errors
/// As the file system, or if the value has no JSON form.
pub fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut json = serde_json::to_vec_pretty(value)?;
    json.push(b'\n');
    write_aside(path, &json)
}

/// Waits until what was renamed or made in a folder would survive a loss of power.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Only Unix lets a folder be opened and flushed.
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// The name a file or folder has until it is whole.
pub(crate) fn aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".incomplete");
    PathBuf::from(name)
}

/// blake3 of a file's content, in hexadecimal.
///
/// # Errors
/// If the file cannot be read.
pub fn hash_file(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(hasher.finalize().to_string())
}
