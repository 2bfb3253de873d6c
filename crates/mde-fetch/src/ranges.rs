//! Reads parts of a file that stays on its server.

use std::io::Read;
use std::ops::Range;

use crate::connection::Connection;
use crate::error::{FetchError, Result};
use crate::front::{Event, Front};
use crate::retry::{PROGRESS, Retry};
use crate::transfer::{self, Answer, Ask, Bytes, Failure, Part};

/// A file on a server that sends parts.
pub(crate) struct Remote<'a> {
    agent: ureq::Agent,
    /// The file's name in messages.
    name: String,
    url: String,
    connection: Connection,
    front: &'a dyn Front,
    /// Bytes.
    pub(crate) size: u64,
    /// The server's tag of the opened version; parts of other versions are refused.
    pub(crate) version: Option<String>,
}

/// A server's response to the request for a part.
pub(crate) enum Opened<'a> {
    /// It sends parts; `tail` holds the file's last bytes.
    Parts { remote: Remote<'a>, tail: Vec<u8> },
    /// It sends the whole file or nothing; the file's size, if the server states it.
    Whole { size: Option<u64> },
}

impl<'a> Remote<'a> {
    /// A file of known size and version: no request is made.
    pub(crate) fn known(
        name: &str,
        url: &str,
        connection: &Connection,
        front: &'a dyn Front,
        size: u64,
        version: Option<String>,
    ) -> Self {
        Self {
            agent: transfer::agent(connection.idle()),
            name: name.to_owned(),
            url: url.to_owned(),
            connection: connection.clone(),
            front,
            size,
            version,
        }
    }

    /// Requests the last bytes of a file. The response also gives its size, and whether the
    /// server sends parts.
    pub(crate) fn open(
        name: &str,
        url: &str,
        connection: &Connection,
        front: &'a dyn Front,
        last: u64,
    ) -> Result<Opened<'a>> {
        let mut remote = Self::known(name, url, connection, front, 0, None);
        let mut retry = Retry::new(name, connection, front);
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
                    // If the connection breaks here, the rest is requested like any other part.
                    drop(body.take(size - start + 1).read_to_end(&mut tail));
                    tail.truncate((size - start) as usize);
                    tail.extend(remote.read(start + tail.len() as u64..size)?);
                    return Ok(Opened::Parts { remote, tail });
                }
                Ok(_) => Failure::passing("the server does not state the file's size"),
                Err(failure) => failure,
            };
            retry.wait(failure, None)?;
        }
    }

    /// The bytes of a part. A broken connection is resumed.
    pub(crate) fn read(&self, part: Range<u64>) -> Result<Vec<u8>> {
        let length = part.end.saturating_sub(part.start);
        let mut bytes = Vec::new();
        let mut retry = Retry::new(&self.name, &self.connection, self.front);
        while (bytes.len() as u64) < length {
            let before = bytes.len() as u64;
            let from = part.start + before;
            let failure = match self.ask(Part::Between(from, part.end)) {
                Ok(answer) if !answer.partial || self.is_other_version(&answer) => {
                    return Err(FetchError::Changed {
                        url: self.url.clone(),
                    });
                }
                Ok(answer) if answer.start != from => {
                    Failure::passing("the server sent a different part than requested")
                }
                Ok(answer) => match self.receive(answer, length - before, &mut bytes) {
                    Ok(()) => Failure::passing("the response ended before the part was complete"),
                    Err(error) => Failure::passing(format!("the connection broke: {error}")),
                },
                Err(failure) => failure,
            };
            let have = bytes.len() as u64;
            if have >= before + PROGRESS {
                retry.forget();
            }
            if have < length {
                retry.wait(failure, None)?;
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
            Answer::Beyond(_) => Err(Failure::hopeless(format!(
                "{} is shorter than expected",
                self.url
            ))),
        }
    }

    fn is_other_version(&self, answer: &Bytes) -> bool {
        let other_size = answer.size.is_some_and(|size| size != self.size);
        other_size || answer.version != self.version
    }

    /// Appends at most `length` bytes. Reads to the end of the response, so that the connection can
    /// serve the next request.
    fn receive(&self, answer: Bytes, length: u64, bytes: &mut Vec<u8>) -> std::io::Result<()> {
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
            self.front.show(&Event::Bytes(count as u64));
        }
    }
}
