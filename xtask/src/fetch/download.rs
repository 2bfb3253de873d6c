//! Downloads one file: resumes, retries, checks. Tells what happens to an observer and prints nothing.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::partial::Partial;
use super::retry::{PROGRESS, Patience, Retry};
use super::transfer::{self, Answer, Ask, Bytes, Failure, Part};

/// What to download, and to where.
pub(crate) struct Request {
    pub(crate) url: String,
    /// For the address's own server.
    pub(crate) token: Option<String>,
    /// The file; its folder is there.
    pub(crate) target: PathBuf,
    pub(crate) expected: Expected,
}

/// What is known of a file beforehand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expected {
    /// Bytes.
    pub(crate) size: Option<u64>,
    /// Hexadecimal, lower case.
    pub(crate) sha256: Option<String>,
}

/// What happens on the way.
pub(crate) enum Event<'a> {
    /// Bytes begin to come: how many were there before, and the file's size.
    Start { have: u64, size: Option<u64> },
    /// So many more have come.
    Bytes(u64),
    /// What had come cannot be used; the file is fetched from its beginning.
    Restart(&'a str),
    /// A try has failed and another follows.
    Pause {
        reason: &'a str,
        pause: Duration,
        failed: u32,
        tries: u32,
    },
    /// All bytes have come and are checked.
    Check,
}

/// Why a file was not fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DownloadError {
    #[error("the server answers {status} to {url}")]
    Status { status: u16, url: String },
    #[error("{reason}")]
    Hopeless { reason: String },
    #[error("{reason} (tried {tries} times){}", kept(*have, path))]
    GaveUp {
        reason: String,
        tries: u32,
        have: u64,
        path: PathBuf,
    },
    #[error("{reason} and asks to wait {seconds} s: run the same again then{}", kept(*have, path))]
    Later {
        reason: String,
        seconds: u64,
        have: u64,
        path: PathBuf,
    },
    #[error(
        "the file has {found} bytes and should have {expected}: it is another file or another version"
    )]
    Size { found: u64, expected: u64 },
    #[error(
        "the file's SHA-256 is {found} and should be {expected}: it is damaged or another version; nothing of it is kept"
    )]
    Hash { found: String, expected: String },
    #[error("there is no room for the rest of {} ({reason})", path.display())]
    NoRoom { path: PathBuf, reason: String },
    #[error("no room: {missing} more bytes are needed in {}; what has come is kept: make room and run the same again", folder.display())]
    Missing { missing: u64, folder: PathBuf },
    #[error("{}: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{url} has another version now than when its directory was read: run the same again")]
    Changed { url: String },
}

fn kept(have: u64, path: &Path) -> String {
    if have == 0 {
        return String::new();
    }
    let path = path.display();
    format!("; {have} bytes are kept in {path}, from where the same command goes on")
}

/// Downloads a file and gives its SHA-256.
pub(crate) fn download(
    request: &Request,
    patience: &Patience,
    observe: &mut dyn FnMut(Event<'_>),
) -> Result<String, DownloadError> {
    let mut download = Download {
        request,
        partial: Partial::of(&request.target),
        expected: request.expected.clone(),
        agent: transfer::agent(patience.idle),
        resumed: false,
        may_restart: true,
        observe,
    };
    let mut retry = Retry::new(patience);
    loop {
        let before = download.partial.len()?;
        let failure = match download.attempt() {
            Ok(Attempt::Whole) => match download.finish()? {
                Some(sha256) => return Ok(sha256),
                None => continue,
            },
            Ok(Attempt::Broken(reason)) => Failure::passing(reason),
            Err(Stop::Failure(failure)) => failure,
            Err(Stop::Error(error)) => return Err(error),
        };
        let have = download.partial.len()?;
        if have >= before + PROGRESS {
            retry.forget();
        }
        retry.wait(
            failure,
            Some((have, download.partial.path())),
            download.observe,
        )?;
    }
}

struct Download<'a> {
    request: &'a Request,
    partial: Partial,
    expected: Expected,
    agent: ureq::Agent,
    /// Whether any byte is from an earlier answer than the last.
    resumed: bool,
    /// Whether a file whose parts do not belong together is fetched again: once.
    may_restart: bool,
    observe: &'a mut dyn FnMut(Event<'_>),
}

