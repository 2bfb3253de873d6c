//! One entry of the manifest and the location of its file.

use std::fs;
use std::path::{Path, PathBuf};

use mde_files::{FolderLock, path_below};

use crate::bill::Bill;
use crate::connection::Connection;
use crate::download::{Request, download};
use crate::error::{FetchError, Result};
use crate::front::{Commands, Front, remark};
use crate::hub::Hub;
use crate::manifest::{HubFile, ManifestEntry, Source};
use crate::partial::{self, Expected, Partial};
use crate::text::bytes;

/// The state of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Present,
    /// Bytes stored so far.
    Partial(u64),
    Absent,
}

/// A file of the manifest and where it is stored.
pub(crate) struct EntryFile {
    /// Its name in messages.
    pub(crate) name: String,
    pub(crate) entry: ManifestEntry,
    pub(crate) target: PathBuf,
    /// The command that imports a manually downloaded file.
    pub(crate) by_hand: String,
}

impl EntryFile {
    /// Weights of the manifest and where they are stored.
    pub(crate) fn new(
        name: &str,
        entry: &ManifestEntry,
        folder: &Path,
        commands: Commands,
    ) -> Self {
        Self {
            name: name.to_owned(),
            target: folder.join(name).join(&entry.file),
            by_hand: format!("{} {name} --from FILE", commands.weights),
            entry: entry.clone(),
        }
    }

    /// Weights on the hub: `hf/ORG/REPO/REVISION/FILE` in the folder of weights.
    pub(crate) fn on_hub(
        name: &str,
        file: &HubFile,
        folder: &Path,
        commands: Commands,
    ) -> Result<Self> {
        let HubFile {
            repository,
            revision,
            path,
            ..
        } = file;
        let below = format!("hf/{repository}/{revision}/{path}");
        let target =
            path_below(folder, &below).map_err(|error| FetchError::Usage(error.to_string()))?;
        let entry = ManifestEntry {
            summary: format!("{path} of {repository} at {revision}"),
            models: Vec::new(),
            file: path.clone(),
            source: Source::Hub(file.clone()),
            page: format!("https://huggingface.co/{repository}"),
            size: None,
            about: None,
            converted: None,
            sha256: None,
            verified: false,
            licence: "see its page".to_owned(),
            paper: None,
            input: None,
            note: None,
        };
        Ok(Self {
            target,
            ..Self::new(name, &entry, folder, commands)
        })
    }

    /// Judged by the file's name only: a file under its final name is complete.
    pub(crate) fn state(&self) -> State {
        if self.target.is_file() {
            return State::Present;
        }
        match Partial::new(&self.target).len() {
            Ok(bytes) if bytes > 0 => State::Partial(bytes),
            _ => State::Absent,
        }
    }

    /// The state as shown in a list.
    pub(crate) fn described_state(&self) -> String {
        match self.state() {
            State::Present => match fs::metadata(&self.target) {
                Ok(metadata) if self.entry.size.is_some_and(|size| size != metadata.len()) => {
                    "present, wrong size".to_owned()
                }
                _ => "present".to_owned(),
            },
            State::Partial(have) => format!("partial, {}", bytes(have)),
            State::Absent if matches!(self.entry.source, Source::Manual(_)) => {
                "absent, by hand".to_owned()
            }
            State::Absent => "absent".to_owned(),
        }
    }

    /// Fetches the file unless it is stored; `from` is a manually downloaded one.
    pub(crate) fn fetch(
        &self,
        from: Option<&Path>,
        connection: &Connection,
        front: &dyn Front,
    ) -> Result<()> {
        if self.is_present(from, front)? {
            return Ok(());
        }
        if connection.offline && from.is_none() {
            return if self.take_cached(front)? {
                Ok(())
            } else {
                Err(self.absent()?)
            };
        }
        if let (None, Source::Manual(_)) = (from, &self.entry.source) {
            return Err(self.absent()?);
        }
        let _lock = self.lock(front)?;
        // Another process may have fetched it meanwhile.
        if self.is_present(from, front)? {
            return Ok(());
        }
        let sha256 = match (from, &self.entry.source) {
            (Some(from), _) => partial::copy(from, &self.target, &self.expected())
                .map_err(|error| error.of(format!("cannot use {}", from.display())))?,
            (None, Source::Manual(_)) => return Err(self.absent()?),
            (None, Source::Url(url)) => self.download(connection, front, url, None)?,
            (None, Source::Hub(file)) => {
                let hub = Hub::from_env()?;
                if self.take(hub.cached(file).as_deref(), front)? {
                    return Ok(());
                }
                self.download(connection, front, &hub.url(file), hub.token())?
            }
        };
        self.report(&sha256, front);
        Ok(())
    }

    /// Bytes still to download, as far as known.
    pub(crate) fn missing(&self) -> u64 {
        match self.state() {
            State::Present => 0,
            State::Partial(have) => self.entry.bytes().saturating_sub(have),
            State::Absent => self.entry.bytes(),
        }
    }

    /// Adds the download to a bill, unless the file is stored.
    pub(crate) fn add_to(&self, bill: &mut Bill, title: &str) {
        if self.state() == State::Present {
            return;
        }
        let missing = self.missing();
        bill.download += missing;
        bill.disk += missing;
        bill.unknown += usize::from(missing == 0);
        let size = match (missing, self.entry.size) {
            (0, _) => "an unknown number of bytes".to_owned(),
            (_, Some(_)) => bytes(missing),
            (_, None) => format!("about {}", bytes(missing)),
        };
        let ManifestEntry {
            summary,
            page,
            licence,
            ..
        } = &self.entry;
        bill.lines.push(format!(
            "{title}: {size} to download; {summary} ({page}; licence: {licence})"
        ));
    }

