//! Repositories of the Hugging Face hub that hold a network written by `mde export`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bill::{Bill, SPARE_MEGABYTES};
use crate::connection::Connection;
use crate::entry_file::{EntryFile, State};
use crate::error::{FetchError, Result};
use crate::exported::{EXPORT_CONFIG, EXPORT_WEIGHTS, read_export};
use crate::front::{Commands, Front};
use crate::manifest::HubFile;

/// A repository, and where its files are stored.
pub(crate) struct Repository<'a> {
    /// `hf:ORG/REPO[@REVISION]`.
    pub(crate) text: &'a str,
    /// Its [`EXPORT_CONFIG`].
    pub(crate) config: &'a HubFile,
    /// The folder of all weights.
    pub(crate) folder: &'a Path,
    pub(crate) commands: Commands,
}

impl Repository<'_> {
    /// The folder with both files, fetched unless it is complete, after the user's consent.
    pub(crate) fn resolve(&self, front: &dyn Front) -> Result<PathBuf> {
        let config = self.file(EXPORT_CONFIG)?;
        let described = read_export(folder_of(&config));
        let name = described.map_or(EXPORT_WEIGHTS[0], |(_, name)| name);
        let mut bill = Bill::new(format!(
            "run `{} {}` first",
            self.commands.weights, self.text
        ));
        for file in [&config, &self.file(name)?] {
            file.add_to(&mut bill, &file.name);
        }
        if !bill.lines.is_empty() {
            bill.settle(self.folder, SPARE_MEGABYTES, false, front)?;
        }
        self.fetch(&Connection::default(), front)
            .map_err(|error| error.of(format!("cannot get the network {}", self.text)))?;
        Ok(folder_of(&config).to_owned())
    }

    /// Fetches the files that are not stored: first the configuration, which says whether the
    /// repository is of this program and which file holds the weights.
    pub(crate) fn fetch(&self, connection: &Connection, front: &dyn Front) -> Result<Vec<PathBuf>> {
        let config = self.file(EXPORT_CONFIG)?;
        let is_new = config.state() != State::Present;
        config
            .fetch(None, connection, front)
            .map_err(|error| self.advise(error))?;
        let (_, name) = read_export(folder_of(&config)).inspect_err(|_| {
            // A later version of the repository may be usable.
            if is_new {
                let _ = fs::remove_file(&config.target);
            }
        })?;
        let weights = self.file(name)?;
        weights.fetch(None, connection, front)?;
        Ok(vec![config.target, weights.target])
    }

    fn file(&self, path: &str) -> Result<EntryFile> {
        let file = HubFile {
            path: path.to_owned(),
            ..self.config.clone()
        };
        // The address of the file alone, so that a manually downloaded one can be given.
        let name = format!("{}/{path}", self.text);
        EntryFile::on_hub(&name, &file, self.folder, self.commands)
    }

    fn advise(&self, error: FetchError) -> FetchError {
        let is_missing =
            |error: &FetchError| matches!(error, FetchError::Status { status: 404, .. });
        let missing = match &error {
            FetchError::Advice { source, .. } => is_missing(source),
            error => is_missing(error),
        };
        match missing {
            true => error.advise(format!(
                "`mde export` writes {EXPORT_CONFIG}; if this repository holds other weights, \
                 name their file: {}/FILE",
                self.text
            )),
            false => error,
        }
    }
}

fn folder_of(file: &EntryFile) -> &Path {
    file.target.parent().unwrap_or(Path::new(""))
}