enum Attempt {
    Whole,
    Broken(String),
}

enum Stop {
    Failure(Failure),
    Error(DownloadError),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Failure(failure)
    }
}

impl From<DownloadError> for Stop {
    fn from(error: DownloadError) -> Self {
        Stop::Error(error)
    }
}

impl Download<'_> {
    /// One request, from where the last one ended.
    fn attempt(&mut self) -> Result<Attempt, Stop> {
        let have = self.partial.len()?;
        let version = self.partial.version();
        if have > 0 && self.expected.size == Some(have) {
            self.resumed = true;
            return Ok(Attempt::Whole);
        }
        // Parts of two versions must not be joined: the hash would tell, or the server by the version's name.
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
            // All bytes were there, but nobody knew how many there are.
            Answer::Beyond(Some(size)) if size == from => {
                self.resumed = true;
                Ok(Attempt::Whole)
            }
            Answer::Beyond(_) => {
                let reason = "the server has less than what has come";
                (self.observe)(Event::Restart(reason));
                self.partial.discard()?;
                Ok(Attempt::Broken(reason.to_owned()))
            }
        }
    }

    fn receive(&mut self, bytes: Bytes, from: u64, have: u64) -> Result<Attempt, Stop> {
        if let (Some(found), Some(expected)) = (bytes.size, self.expected.size)
            && found != expected
        {
            return Err(DownloadError::Size { found, expected }.into());
        }
        if self.expected.sha256.is_none() {
            self.expected.sha256 = bytes.sha256;
        }
        if bytes.start != 0 && bytes.start != from {
            self.partial.discard()?;
            return Ok(Attempt::Broken(
                "the server sends another part than asked for".to_owned(),
            ));
        }
        let changed = bytes.start > 0 && bytes.version != self.partial.version();
        if changed && self.partial.version().is_some() {
            self.partial.discard()?;
            return Ok(Attempt::Broken(
                "the server has another version now".to_owned(),
            ));
        }
        if bytes.start < have {
            (self.observe)(Event::Restart(if from == 0 {
                "it is not known which version has come"
            } else {
                "the server sends the file from its beginning"
            }));
        }
        self.resumed = bytes.start > 0;
        let mut file = self.partial.open(bytes.start, bytes.version.as_deref())?;
        (self.observe)(Event::Start {
            have: bytes.start,
            size: bytes.size,
        });
        let mut at = bytes.start;
        let mut body = bytes.body;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => return Ok(Attempt::Broken(format!("the connection broke: {error}"))),
            };
            if let Err(error) = file.write_all(&buffer[..count]) {
                return Err(self.no_room(error, bytes.size).into());
            }
            at += count as u64;
            (self.observe)(Event::Bytes(count as u64));
        }
        if let Some(size) = bytes.size
            && at < size
        {
            return Ok(Attempt::Broken(
                "the server ended before the file did".to_owned(),
            ));
        }
        file.sync_all()
            .map_err(|error| self.no_room(error, bytes.size))?;
        Ok(Attempt::Whole)
    }

    /// What a failed write means, and how much is missing.
    fn no_room(&self, error: std::io::Error, size: Option<u64>) -> DownloadError {
        let have = self.partial.len().unwrap_or(0);
        let folder = self.request.target.parent();
        match (self.partial.failed(error), size, folder) {
            (DownloadError::NoRoom { .. }, Some(size), Some(folder)) => DownloadError::Missing {
                missing: size.saturating_sub(have),
                folder: folder.to_owned(),
            },
            (error, _, _) => error,
        }
    }

    /// Checks and names the file; none if it must be fetched again, since its parts did not belong together.
    fn finish(&mut self) -> Result<Option<String>, DownloadError> {
        (self.observe)(Event::Check);
        match self.partial.finish(&self.expected) {
            Ok(sha256) => Ok(Some(sha256)),
            Err(DownloadError::Hash { .. } | DownloadError::Size { .. })
                if self.resumed && self.may_restart =>
            {
                (self.observe)(Event::Restart("its parts do not belong together"));
                self.may_restart = false;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
