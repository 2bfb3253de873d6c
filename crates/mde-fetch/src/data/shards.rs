//! A data set in many archives on the hub, fetched shard by shard. Only one shard at a time is on
//! the disk besides its images.

use std::fs;
use std::path::{Path, PathBuf};

use mde_files::write_atomic;
use serde::Deserialize;

use super::options::Job;
use crate::download::{Request, download};
use crate::error::{FetchError, Result, io};
use crate::hub::Hub;
use crate::manifest::{HubFile, ManifestEntry, Source, is_plain};
use crate::partial::{Expected, lock_folder};

/// One archive of the data set.
#[derive(Debug)]
pub(super) struct Shard {
    /// Such as `train-000000.tar`.
    pub(super) name: String,
    /// Its location, size and hash.
    pub(super) entry: ManifestEntry,
}

/// A line of the hub's list of a folder.
#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    size: Option<u64>,
    lfs: Option<LargeFile>,
}

/// A file that the hub stores outside the repository, named by its SHA-256.
#[derive(Deserialize)]
struct LargeFile {
    oid: String,
}

/// Maximum number of lines per response of the hub; no supported data set has as many shards.
const PAGE: usize = 1000;

/// Asks the hub for the shards in the folder that `entry` names; without a connection, uses the
/// list of the last call.
pub(super) fn list(entry: &ManifestEntry, folder: &Path, job: &Job<'_>) -> Result<Vec<Shard>> {
    let Source::Hub(at) = &entry.source else {
        return Err(FetchError::Usage(
            "the manifest's entry for the shards must name a folder of the hub".to_owned(),
        ));
    };
    let list = folder.join("files.json");
    if !job.connection.offline {
        fetch_list(at, &list, job)?;
    }
    let bytes = fs::read(&list).map_err(|error| {
        io("read", &list)(error).advise("run the same command with a connection first")
    })?;
    let invalid = |reason: String| FetchError::contents(list.display(), reason);
    let files: Vec<Listed> = serde_json::from_slice(&bytes)
        .map_err(|error| invalid(format!("not a list of files of the hub: {error}")))?;
    if files.len() >= PAGE {
        return Err(invalid(format!(
            "it lists {PAGE} files or more: too many for this program"
        )));
    }
    let mut shards = Vec::new();
    for file in files {
        if file.kind != "file" || !file.path.ends_with(".tar") {
            continue;
        }
        let shard = shard(file, entry, at);
        if !is_plain(&shard.name) {
            return Err(invalid(format!("{:?} is not a file name", shard.name)));
        }
        shards.push(shard);
    }
    if shards.is_empty() {
        return Err(invalid(format!("it lists no .tar: see {}", entry.page)));
    }
    Ok(shards)
}

fn fetch_list(at: &HubFile, list: &Path, job: &Job<'_>) -> Result<()> {
    let hub = Hub::from_env()?;
    let folder = list.parent().unwrap_or(Path::new(""));
    let _lock = lock_folder(folder, || {})?;
    let request = Request {
        name: "list of shards",
        url: hub.folder_url(at),
        token: hub.token().map(str::to_owned),
        target: list.to_owned(),
        expected: Expected::default(),
    };
    download(&request, &job.connection, job.front).map_err(|error| {
        error.of(format!(
            "cannot list the files of {}; for a mirror of the hub set HF_ENDPOINT",
            at.repository
        ))
    })?;
    Ok(())
}

/// The shard that a line names.
fn shard(file: Listed, of: &ManifestEntry, at: &HubFile) -> Shard {
    let name = file.path.rsplit('/').next().unwrap_or_default().to_owned();
    let entry = ManifestEntry {
        source: Source::Hub(HubFile {
            path: file.path,
            ..at.clone()
        }),
        file: name.clone(),
        size: file.size,
        sha256: file.lfs.map(|lfs| lfs.oid),
        ..of.clone()
    };
    Shard { name, entry }
}

/// Records converted shards: one empty file each, next to the data.
pub(super) struct Converted {
    folder: PathBuf,
}

impl Converted {
    pub(super) fn in_folder(out: &Path) -> Self {
        Self {
            folder: out.join(".shards"),
        }
    }

    pub(super) fn has(&self, shard: &str) -> bool {
        self.folder.join(shard).is_file()
    }

    pub(super) fn note(&self, shard: &str) -> Result<()> {
        let path = self.folder.join(shard);
        write_atomic(&path, b"").map_err(io("write", &path))
    }
}
