//! blake3 of files, and a cache of hashes on disk.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::write_atomic;

/// blake3 of a file's content, in hexadecimal.
///
/// # Errors
/// If the file cannot be read.
pub fn hash_file(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(hasher.finalize().to_string())
}

/// Maximum number of files remembered; beyond it a save forgets those that were not asked for.
const MAX_ENTRIES: usize = 1_000_000;

/// Hashes of files, remembered on disk by path, size, time of modification and inode.
///
/// An entry is trusted only if the file was modified before the cache was saved: a file that
/// changes again within the resolution of the file system's clock would otherwise go unnoticed.
/// All methods take `&self`, so that threads can share a cache.
#[derive(Debug)]
pub struct HashCache {
    path: PathBuf,
    /// When the cache file was last written.
    saved: Option<SystemTime>,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    known: BTreeMap<PathBuf, Entry>,
    /// Those of this process.
    used: BTreeMap<PathBuf, Entry>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    /// Bytes.
    size: u64,
    /// Nanoseconds since 1970.
    modified: u128,
    inode: u64,
    hash: String,
}

#[derive(Serialize, Deserialize)]
struct Document {
    format: u32,
    files: BTreeMap<PathBuf, Entry>,
}

const FORMAT: u32 = 1;

impl HashCache {
    /// The cache in the file at `path`. A missing or damaged file is an empty cache.
    pub fn open(path: &Path) -> Self {
        let read = || -> Option<(SystemTime, Document)> {
            let saved = fs::metadata(path).ok()?.modified().ok()?;
            let document: Document = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
            (document.format == FORMAT).then_some((saved, document))
        };
        let (saved, known) = match read() {
            Some((saved, document)) => (Some(saved), document.files),
            None => (None, BTreeMap::new()),
        };
        Self {
            path: path.to_owned(),
            saved,
            entries: Mutex::new(Entries {
                known,
                used: BTreeMap::new(),
            }),
        }
    }

    /// blake3 of the file's content: the remembered one if the file is unchanged.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn hash(&self, path: &Path) -> io::Result<String> {
        let key = std::path::absolute(path)?;
        let before = fs::metadata(path)?;
        if let Some(entry) = self.known(&key, &before) {
            let hash = entry.hash.clone();
            self.lock().used.insert(key, entry);
            return Ok(hash);
        }
        let hash = hash_file(path)?;
        let after = fs::metadata(path)?;
        let entry = Entry::new(&after, hash.clone());
        // A file that changed while it was read is not remembered.
        if entry == Entry::new(&before, hash.clone()) {
            self.lock().used.insert(key, entry);
        }
        Ok(hash)
    }

    /// Writes the cache to disk, if it has learned anything. Files whose paths are not UTF-8 are
    /// left out, since JSON has no form for them: they are hashed again next time.
    ///
    /// # Errors
    /// Those of the file system. A cache that cannot be saved costs time, not correctness.
    pub fn save(&self) -> io::Result<()> {
        let entries = self.lock();
        let learned = entries
            .used
            .iter()
            .any(|(path, entry)| entries.known.get(path) != Some(entry));
        if !learned {
            return Ok(());
        }
        let mut files = entries.used.clone();
        if files.len() + entries.known.len() <= MAX_ENTRIES {
            for (path, entry) in &entries.known {
                files.entry(path.clone()).or_insert_with(|| entry.clone());
            }
        }
        files.retain(|path, _| path.to_str().is_some());
        let document = Document {
            format: FORMAT,
            files,
        };
        write_atomic(&self.path, &serde_json::to_vec(&document)?)
    }

    fn known(&self, key: &Path, metadata: &Metadata) -> Option<Entry> {
        let entries = self.lock();
        // Hashed by this process already.
        if let Some(entry) = entries.used.get(key)
            && *entry == Entry::new(metadata, entry.hash.clone())
        {
            return Some(entry.clone());
        }
        let entry = entries.known.get(key)?;
        let unchanged = *entry == Entry::new(metadata, entry.hash.clone());
        let settled = metadata.modified().ok()? < self.saved?;
        (unchanged && settled).then(|| entry.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Entries> {
        // A thread that panicked while it held the lock has left a whole map behind.
        self.entries
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Entry {
    fn new(metadata: &Metadata, hash: String) -> Self {
        let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
        let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Self {
            size: metadata.len(),
            modified: modified.as_nanos(),
            inode,
            hash,
        }
    }
}
