//! One entry of the manifest, and the place of its file.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::bar::Bar;
use super::connection::Connection;
use super::download::{DownloadError, Expected, Request, download};
use super::hub::Hub;
use super::list::State;
use super::lock::FolderLock;
use super::manifest::{Entry, Source};
use super::partial;

/// A file of the manifest and where it goes.
pub(crate) struct Place<'a> {
    /// What it is called in messages.
    pub(crate) name: &'a str,
    pub(crate) entry: &'a Entry,
    pub(crate) target: PathBuf,
    /// The command that takes it from a file downloaded by hand.
    pub(crate) by_hand: String,
}

impl Place<'_> {
    /// Brings the file, unless it is here; `from` is one downloaded by hand.
    pub(crate) fn fetch(&self, from: Option<&Path>, connection: &Connection) -> anyhow::Result<()> {
        if self.is_present(from)? {
            return Ok(());
        }
        if connection.offline && from.is_none() {
            return if self.take_cached()? {
                Ok(())
            } else {
                Err(self.absent()?)
            };
        }
        let _lock = self.lock()?;
        // Another process may have brought it meanwhile.
        if self.is_present(from)? {
            return Ok(());
        }
        let sha256 = match (from, &self.entry.source) {
            (Some(from), _) => partial::copy(from, &self.target, &self.expected())
                .with_context(|| format!("cannot take {}", from.display()))?,
            (None, Source::Manual(_)) => return Err(self.absent()?),
            (None, Source::Url(url)) => self.download(connection, url.clone(), None)?,
            (None, Source::Hub(file)) => {
                let hub = Hub::from_env()?;
                if self.take(hub.cached(file).as_deref())? {
                    return Ok(());
                }
                let token = hub.token().map(str::to_owned);
                self.download(connection, hub.url(file), token)?
            }
        };
        self.report(&sha256);
        Ok(())
    }

    /// Bytes that have yet to come, as far as is known.
    pub(crate) fn missing(&self) -> u64 {
        match State::of(&self.target) {
            State::Present => 0,
            State::Partial(have) => self.entry.bytes().saturating_sub(have),
            State::Absent => self.entry.bytes(),
        }
    }

    pub(crate) fn expected(&self) -> Expected {
        Expected {
            size: self.entry.size,
            sha256: self.entry.sha256.clone(),
        }
    }

    fn lock(&self) -> anyhow::Result<FolderLock> {
        let folder = self.target.parent().unwrap_or(Path::new(""));
        FolderLock::acquire(folder, || {
            eprintln!("{}: waiting for another process that fetches it", self.name);
        })
    }

    /// True if the file is here and is what it should be.
    fn is_present(&self, from: Option<&Path>) -> anyhow::Result<bool> {
        if !matches!(State::of(&self.target), State::Present) {
            return Ok(false);
        }
        let target = self.target.display();
        partial::check(&self.target, &self.expected()).with_context(|| {
            format!(
                "{target} is here, but not as it should be: move it away and run the same again"
            )
        })?;
        if let Some(from) = from {
            eprintln!(
                "{}: is here already, {} is not looked at",
                self.name,
                from.display()
            );
        }
        Ok(true)
    }

    /// Takes the file from the local cache of the hub, if it is there.
    fn take_cached(&self) -> anyhow::Result<bool> {
        let Source::Hub(file) = &self.entry.source else {
            return Ok(false);
        };
        let Some(cached) = Hub::from_env()?.cached(file) else {
            return Ok(false);
        };
        let _lock = self.lock()?;
        self.take(Some(&cached))
    }

    fn take(&self, cached: Option<&Path>) -> anyhow::Result<bool> {
        let Some(cached) = cached else {
            return Ok(false);
        };
        match partial::copy(cached, &self.target, &self.expected()) {
            Ok(sha256) => {
                eprintln!("{}: taken from {}", self.name, cached.display());
                self.report(&sha256);
                Ok(true)
            }
            Err(DownloadError::Hash { .. } | DownloadError::Size { .. }) => {
                eprintln!("{}: {} is another version", self.name, cached.display());
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn download(
        &self,
        connection: &Connection,
        url: String,
        token: Option<String>,
    ) -> anyhow::Result<String> {
        eprintln!("{}: {url}", self.name);
        let has_token = token.is_some();
        let request = Request {
            url,
            token,
            target: self.target.clone(),
            expected: self.expected(),
        };
        let mut bar = Bar::new(self.name);
        let done = download(&request, &connection.patience(), &mut |event| {
            bar.show(event)
        });
        drop(bar);
        done.map_err(|error| self.advise(error, has_token))
    }

    /// What to do next after a failed download.
    fn advise(&self, error: DownloadError, has_token: bool) -> anyhow::Error {
        let hub = matches!(self.entry.source, Source::Hub(_));
        let page = &self.entry.page;
        let by_hand =
            format!("if the file can be had elsewhere (see {page}), give it with --from FILE");
        let advice = match &error {
            DownloadError::Status {
                status: 401 | 403, ..
            } if hub && has_token => format!(
                "the token was sent but is not enough: accept its terms at {page} with the account of the \
                 token, or set HF_TOKEN to another"
            ),
            DownloadError::Status {
                status: 401 | 403, ..
            } if hub => format!(
                "it may be gated or private: accept its terms at {page}, make a token there and set HF_TOKEN"
            ),
            DownloadError::Status {
                status: 404 | 410, ..
            } => {
                format!("the address may be out of date: {by_hand}")
            }
            DownloadError::Status { .. }
            | DownloadError::Size { .. }
            | DownloadError::Hash { .. } => by_hand,
            DownloadError::GaveUp { .. } | DownloadError::Hopeless { .. } => format!(
                "behind a proxy set HTTPS_PROXY; for a mirror of the hub set HF_ENDPOINT; {by_hand}"
            ),
            DownloadError::Later { .. }
            | DownloadError::NoRoom { .. }
            | DownloadError::Missing { .. }
            | DownloadError::Changed { .. }
            | DownloadError::File { .. } => return error.into(),
        };
        anyhow!("{error}; {advice}")
    }

    /// The error for a file that is not here and is not to be downloaded.
    fn absent(&self) -> anyhow::Result<anyhow::Error> {
        let have = match State::of(&self.target) {
            State::Partial(bytes) => format!("only {bytes} bytes of it are here"),
            _ => "it is not here".to_owned(),
        };
        let download = |url: &str| format!("download {url} on a machine with a connection");
        let how = match &self.entry.source {
            Source::Manual(how) => format!("{how} ({})", self.entry.page),
            Source::Url(url) => download(url),
            Source::Hub(file) => download(&Hub::from_env()?.url(file)),
        };
        Ok(anyhow!("{have}; {how}, then: {}", self.by_hand))
    }

    /// Says what has come.
    fn report(&self, sha256: &str) {
        eprintln!("{}: {}", self.name, self.entry.summary);
        for (what, text) in [
            ("input", self.entry.input.as_ref()),
            ("paper", self.entry.paper.as_ref()),
            ("licence", Some(&self.entry.licence)),
        ] {
            if let Some(text) = text {
                eprintln!("  {what}: {text}");
            }
        }
        if self.entry.sha256.is_none() {
            eprintln!("  SHA-256: {sha256} (the manifest has none to compare it with)");
        }
        if let Some(note) = &self.entry.note {
            eprintln!("  note: {note}");
        }
    }
}
