//! Downloads one file: resumes, retries, checks.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::connection::Connection;
use crate::error::{FetchError, Result};
use crate::front::{Event, Front, remark};
use crate::partial::{Expected, Partial};
use crate::retry::{PROGRESS, Retry};
use crate::transfer::{self, Answer, Ask, Bytes, Failure, Part};

/// What to download, and where to.
pub(crate) struct Request<'a> {
    /// The file's name in messages.
    pub(crate) name: &'a str,
    pub(crate) url: String,
    /// Sent only to the server of `url`.
    pub(crate) token: Option<String>,
    /// The file; its folder exists.
    pub(crate) target: PathBuf,
    pub(crate) expected: Expected,
}

/// Downloads a file and returns its SHA-256.
pub(crate) fn download(
    request: &Request<'_>,
    connection: &Connection,
    front: &dyn Front,
) -> Result<String> {
    let mut download = Download {
        request,
        partial: Partial::new(&request.target),
        expected: request.expected.clone(),
        agent: transfer::agent(connection.idle()),
        resumed: false,
        may_restart: true,
        front,
    };
    let done = download.run(connection);
    front.show(&Event::Stop);
    done
}

struct Download<'a> {
    request: &'a Request<'a>,
    partial: Partial,
    expected: Expected,
    agent: ureq::Agent,
    /// Whether any byte comes from a response before the last one.
    resumed: bool,
    /// Whether a file whose parts do not match may still be fetched again. This happens once.
    may_restart: bool,
    front: &'a dyn Front,
}

impl Download<'_> {
    fn run(&mut self, connection: &Connection) -> Result<String> {
        let mut retry = Retry::new(self.request.name, connection, self.front);
        loop {
            let before = self.partial.len()?;
            let failure = match self.attempt() {
                Ok(()) => match self.finish()? {
                    Some(sha256) => return Ok(sha256),
                    None => continue,
                },
                Err(Failure::Final(error)) => return Err(error),
                Err(failure) => failure,
            };
            let have = self.partial.len()?;
            if have >= before + PROGRESS {
                retry.forget();
            }
            retry.wait(failure, Some((have, self.partial.path())))?;
        }
    }

    /// One request, from where the last one ended, which brings the rest of the file.
    fn attempt(&mut self) -> Result<(), Failure> {
        let have = self.partial.len()?;
        let version = self.partial.version();
        if have > 0 && self.expected.size == Some(have) {
            self.resumed = true;
            return Ok(());
        }
        // Parts of two versions must not be joined. Only a known hash or the server's version
        // tag can detect that.
        let safe = self.expected.sha256.is_some() || version.is_some();
        let fits = self.expected.size.is_none_or(|size| have < size);
        let from = if safe && fits { have } else { 0 };
        let ask = Ask {
            url: &self.request.url,
            token: self.request.token.as_deref(),
            part: Part::From(from),
            version: version.as_deref(),
        };
        match transfer::get(&self.agent, &ask)? {
            Answer::Bytes(bytes) => self.receive(bytes, from, have),
            // The file was already complete, but its size was unknown.
            Answer::Beyond(Some(size)) if size == from => {
                self.resumed = true;
                Ok(())
            }
            Answer::Beyond(_) => {
                let reason = "the file on the server is shorter than the partial file";
                self.restart(reason);
                self.partial.discard()?;
                Err(Failure::passing(reason))
            }
        }
    }

    fn receive(&mut self, bytes: Bytes, from: u64, have: u64) -> Result<(), Failure> {
        if let (Some(found), Some(expected)) = (bytes.size, self.expected.size)
            && found != expected
        {
            return Err(FetchError::Size { found, expected }.into());
        }
        if self.expected.sha256.is_none() {
            self.expected.sha256 = bytes.sha256;
        }
        if bytes.start != 0 && bytes.start != from {
            self.partial.discard()?;
            return Err(Failure::passing(
                "the server sent a different part than requested",
            ));
        }
        let changed = bytes.start > 0 && bytes.version != self.partial.version();
        if changed && self.partial.version().is_some() {
            self.partial.discard()?;
            return Err(Failure::passing("the file on the server has changed"));
        }
        if bytes.start < have {
            self.restart(if from == 0 {
                "the version of the partial file is unknown"
            } else {
                "the server cannot resume downloads"
            });
        }
        self.resumed = bytes.start > 0;
        let mut file = self.partial.open(bytes.start, bytes.version.as_deref())?;
        self.front.show(&Event::Start {
            name: self.request.name,
            have: bytes.start,
            size: bytes.size,
        });
        let mut at = bytes.start;
        let mut body = bytes.body;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = body
                .read(&mut buffer)
                .map_err(|error| Failure::passing(format!("the connection broke: {error}")))?;
            if count == 0 {
                break;
            }
            file.write_all(&buffer[..count])
                .map_err(|error| self.failed_write(error, bytes.size))?;
            at += count as u64;
            self.front.show(&Event::Bytes(count as u64));
        }
        if let Some(size) = bytes.size
            && at < size
        {
            return Err(Failure::passing(
                "the response ended before the file was complete",
            ));
        }
        file.sync_all()
            .map_err(|error| self.failed_write(error, bytes.size))?;
        Ok(())
    }

    fn restart(&self, reason: &str) {
        let name = self.request.name;
        remark(self.front, format!("{name}: starting again: {reason}"));
    }

    /// The error for a failed write, with the missing disk space.
    fn failed_write(&self, error: std::io::Error, size: Option<u64>) -> FetchError {
        let have = self.partial.len().unwrap_or(0);
        let folder = self.request.target.parent();
        match (self.partial.failed(error), size, folder) {
            (FetchError::DiskFull { .. }, Some(size), Some(folder)) => FetchError::MissingRoom {
                missing: size.saturating_sub(have),
                folder: Path::to_owned(folder),
            },
            (error, _, _) => error,
        }
    }

    /// Checks and renames the file; `None` if it must be fetched again because its parts did not
    /// match.
    fn finish(&mut self) -> Result<Option<String>> {
        self.front.show(&Event::Stop);
        remark(self.front, format!("{}: checking", self.request.name));
        match self.partial.finish(&self.expected) {
            Ok(sha256) => Ok(Some(sha256)),
            Err(FetchError::Hash { .. } | FetchError::Size { .. })
                if self.resumed && self.may_restart =>
            {
                self.restart("its parts do not match");
                self.may_restart = false;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
