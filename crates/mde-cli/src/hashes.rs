//! Hashes of files and data sets. Those of unchanged files come from a cache in the home folder.

use std::path::Path;

use anyhow::Context;
use mde_datasets::RgbdList;
use mde_files::HashCache;

use crate::progress::Progress;

/// The fingerprint of a list's data.
pub(crate) fn fingerprint(list: &RgbdList) -> anyhow::Result<String> {
    let _progress = Progress::busy("hashing the images");
    match cache() {
        Some(cache) => {
            let fingerprint = list.fingerprint_cached(&cache)?;
            save(&cache);
            Ok(fingerprint)
        }
        None => Ok(list.fingerprint()?),
    }
}

/// blake3 of a file, in hexadecimal.
pub(crate) fn hash_file(path: &Path) -> anyhow::Result<String> {
    Ok(hash_files(&[path])?.remove(0))
}

/// blake3 of files, in hexadecimal.
pub(crate) fn hash_files(paths: &[impl AsRef<Path>]) -> anyhow::Result<Vec<String>> {
    let cache = cache();
    let hashes = paths.iter().map(|path| {
        let path = path.as_ref();
        let hash = match &cache {
            Some(cache) => cache.hash(path),
            None => mde_files::hash_file(path),
        };
        hash.with_context(|| format!("cannot read {}", path.display()))
    });
    let hashes = hashes.collect();
    cache.iter().for_each(save);
    hashes
}

/// The cache; none without a home folder.
fn cache() -> Option<HashCache> {
    let home = mde_fetch::home().ok()?;
    Some(HashCache::open(&home.join("fingerprints.json")))
}

/// Saves the cache. Without it, the next command takes longer; its results are the same.
fn save(cache: &HashCache) {
    if let Err(error) = cache.save() {
        tracing::info!("cannot save the cache of file hashes: {error}");
    }
}
