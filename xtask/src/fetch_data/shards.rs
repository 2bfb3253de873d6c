//! A data set in many archives on the hub: shard by shard, so that no more than one lies on the disk beside its pictures.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

use crate::fetch::bar::Bar;
use crate::fetch::download::{Expected, Request, download};
use crate::fetch::hub::Hub;
use crate::fetch::manifest::{Entry, HubFile, Source, is_plain};
use crate::fetch::{Connection, FolderLock};

/// One archive of the data set.
#[derive(Debug)]
pub(super) struct Shard {
    /// Such as `train-000000.tar`.
    pub(super) name: String,
    /// Where it is, with its size and hash.
    pub(super) entry: Entry,
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

/// Of a file that is kept apart from the repository: its name there is its SHA-256.
#[derive(Deserialize)]
struct LargeFile {
    oid: String,
}

/// The hub sends so many lines at once; nothing that is fetched here has as many.
const PAGE: usize = 1000;

/// Asks the hub for the shards in the folder that `entry` names; without a connection, by the list of the last time.
pub(super) fn list(
    entry: &Entry,
    folder: &Path,
    connection: &Connection,
) -> anyhow::Result<Vec<Shard>> {
    let Source::Hub(at) = &entry.source else {
        bail!("the manifest's entry of the shards needs a folder of the hub");
    };
    let list = folder.join("files.json");
    if !connection.offline {
        fetch_list(at, &list, connection)?;
    }
    let bytes = fs::read(&list).with_context(|| {
        format!(
            "cannot read {}: run the same with a connection first",
            list.display()
        )
    })?;
    let files: Vec<Listed> = serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is no list of files of the hub", list.display()))?;
    ensure!(
        files.len() < PAGE,
        "{} lists {PAGE} files or more: too many for this program",
        list.display()
    );
    let mut shards = Vec::new();
    for file in files {
        shards.extend(shard(file, entry, at)?);
    }
    ensure!(
        !shards.is_empty(),
        "{} lists no .tar: see {}",
        list.display(),
        entry.page
    );
    Ok(shards)
}

fn fetch_list(at: &HubFile, list: &Path, connection: &Connection) -> anyhow::Result<()> {
    let hub = Hub::from_env()?;
    let folder = list.parent().unwrap_or(Path::new(""));
    let _lock = FolderLock::acquire(folder, || {})?;
    let request = Request {
        url: hub.folder_url(at),
        token: hub.token().map(str::to_owned),
        target: list.to_owned(),
        expected: Expected::default(),
    };
    let mut bar = Bar::new("list of shards");
    download(&request, &connection.patience(), &mut |event| {
        bar.show(event);
    })
    .with_context(|| {
        format!(
            "cannot list the files of {}; for a mirror of the hub set HF_ENDPOINT",
            at.repository
        )
    })?;
    Ok(())
}

/// The shard that a line names, if it names one.
fn shard(file: Listed, of: &Entry, at: &HubFile) -> anyhow::Result<Option<Shard>> {
    if file.kind != "file" || !file.path.ends_with(".tar") {
        return Ok(None);
    }
    let name = file.path.rsplit('/').next().unwrap_or_default().to_owned();
    ensure!(is_plain(&name), "{:?} is not the name of a file", file.path);
    let entry = Entry {
        source: Source::Hub(HubFile {
            path: file.path,
            ..at.clone()
        }),
        file: name.clone(),
        size: file.size,
        sha256: file.lfs.map(|lfs| lfs.oid),
        ..of.clone()
    };
    Ok(Some(Shard { name, entry }))
}

/// Which shards are converted: an empty file each, beside the data.
pub(super) struct Done {
    folder: PathBuf,
}

impl Done {
    pub(super) fn of(out: &Path) -> Self {
        Self {
            folder: out.join(".shards"),
        }
    }

    pub(super) fn has(&self, shard: &str) -> bool {
        self.folder.join(shard).is_file()
    }

    pub(super) fn note(&self, shard: &str) -> anyhow::Result<()> {
        let path = self.folder.join(shard);
        fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(&path, ""))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}
