//! Reads parts of a file that stays on its server.

use std::io::Read;
use std::ops::Range;

use super::download::{DownloadError, Event};
use super::retry::{PROGRESS, Patience, Retry};
use super::transfer::{self, Answer, Ask, Bytes, Failure, Part};

/// A file on a server that sends parts.
pub(crate) struct Remote {
    agent: ureq::Agent,
    url: String,
    patience: Patience,
    /// Bytes.
    pub(crate) size: u64,
    /// The server's name for the version that was opened: parts of another are refused.
    pub(crate) version: Option<String>,
}

/// What a server makes of a request for a part.
pub(crate) enum Opened {
    /// It sends parts; these are the file's last bytes.
    Parts { remote: Remote, tail: Vec<u8> },
    /// It sends the whole file or nothing; the file's size, if it says so.
    Whole { size: Option<u64> },
}

impl Remote {
    /// A file whose size and version are known from before: no request is made.
    pub(crate) fn known(
        url: String,
        patience: Patience,
        size: u64,
        version: Option<String>,
    ) -> Self {
        Self {
            agent: transfer::agent(patience.idle),
            url,
            patience,
            size,
            version,
        }
    }

    /// Asks for the last bytes of a file, by which the server also says its size and whether it sends parts.
    pub(crate) fn open(
        url: String,
        patience: Patience,
        last: u64,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<Opened, DownloadError> {
        let mut remote = Self::known(url, patience.clone(), 0, None);
        let mut retry = Retry::new(&patience);
        loop {
            let failure = match remote.ask(Part::Last(last)) {
                Ok(bytes) if !bytes.partial => return Ok(Opened::Whole { size: bytes.size }),
                Ok(Bytes {
                    size: Some(size),
                    start,
                    version,
                    body,
                    ..
                }) if start <= size => {
                    remote.size = size;
                    remote.version = version;
                    let mut tail = Vec::new();
                    // If the connection breaks here, the rest is asked for like any other part.
                    drop(body.take(size - start + 1).read_to_end(&mut tail));
                    tail.truncate((size - start) as usize);
                    tail.extend(remote.read(start + tail.len() as u64..size, observe)?);
                    return Ok(Opened::Parts { remote, tail });
                }
                Ok(_) => Failure::passing("the server does not say how large the file is"),
                Err(failure) => failure,
            };
            retry.wait(failure, None, observe)?;
        }
    }

    /// The bytes of a part; after a broken connection it goes on where that broke.
    pub(crate) fn read(
        &self,
        part: Range<u64>,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<Vec<u8>, DownloadError> {
        let length = part.end.saturating_sub(part.start);
        let mut bytes = Vec::new();
        let mut retry = Retry::new(&self.patience);
        while (bytes.len() as u64) < length {
            let before = bytes.len() as u64;
            let from = part.start + before;
            let failure = match self.ask(Part::Between(from, part.end)) {
                Ok(answer) if !answer.partial || self.is_other_version(&answer) => {
                    return Err(DownloadError::Changed {
                        url: self.url.clone(),
                    });
                }
                Ok(answer) if answer.start != from => {
                    Failure::passing("the server sends another part than asked for")
                }
                Ok(answer) => match receive(answer, length - before, &mut bytes, observe) {
                    Ok(()) => Failure::passing("the server ended before the part did"),
                    Err(error) => Failure::passing(format!("the connection broke: {error}")),
                },
                Err(failure) => failure,
            };
            let have = bytes.len() as u64;
            if have >= before + PROGRESS {
                retry.forget();
            }
            if have < length {
                retry.wait(failure, None, observe)?;
            }
        }
        Ok(bytes)
    }

    fn ask(&self, part: Part) -> Result<Bytes, Failure> {
        let ask = Ask {
            url: &self.url,
            token: None,
            part,
            version: self.version.as_deref(),
        };
        match transfer::get(&self.agent, &ask)? {
            Answer::Bytes(bytes) => Ok(bytes),
            Answer::Beyond(_) => Err(Failure::Hopeless(format!(
                "{} has fewer bytes than it should have",
                self.url
            ))),
        }
    }

    fn is_other_version(&self, answer: &Bytes) -> bool {
        let other_size = answer.size.is_some_and(|size| size != self.size);
        other_size || answer.version != self.version
    }
}

/// Appends at most `length` bytes, and tells of each lot that comes. Reads on to the answer's end, so that the connection can
/// serve the next request.
fn receive(
    answer: Bytes,
    length: u64,
    bytes: &mut Vec<u8>,
    observe: &mut dyn FnMut(Event<'_>),
) -> std::io::Result<()> {
    let end = bytes.len() + length as usize;
    let mut body = answer.body.take(length.saturating_add(1));
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = body.read(&mut buffer)?;
        if count == 0 {
            bytes.truncate(end);
            return Ok(());
        }
        bytes.extend_from_slice(&buffer[..count]);
        observe(Event::Bytes(count as u64));
    }
}
