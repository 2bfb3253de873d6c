//! An archive of KITTI: on this disk, or on its server as a whole or part by part.

use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use zip::ZipArchive;

use super::remote_zip::{Directory, RemoteZip, TAIL};
use crate::fetch::Connection;
use crate::fetch::download::Event;
use crate::fetch::ranges::{Opened, Remote};

/// Told what happens while bytes come.
pub(super) type Observe = Box<dyn FnMut(Event<'_>)>;

/// An archive and the places it can be read from.
pub(super) struct Archive {
    /// Such as `2011_09_26_drive_0002_sync.zip`.
    pub(super) name: String,
    pub(super) url: String,
    /// A file downloaded by hand.
    pub(super) given: Option<PathBuf>,
    /// Where it is put if only the whole of it can be had.
    pub(super) whole: PathBuf,
    /// Where its directory is kept.
    pub(super) directory: PathBuf,
}

/// An archive that can be read, or what has to come first.
pub(super) enum Readable {
    /// Its directory is read, and so can be its members.
    Zip(OpenZip),
    /// Its server sends all of it or nothing; bytes, if it says so.
    OnlyWhole(Option<u64>),
}

/// An archive whose directory is read.
pub(super) struct OpenZip {
    pub(super) zip: ZipArchive<Box<dyn ReadSeek>>,
    /// If it stays on its server.
    pub(super) remote: Option<RemoteZip>,
    /// Whether its server may be asked for parts, so far as that is known.
    pub(super) parts: bool,
}

/// A file, here or elsewhere.
pub(super) trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

impl Archive {
    /// The file, if it is on this disk.
    pub(super) fn local(&self) -> Option<&Path> {
        let here = self.whole.is_file().then_some(&self.whole);
        self.given.as_ref().or(here).map(PathBuf::as_path)
    }

    /// Opens the archive where it is cheapest: on this disk, by the directory that is kept, on its server.
    pub(super) fn open(
        &self,
        connection: &Connection,
        observe: Observe,
    ) -> anyhow::Result<Readable> {
        if let Some(path) = self.local() {
            return self.open_local(path).map(Readable::Zip);
        }
        if let Some(directory) = Directory::read(&self.directory) {
            return self
                .open_kept(directory, connection, observe)
                .map(Readable::Zip);
        }
        self.open_remote(connection, observe)
    }

    /// Says which members are damaged, and what to do.
    pub(super) fn damaged(&self, members: &[String]) -> String {
        let from = self.local().map(|path| path.display().to_string());
        format!(
            "{}: damaged in {}: {}; run the same again, or give the folder of a whole archive with --from DIR",
            self.name,
            from.as_ref().unwrap_or(&self.url),
            members.join(", ")
        )
    }

    /// Removes the whole archive, if it was downloaded here.
    pub(super) fn discard(&self) -> anyhow::Result<()> {
        match fs::remove_file(&self.whole) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.whole.display()))
            }
            _ => Ok(()),
        }
    }

    fn open_local(&self, path: &Path) -> anyhow::Result<OpenZip> {
        let open = || -> anyhow::Result<_> {
            let file: Box<dyn ReadSeek> = Box::new(BufReader::new(File::open(path)?));
            let zip = ZipArchive::new(file)?;
            let directory = Directory::of_file(path, zip.central_directory_start())?;
            Ok((zip, directory))
        };
        let (zip, directory) = open().with_context(|| {
            format!(
                "{} cannot be read as a zip archive: download it again",
                path.display()
            )
        })?;
        directory.write(&self.directory)?;
        Ok(OpenZip {
            zip,
            remote: None,
            parts: true,
        })
    }

    fn open_kept(
        &self,
        directory: Directory,
        connection: &Connection,
        observe: Observe,
    ) -> anyhow::Result<OpenZip> {
        let Directory { head, tail } = directory;
        let patience = connection.patience();
        let remote = Remote::known(self.url.clone(), patience, head.size, head.version);
        let remote = RemoteZip::new(remote, tail, self.directory.clone(), observe);
        let zip = self.read_directory(&remote).with_context(|| {
            format!(
                "{} is damaged: remove it and run the same again",
                self.directory.display()
            )
        })?;
        Ok(OpenZip {
            zip,
            remote: Some(remote),
            parts: head.parts,
        })
    }

    /// Asks the server for the directory.
    pub(super) fn open_remote(
        &self,
        connection: &Connection,
        mut observe: Observe,
    ) -> anyhow::Result<Readable> {
        if connection.offline {
            bail!(
                "it is not here; download {} on a machine with a connection, then give its folder with --from DIR",
                self.url
            );
        }
        let patience = connection.patience();
        let opened = Remote::open(self.url.clone(), patience, TAIL, &mut observe)?;
        let (remote, tail) = match opened {
            Opened::Parts { remote, tail } => (remote, tail),
            Opened::Whole { size } => return Ok(Readable::OnlyWhole(size)),
        };
        let remote = RemoteZip::new(remote, tail, self.directory.clone(), observe);
        let zip = self
            .read_directory(&remote)
            .with_context(|| format!("{} cannot be read as a zip archive", self.url))?;
        remote.keep_directory()?;
        Ok(Readable::Zip(OpenZip {
            zip,
            remote: Some(remote),
            parts: true,
        }))
    }

    fn read_directory(&self, remote: &RemoteZip) -> anyhow::Result<ZipArchive<Box<dyn ReadSeek>>> {
        let file: Box<dyn ReadSeek> = Box::new(remote.clone());
        Ok(ZipArchive::new(file)?)
    }
}
