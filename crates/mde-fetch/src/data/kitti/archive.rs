//! An archive of KITTI: on this disk, or on its server, read whole or in parts.

use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use super::remote_zip::{Directory, RemoteZip, TAIL};
use crate::connection::Connection;
use crate::error::{FetchError, Result, io};
use crate::front::Front;
use crate::ranges::{Opened, Remote};

/// An archive and the places it can be read from.
pub(super) struct Archive {
    /// Such as `2011_09_26_drive_0002_sync.zip`.
    pub(super) name: String,
    pub(super) url: String,
    /// A manually downloaded file.
    pub(super) given: Option<PathBuf>,
    /// Where it is stored if it can only be downloaded whole.
    pub(super) whole: PathBuf,
    /// Where its directory is cached.
    pub(super) directory: PathBuf,
}

/// An archive that can be read, or what is needed first.
pub(super) enum Readable<'a> {
    /// Its directory has been read, and its members can be read.
    Zip(OpenZip<'a>),
    /// Its server sends only whole files; the size in bytes, if the server states it.
    OnlyWhole(Option<u64>),
}

/// An archive whose directory is read.
pub(super) struct OpenZip<'a> {
    pub(super) zip: ZipArchive<Box<dyn ReadSeek + 'a>>,
    /// If it stays on its server.
    pub(super) remote: Option<RemoteZip<'a>>,
    /// Whether its server sends parts, as far as known.
    pub(super) parts: bool,
}

/// A file, local or remote.
pub(super) trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

impl Archive {
    /// The file's path, if it is on this disk.
    pub(super) fn local(&self) -> Option<&Path> {
        let here = self.whole.is_file().then_some(&self.whole);
        self.given.as_ref().or(here).map(PathBuf::as_path)
    }

    /// Opens the archive where it is cheapest: on this disk, by its cached directory, or on its
    /// server.
    pub(super) fn open<'a>(
        &self,
        connection: &Connection,
        front: &'a dyn Front,
    ) -> Result<Readable<'a>> {
        if let Some(path) = self.local() {
            return self.open_local(path).map(Readable::Zip);
        }
        if let Some(directory) = Directory::read(&self.directory) {
            return self
                .open_kept(directory, connection, front)
                .map(Readable::Zip);
        }
        self.open_remote(connection, front)
    }

    /// The error for damaged members, with advice.
    pub(super) fn damaged(&self, members: &[String]) -> String {
        let from = self.local().map(|path| path.display().to_string());
        format!(
            "{}: damaged in {}: {}; run the same command again, or give the folder of a whole archive with --from DIR",
            self.name,
            from.as_ref().unwrap_or(&self.url),
            members.join(", ")
        )
    }

    /// Removes the archive if it was downloaded whole.
    pub(super) fn discard(&self) -> Result<()> {
        match fs::remove_file(&self.whole) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(io("remove", &self.whole)(error))
            }
            _ => Ok(()),
        }
    }

    fn open_local<'a>(&self, path: &Path) -> Result<OpenZip<'a>> {
        let open = || -> std::io::Result<_> {
            let file: Box<dyn ReadSeek> = Box::new(BufReader::new(File::open(path)?));
            let zip = ZipArchive::new(file)?;
            let directory = Directory::of_file(path, zip.central_directory_start())?;
            Ok((zip, directory))
        };
        let (zip, directory) = open().map_err(|error| {
            let archive = path.display().to_string();
            unreadable(archive, error).advise("download it again")
        })?;
        directory.write(&self.directory)?;
        Ok(OpenZip {
            zip,
            remote: None,
            parts: true,
        })
    }

    fn open_kept<'a>(
        &self,
        directory: Directory,
        connection: &Connection,
        front: &'a dyn Front,
    ) -> Result<OpenZip<'a>> {
        let Directory { head, tail } = directory;
        let (size, version) = (head.size, head.version);
        let remote = Remote::known(&self.name, &self.url, connection, front, size, version);
        let remote = RemoteZip::new(remote, tail, self.directory.clone());
        let zip = read_directory(&remote).map_err(|error| {
            FetchError::contents(
                self.directory.display(),
                format!("damaged: {error}; remove it and run the same command again"),
            )
        })?;
        Ok(OpenZip {
            zip,
            remote: Some(remote),
            parts: head.parts,
        })
    }

    /// Asks the server for the directory.
    pub(super) fn open_remote<'a>(
        &self,
        connection: &Connection,
        front: &'a dyn Front,
    ) -> Result<Readable<'a>> {
        if connection.offline {
            return Err(FetchError::Absent(format!(
                "the file is missing; download {} on a machine with a connection, then give its folder \
                 with --from DIR",
                self.url
            )));
        }
        let opened = Remote::open(&self.name, &self.url, connection, front, TAIL)?;
        let (remote, tail) = match opened {
            Opened::Parts { remote, tail } => (remote, tail),
            Opened::Whole { size } => return Ok(Readable::OnlyWhole(size)),
        };
        let remote = RemoteZip::new(remote, tail, self.directory.clone());
        let zip = read_directory(&remote).map_err(|error| unreadable(self.url.clone(), error))?;
        remote.keep_directory()?;
        Ok(Readable::Zip(OpenZip {
            zip,
            remote: Some(remote),
            parts: true,
        }))
    }
}

fn read_directory<'a>(
    remote: &RemoteZip<'a>,
) -> std::io::Result<ZipArchive<Box<dyn ReadSeek + 'a>>> {
    let file: Box<dyn ReadSeek + 'a> = Box::new(remote.clone());
    Ok(ZipArchive::new(file)?)
}

fn unreadable(archive: String, error: std::io::Error) -> FetchError {
    // The connection is to blame, not the archive.
    match error.downcast::<FetchError>() {
        Ok(error) => error,
        Err(error) => {
            FetchError::contents(archive, format!("cannot be read as a zip archive: {error}"))
        }
    }
}