    pub(crate) fn expected(&self) -> Expected {
        Expected {
            size: self.entry.size,
            sha256: self.entry.sha256.clone(),
        }
    }

    fn lock(&self, front: &dyn Front) -> Result<FolderLock> {
        let folder = self.target.parent().unwrap_or(Path::new(""));
        let waits = || {
            remark(
                front,
                format!("{}: waiting for another process that fetches it", self.name),
            );
        };
        partial::lock_folder(folder, waits)
    }

    /// True if the file is stored and matches the manifest.
    fn is_present(&self, from: Option<&Path>, front: &dyn Front) -> Result<bool> {
        if self.state() != State::Present {
            return Ok(false);
        }
        partial::check(&self.target, &self.expected()).map_err(|error| {
            error.of(self.target.display().to_string()).advise(
                "it does not match the manifest, so move it away and run the same command again",
            )
        })?;
        if let Some(from) = from {
            remark(
                front,
                format!(
                    "{}: already present; {} is not read",
                    self.name,
                    from.display()
                ),
            );
        }
        Ok(true)
    }

    /// Copies the file from the hub's local cache, if it is there.
    fn take_cached(&self, front: &dyn Front) -> Result<bool> {
        let Source::Hub(file) = &self.entry.source else {
            return Ok(false);
        };
        let Some(cached) = Hub::from_env()?.cached(file) else {
            return Ok(false);
        };
        let _lock = self.lock(front)?;
        self.take(Some(&cached), front)
    }

    fn take(&self, cached: Option<&Path>, front: &dyn Front) -> Result<bool> {
        let Some(cached) = cached else {
            return Ok(false);
        };
        let (name, path) = (&self.name, cached.display());
        match partial::copy(cached, &self.target, &self.expected()) {
            Ok(sha256) => {
                remark(front, format!("{name}: taken from {path}"));
                self.report(&sha256, front);
                Ok(true)
            }
            Err(FetchError::Hash { .. } | FetchError::Size { .. }) => {
                remark(front, format!("{name}: {path} is a different version"));
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn download(
        &self,
        connection: &Connection,
        front: &dyn Front,
        url: &str,
        token: Option<&str>,
    ) -> Result<String> {
        remark(front, format!("{}: {url}", self.name));
        let request = Request {
            name: &self.name,
            url: url.to_owned(),
            token: token.map(str::to_owned),
            target: self.target.clone(),
            expected: self.expected(),
        };
        download(&request, connection, front).map_err(|error| self.advise(error, token.is_some()))
    }

    /// Adds advice to the error of a download.
    fn advise(&self, error: FetchError, has_token: bool) -> FetchError {
        let hub = matches!(self.entry.source, Source::Hub(_));
        let page = &self.entry.page;
        let by_hand =
            format!("if the file is available elsewhere (see {page}), give it with --from FILE");
        let advice = match &error {
            FetchError::Status {
                status: 401 | 403, ..
            } if hub && has_token => format!(
                "the token was sent but gives no access: accept the terms at {page} with \
                 its account, or set another HF_TOKEN"
            ),
            FetchError::Status {
                status: 401 | 403, ..
            } if hub => format!(
                "the file may be gated or private: accept the terms at {page}, create a \
                 token there and set HF_TOKEN"
            ),
            FetchError::Status {
                status: 404 | 410, ..
            } => format!("the address may be out of date: {by_hand}"),
            FetchError::Status { .. } | FetchError::Size { .. } | FetchError::Hash { .. } => {
                by_hand
            }
            FetchError::GaveUp { .. } | FetchError::Request(_) => format!(
                "behind a proxy set HTTPS_PROXY; for a mirror of the hub set HF_ENDPOINT; {by_hand}"
            ),
            _ => return error,
        };
        error.advise(advice)
    }

    /// The error for a file that is missing and must not be downloaded.
    fn absent(&self) -> Result<FetchError> {
        let have = match self.state() {
            State::Partial(bytes) => format!("only {bytes} bytes of the file are stored"),
            _ => "the file is missing".to_owned(),
        };
        let download = |url: &str| format!("download {url} on a machine with a connection");
        let how = match &self.entry.source {
            Source::Manual(how) => format!("{how} ({})", self.entry.page),
            Source::Url(url) => download(url),
            Source::Hub(file) => download(&Hub::from_env()?.url(file)),
        };
        Ok(FetchError::Absent(format!(
            "{have}; {how}, then run `{}`",
            self.by_hand
        )))
    }

    /// Shows a summary of the fetched file.
    fn report(&self, sha256: &str, front: &dyn Front) {
        remark(front, format!("{}: {}", self.name, self.entry.summary));
        for (what, text) in [
            ("input", self.entry.input.as_deref()),
            ("paper", self.entry.paper.as_deref()),
            ("licence", Some(self.entry.licence.as_str())),
            ("note", self.entry.note.as_deref()),
        ] {
            if let Some(text) = text {
                remark(front, format!("  {what}: {text}"));
            }
        }
        if self.entry.sha256.is_none() {
            remark(
                front,
                format!("  SHA-256: {sha256} (the manifest has none to compare it with)"),
            );
        }
    }
}
